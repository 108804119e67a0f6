"""The ledger's entries of a window as one relation: `daily` for whole days, `entries` for what is left at the edges.

Both hold the same amounts; whole days are read from the smaller table, so a month costs a month of daily rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from paydown.model.units import MS_PER_DAY
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


def postings(statement: Statement, window: Window, filters: Filters, *, fine: bool = False) -> str:
    """Give the SQL of the postings in a window on the grid, with `bucket_ms` known throughout where `fine` is asked."""
    whole, edges = parts(window, fine=fine)
    selects = []
    if whole is not None:
        days = f"day >= {statement.bind(whole[0])} AND day < {statement.bind(whole[1])}"
        selects.append(_select("daily", "CAST(NULL AS BIGINT)", [days, *_kept("daily", statement, filters)]))
    selects.extend(
        _select("entries", "epoch_ms(bucket)", [*_within(statement, edge), *_kept("entries", statement, filters)])
        for edge in edges
    )
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


def _within(statement: Statement, edge: Window) -> list[str]:
    days = edge.days
    kept = [f"day >= {statement.bind(date_of(days.start))}", f"day < {statement.bind(date_of(days.stop))}"]
    if edge.start_ms % MS_PER_DAY or edge.end_ms % MS_PER_DAY:
        kept.append(f"epoch_ms(bucket) >= {statement.bind(edge.start_ms)}")
        kept.append(f"epoch_ms(bucket) < {statement.bind(edge.end_ms)}")
    return kept


def _kept(table: str, statement: Statement, filters: Filters) -> list[str]:
    place = Place.of(table)
    return [condition(statement, column, values, table, place) for column, values in filters.items()]


def _select(table: str, bucket: str, conditions: Sequence[str]) -> str:
    columns = ", ".join(quoted(column) for column in COLUMNS)
    return f"    SELECT {columns}, {bucket} AS bucket_ms FROM {table} WHERE {' AND '.join(conditions)}"
