"""What the store posts is the oracle's ledger of what the store holds, however and however often the facts came."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ledger.brute import brute
from tests.ledger.clusters import draw_facts, draw_settings
from tests.ledger.compare import as_result, differences, keyed
from tests.ledger.examples import ENTRY
from tests.ledger.stored import as_table, believable, stored_facts, stored_ledger, take

from paydown.connectors.facts import CONNECTOR as FOLDER
from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.ledger.check import check
from paydown.ledger.posting import post
from paydown.ledger.settings import LedgerSettings
from paydown.model.entries import DERIVED
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR
from paydown.model.window import date_of
from paydown.store import open_store
from paydown.store.tables import physical
from paydown.testing import write_facts

CLUSTERS = max(20, int(os.environ.get("PAYDOWN_RANDOM_CLUSTERS", "240")) // 50)
"""Through a store each takes seconds, so that they are fewer."""


def parts_of(facts, dice):
    """Deal the rows of facts into a few ingests, in any order."""
    parts = [{table: [] for table in facts} for _ in range(dice.randint(1, 4))]
    for table, rows in facts.items():
        for row in dice.sample(rows, len(rows)):
            dice.choice(parts)[table].append(row)
    return parts


@pytest.mark.parametrize("number", range(50_000, 50_000 + CLUSTERS))
def test_any_order_and_number_of_ingests_is_the_oracles_ledger(number, tmp_path):
    dice = Random(number)
    facts, settings = believable(draw_facts(dice)), draw_settings(dice)
    store = open_store(tmp_path / "store", create=True)
    for part in parts_of(facts, dice):
        take(store, part, settings, post=dice.random() < 0.7)
    post(store, settings=settings)
    assert not differences(as_result(stored_ledger(store)), brute(stored_facts(store), settings))
    assert check(store) == []


@pytest.mark.parametrize("number", range(60_000, 60_000 + CLUSTERS // 2))
def test_folders_of_facts_are_the_oracles_ledger(number, tmp_path):
    dice = Random(number)
    facts, settings = believable(draw_facts(dice)), draw_settings(dice)
    store = open_store(tmp_path / "store", create=True)
    for at, part in enumerate(parts_of(facts, dice)):
        tables = {name: as_table(name, rows) for name, rows in part.items() if rows}
        if tables:
            folder = write_facts(tables, tmp_path / str(at), dice.choice(["csv", "parquet"]))
            ingest(store, FOLDER, FOLDER.settings(folder=folder), Context(cluster="c"), ledger=settings)
    assert store.snapshot().rows("sources").num_rows
    assert not differences(as_result(stored_ledger(store)), brute(stored_facts(store), settings))
    assert check(store) == []


def test_files_hold_numbers_as_their_tables_do(tmp_path):
    dice = Random(50_003)
    store = open_store(tmp_path / "store", create=True)
    take(store, believable(draw_facts(dice)), draw_settings(dice), post=True)
    met = set()
    for file in (tmp_path / "store" / "tables").rglob("*.parquet"):
        name = file.relative_to(tmp_path / "store" / "tables").parts[0]
        wanted = {each.name: each.type for each in physical(name) if pa.types.is_integer(each.type)}
        held = pq.read_schema(file)
        assert {column: held.field(column).type for column in wanted} == wanted
        met.add(name)
    assert {"gpu_samples", "entries", "histograms"} <= met


T = 20_000 * MS_PER_DAY


def steady(days=4):
    """A node with two GPUs, one job on one of them for days, a sample every ten minutes, quiet every other hour."""
    common = {"cluster": "c"}
    end = T + days * MS_PER_DAY
    samples = [
        {
            **common, "node": "n1", "gpu": "0", "start": at, "duration_ms": 600_000,
            "gpu_util_ratio": 0.0 if at // MS_PER_HOUR % 2 else 0.6,
        }
        for at in range(T, end, 600_000)
    ]  # fmt: skip
    ran = {"job_id": "1", "attempt": 0, "start": T + 1000, "end": end - 1000}
    return {
        "sources": [
            {**common, "source": "s", "supports": "capacity;allocation;use;wait", "covers_from": T, "covers_to": end}
        ],
        "nodes": [{**common, "node": "n1", "partitions": "gpu", "gpus": 2, "start": T}],
        "jobs": [
            {**common, **ran, "user": "ann", "account": "a", "partition": "gpu", "submit": T, "state": "COMPLETED"}
        ],
        "allocations": [{**common, **ran, "node": "n1", "gpu_milli": 1000, "gpus": "0"}],
        "gpu_samples": samples,
    }


def fresh(tmp_path, facts, settings=None):
    store = open_store(tmp_path / "store", create=True)
    take(store, facts, settings or LedgerSettings())
    return store


def by_day(store, name="entries"):
    """Give the rows of each day as a set."""
    rows = store.snapshot().rows(name).to_pylist()
    return {day: {tuple(row.items()) for row in rows if row["day"] == day} for day in {row["day"] for row in rows}}


def changed_days(before, after):
    return {day for day in {*before, *after} if before.get(day) != after.get(day)}


def test_the_same_facts_again_post_nothing(tmp_path):
    facts = steady()
    store = fresh(tmp_path, facts)
    assert take(store, facts, LedgerSettings()).days == 0


def test_late_samples_post_exactly_the_days_whose_entries_change(tmp_path):
    facts = steady()
    late = [row for row in facts["gpu_samples"] if 26 <= (row["start"] - T) / MS_PER_HOUR < 28]
    early = {**facts, "gpu_samples": [row for row in facts["gpu_samples"] if row not in late]}
    store = fresh(tmp_path, early)
    before = by_day(store)
    done = take(store, {"gpu_samples": late}, LedgerSettings())
    assert changed_days(before, by_day(store)) == {date_of(20_001)}
    assert done.days == 1


def test_a_late_activity_makes_a_tail_on_an_earlier_day_a_gap(tmp_path):
    facts = steady(2)
    for row in facts["gpu_samples"]:
        row["gpu_util_ratio"] = 0.5 if row["start"] < T + MS_PER_HOUR else 0.0
    store = fresh(tmp_path, facts)
    late = {**facts["gpu_samples"][0], "start": T + 47 * MS_PER_HOUR + 90_000, "duration_ms": 60_000, "job_id": "1"}
    assert details(store) == {"tail"}
    done = take(store, {"gpu_samples": [{**late, "gpu_util_ratio": 1.0}]}, LedgerSettings())
    assert details(store) == {"gap", "tail"}
    assert done.days == 2
    assert check(store) == []


def details(store):
    return {row["detail"] for row in store.snapshot().rows("entries").to_pylist() if row["category"] == "inactive"}


def test_a_job_that_ends_late_rewrites_details_without_samples(tmp_path):
    facts = steady(3)
    open_job = {**facts["jobs"][0], "state": "RUNNING", "end": None}
    open_rows = [{**facts["allocations"][0], "end": None}]
    store = fresh(tmp_path, {**facts, "jobs": [open_job], "allocations": open_rows})
    used = {row["detail"] for row in store.snapshot().rows("entries").to_pylist() if row["category"] == "used"}
    assert used == {"open"}
    with store.write() as tx:
        assert tx.drop_before("gpu_samples", date_of(20_003))
        tx.commit()
    ended = {**facts["jobs"][0], "state": "FAILED", "end": T + 3 * MS_PER_DAY}
    take(store, {"jobs": [ended], "sources": facts["sources"]}, LedgerSettings())
    entries = store.snapshot().rows("entries").to_pylist()
    assert {row["detail"] for row in entries if row["category"] == "used"} == {"lost"}
    assert {row["detail"] for row in entries if row["category"] == "inactive"} == {"gap", "tail"}


def test_other_settings_post_every_day_again(tmp_path):
    store = fresh(tmp_path, steady())
    before = by_day(store)
    post(store, settings=LedgerSettings(inactive_ratio=0.7))
    assert len(changed_days(before, by_day(store))) == 4
    assert check(store) == []


def test_processes_post_the_same(tmp_path):
    dice = Random(3)
    facts = believable(draw_facts(dice))
    stores = [open_store(tmp_path / name, create=True) for name in ("one", "two")]
    for store in stores:
        take(store, {**facts, "jobs": [{**row, "user": None} for row in facts["jobs"]]}, LedgerSettings(), post=False)
    post(stores[0])
    with ProcessPoolExecutor(2, get_context("spawn")) as executor:
        post(stores[1], executor=executor)
    one, two = (keyed(store.snapshot().rows("entries"), ENTRY, ("amount",)) for store in stores)
    assert one
    assert one == two


def planted():
    """Give (table, column) for every number and instant that a derived table holds."""
    return [
        (name, column.name)
        for name, table in DERIVED.items()
        if name != "posted"
        for column in table.columns
        if column.kind in {"int", "real", "instant"}
    ]


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A store with rows in every derived table."""
    facts = steady(2)
    facts["nodes"].append({"cluster": "c", "node": "n2", "partitions": "gpu", "gpus": 1, "pool": "x", "start": T})
    nameless = {**facts["allocations"][0], "job_id": "2", "node": "n2", "gpus": None}
    other = {**nameless, "job_id": "3", "gpu_milli": 500}
    facts["allocations"] += [{**nameless, "gpu_milli": 500}, other]
    facts["jobs"] += [{**facts["jobs"][0], "job_id": "2"}, {**facts["jobs"][0], "job_id": "3"}]
    facts["jobs"].append({**facts["jobs"][0], "job_id": "4", "start": None, "end": None, "state": "PENDING",
                          "req_gpu_milli": 1000})  # fmt: skip
    more = [{**row, "node": "n2"} for row in facts["gpu_samples"][:100]]
    stray = [{**row, "gpu": "1", "job_id": "9"} for row in facts["gpu_samples"][:3]]
    facts["gpu_samples"] += more + stray
    facts["gpu_samples"] = [{**row, "power_w": 300.5} for row in facts["gpu_samples"]]
    store = fresh(tmp_path_factory.mktemp("planted"), facts)
    assert check(store) == []
    return store


@pytest.mark.parametrize(("name", "column"), planted())
def test_a_planted_difference_of_one_is_found(name, column, several):
    stood = several.snapshot().rows(name)
    assert stood.num_rows, f"no rows in {name}"
    place = next(i for i, value in enumerate(stood.column(column).to_pylist()) if value is not None)
    values = stood.column(column).cast(pa.int64()).to_pylist()
    values[place] += 1
    at = stood.column_names.index(column)
    field = stood.schema.field(column)
    days = sorted(set(stood.column("day").to_pylist()))
    with several.write() as tx:
        tx.replace(name, "c", days, stood.set_column(at, field, pa.array(values, pa.int64()).cast(field.type)))
        tx.commit()
    try:
        assert check(several)
    finally:
        with several.write() as tx:
            tx.replace(name, "c", days, stood)
            tx.commit()
    assert check(several, recompute=False) == []
