"""Stores with hand-made facts and hand-made ledgers, for reports to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pyarrow as pa
import pytest

from paydown.model.entries import DERIVED, META
from paydown.model.facts import FACTS
from paydown.store import open_store

DAY = date(2024, 5, 1)
START = datetime(2024, 5, 1, tzinfo=UTC)
GPU_HOUR = 3_600_000_000
"""One GPU-hour (or core-hour) in the ledger's unit."""


def at(hours: float) -> datetime:
    """Give the instant so many hours after the first day began."""
    return START + timedelta(hours=hours)


def ms(hours: float) -> int:
    """Give the same in ms since the epoch."""
    return round(at(hours).timestamp() * 1000)


def table(name: str, rows: Sequence[Mapping]) -> pa.Table:
    """Make rows of a table; what is not given is null."""
    schema = {**FACTS, **DERIVED, **META}[name].arrow
    return pa.Table.from_pylist([{column: row.get(column) for column in schema.names} for row in rows], schema)


def fill(store, tables: Mapping[str, Sequence[Mapping]]):
    """Write rows of any tables into a store and give its new state."""
    with store.write() as tx:
        for name, rows in tables.items():
            if name in FACTS:
                tx.upsert(name, table(name, rows))
            elif name in DERIVED:
                for cluster in {row["cluster"] for row in rows}:
                    own = [row for row in rows if row["cluster"] == cluster]
                    tx.replace(name, cluster, sorted({row["day"] for row in own}), table(name, own))
            elif name == "dirty":
                tx.overwrite(name, table(name, rows))
            else:
                tx.append(name, table(name, rows))
        return tx.commit()


def entry(category: str, hours: float, **more) -> dict:
    """Make a ledger row of GPUs on one node and day; what is held belongs to job 1 of user u1."""
    held = category not in {"reported", "idle", "blocked", "down", "planned_down"}
    holder = {"job_id": "1", "attempt": 0, "user": "u1", "account": "physics", "basis": "sampled", "signal": "gpu_util"}
    row = {"cluster": "c", "day": DAY, "node": "n1", "partition": "gpu", "tres": "gpu", "category": category}
    return row | (holder if held else {}) | {"amount": round(hours * GPU_HOUR)} | more


SOURCE = {
    "cluster": "c",
    "source": "facts",
    "supports": "capacity;allocation;use;wait",
    "covers_from": at(0),
    "covers_to": at(48),
    "ingested_at": at(48),
}


def posted(*days: date, settings: str = "{}") -> list[dict]:
    """Say that whole days are posted."""
    return [{"cluster": "c", "day": d, "settings": settings, "end": at(24 * ((d - DAY).days + 1))} for d in days]


class Book:
    """What a test makes a store of."""

    DAY, SOURCE, GPU_HOUR = DAY, SOURCE, GPU_HOUR
    at, ms, entry, posted, fill = map(staticmethod, (at, ms, entry, posted, fill))

    def __init__(self, folder) -> None:
        self._places = (folder / f"store{number}" for number in count())

    def store(self, **tables):
        """Make a snapshot of tables given as lists of rows."""
        return fill(open_store(next(self._places), create=True), tables)

    def two_days(self):
        """Give the tables of the fixture of that name."""
        return _two_days()


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


TWO_DAYS = {
    "sources": [SOURCE],
    "posted": posted(DAY, DAY + timedelta(days=1)),
    "identities": [{"person": "u1", "kind": "user", "name": "ada", "team": "vision"}],
    "nodes": [{"cluster": "c", "node": "n1", "partitions": "gpu;all", "gpu_model": "A100", "gpus": 1, "start": at(0)}],
    "jobs": [
        {"cluster": "c", "job_id": "1", "attempt": 0, "user": "u1", "account": "physics", "partition": "gpu"}
        | {"name": "train", "submit": at(9), "start": at(10), "end": at(48), "state": "FAILED", "req_gpu_milli": 1000}
    ],
    "allocations": [
        {"cluster": "c", "job_id": "1", "attempt": 0, "node": "n1", "gpu_milli": 1000, "start": at(10), "end": at(48)}
    ],
}
"""One node of one GPU over two days, alike: 10 h idle, 10 h used by an attempt that failed, 4 h its tail."""


def _two_days() -> dict[str, list[dict]]:
    parts = [("reported", None, range(24)), ("idle", None, range(10)), ("used", "lost", range(10, 20))]
    parts.append(("inactive", "tail", range(20, 24)))
    days = [DAY, DAY + timedelta(days=1)]
    daily = [entry(name, len(hours), detail=detail, day=day) for day in days for name, detail, hours in parts]
    entries = [
        entry(name, 1, detail=detail, day=day, bucket=at(24 * number + hour))
        for number, day in enumerate(days)
        for name, detail, hours in parts
        for hour in hours
    ]
    return {**TWO_DAYS, "daily": daily, "entries": entries}


@pytest.fixture(scope="session")
def two_days(tmp_path_factory):
    return Book(tmp_path_factory.mktemp("two_days")).store(**_two_days())


@pytest.fixture
def two_days_without(book):
    """Make the same without some tables, and without what the ledger would then not have posted."""

    def without(*names: str):
        tables = {name: rows for name, rows in _two_days().items() if name not in names}
        if "nodes" in names:
            held = {"used", "inactive"}
            tables |= {name: [row for row in tables[name] if row["category"] in held] for name in ("daily", "entries")}
        return book.store(**tables)

    return without
