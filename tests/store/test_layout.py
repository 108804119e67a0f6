"""Opening: what is a store, what is none, what is too new, and what can be brought forward."""

import json
import os
from pathlib import Path

import pytest

from paydown.errors import StoreError
from paydown.store import layout, open_store


def test_there_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="no store at"):
        open_store(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="no store at"):
        open_store(tmp_path / "file")


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("address", ["gs://bucket/store", "s3://", "s3://bucket/x?versionId=1", "https://host/x"])
def test_other_addresses_are_refused_and_no_folder_is_made_of_them(tmp_path, monkeypatch, address, create):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="give a folder"):
        open_store(address, create=create)
    assert not list(tmp_path.iterdir())


def test_making_one_twice_keeps_it(tmp_path):
    first = open_store(tmp_path / "a" / "b", create=True)
    assert open_store(tmp_path / "a" / "b", create=True).marker == first.marker


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(StoreError, match="not empty"):
        open_store(tmp_path, create=True)
    assert [place.name for place in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_place_where_none_can_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make a store"):
        open_store(tmp_path / "file" / "store", create=True)


def test_a_newer_store_is_refused(store):
    marker = Path(store.path) / layout.MARKER
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "layout": layout.LAYOUT + 1}))
    with pytest.raises(StoreError, match=r"newer than this program's 1: upgrade"):
        open_store(store.path)
    with pytest.raises(StoreError, match="newer"), store.write():
        pass


def test_a_damaged_marker_is_a_sentence(store):
    (Path(store.path) / layout.MARKER).write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        open_store(store.path)


def test_an_older_store_is_brought_forward_by_the_first_writer(store, monkeypatch):
    done = []
    monkeypatch.setattr(layout, "LAYOUT", layout.LAYOUT + 2)
    monkeypatch.setattr(layout, "MIGRATIONS", {1: lambda path: done.append(1), 2: lambda path: done.append(2)})
    open_store(store.path).snapshot()
    assert done == []
    with store.write():
        assert done == [1, 2]
    with store.write():
        assert done == [1, 2]
    assert layout.read(store.path).layout == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_cannot_be_written(store):
    Path(store.path).chmod(0o555)
    try:
        assert store.snapshot().version == 0
        with pytest.raises(StoreError, match="cannot write"), store.write():
            pass
    finally:
        Path(store.path).chmod(0o755)
