"""JSON read an element at a time, wherever the chunks end."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydown.dialects.slurm_accounting import document
from paydown.dialects.slurm_accounting.document import Document
from paydown.errors import InputError

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)


def opened(text):
    return Document("some.json", io.BytesIO(text if isinstance(text, bytes) else text.encode()))


@settings(deadline=None)
@given(
    jobs=st.lists(VALUES, max_size=5), before=VALUES, after=VALUES, chunk=st.integers(1, 40),
    indent=st.sampled_from([None, 1]), ascii_only=st.booleans(),
)  # fmt: skip
def test_the_elements_are_those_of_the_whole(jobs, before, after, chunk, indent, ascii_only):
    text = json.dumps({"a": before, "jobs": jobs, "z": after}, indent=indent, ensure_ascii=ascii_only)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "CHUNK", chunk)
        found = opened(text.encode("utf-8", "replace"))
        elements = list(found.elements("jobs"))
    again = json.loads(text.encode("utf-8", "replace"))
    assert [value for _, value in elements] == again["jobs"]
    assert found.beside == {"a": again["a"], "z": again["z"]}
    assert found.found
    if indent:
        starts = [line for line, _ in elements]
        assert starts == sorted(set(starts))


def test_lines_are_counted_over_chunks(monkeypatch):
    monkeypatch.setattr(document, "CHUNK", 3)
    text = '{\n"jobs": [\n1,\n\n{"a":\n2}, 3\n]}'
    assert list(opened(text).elements("jobs")) == [(3, 1), (5, {"a": 2}), (6, 3)]


def test_only_one_element_is_held(monkeypatch):
    monkeypatch.setattr(document, "CHUNK", 1 << 10)
    element = json.dumps({"text": "x" * 500})
    held = opened('{"jobs": [' + ",".join([element] * 2_000) + "]}")
    assert max(len(held._text) for _ in held.elements("jobs")) < 1 << 12


def test_an_element_without_an_end_is_not_read_to_the_last(monkeypatch):
    monkeypatch.setattr(document, "CHUNK", 100)
    monkeypatch.setattr(document, "MOST", 1_000)
    endless = opened('{"jobs": ["' + "x" * 100_000)
    with pytest.raises(InputError, match="line 1: is damaged JSON"):
        list(endless.elements("jobs"))
    assert endless._stream.tell() < 2_000


def test_a_byte_order_mark_and_several_objects():
    text = b"\xef\xbb\xbf" + b'{"jobs": [1]}\n{"jobs": [2], "x": 1}\n'
    assert [value for _, value in opened(text).elements("jobs")] == [1, 2]
