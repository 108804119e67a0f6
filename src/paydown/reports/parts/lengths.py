"""How long the cells of a cut by time are, as far as anything is known of them: what averages divide by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from paydown.model.units import BUCKET_MS
from paydown.model.window import EPOCH_DAY, Window
from paydown.reports.parts.calendar import begin, days_between, span
from paydown.reports.parts.cuts import Cut
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

_FINEST = ("bucket", "day", "week", "month")


def finest(cuts: Sequence[Cut]) -> Cut | None:
    """Give the cut with the shortest cells; the cells of the other cuts by time follow from it."""
    return min((cut for cut in cuts if cut.unit), key=lambda cut: _FINEST.index(cut.unit), default=None)


def overlap(one: Window, other: Window | None) -> int:
    """Give for how many ms two windows overlap; with None, which knows no bounds, the whole of the first."""
    if other is None:
        return one.length_ms
    return max(0, min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms))


def lengths(scope: Scope, statement: Statement, cuts: Sequence[Cut], rows: str) -> str:
    """Give the join that brings to each of `rows` the length of its cell, `l.ms`; null where nothing is known of it."""
    cut = finest(cuts)
    if cut is None:
        whole = overlap(scope.window, scope.known)
        return f"CROSS JOIN (SELECT nullif({statement.bind(whole)}, 0) AS ms) l"
    if cut.unit == "bucket":
        return f"CROSS JOIN (SELECT {BUCKET_MS} AS ms) l"
    statement.tables["cell_lengths"] = _table(scope, cut.unit)
    return f"LEFT JOIN cell_lengths l ON l.cell = {rows}.{quoted(cut.name)}"


def _table(scope: Scope, unit: str) -> pa.Table:
    import pyarrow as pa

    cells = dict.fromkeys(begin(day, unit) for day in days_between(scope.window, scope.zone))
    known = {cell: _known(scope, cell, unit) for cell in cells}
    days = pa.array([(cell - EPOCH_DAY).days for cell in known], pa.int32()).cast(pa.date32())
    return pa.table({"cell": days, "ms": pa.array([ms or None for ms in known.values()], pa.int64())})


def _known(scope: Scope, cell: date, unit: str) -> int:
    """Give for how long a cell lies in the window and something is known of it, in ms."""
    inside = span(cell, unit, scope.zone)
    start, end = max(inside.start_ms, scope.window.start_ms), min(inside.end_ms, scope.window.end_ms)
    return overlap(Window(start, max(start, end)), scope.known)
