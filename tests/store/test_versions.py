"""The rules of versions, one example each, and random histories against a dict."""

import math

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paydown.store import open_store, rules
from paydown.store.tables import TABLES

DAY = 86_400_000
LINE = pa.field("_line", pa.int64())


def alloc(job, end=None, milli=1000, start=0, node="n1", cluster="c"):
    return {
        "cluster": cluster, "job_id": job, "attempt": 0, "node": node, "gpu_milli": milli, "start": start, "end": end,
    }  # fmt: skip


def sample(node="n1", start=0, util=0.5, job=None, gpu="0", cluster="c"):
    return {
        "cluster": cluster, "node": node, "gpu": gpu, "job_id": job, "start": start, "duration_ms": 30_000,
        "gpu_util_ratio": util,
    }  # fmt: skip


def counts(done):
    return done.inserted, done.replaced, done.unchanged, done.conflicts.num_rows


def test_new_rows_are_inserted(put, store):
    assert counts(put("allocations", [alloc("1"), alloc("2", end=5)])) == (2, 0, 0, 0)
    assert store.snapshot().rows("allocations").num_rows == 2


def test_the_same_rows_again_change_nothing(put, store):
    put("allocations", [alloc("1"), alloc("2", end=5)])
    before = store.snapshot().rows("allocations")
    assert counts(put("allocations", [alloc("1"), alloc("2", end=5)])) == (0, 0, 2, 0)
    assert store.snapshot().rows("allocations").equals(before)


def test_an_open_row_is_replaced_by_a_closed_one(put, store):
    put("allocations", [alloc("1"), alloc("2")])
    done = put("allocations", [alloc("1", end=9)])
    assert counts(done) == (0, 1, 0, 0)
    assert done.before.column("end").to_pylist() == [None]
    assert done.changed.column("end").cast(pa.int64()).to_pylist() == [1769817600009]
    ends = store.snapshot().rows("allocations", columns=["job_id", "end"]).to_pylist()
    assert {row["job_id"]: row["end"] is None for row in ends} == {"1": False, "2": True}


def test_an_open_row_is_replaced_by_a_later_open_one(put, store):
    put("allocations", [alloc("1", milli=1000)])
    assert counts(put("allocations", [alloc("1", milli=500)])) == (0, 1, 0, 0)
    assert store.snapshot().rows("allocations").column("gpu_milli").to_pylist() == [500]


def test_an_open_row_never_replaces_a_closed_one(put, store):
    put("allocations", [alloc("1", end=9)])
    assert counts(put("allocations", [alloc("1")])) == (0, 0, 1, 0)
    assert counts(put("allocations", [alloc("1", milli=7)])) == (0, 0, 1, 0)
    assert store.snapshot().rows("allocations").column("end").null_count == 0


def test_another_version_of_a_closed_row_is_a_conflict(put, store):
    put("allocations", [alloc("1", end=9)])
    assert counts(put("allocations", [alloc("1", end=10)])) == (0, 0, 0, 1)
    assert store.snapshot().rows("allocations").column("end").cast(pa.int64()).to_pylist() == [1769817600009]


def test_rows_of_one_key_in_one_batch_follow_the_same_rules_in_order(put, store):
    done = put("allocations", [alloc("1"), alloc("1", milli=5), alloc("1", end=9), alloc("1"), alloc("1", end=8)])
    assert counts(done) == (1, 2, 1, 1)
    assert store.snapshot().rows("allocations").num_rows == 1
    assert done.changed.num_rows == 1


def test_refused_rows_keep_their_line(store, table):
    with store.write() as tx:
        tx.upsert("allocations", table("allocations", [alloc("1", end=9)]))
        rows = [{**alloc("2"), "_line": 4}, {**alloc("1", end=10), "_line": 5}]
        done = tx.upsert("allocations", table("allocations", rows, extra=[LINE]))
    assert done.conflicts.column("_line").to_pylist() == [5]


def test_a_job_found_under_another_month_is_the_same_job(put, store):
    job = {"cluster": "c", "job_id": "1", "attempt": 0, "state": "PENDING"}
    put("jobs", [job])
    assert counts(put("jobs", [{**job, "submit": 40 * DAY, "state": "COMPLETED", "end": 41 * DAY}])) == (0, 1, 0, 0)
    assert store.snapshot().rows("jobs").num_rows == 1


def test_null_in_a_key_is_a_value(put):
    usage = {"cluster": "c", "job_id": "1", "attempt": 0, "signal": "gpu_util", "mean": 0.5, "source": "s"}
    assert counts(put("job_usage", [usage, {**usage, "node": "n1"}])) == (2, 0, 0, 0)
    assert counts(put("job_usage", [usage, {**usage, "mean": 0.6}])) == (0, 0, 1, 1)
    assert counts(put("gpu_samples", [sample(), sample(job="7")])) == (2, 0, 0, 0)
    assert counts(put("gpu_samples", [sample(), sample(job="7", util=0.1)])) == (0, 0, 1, 1)


def test_samples_again_in_any_order_and_partly_new(put, store):
    put("gpu_samples", [sample(start=i * 30_000) for i in range(10)])
    done = put("gpu_samples", [sample(start=i * 30_000) for i in range(12, 4, -1)])
    assert counts(done) == (3, 0, 5, 0)
    assert done.changed is None
    assert done.spans.column("first").cast(pa.int64()).to_pylist() == [1769817600000 + 300_000]
    assert done.spans.column("last").cast(pa.int64()).to_pylist() == [1769817600000 + 390_000]
    assert store.snapshot().rows("gpu_samples").num_rows == 13


def test_samples_twice_in_one_batch(put):
    done = put("gpu_samples", [sample(), sample(), sample(util=0.7), sample(start=30_000)])
    assert counts(done) == (2, 0, 1, 1)


def test_samples_of_several_clusters_and_days_and_their_spans(put, store):
    rows = [sample(start=DAY, cluster="b"), sample(start=5), sample(start=DAY + 7), sample(start=DAY - 1)]
    spans = put("gpu_samples", rows).spans.to_pylist()
    assert [(s["cluster"], s["day"].isoformat()) for s in spans] == [
        ("b", "2026-02-01"), ("c", "2026-01-31"), ("c", "2026-02-01"),
    ]  # fmt: skip
    assert store.snapshot().rows("gpu_samples").num_rows == 4


def test_a_second_upsert_sees_the_first_one_of_its_transaction(store, table):
    with store.write() as tx:
        tx.upsert("gpu_samples", table("gpu_samples", [sample()]))
        assert counts(tx.upsert("gpu_samples", table("gpu_samples", [sample(), sample(start=5)]))) == (1, 0, 1, 0)
        tx.upsert("allocations", table("allocations", [alloc("1")]))
        assert counts(tx.upsert("allocations", table("allocations", [alloc("1", end=9)]))) == (0, 1, 0, 0)
        snapshot = tx.commit()
    assert snapshot.rows("allocations").column("end").null_count == 0


def test_rejected_mask_is_kept_and_defaults_to_zero(store, table):
    with store.write() as tx:
        tx.upsert(
            "gpu_samples",
            table("gpu_samples", [{**sample(), "_rejected": 5}], extra=[pa.field("_rejected", pa.int32())]),
        )
        tx.upsert("gpu_samples", table("gpu_samples", [sample(start=9)]))
        snapshot = tx.commit()
    assert snapshot.rows("gpu_samples", columns=["_rejected"]).column(0).to_pylist() == [5, 0]
    assert "_rejected" not in snapshot.rows("gpu_samples").column_names


def test_not_a_number_is_equal_to_itself(put):
    put("job_usage", [usage := {
        "cluster": "c", "job_id": "1", "attempt": 0, "signal": "gpu_util", "mean": math.nan, "source": "s",
    }])  # fmt: skip
    assert counts(put("job_usage", [usage])) == (0, 0, 1, 0)


# -- random histories against a dict ---------------------------------------------------------------------------------


def model(stored, table, row):
    """What the rules say in plain words, for one row."""
    key = tuple(row[name] for name in table.key)
    known = stored.get(key)
    is_open = bool(table.closes) and row[table.closes] is None
    if known is None:
        stored[key] = row
        return rules.INSERTED
    if known == row:
        return rules.UNCHANGED
    if table.closes and known[table.closes] is None:
        stored[key] = row
        return rules.REPLACED
    return rules.UNCHANGED if is_open else rules.CONFLICT


small = st.integers(0, 2)
allocations = st.builds(
    lambda job, end, milli, start, node: alloc(str(job), end, milli, start * 20 * DAY, node=f"n{node}"),
    small, st.none() | small, small, small, small,
)  # fmt: skip
jobs = st.builds(
    lambda job, submit, end, name: {
        "cluster": "c", "job_id": str(job), "attempt": 0, "state": "RUNNING", "name": name,
        "submit": None if submit is None else submit * 20 * DAY, "end": end,
    },
    small, st.none() | small, st.none() | small, st.none() | st.sampled_from("ab"),
)  # fmt: skip
samples = st.builds(
    lambda node, start, util, job: sample(f"n{node}", start * DAY // 2, util, job),
    small, st.integers(0, 4), st.none() | st.sampled_from([0.0, 0.5]), st.none() | st.sampled_from("12"),
)  # fmt: skip
histories = st.sampled_from([("allocations", allocations), ("jobs", jobs), ("gpu_samples", samples)]).flatmap(
    lambda pick: st.tuples(st.just(pick[0]), st.lists(st.lists(pick[1], max_size=12), min_size=1, max_size=4))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, commits=st.lists(st.booleans(), min_size=4, max_size=4))
def test_random_histories(tmp_path_factory, table, history, commits):
    name, batches = history
    known = TABLES[name]
    store = open_store(tmp_path_factory.mktemp("history"), create=True)
    expected = {}
    with store.write() as tx:
        for batch, commit in zip(batches, commits, strict=False):
            rows = table(name, batch)
            verdicts = [model(expected, known, row) for row in rows.to_pylist()]
            assert counts(tx.upsert(name, rows)) == tuple(verdicts.count(v) for v in range(4))
            if commit:
                tx.commit()
        snapshot = tx.commit()
    found = snapshot.rows(name).to_pylist()
    assert {tuple(row[k] for k in known.key): row for row in found} == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_has_its_key_and_order_among_its_columns(name):
    known = TABLES[name]
    assert set(known.key) | set(known.sort) | set(known.by) <= set(known.names)
