"""Snapshots: pruning that loses nothing, exact sums, UTC, odd names, other processes."""

import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paydown.errors import StoreError
from paydown.model.window import Window
from paydown.store import open_store
from paydown.store.tables import TABLES

DAY = 86_400_000
T0 = 1_769_817_600_000
ODD = ["a/b", "..", "x y'z\"", "%41", "a=b", "ünï", "NUL", "__HIVE_DEFAULT_PARTITION__", "a" * 300, "A/B"]


def job(name, submit=None, start=None, end=None):
    return {
        "cluster": "c", "job_id": name, "attempt": 0, "state": "RUNNING", "submit": submit, "start": start, "end": end,
    }  # fmt: skip


def sample(start, cluster="c", memory=None):
    return {
        "cluster": cluster, "node": "n", "gpu": "0", "start": start, "duration_ms": 1000, "memory_used_mib": memory,
    }  # fmt: skip


def test_odd_cluster_names(store, put):
    put("nodes", [{"cluster": name, "node": "n", "partitions": "", "start": 0} for name in ODD])
    put("gpu_samples", [sample(0, name) for name in ODD])
    snapshot = store.snapshot()
    assert snapshot.clusters() == sorted(ODD)
    for name in ODD:
        assert snapshot.rows("nodes", clusters=[name]).column("cluster").to_pylist() == [name]
        found = snapshot.query("SELECT cluster FROM gpu_samples", clusters=[name])
        assert found.column(0).to_pylist() == [name]
    assert store.check() == []


def test_an_empty_cluster_name_is_refused(put):
    with pytest.raises(StoreError, match="empty cluster"):
        put("gpu_samples", [sample(0, "")])


def test_sums_are_exact(store, put):
    put("gpu_samples", [sample(0, memory=2**53), sample(1000, memory=1)])
    put("gpu_samples", [sample(2000 + i, memory=2**62) for i in range(4)])
    found = store.snapshot().query("SELECT sum(memory_used_mib) AS total FROM gpu_samples WHERE memory_used_mib < 1e18")
    assert found.schema.field("total").type == pa.decimal128(38, 0)
    assert found.column("total").to_pylist() == [Decimal(2**53 + 1)]
    whole = store.snapshot().query("SELECT sum(memory_used_mib) AS total FROM gpu_samples")
    assert whole.column("total").to_pylist() == [Decimal(2**64 + 2**53 + 1)]


def test_a_column_is_carried_where_any_row_has_a_value(store, put):
    def carried():
        return store.snapshot().carried("gpu_samples", ["memory_used_mib", "duration_ms", "power_w"])

    put("gpu_samples", [sample(i) for i in range(3)])
    assert carried() == {"duration_ms"}
    put("gpu_samples", [sample(3), sample(4), sample(5, memory=1)])
    assert carried() == {"duration_ms", "memory_used_mib"}


def test_types_are_those_of_the_model(store, put):
    put("jobs", [job("1", submit=5, end=7)])
    rows = store.snapshot().rows("jobs")
    assert rows.schema == TABLES["jobs"].arrow
    assert rows.column("submit").cast(pa.int64()).to_pylist() == [T0 + 5]
    found = store.snapshot().query('SELECT submit, "end" - submit AS took, epoch_ms(submit) AS ms FROM jobs')
    assert found.schema.field("submit").type == pa.timestamp("ms", "UTC")
    assert found.column("ms").to_pylist() == [T0 + 5]
    coded = store.snapshot().rows("jobs", columns=["job_id", "submit"], dictionaries=True)
    assert coded.schema.field("job_id").type == pa.dictionary(pa.int32(), pa.string())


@pytest.mark.parametrize("zone", ["America/St_Johns", "UTC"])
def test_queries_are_in_utc_wherever_they_run(store, put, zone):
    put("gpu_samples", [sample(0), sample(DAY - 1)])
    code = """
import sys
from paydown.store import open_store
query = open_store(sys.argv[1]).snapshot().query
days = "SELECT date_trunc('day', start) AS d, count(*) AS n FROM gpu_samples GROUP BY ALL"
late = "SELECT start::DATE AS d FROM gpu_samples WHERE start >= TIMESTAMPTZ '2026-01-31 23:00:00'"
print(query(days).to_pylist(), query(late).to_pylist())
"""
    env = {**os.environ, "TZ": zone}
    done = subprocess.run([sys.executable, "-c", code, store.path], env=env, capture_output=True, text=True, check=True)
    assert "'n': 2" in done.stdout
    assert "datetime.date(2026, 1, 31)" in done.stdout


def test_where_params_columns_and_sort(store, put):
    put("gpu_samples", [sample(2 * DAY), sample(0), sample(DAY)])
    snapshot = store.snapshot()
    at = datetime(2026, 2, 1, tzinfo=UTC)
    assert snapshot.rows("gpu_samples", columns=["start"], where="start >= ?", params=[at]).num_rows == 2
    starts = snapshot.rows("gpu_samples", columns=["start"], sort=True).column(0).cast(pa.int64()).to_pylist()
    assert starts == [T0, T0 + DAY, T0 + 2 * DAY]
    assert snapshot.query("SELECT count(*) AS n FROM gpu_samples WHERE start >= $at", {"at": at}).to_pylist() == [
        {"n": 2}
    ]


def test_given_tables_join_with_the_stores(store, put):
    put("gpu_samples", [sample(0)])
    mine = pa.table({"node": ["n", "m"], "rack": [1, 2]})
    found = store.snapshot().query("SELECT rack FROM gpu_samples JOIN mine USING (node)", tables={"mine": mine})
    assert found.to_pylist() == [{"rack": 1}]


def test_a_wrong_query_is_a_sentence(store):
    with pytest.raises(StoreError, match="query failed"):
        store.snapshot().query("SELECT nothing FROM jobs")


def test_tables_without_a_cluster_partition_are_filtered(store, table):
    day = datetime(2026, 1, 31, tzinfo=UTC).date()
    dirty = [{"cluster": name, "day": day, "need": "post"} for name in "ab"]
    with store.write() as tx:
        tx.overwrite("dirty", table("dirty", dirty))
        snapshot = tx.commit()
    assert snapshot.rows("dirty", clusters=["a"]).column("cluster").to_pylist() == ["a"]
    assert snapshot.query("SELECT cluster FROM dirty", clusters=["b"]).column(0).to_pylist() == ["b"]


def test_days_outside_the_window_are_not_read(store, put):
    put("gpu_samples", [sample(i * DAY) for i in range(5)])
    window = Window(T0 + DAY, T0 + 3 * DAY)
    snapshot = store.snapshot()
    assert len(snapshot.files("gpu_samples", window=window)) == 2
    assert snapshot.rows("gpu_samples", window=window).num_rows == 2
    assert len(snapshot.files("gpu_samples")) == 5


def test_a_job_submitted_long_before_the_window_is_read(store, put):
    put("jobs", [job("old", submit=-200 * DAY, start=-199 * DAY), job("over", submit=-200 * DAY, end=-190 * DAY)])
    put("jobs", [job("late", submit=90 * DAY), job("undated")])
    found = store.snapshot().rows("jobs", window=Window(T0, T0 + DAY)).column("job_id").to_pylist()
    assert sorted(found) == ["old", "undated"]


instants = st.none() | st.integers(-80, 80).map(lambda d: d * DAY)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(st.tuples(instants, instants, instants), max_size=8),
    at=st.integers(-80, 80),
    days=st.integers(1, 60),
)
def test_pruning_loses_no_row_that_touches_the_window(tmp_path_factory, table, times, at, days):
    store = open_store(tmp_path_factory.mktemp("pruned"), create=True)
    jobs = [job(str(i), *time) for i, time in enumerate(times)]
    with store.write() as tx:
        tx.upsert("jobs", table("jobs", jobs))
        snapshot = tx.commit()
    low, high = at * DAY, (at + days) * DAY

    def touches(row):
        first = row["submit"] if row["submit"] is not None else row["start"]
        return (first is None or first < high) and (row["end"] is None or row["end"] > low)

    found = set(snapshot.rows("jobs", columns=["job_id"], window=Window(T0 + low, T0 + high)).column(0).to_pylist())
    assert {row["job_id"] for row in jobs if touches(row)} <= found


def test_a_snapshot_can_be_sent_to_another_process(store, put):
    put("gpu_samples", [sample(0)])
    snapshot = store.snapshot()
    snapshot.query("SELECT 1 FROM gpu_samples")
    sent = pickle.loads(pickle.dumps(snapshot))  # noqa: S301 (our own)
    put("gpu_samples", [sample(1000)])
    assert sent.rows("gpu_samples").num_rows == 1


def test_opening_imports_no_engine():
    code = "import sys, paydown.store; print({'duckdb', 'pyarrow', 'deltalake', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
