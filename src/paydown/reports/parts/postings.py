"""The ledger's entries of a window as one relation: `daily` for whole days, `entries` for what is left at the edges.

Both hold the same amounts; whole days are read from the smaller table, so a month costs a month of daily rows. Where
neither nodes nor jobs matter, roll-ups of both may be read in their place (`paydown.reports.parts.rolled`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from paydown.model.entries import DERIVED, HOURLY, TOTALS
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR
from paydown.model.window import Window, date_of
from paydown.reports.parts.members import Place, condition
from paydown.reports.parts.statement import Statement, quoted

COLUMNS = (
    "cluster", "day", "node", "partition", "tres", "category", "detail", "job_id", "attempt", "user", "account",
    "basis", "signal", "amount",
)  # fmt: skip
"""What a posting has whether it comes from `daily` or from `entries`; `bucket_ms` is null of a whole day."""

Filters = Mapping[str, Sequence[object]]
"""Values that are let through, by column; an empty list lets nothing through. Of `team` and `department` the one value
is a `Members`."""


@dataclass(frozen=True)
class Rolled:
    """Which roll-ups may be read in place of the ledger: what they do not tell apart is null."""

    days: bool = False
    """`day_totals` for `daily`."""
    hours: bool = False
    """`hourly` for `entries`, in stretches of whole hours; `bucket_ms` is then the hour's start."""


def postings(
    statement: Statement, window: Window, filters: Filters, *, fine: bool = False, rolled: Rolled | None = None
) -> str:
    """Give the SQL of the postings in a window on the grid, with `bucket_ms` known throughout where `fine` is asked."""
    whole, edges = parts(window, fine=fine)
    rolled = rolled or Rolled()
    selects = []
    if whole is not None:
        days = f"day >= {statement.bind(whole[0])} AND day < {statement.bind(whole[1])}"
        source = TOTALS.name if rolled.days else "daily"
        selects.append(_select(source, "CAST(NULL AS BIGINT)", [days, *_kept(source, statement, filters)]))
    for edge, by_hour in (part for each in edges for part in _hours(each, some=rolled.hours)):
        source, column = (HOURLY.name, "hour") if by_hour else ("entries", "bucket")
        conditions = [*_within(statement, edge, column), *_kept(source, statement, filters)]
        selects.append(_select(source, f"epoch_ms({column})", conditions))
    return "\n    UNION ALL\n".join(selects or [_select("daily", "CAST(NULL AS BIGINT)", ["false"])])


def parts(window: Window, *, fine: bool = False) -> tuple[tuple[date, date] | None, list[Window]]:
    """Split a window into its whole days [first, last) and what is left at the edges.

    >>> parts(Window(0, 2 * MS_PER_DAY + 300_000))
    ((datetime.date(1970, 1, 1), datetime.date(1970, 1, 3)), [Window(start_ms=172800000, end_ms=173100000)])
    """
    first, last = -(-window.start_ms // MS_PER_DAY), window.end_ms // MS_PER_DAY
    if fine or first >= last:
        return None, [window] if window.length_ms else []
    edges = [Window(window.start_ms, first * MS_PER_DAY), Window(last * MS_PER_DAY, window.end_ms)]
    return (date_of(first), date_of(last)), [edge for edge in edges if edge.length_ms]


def _hours(edge: Window, *, some: bool) -> list[tuple[Window, bool]]:
    """Split an edge into its whole hours, if some are wanted, and what is left."""
    first, last = -(-edge.start_ms // MS_PER_HOUR) * MS_PER_HOUR, edge.end_ms // MS_PER_HOUR * MS_PER_HOUR
    if not some or first >= last:
        return [(edge, False)]
    parts = [(Window(edge.start_ms, first), False), (Window(first, last), True), (Window(last, edge.end_ms), False)]
    return [(part, hours) for part, hours in parts if part.length_ms]


def _within(statement: Statement, edge: Window, column: str) -> list[str]:
    days = edge.days
    kept = [f"day >= {statement.bind(date_of(days.start))}", f"day < {statement.bind(date_of(days.stop))}"]
    if edge.start_ms % MS_PER_DAY or edge.end_ms % MS_PER_DAY:
        kept.append(f"epoch_ms({column}) >= {statement.bind(edge.start_ms)}")
        kept.append(f"epoch_ms({column}) < {statement.bind(edge.end_ms)}")
    return kept


def _kept(table: str, statement: Statement, filters: Filters) -> list[str]:
    place = Place.of(table)
    return [condition(statement, column, values, table, place) for column, values in filters.items()]


def _select(table: str, bucket: str, conditions: Sequence[str]) -> str:
    there = DERIVED[table].names
    columns = ", ".join(
        quoted(name) if name in there else f"CAST(NULL AS {_KINDS.get(name, 'VARCHAR')}) AS {quoted(name)}"
        for name in COLUMNS
    )
    return f"    SELECT {columns}, {bucket} AS bucket_ms FROM {table} WHERE {' AND '.join(conditions)}"


_KINDS = {"attempt": "BIGINT"}
"""The SQL types of columns that are no texts and that a roll-up may lack."""
