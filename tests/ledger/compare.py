"""The product's ledger as the oracle's dicts, where the two differ, and the smallest facts on which they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
from tests.ledger.brute import Result, brute
from tests.ledger.clusters import Facts, Row, arrow
from tests.ledger.examples import ENTRY

from paydown.ledger.pure import ledger
from paydown.ledger.settings import LedgerSettings
from paydown.model.entries import HISTOGRAM_BINS

POOLS = ("cluster", "day", "node", "kind")
DOUBTS = ("cluster", "day", "node", "gpu", "job_id", "reason")
HISTOGRAMS = ("cluster", "hour", "node", "gpu", "signal", "counted", "holders", "job_id", "attempt")
DEMAND = ("cluster", "hour", "pool", "partition", "account", "tres")


def column(table: pa.Table, name: str) -> list[Any]:
    """Give a column as the oracle has it: instants in ms, days as numbers."""
    values = table.column(name)
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.int64()).to_pylist()
    return (values.cast(pa.int32()) if pa.types.is_date32(values.type) else values).to_pylist()


def keyed(table: pa.Table, key: tuple[str, ...], amounts: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Give a table's amounts by key; two rows of one key are an error."""
    keys = list(zip(*(column(table, name) for name in key), strict=True))
    assert len(keys) == len(set(keys)), f"two rows of one key: {Counter(keys).most_common(1)}"
    return dict(zip(keys, zip(*(column(table, name) for name in amounts), strict=True), strict=True))


def as_result(tables: dict[str, pa.Table]) -> Result:
    """Give the product's tables as the oracle's result."""
    entries = keyed(tables["entries"], ENTRY, ("amount",))
    doubts = keyed(tables["doubts"], DOUBTS, ("samples",))
    return Result(
        Counter({key: amount for key, (amount,) in entries.items()}),
        keyed(tables["pools"], POOLS, ("used", "inactive", "underused")),
        Counter({key: samples for key, (samples,) in doubts.items()}),
        keyed(tables["demand"], DEMAND, ("allocated", "waiting")),
        _histograms(tables["histograms"]),
    )


def _histograms(table: pa.Table) -> Counter[tuple[str, tuple[Any, str]]]:
    columns = ("samples", "ppm_ms", *HISTOGRAM_BINS)
    rows = keyed(table, HISTOGRAMS, columns)
    return Counter(
        {
            (key[0], (key[1:], name)): value
            for key, row in rows.items()
            for name, value in zip(columns, row, strict=True)
            if value
        }
    )


def product(facts: Facts, settings: LedgerSettings, days: Iterable[int] | None = None) -> Result:
    """Work out the ledger by the product."""
    return as_result(ledger(arrow(facts), settings, days))


def differences(ours: Result, theirs: Result) -> list[str]:
    """Say where the product (ours) differs from the oracle (theirs)."""
    found: list[str] = []
    for table in ("entries", "pools", "doubts", "demand", "histograms"):
        mine, other = dict(getattr(ours, table)), dict(getattr(theirs, table))
        unequal = [key for key in sorted({*mine, *other}, key=str) if mine.get(key) != other.get(key)]
        found += [f"{table} {key}: product {mine.get(key)}, oracle {other.get(key)}" for key in unequal]
    return found


def wrong(facts: Facts, settings: LedgerSettings) -> list[str]:
    """Say where product and oracle differ on these facts; a product that fails differs too."""
    expected = brute(facts, settings)
    try:
        return differences(product(facts, settings), expected)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a difference that can be made smaller
        return [f"product fails: {type(error).__name__}: {error}"]


def smallest(facts: Facts, fails: Callable[[Facts], bool]) -> Facts:
    """Leave out rows, then values, as long as the facts still fail."""
    size = max(1, sum(map(len, facts.values())) // 2)
    while size:
        rows = [(table, i) for table in facts for i in range(len(facts[table]))]
        for start in range(0, len(rows), size):
            gone = set(rows[start : start + size])
            fewer = {table: [r for i, r in enumerate(facts[table]) if (table, i) not in gone] for table in facts}
            if fails(fewer):
                facts = fewer
                break
        else:
            size //= 2
    return plainer(facts, fails)


KEPT = {
    "cluster", "node", "start", "covers_from", "covers_to", "supports", "state", "gpu_milli", "milli", "kind", "job_id",
    "attempt", "gpu", "nodes", "signal", "_rejected", "duration_ms", "partitions", "source", "ingested_at", "name",
}  # fmt: skip
"""Values that are not made null."""


def plainer(facts: Facts, fails: Callable[[Facts], bool]) -> Facts:
    """Make values null, as long as the facts still fail."""
    places = [(table, i, name) for table in facts for i, row in enumerate(facts[table]) for name in row]
    for table, i, name in places:
        row = facts[table][i]
        if row[name] is not None and name not in KEPT:
            fewer = {**facts, table: [*facts[table][:i], {**row, name: None}, *facts[table][i + 1 :]]}
            if fails(fewer):
                facts = fewer
    return facts


def shown(facts: Facts, origin: int) -> str:
    """Write facts as the example page does, as far as that goes."""

    def word(name: str, value: Any) -> str:
        timed = name in {"start", "end", "submit", "eligible", "covers_from", "covers_to"}
        return f"{name}={(value - origin) / 60_000:g}" if timed else f"{name}={value}"

    def line(table: str, row: Row) -> str:
        left_out = {"cluster", "ingested_at", "source"}
        return " ".join([table, *(word(n, v) for n, v in row.items() if v is not None and n not in left_out)])

    return "\n".join(line(table, row) for table, rows in facts.items() for row in rows)
