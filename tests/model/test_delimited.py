"""Delimited text: line numbers, broken lines, files that cannot be read."""

import gzip
import io
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydown.errors import InputError
from paydown.model import delimited
from paydown.model.delimited import Dialect, header_of, open_text, read_delimited


def read(path, dialect=None):
    """Give the rows as lists of bytes with their line, and the broken lines."""
    dialect = dialect or Dialect()
    source = open_text(str(path))
    columns = header_of(source, dialect)
    broken = []
    tables = list(read_delimited(source, columns, dialect, broken.append))
    rows = []
    for table in tables:
        cells = [table[name].cast(pa.binary()).to_pylist() for name in columns]
        rows += list(zip(table["_line"].to_pylist(), *cells, strict=True))
    return columns, rows, [(one.line, one.cells, one.text) for one in broken]


@pytest.fixture
def write(tmp_path):
    def put(data, name="x.csv"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return put


ODD = b'\xef\xbb\xbf\n a,b\r\n1,2\r\n\r\n3\r\n"x\ny",4\r\n5,6,7\r\nq\x00,\xe9\r\n8,9\n1,2,3,4'


@pytest.mark.parametrize("block", [1 << 20, 20])
def test_lines_are_numbered_as_an_editor_numbers_them(write, block):
    columns, rows, broken = read(write(ODD), Dialect(block=block))
    assert columns == ["a", "b"]
    assert rows == [(3, b"1", b"2"), (6, b"x\ny", b"4"), (9, b"q\x00", b"\xe9"), (10, b"8", b"9")]
    assert broken == [(5, 1, "3"), (8, 3, "5,6,7"), (11, 4, "1,2,3,4")]


@pytest.mark.filterwarnings("error:.*_Lines.invalid")
@pytest.mark.parametrize("block", [1 << 20, 24])
def test_broken_lines_that_are_not_utf8_are_broken_lines_like_others(write, block):
    data = b"a|b\n1|\xfc\n2|b\xfcr|x\n\xc3\xa4|2\n\xff\n3|4\n\xfe|5|6"
    _, rows, broken = read(write(data), Dialect("|", quoted=False, block=block))
    assert rows == [(2, b"1", b"\xfc"), (4, "\u00e4".encode(), b"2"), (6, b"3", b"4")]
    assert broken == [(3, 3, "2|b\ufffdr|x"), (5, 1, "\ufffd"), (7, 3, "\ufffd|5|6")]
    _, rows, broken = read(write(b'a,b\n"x,\xfc",1\n"\xfc",1,2\n'), Dialect(block=block))
    assert (rows, [line for line, _, _ in broken]) == ([(2, b"x,\xfc", b"1")], [3])


def test_gzip_is_known_by_its_first_bytes(write):
    _, rows, _ = read(write(gzip.compress(b"a,b\n1,2\n"), "named.csv"))
    assert rows == [(2, b"1", b"2")]


def test_a_header_alone(write):
    assert read(write(b"a,b")) == (["a", "b"], [], [])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n \n", "the file is empty"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)[:-30], "cut off"),
        (b"\x1f\x8b" + b"rubbish" * 20, "damaged"),
        (b"a,a\n1,2\n", "there twice"),
        (b"x" * (1 << 21), "longer than 1 MiB"),
    ],
    ids=["empty", "blank", "cut gzip", "bad gzip", "doubled", "no text"],
)
def test_what_cannot_be_read_is_a_sentence(write, data, message):
    path = write(data)
    with pytest.raises(InputError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)


def test_a_line_that_is_too_long_is_a_sentence(write):
    with pytest.raises(InputError, match="too long"):
        read(write(b"a,b\n" + b"x" * 5_000 + b",1\n" + b"1,2\n" * 900), Dialect(block=1_000))


def test_a_file_that_is_not_there():
    with pytest.raises(InputError, match="/no/such/file"):
        open_text("/no/such/file")


def test_standard_input(monkeypatch):
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(b'a|b\n1|"2\n'))

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert read("-", Dialect("|", quoted=False))[1] == [(2, b"1", b'"2')]


cell = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.just([]), st.lists(cell, min_size=2, max_size=3)), max_size=15), st.integers(60, 400))
def test_any_csv_keeps_its_lines(tmp_path_factory, lines, block):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    expected, broken, at = [], [], 2
    with path.open("w", newline="", encoding="utf-8") as out:
        out.write("a,b\n")
        for cells in lines:
            text = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
            out.write(text + "\n")
            if len(cells) == 2 and any(cells):
                expected.append((at, *(cell.encode() or None for cell in cells)))
            elif len(cells) == 3:
                broken.append(at)
            at += 1 + text.count("\n")
    _, rows, found = read(path, Dialect(block=block))
    assert rows == expected
    assert [line for line, *_ in found] == broken


def test_the_block_is_large_enough_for_a_long_name():
    assert delimited.BLOCK > 2_000_000


@pytest.mark.parametrize("quoted", [True, False])
def test_a_line_longer_than_a_block_is_a_sentence_quoted_or_not(write, quoted):
    with pytest.raises(InputError, match="too long"):
        read(write(b"a,b\n" + b"1,2\n" * 900 + b"x" * 5_000 + b",1\n"), Dialect(quoted=quoted, block=1_000))


def test_a_first_line_that_is_no_csv_is_a_sentence(write):
    with pytest.raises(InputError, match="first line"):
        read(write(b"\rs\n1\n"))


@given(st.lists(st.sampled_from([b"1|2", b"", b"3", b"4|5|6", b"\xfc|1", b"\xfc", b"7|\xfc|8"]), max_size=60))
def test_unquoted_text_is_the_same_in_any_blocks(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("blocks") / "x.txt"
    path.write_bytes(b"a|b\n" + b"\n".join(lines))
    found = [read(path, Dialect("|", quoted=False, block=block)) for block in (1 << 20, 64, 16)]
    assert found[0] == found[1] == found[2]
    assert len(found[0][1]) == sum(line.count(b"|") == 1 for line in lines)
