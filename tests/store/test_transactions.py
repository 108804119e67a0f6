"""All or nothing over all tables; derived tables by day; the store's own tables."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import rmtree

import pyarrow as pa
import pytest

from paydown.errors import StoreError
from paydown.store import delta, open_store
from paydown.store.layout import table_path
from paydown.store.snapshot import Snapshot
from paydown.store.tables import TABLES, physical

DAY = 86_400_000
A, B = date(2026, 1, 31), date(2026, 2, 1)


def node(name, cluster="c", end=None):
    return {"cluster": cluster, "node": name, "partitions": "", "start": 0, "end": end}


def demand(day, hour, allocated, cluster="c"):
    at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return {"cluster": cluster, "day": day, "hour": at, "tres": "gpu", "allocated": allocated, "waiting": 0}


def daily(day, amount, cluster="c"):
    return {"cluster": cluster, "day": day, "node": "n", "tres": "gpu", "category": "idle", "amount": amount}


def posted(day, cluster="c"):
    return {"cluster": cluster, "day": day, "settings": "{}", "end": 0}


def test_an_empty_store_has_no_rows_and_version_0(store):
    snapshot = store.snapshot()
    assert (snapshot.version, snapshot.clusters(), snapshot.files("jobs")) == (0, [], [])
    assert snapshot.rows("jobs").num_rows == 0
    assert snapshot.query("SELECT count(*) AS n FROM jobs").to_pylist() == [{"n": 0}]


def test_what_is_not_committed_is_forgotten(store, table):
    with store.write() as tx:
        tx.upsert("nodes", table("nodes", [node("a")]))
    assert store.snapshot().version == 0
    assert not list(Path(table_path(store.path, "nodes")).rglob("*.parquet"))


def test_an_error_inside_forgets_everything(store, table):
    with pytest.raises(RuntimeError), store.write() as tx:  # noqa: PT012 (the error comes from inside the block)
        tx.upsert("nodes", table("nodes", [node("a")]))
        raise RuntimeError
    assert store.snapshot().rows("nodes").num_rows == 0


def test_a_snapshot_is_pinned(store, table):
    with store.write() as tx:
        tx.upsert("nodes", table("nodes", [node("a")]))
        first = tx.commit()
        tx.upsert("nodes", table("nodes", [node("a", end=DAY), node("b")]))
        second = tx.commit()
    assert first.rows("nodes").column("node").to_pylist() == ["a"]
    assert first.rows("nodes").column("end").null_count == 1
    assert sorted(second.rows("nodes").column("node").to_pylist()) == ["a", "b"]
    assert second.version > first.version


def plain(files, *partition):
    """Without bounds of the partition's columns, which the log does not keep."""
    return [
        replace(file, **{
            name: {key: value for key, value in getattr(file, name).items() if key not in partition}
            for name in ("low", "high", "nulls")
        })
        for file in files
    ]  # fmt: skip


def test_what_is_known_of_files_without_the_log_is_what_the_log_says(store, table):
    jobs = [
        {"cluster": c, "job_id": f"j{n}", "attempt": 0, "user": "u", "submit": n * DAY, "state": "PENDING"}
        for c in "ab"
        for n in range(3)
    ]
    for step in range(4):
        with store.write() as tx:
            tx.upsert("jobs", table("jobs", jobs[: step + 3]))
            tx.upsert("nodes", table("nodes", [node(f"n{step}", end=DAY if step % 2 else None)]))
            tx.commit()
            tx.replace("daily", "c", [A, B], table("daily", [daily(A, step), daily(B, step)]))
            committed = tx.commit()
        for known in (committed, store.snapshot()):
            fresh = Snapshot(store.path, known.catalog)
            assert set(known._files) == set(known.catalog.pins) == {"daily", "jobs", "nodes"}
            for name in known.catalog.pins:
                by = TABLES[name].partition
                assert plain(known.data_files(name), *by) == plain(fresh.data_files(name), *by), name


def test_a_store_made_anew_in_its_place_is_read_anew(store, table):
    with store.write() as tx:
        tx.upsert("nodes", table("nodes", [node("a")]))
        tx.commit()
    assert store.snapshot().rows("nodes")["node"].to_pylist() == ["a"]
    rmtree(store.path)
    with open_store(store.path, create=True).write() as tx:
        tx.upsert("nodes", table("nodes", [node("b")]))
        tx.commit()
    assert store.snapshot().rows("nodes")["node"].to_pylist() == ["b"]


def test_a_head_that_was_never_acknowledged_is_not_seen_and_is_undone(store, table):
    with store.write() as tx:
        tx.upsert("nodes", table("nodes", [node("a")]))
        tx.commit()
        # What a writer killed before the acknowledgement leaves: a commit of the table that the catalog does not know.
        tx.upsert("nodes", table("nodes", [node("a", end=DAY), node("ghost")]))
        staged = tx.staged("nodes")
        delta.commit(staged.uri, physical("nodes"), staged.table.partition, staged.files.values())
        staged.made.clear()
    assert store.snapshot().rows("nodes").column("node").to_pylist() == ["a"]
    with store.write() as tx:
        done = tx.upsert("nodes", table("nodes", [node("b")]))
        tx.commit()
    assert done.inserted == 1
    rows = store.snapshot().rows("nodes")
    assert sorted(rows.column("node").to_pylist()) == ["a", "b"]
    assert rows.column("end").null_count == 2
    assert store.check() == []


@pytest.mark.parametrize(("name", "row"), [("daily", daily), ("demand", lambda d, v, c="c": demand(d, 3, v, c))])
def test_replace_makes_days_exactly_these(store, table, name, row):
    amount = "amount" if name == "daily" else "allocated"
    with store.write() as tx:
        tx.replace(name, "c", [A, B], table(name, [row(A, 1), row(B, 2)]))
        tx.replace(name, "d", [A], table(name, [row(A, 7, "d")]))
        tx.commit()
        tx.replace(name, "c", [A], table(name, [row(A, 5)]))
        tx.replace(name, "d", [A], table(name, []))
        snapshot = tx.commit()
    assert [(r["cluster"], r["day"], r[amount]) for r in snapshot.rows(name, sort=True).to_pylist()] == [
        ("c", A, 5), ("c", B, 2),
    ]  # fmt: skip


def test_replace_where_the_partition_is_the_cluster(store, table):
    with store.write() as tx:
        tx.replace("posted", "c", [A, B], table("posted", [posted(A), posted(B)]))
        tx.replace("posted", "c", [A], table("posted", []))
        snapshot = tx.commit()
    assert snapshot.rows("posted").column("day").to_pylist() == [B]


def test_replace_refuses_rows_of_other_days(store, table):
    with store.write() as tx, pytest.raises(StoreError, match="another cluster or day"):
        tx.replace("daily", "c", [A], table("daily", [daily(B, 1)]))


def test_append_and_overwrite(store, table):
    reject = {"source": "s", "origin": "f", "reason": "conflict", "detail": "", "row": "", "count": 1, "time": 0}
    dirty = [{"cluster": "c", "day": A, "need": "post"}, {"cluster": "c", "day": B, "need": "post"}]
    with store.write() as tx:
        tx.append("rejects", table("rejects", [reject]))
        tx.append("rejects", table("rejects", [reject]))
        tx.overwrite("dirty", table("dirty", dirty))
        tx.overwrite("dirty", table("dirty", dirty[1:]))
        snapshot = tx.commit()
    assert snapshot.rows("rejects").num_rows == 2
    assert snapshot.rows("dirty").column("day").to_pylist() == [B]


def test_a_required_value_that_is_missing_is_an_error(store, table):
    rows = table("nodes", [node("a")]).drop_columns("node")
    with store.write() as tx, pytest.raises(StoreError, match="node"):
        tx.upsert("nodes", rows)


def test_an_unknown_table_is_an_error(store):
    with pytest.raises(StoreError, match="no table 'job'"):
        store.snapshot().rows("job")


def test_many_small_commits_stay_few_files(store, table):
    with store.write() as tx:
        for i in range(40):
            tx.upsert("nodes", table("nodes", [node(f"n{i}", end=DAY)]))
            tx.commit()
    assert len(store.snapshot().files("nodes")) <= 17
    assert store.snapshot().rows("nodes").num_rows == 40


def test_a_checkpoint_changes_nothing(store, table):
    with store.write() as tx:
        for i in range(delta.CHECKPOINT_EVERY + 3):
            tx.upsert("nodes", table("nodes", [node(f"n{i}", end=DAY)]))
            tx.commit()
    assert list(Path(table_path(store.path, "nodes")).glob("_delta_log/*checkpoint*"))
    assert open_store(store.path).snapshot().rows("nodes").num_rows == delta.CHECKPOINT_EVERY + 3
    assert store.check() == []


def test_other_delta_readers_see_the_same_rows(store, table):
    from deltalake import DeltaTable

    with store.write() as tx:
        tx.upsert("nodes", table("nodes", [node("a", cluster="a/b c'=%20")]))
        tx.commit()
    seen = pa.table(DeltaTable(table_path(store.path, "nodes")).to_pyarrow_table())
    assert seen.select(["cluster", "node"]).to_pylist() == [{"cluster": "a/b c'=%20", "node": "a"}]
