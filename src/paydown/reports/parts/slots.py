"""The buckets of a timeline: where each begins and ends, how much of it is stated, and how a posting finds its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paydown.model.units import BUCKET_MS, MS_PER_HOUR
from paydown.model.window import EPOCH_DAY, Window
from paydown.reports.parts.calendar import days_between, span
from paydown.reports.parts.cuts import Cut
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.times import Cells, Times, times
from paydown.reports.parts.vouched import Vouched, vouched

if TYPE_CHECKING:
    import pyarrow as pa

STEPS = {"5min": BUCKET_MS, "1h": MS_PER_HOUR}
"""The length in ms of the buckets that are alike everywhere; a local day may be shorter or longer."""


@dataclass(frozen=True)
class Slots:
    """The buckets of a window."""

    step: str
    table: pa.Table
    """`slot` as the cut has it, `start_ms`, `end_ms` in the window, `stated`: whether of all clusters a source states
    what is held in some of it, so that nothing posted there means nothing."""
    times: Times
    """For how long each is stated."""


def slot_cut(step: str) -> Cut:
    """Give the cut by which postings fall into buckets of some length."""
    said = "The bucket."
    if step == "1d":
        return Cut("slot", "c.day", said, "calendar", unit="day")
    return Cut("slot", f"p.bucket_ms - p.bucket_ms % {STEPS[step]}", said, unit="bucket", hours=step == "1h")


def slots(scope: Scope, step: str, known: Mapping[str, Mapping[str, Vouched]] | None = None) -> Slots:
    """Give the buckets of a window, and for how long each is stated: as sources say, or as what is `known` has it."""
    import pyarrow as pa

    inside = [_clipped(window, scope.window) for window in _windows(scope, step)]
    start = np.array([window.start_ms for window in inside], dtype=np.int64)
    end = np.array([window.end_ms for window in inside], dtype=np.int64)
    cells = Cells("slot", _keys(scope, step), start, end, "bucket")
    found = times(cells, vouched(scope) if known is None else known)
    table = {"slot": cells.keys, "start_ms": start, "end_ms": end, "stated": found.stated}
    return Slots(step, pa.table(table), found)


def _windows(scope: Scope, step: str) -> Iterator[Window]:
    if step == "1d":
        yield from (span(day, "day", scope.zone) for day in days_between(scope.window, scope.zone))
        return
    length = STEPS[step]
    for start in range(scope.window.start_ms // length * length, scope.window.end_ms, length):
        yield Window(start, start + length)


def _clipped(window: Window, within: Window) -> Window:
    return Window(max(window.start_ms, within.start_ms), min(window.end_ms, within.end_ms))


def _keys(scope: Scope, step: str) -> pa.Array:
    import pyarrow as pa

    if step == "1d":
        days = days_between(scope.window, scope.zone)
        return pa.array([(day - EPOCH_DAY).days for day in days], pa.int32()).cast(pa.date32())
    return pa.array([window.start_ms for window in _windows(scope, step)], pa.int64())
