"""Two writers of one store: the lock keeps them apart, the catalog notices where it did not; without both facts go."""

from contextlib import contextmanager
from types import SimpleNamespace

import pyarrow as pa
import pytest

from paydown.errors import StoreBusyError
from paydown.model.facts import FACTS
from paydown.store import delta, lock, open_store


def nodes(*names):
    schema = FACTS["nodes"].arrow
    rows = [{"cluster": "c", "node": name, "partitions": "", "start": 0} for name in names]
    return pa.Table.from_pylist([{column: row.get(column) for column in schema.names} for row in rows], schema)


def entwined(store):
    """Let a second writer begin and end while a first one writes."""
    with store.write() as one:
        one.upsert("nodes", nodes("first"))
        with store.write() as two:
            two.upsert("nodes", nodes("second"))
            two.commit()
        one.commit()
    return sorted(store.snapshot().rows("nodes")["node"].to_pylist())


@pytest.fixture
def unlocked(monkeypatch):
    @contextmanager
    def held(*_, **__):
        yield SimpleNamespace(check=lambda: None)

    monkeypatch.setattr(lock, "held", held)


@pytest.fixture
def unnoticed(monkeypatch):
    real = delta.commit

    def unlooked(uri, schema, partition, wanted, base=None):
        return real(uri, schema, partition, wanted)

    monkeypatch.setattr(delta, "commit", unlooked)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


def test_the_second_writer_is_told(store):
    with pytest.raises(StoreBusyError, match="is being written by process"):
        entwined(store)
    assert store.snapshot().rows("nodes").num_rows == 0


def test_without_the_lock_the_first_writer_notices_and_the_second_keeps_its_facts(store, unlocked):
    with pytest.raises(StoreBusyError, match="another writer committed"):
        entwined(store)
    assert store.snapshot().rows("nodes")["node"].to_pylist() == ["second"]
    assert store.check() == []


def test_without_both_what_was_acknowledged_is_lost(store, unlocked, unnoticed):
    assert entwined(store) == ["first"]
