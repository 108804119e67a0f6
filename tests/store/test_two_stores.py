"""Two stores at once in one process: nothing of one is in the other, and each has a DuckDB of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from paydown.store import engine, open_store


@pytest.fixture
def pair(tmp_path):
    return [open_store(tmp_path / name, create=True) for name in ("left", "right")]


def node(table, name):
    return table("nodes", [{"cluster": "c", "node": name, "partitions": "", "start": 0}])


def names(store):
    found = store.snapshot().query("SELECT node FROM nodes ORDER BY node")
    assert sorted(store.snapshot().rows("nodes")["node"].to_pylist()) == found["node"].to_pylist()
    return found["node"].to_pylist()


def test_transactions_of_both_are_open_at_once(pair, table):
    left, right = pair
    with left.write() as one, right.write() as other:
        one.upsert("nodes", node(table, "l"))
        other.upsert("nodes", node(table, "r"))
        one.commit()
        other.upsert("nodes", node(table, "r2"))
        other.commit()
    assert (names(left), names(right)) == (["l"], ["r", "r2"])
    assert (left.check(), right.check()) == ([], [])


def test_threads_write_and_read_both(pair, table):
    together = threading.Barrier(2)

    def work(store):
        for i in range(5):
            together.wait()
            with store.write() as tx:
                tx.upsert("nodes", node(table, f"{store.path[-5:]}{i}"))
                tx.commit()
            assert len(names(store)) == i + 1
        return names(store)

    with ThreadPoolExecutor(2) as pool:
        left, right = pool.map(work, pair)
    assert left == [f"/left{i}" for i in range(5)]
    assert right == [f"right{i}" for i in range(5)]


def test_each_store_has_a_database_of_its_own(pair, table, monkeypatch):
    used = []
    real = engine._database
    monkeypatch.setattr(engine, "_database", lambda *args: used.append(real(*args)) or used[-1])
    for store in pair:
        with store.write() as tx:
            tx.upsert("nodes", node(table, "n"))
            tx.commit()
        names(store)
    assert len({id(each) for each in used}) == 2
