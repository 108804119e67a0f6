"""The facts of a synthetic cluster: complete, ordered, believable but for what is planted."""

from collections import Counter
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from paydown.connectors.synthetic import CONNECTOR
from paydown.model.batch import Batch
from paydown.model.facts import FACTS
from paydown.model.rows import normalise


def bytes_of(rows):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows.combine_chunks())
    return sink.getvalue().to_pybytes()


def test_equal_settings_give_equal_bytes_and_another_seed_another_cluster(reading):
    settings = {"nodes": 3, "cpu_nodes": 1, "days": 2, "jobs": 60, "interval": 300}

    def content(seed):
        batches = [item for item in reading(**settings, seed=seed).items if isinstance(item, Batch)]
        return [(batch.table, batch.origin, bytes_of(batch.rows)) for batch in batches]

    assert content(7) == content(7)
    assert content(7) != content(8)


def test_exactly_the_planted_rows_are_rejected(small):
    found = Counter()
    for item in small.items:
        if isinstance(item, Batch):
            for reject in normalise(FACTS[item.table], item.rows, item.origin).rejects:
                found[reject.table, reject.reason] += reject.count
    planted = {(row["table"], row["reason"]): row["count"] for row in small.truth["rejects"]}
    assert found == planted
    assert {"not-a-number", "out-of-range", "negative", "non-positive-duration", "bad-key", "end-before-start"} == {
        reason for _, reason in planted
    }


def test_every_table_that_is_declared_is_filled(small):
    assert {item.table for item in small.items if isinstance(item, Batch)} == set(CONNECTOR.tables)


def test_columns_have_exactly_the_types_of_the_facts(small):
    for item in small.items:
        if isinstance(item, Batch):
            expected = {field.name: field.type for field in FACTS[item.table].arrow}
            assert {field.name: field.type for field in item.rows.schema}.items() <= expected.items()


@pytest.mark.parametrize("table", ["jobs", "allocations", "gpu_samples", "host_samples", "service_samples"])
def test_rows_lie_as_the_store_sorts_them(small, table):
    keys = [name for name in FACTS[table].sort if name != "attempt"]
    for batch in small.batches(table):
        rows = [tuple("" if v is None else v for v in row.values()) for row in batch.rows.select(keys).to_pylist()]
        assert rows == sorted(rows)


@pytest.mark.parametrize("table", ["gpu_samples", "host_samples"])
def test_a_batch_of_samples_is_one_day_and_the_days_come_in_order(small, table):
    days = []
    for batch in small.batches(table):
        found = pc.unique(batch.rows["start"].cast(pa.timestamp("ms")).cast(pa.date32())).to_pylist()
        assert len(found) == 1
        days += found
    assert days == sorted(set(days))


def test_gpu_samples_of_a_device_follow_each_other_with_jitter_and_gaps(small):
    rows = [row for row in small.batches("gpu_samples")[0].rows.to_pylist() if row["duration_ms"]]
    starts = {(row["node"], row["gpu"], row["start"].timestamp()) for row in rows}
    steps = [after[2] - before[2] for before, after in pairwise(sorted(starts)) if before[:2] == after[:2]]
    assert min(steps) >= 295
    assert len({round(step, 3) for step in steps}) > 100
    assert max(steps) > 590


def test_a_few_samples_come_twice_and_are_equal(small):
    rows = small.batches("gpu_samples")[0].rows.to_pylist()
    seen = {}
    twice = []
    for row in rows:
        key = (row["node"], row["gpu"], row["start"])
        twice += [(seen[key], row)] if key in seen else []
        seen[key] = row
    assert twice
    assert all(one == two for one, two in twice)


def test_without_faults_nothing_is_rejected_and_nothing_is_missing(reading):
    facts = reading(nodes=2, cpu_nodes=1, days=1, jobs=40, interval=60, faults=False)
    rejects = [
        reject
        for item in facts.items
        if isinstance(item, Batch)
        for reject in normalise(FACTS[item.table], item.rows, item.origin).rejects
    ]
    assert rejects == []
    assert sum(len(batch.rows) for batch in facts.batches("gpu_samples")) == 2 * 8 * 1_440


@pytest.mark.parametrize(
    ("signals", "absent"),
    [
        ("use", {"memory_used_mib", "power_w", "sm_active_ratio", "tensor_active_ratio", "dram_active_ratio"}),
        ("memory", {"sm_active_ratio", "tensor_active_ratio", "dram_active_ratio"}),
        ("all", set()),
    ],
)
def test_samples_carry_the_signals_that_are_asked_for(reading, signals, absent):
    facts = reading(nodes=1, cpu_nodes=0, days=1, jobs=5, interval=600, signals=signals)
    names = set(facts.batches("gpu_samples")[0].rows.column_names)
    every = {"memory_used_mib", "power_w", "sm_active_ratio", "tensor_active_ratio", "dram_active_ratio"}
    assert names & every == every - absent


@pytest.mark.parametrize(
    "size",
    [
        {"nodes": 1, "gpus_per_node": 1, "cpu_nodes": 0, "jobs": 1},
        {"nodes": 1, "gpus_per_node": 16, "cpu_nodes": 3, "jobs": 30},
        {"nodes": 5, "gpus_per_node": 4, "cpu_nodes": 0, "jobs": 50, "load": 1.4},
    ],
)
def test_any_size_works(reading, size):
    facts = reading(**size, days=1, interval=600)
    assert len(facts.rows("nodes")) == size["nodes"] + size["cpu_nodes"]
