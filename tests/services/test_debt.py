"""What a real Prometheus was made to hold of some GPUs gives the debt that is known in advance.

Two hours of readings, one a minute, are written as its past. A reading describes the minute before it.
"""

import time
from datetime import UTC, datetime

import pytest
from tests.services.command import paydown, rows

from paydown.store import open_store
from paydown.testing import tiny, write_facts

MINUTE = 60_000
MINUTES = 120
GPU_MINUTE = 1000 * MINUTE
"""Milli-GPU x ms."""
JOBS = """
cluster lab; step 5m; origin {origin}; supports capacity allocation wait
node d1 gpus=2 partitions=gpu
node d2 gpus=1 partitions=gpu
node d3 gpus=8 partitions=gpu
node d4 gpus=8 partitions=gpu
job 1 alice/nlp on=d1:0,1     R{{24}}
job 2 bob/vision on=d2:0      R{{24}}
job 3 alice/nlp on=d3 gpu=4   R{{24}}
job 4 carol/prod on=d3 gpu=4  R{{24}}
job 5 carol/prod on=d4 gpu=2  R{{24}}
"""
QUIET, BUSY, HALF, QUARTER = ({"util": util} for util in (0, 80, 50, 25))
LOST = None
READINGS = {
    ("d1", 0): [BUSY] * 30 + [QUIET] * 20 + [BUSY] * 40 + [QUIET] * 30,
    ("d1", 1): [QUIET] * MINUTES,
    ("d2", 0): [HALF] * 40 + [LOST] * 10 + [HALF] * 70,
    **{("d3", gpu): [{"util": 100} if gpu < 3 else QUIET] * MINUTES for gpu in range(8)},
    ("d4", 3): [QUARTER] * MINUTES,
    ("d4", 6): [QUARTER] * 110 + [QUIET] * 4 + [QUARTER] * 6,
}
"""What each GPU shows, a minute each."""
LABELS = {"d4": {"hpc_job": "5"}}
EXPECTED = {
    # A GPU that goes quiet between work and work, and another time until the job's end; one that never works.
    (1, "used", "productive"): 0.8 * 70,
    (1, "underused", None): 0.2 * 70,
    (1, "inactive", "gap"): 20,
    (1, "inactive", "tail"): 30,
    (1, "inactive", "never_used"): 120,
    # The exporter was lost for ten minutes.
    (2, "used", "productive"): 0.5 * 110,
    (2, "underused", None): 0.5 * 110,
    (2, "unobserved", "dark"): 10,
    # Which of a full node's GPUs are whose is not known.
    (3, "unobserved", "pooled"): 4 * 120,
    (4, "unobserved", "pooled"): 4 * 120,
    # The label names the job, and so its GPUs; four quiet minutes are no gap yet.
    (5, "used", "productive"): 0.25 * (120 + 116),
    (5, "underused", None): 240 - 0.25 * (120 + 116),
}
"""GPU minutes by job, category and detail."""


@pytest.fixture(scope="module")
def store(prometheus, tmp_path_factory):
    """Give a store with the jobs, and with what Prometheus has of their GPUs."""
    folder = tmp_path_factory.mktemp("debt")
    origin = int(time.time()) // 300 * 300 - 5 * 3600
    write_facts(tiny(JOBS.format(origin=f"{datetime.fromtimestamp(origin, UTC):%Y-%m-%dT%H:%M}")), folder / "facts")
    for (node, gpu), shown in READINGS.items():
        samples = [
            (said, origin * 1000 + (minute + 1) * MINUTE) for minute, said in enumerate(shown) if said is not LOST
        ]
        prometheus.past(node, gpu, samples, **LABELS.get(node, {}))
    paydown(folder / "store", "ingest", "facts", folder / "facts", "--no-post")
    end = origin + MINUTES * 60
    # The reading of the last minute is taken when it is over, and what is read ends before --to.
    told = ("--url", prometheus.url, "--cluster", "lab", "--from", f"@{origin}", "--to", f"@{end + 1}")
    paydown(folder / "store", "ingest", "prometheus", *told)
    return folder / "store", ("--from", f"@{origin}", "--to", f"@{end}")


def test_the_debt_is_what_the_readings_make_it(store):
    path, window = store
    found = rows(path, "ledger", "--exact", "--tres", "gpu", "--by", "job_id", "--by", "detail", *window)
    held = {
        (int(row["job_id"]), row["category"], row["detail"]): row["amount"] / GPU_MINUTE
        for row in found
        if row["job_id"] and row["category"] != "allocated"
    }
    assert held == pytest.approx(EXPECTED)


def test_every_unit_is_in_exactly_one_category(store):
    paydown(store[0], "check")


def test_what_is_pooled_is_still_known_of_the_node(store):
    found = open_store(store[0]).snapshot().rows("pools").to_pylist()
    assert {(row["node"], row["kind"]) for row in found} == {("d3", "pooled")}
    shares = ("used", "inactive", "underused")
    summed = [sum(int(row[share]) for row in found) / GPU_MINUTE for share in shares]
    assert summed == pytest.approx([3 * MINUTES, 5 * MINUTES, 0])
