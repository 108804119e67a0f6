"""What keeps a store in order: info, check, compaction, retention, export."""

import os
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from paydown.errors import StoreError, UsageError
from paydown.model.facts import FACTS
from paydown.model.window import Window
from paydown.store import open_store
from paydown.store.layout import table_path
from paydown.store.tables import TABLES

DAY = 86_400_000
T0 = 1_769_817_600_000
FEB = date(2026, 2, 1)


def sample(start, node="n", cluster="c", util=0.5):
    return {
        "cluster": cluster, "node": node, "gpu": "0", "start": start, "duration_ms": 1000, "gpu_util_ratio": util,
    }  # fmt: skip


def alloc(job, end=None, cluster="c"):
    return {"cluster": cluster, "job_id": job, "attempt": 0, "node": "n", "gpu_milli": 1, "start": 0, "end": end}


def parquet_files(store, table):
    return sorted(Path(table_path(store.path, table)).glob("[!_]*/*.parquet"))


def aged(places, hours):
    at = time.time() - hours * 3600
    for place in places:
        os.utime(place, (at, at))


def test_info(store, put):
    put("gpu_samples", [sample(0), sample(DAY)])
    put("allocations", [alloc("1", cluster="d")])
    info = open_store(store.path).info()
    assert (info.clusters, info.layout, info.writer, info.version) == (("c", "d"), 1, None, 2)
    tables = {each.table: each for each in info.tables}
    assert set(tables) == {"gpu_samples", "allocations"}
    assert (tables["gpu_samples"].rows, tables["gpu_samples"].files) == (2, 2)
    assert tables["gpu_samples"].bytes == sum(place.stat().st_size for place in parquet_files(store, "gpu_samples"))
    assert info.filesystem


def test_a_whole_store_has_no_problems(store, put):
    put("gpu_samples", [sample(0), sample(DAY)])
    put("allocations", [alloc("1"), alloc("2", end=5)])
    assert store.check() == []


def test_check_finds_a_missing_file(store, put):
    put("gpu_samples", [sample(0), sample(DAY)])
    parquet_files(store, "gpu_samples")[0].unlink()
    assert [problem for problem in store.check() if "is missing" in problem]


def test_check_finds_a_damaged_file(store, put):
    put("gpu_samples", [sample(i) for i in range(100)])
    place = parquet_files(store, "gpu_samples")[0]
    content = bytearray(place.read_bytes())
    content[60:90] = bytes(30)
    place.write_bytes(content)
    assert [problem for problem in store.check() if str(place) in problem]
    place.write_bytes(content[:-20])
    assert [problem for problem in store.check() if "bytes, the log says" in problem]


def test_check_finds_other_rows_than_the_log_says(store, put):
    put("gpu_samples", [sample(i) for i in range(5)])
    place = parquet_files(store, "gpu_samples")[0]
    pq.write_table(pq.read_table(place).slice(1), place)
    assert [problem for problem in store.check() if "4 rows, the log says 5" in problem]


def test_check_finds_a_key_that_stands_twice(store, table):
    with store.write() as tx:
        tx.append("allocations", table("allocations", [alloc("1"), alloc("2")]))
        tx.append("allocations", table("allocations", [alloc("2", end=5)]))
        tx.commit()
    assert store.check() == ["allocations (c, 2026-01): 1 natural keys stand more than once."]


def test_check_finds_a_table_that_is_gone(store, put):
    put("allocations", [alloc("1")])
    Path(table_path(store.path, "allocations")).rename(Path(store.path) / "elsewhere")
    assert [problem for problem in store.check() if "missing though the catalog names" in problem]


def test_compaction_puts_small_files_together_in_order(store, put):
    for i in (3, 1, 2, 0):
        put("gpu_samples", [sample(i, node=f"n{i}"), sample(DAY + i)])
    before = store.snapshot()
    rows = before.rows("gpu_samples", sort=True)
    done = store.compact()
    after = store.snapshot()
    assert (done.merged, done.made) == (8, 2)
    assert len(after.files("gpu_samples")) == 2
    assert after.rows("gpu_samples").sort_by([("start", "ascending")]).equals(rows.sort_by([("start", "ascending")]))
    for window in (Window(T0, T0 + DAY), Window(T0 + DAY, T0 + 2 * DAY)):
        lying = after.rows("gpu_samples", window=window)
        assert lying.equals(after.rows("gpu_samples", window=window, sort=True))
    assert before.rows("gpu_samples").num_rows == 8, "a reader of the former state still finds its files"
    assert store.compact().merged == 0


def test_compaction_keeps_open_and_closed_rows_apart(store, put):
    for i in range(5):
        put("allocations", [alloc(f"{i}a"), alloc(f"{i}b", end=5)])
    store.compact()
    assert len(store.snapshot().files("allocations")) == 2
    assert store.check() == []


def test_compaction_removes_what_nobody_reads_after_the_grace_time(store, put):
    for i in range(3):
        put("gpu_samples", [sample(i)])
    orphan = parquet_files(store, "gpu_samples")[0].with_name("orphan.parquet")
    orphan.write_bytes(b"left by a killed writer")
    store.compact(grace_hours=24)
    aged(parquet_files(store, "gpu_samples"), 30)
    assert store.compact(grace_hours=24).removed == 1, "the orphan is old; what was replaced was so a moment ago"
    assert not orphan.exists()
    assert len(parquet_files(store, "gpu_samples")) == 4
    time.sleep(0.01)
    done = store.compact(grace_hours=0)
    assert done.removed >= 3
    assert done.freed_bytes > 0
    assert len(parquet_files(store, "gpu_samples")) == 1
    assert store.snapshot().rows("gpu_samples").num_rows == 3
    assert store.check() == []


def test_compaction_shortens_the_logs_to_a_day(store, put):
    log = Path(table_path(store.path, "gpu_samples")) / "_delta_log"
    for i in range(30):
        put("gpu_samples", [sample(i)])
    for each in list(log.iterdir()):
        if each.name[:20].isdecimal() and int(each.name[:20]) < 25:
            os.utime(each, (time.time() - 25 * 3600,) * 2)
    rows = store.snapshot().rows("gpu_samples", sort=True)
    store.compact()
    kept = sorted(int(each.name[:20]) for each in log.iterdir() if each.suffix == ".json")
    assert kept[-1] == 31
    assert kept[0] >= 20
    again = open_store(store.path)
    assert again.check() == []
    assert again.snapshot().rows("gpu_samples", sort=True).equals(rows)


def test_compaction_of_a_table_that_only_a_killed_writer_made(store, put):
    put("gpu_samples", [sample(0)])
    place = Path(table_path(store.path, "nodes")) / "all" / "x.parquet"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"")
    aged([place], 30)
    assert store.compact().removed == 1
    assert store.check() == []


def test_retention_of_samples_is_by_day_and_remembered(store, put):
    put("gpu_samples", [sample(0), sample(DAY), sample(2 * DAY), sample(0, cluster="d")])
    assert store.retain("gpu_samples", FEB, "c") == 1
    snapshot = store.snapshot()
    assert snapshot.rows("gpu_samples").num_rows == 3
    assert snapshot.dropped_before("c", "gpu_samples") == FEB
    assert snapshot.dropped_before("d", "gpu_samples") is None
    assert snapshot.dropped_before("c", "nodes") is None
    assert store.retain("gpu_samples", date(2026, 1, 1)) == 0
    assert store.snapshot().dropped_before("c", "gpu_samples") == FEB, "it never goes back"
    assert store.info().tables[0].dropped_before == {"c": "2026-02-01", "d": "2026-01-01"}


def test_retention_of_intervals_drops_those_that_ended(store, put):
    put("allocations", [alloc("open"), alloc("old", end=DAY), alloc("new", end=DAY + 1)])
    assert store.retain("allocations", FEB) == 1
    assert sorted(store.snapshot().rows("allocations").column("job_id").to_pylist()) == ["new", "open"]
    assert store.check() == []


@pytest.mark.parametrize("name", ["entries", "daily", "posted", "sources", "job_usage", "prices", "identities"])
def test_what_is_never_dropped(store, name):
    with pytest.raises(StoreError, match="not dropped by age"):
        store.retain(name, FEB)


def test_retention_of_a_table_not_kept_by_cluster(store, table):
    reject = {"source": "s", "origin": "f", "reason": "conflict", "detail": "", "row": "", "count": 1, "time": 0}
    with store.write() as tx:
        tx.append("rejects", table("rejects", [reject, {**reject, "time": 2 * DAY}]))
        tx.commit()
    with pytest.raises(StoreError, match="without naming one"):
        store.retain("rejects", FEB, "c")
    assert store.retain("rejects", FEB) == 1


def test_export_of_parquet_is_the_facts(store, put, tmp_path):
    put("gpu_samples", [sample(0), sample(DAY), sample(0, cluster="d")])
    put("allocations", [alloc("1")])
    assert store.export(tmp_path / "out") == {"gpu_samples": 3, "allocations": 1}
    assert sorted(place.name for place in (tmp_path / "out").iterdir()) == [
        "allocations.parquet",
        "gpu_samples.parquet",
    ]
    found = pq.read_table(tmp_path / "out" / "gpu_samples.parquet")
    assert found.column_names == list(FACTS["gpu_samples"].names)
    assert found.cast(TABLES["gpu_samples"].arrow).equals(store.snapshot().rows("gpu_samples"))


def test_export_of_csv_writes_instants_as_rfc_3339(store, put, tmp_path):
    put("allocations", [alloc("1", end=1234), alloc("2", cluster="d")])
    put("identities", [{"person": "p_1", "kind": "user", "name": 'a "b", c'}])
    assert store.export(tmp_path, ["allocations", "identities"], ["c"], "csv") == {"allocations": 1, "identities": 1}
    text = (tmp_path / "allocations.csv").read_text()
    assert "2026-01-31T00:00:01.234Z" in text
    found = pyarrow.csv.read_csv(tmp_path / "identities.csv")
    assert found.column("name").to_pylist() == ['a "b", c']
    back = pyarrow.csv.read_csv(tmp_path / "allocations.csv").column("start")
    assert back.cast(pa.timestamp("ms", "UTC")).to_pylist() == [datetime(2026, 1, 31, tzinfo=UTC)]


def test_export_overwrites_nothing(store, put, tmp_path):
    put("allocations", [alloc("1")])
    store.export(tmp_path)
    with pytest.raises(StoreError, match="there already"):
        store.export(tmp_path)
    with pytest.raises(UsageError, match="parquet and csv"):
        store.export(tmp_path, format="xlsx")
