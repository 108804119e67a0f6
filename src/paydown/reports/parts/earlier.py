"""The debt of the time before, to compare with: the window before, or in a cut by time the cell before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from paydown.model.units import BUCKET_MS
from paydown.model.window import Window
from paydown.reports.parts.balance import IS_INDEBTED, balance, cells
from paydown.reports.parts.cuts import Cut
from paydown.reports.parts.scope import Scope, said
from paydown.reports.parts.stated import covers, stated
from paydown.reports.parts.statement import Statement, quoted
from paydown.reports.parts.times import finest

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.postings import Filters

EARLIER = """{balance}
SELECT {keys}, CASE WHEN {indebted} THEN inactive + underused END AS debt FROM balance
"""

_PREVIOUS = {
    "bucket": f"{{time}} - {BUCKET_MS}",
    "day": "{time} - 1",
    "week": "{time} - 7",
    "month": "CAST({time} - INTERVAL 1 MONTH AS DATE)",
}
"""The cell before a cell, by the unit of the cut."""


@dataclass(frozen=True)
class Earlier:
    """How the debt before is had, over a row `d` of the debt now."""

    sql: str
    """Its exact amount; null where it is not known."""
    join: str = ""
    tables: dict[str, pa.Table] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def earlier(scope: Scope, cuts: Sequence[Cut], filters: Filters) -> Earlier:
    """Find the debt before; where the time before is not covered for every cluster, there is none."""
    time = finest(cuts)
    if time is not None:
        return _cell_before(scope, cuts, time)
    window = scope.window.before()
    if not _covered(scope, window):
        note = f"No change is given: no source covers all of the window before ({said(window)})."
        return Earlier("CAST(NULL AS HUGEINT)", notes=(note,))
    return _window_before(replace(scope, asked=window), cuts, filters)


def _covered(scope: Scope, window: Window) -> bool:
    spans = stated(scope)
    return bool(spans) and all(covers(found, window) for found in spans.values())


def _keys(cuts: Sequence[Cut]) -> list[str]:
    return [quoted(name) for name in dict.fromkeys([*(cut.name for cut in cuts), "tres"])]


def _window_before(scope: Scope, cuts: Sequence[Cut], filters: Filters) -> Earlier:
    """Nothing held in a covered window is a debt of zero."""
    statement = Statement()
    keys = _keys(cuts)
    sql = EARLIER.format(
        indebted=IS_INDEBTED, balance=balance(statement, cuts, cells(scope, cuts, filters)), keys=", ".join(keys)
    )
    found = scope.query(sql, statement)
    on = " AND ".join(f"e.{key} IS NOT DISTINCT FROM d.{key}" for key in keys)
    zero = "CASE WHEN d.debt IS NOT NULL AND e.tres IS NULL THEN 0 ELSE e.debt END"
    return Earlier(zero, f"LEFT JOIN earlier e ON {on}", {"earlier": found})


def _cell_before(scope: Scope, cuts: Sequence[Cut], time: Cut) -> Earlier:
    """The first cell of the window has none before it; a cell without a row is zero where the window is covered."""
    column = f"d.{quoted(time.name)}"
    apart = ", ".join([*(f"d.{quoted(cut.name)}" for cut in cuts if not cut.unit), "d.tres"])
    over = f"OVER (PARTITION BY {apart} ORDER BY {column})"
    previous = _PREVIOUS[time.unit].format(time=column)
    first = f"{column} = min({column}) OVER ()"
    absent = "d.debt - d.debt" if _covered(scope, scope.window) else "NULL"
    sql = (
        f"CASE WHEN {first} THEN NULL WHEN lag({column}) {over} = {previous} THEN lag(d.debt) {over} ELSE {absent} END"
    )
    return Earlier(sql, notes=("The change is against the cell before; the first and last cells may be partial.",))
