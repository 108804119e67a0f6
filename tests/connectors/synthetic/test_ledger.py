"""The ledger of a synthetic cluster: everything that the ledger knows occurs in it, and it says what was planted."""

from collections import defaultdict

import pyarrow.parquet as pq
import pytest

from paydown.connectors.interface import Context
from paydown.connectors.synthetic import CONNECTOR
from paydown.ingest import ingest
from paydown.ledger.check import check
from paydown.model.entries import BASES, CATEGORIES, DETAILS
from paydown.model.units import GPU
from paydown.store import open_store

SETTINGS = {"nodes": 16, "cpu_nodes": 4, "days": 6, "jobs": 2_500, "interval": 120, "seed": 4}
PHASES = ("never_used", "startup", "gap", "tail")
SHORTEST_PERIOD_HOURS = 1_500 / 3_600
SAMPLE_HOURS = SETTINGS["interval"] / 3_600


@pytest.fixture(scope="module")
def posted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("posted")
    store = open_store(folder / "store", create=True)
    ingest(store, CONNECTOR, CONNECTOR.settings(**SETTINGS, truth=folder / "truth"), Context())
    return store, pq.read_table(folder / "truth" / "attempts.parquet").to_pylist()


@pytest.fixture(scope="module")
def daily(posted):
    store, _ = posted
    return store.snapshot().rows("daily").to_pylist()


def test_every_category_and_detail_of_a_gpu_occurs(daily):
    found = {(row["category"], row["detail"]) for row in daily if row["tres"] == "gpu"}
    assert {category for category, _ in found} == set(CATEGORIES)
    worked_out = {
        (category, detail) for category, names in DETAILS.items() if category != "blocked" for detail in names
    }
    assert worked_out <= found


def test_every_basis_occurs(daily):
    assert {row["basis"] for row in daily if row["basis"]} == set(BASES)


def test_use_is_pooled_and_used_outside(posted):
    store, _ = posted
    used = {row["kind"]: row["used"] for row in store.snapshot().rows("pools").to_pylist() if row["used"]}
    assert set(used) == {"pooled", "outside"}


def test_it_balances(posted):
    store, _ = posted
    assert list(check(store)) == []


@pytest.fixture(scope="module")
def followed(posted):
    """Attempts on whose device another one starts within a sample of their end.

    The sample that begins in the one and shows the other's work makes an earlier phase of what was the last.
    """
    store, _ = posted
    rows = store.snapshot().rows("allocations").to_pylist()
    starts = defaultdict(list)
    for row in rows:
        for gpu in (row["gpus"] or "").split(";"):
            starts[row["node"], gpu].append(row["start"])
    return {
        (row["job_id"], row["attempt"])
        for row in rows
        if row["end"]
        for gpu in (row["gpus"] or "").split(";")
        if any(0 <= (start - row["end"]).total_seconds() <= SETTINGS["interval"] for start in starts[row["node"], gpu])
    }


def test_the_ledger_says_what_was_planted(posted, daily, followed):
    """Within two samples for each device and phase, and what an even level strays."""
    _, truth = posted
    hours = defaultdict(lambda: defaultdict(float))
    for row in daily:
        if row["tres"] == "gpu" and row["job_id"]:
            for name in {row["category"], row["detail"] if row["category"] == "inactive" else row["category"]}:
                hours[row["job_id"], row["attempt"]][name] += row["amount"] / GPU.per_hour
    checked = set()
    for told in truth:
        # Dips that are shorter than two samples are seen whole or not at all.
        if not told["simple"] or told["pattern"] in ("bubbles", "evaluation"):
            continue
        attempt = (told["job_id"], told["attempt"])
        expected = {name: told[f"{name}_gpu_hours"] for name in (*PHASES, "used", "underused")}
        expected["inactive"] = sum(expected[name] for name in PHASES)
        for name in expected if attempt not in followed else ("inactive", "used", "underused"):
            assert hours[attempt][name] == pytest.approx(expected[name], abs=room(told)), (name, told)
        checked |= {told["pattern"]} if attempt not in followed else set()
    assert {"steady", "never-used", "tail", "slow-start", "small-batch", "checkpoints"} <= checked


def room(told):
    """GPU-hours by which samples may differ from what was meant."""
    held = told["allocated_gpu_hours"]
    periods = held / told["gpus"] / SHORTEST_PERIOD_HOURS if told["pattern"] == "checkpoints" else 0
    return 2 * (2 + 2 * periods) * told["gpus"] * SAMPLE_HOURS + 0.02 * held
