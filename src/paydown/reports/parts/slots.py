"""The buckets of a timeline: where each begins and ends, how much of it is known, and how a posting finds its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from paydown.model.units import BUCKET_MS, MS_PER_HOUR
from paydown.model.window import EPOCH_DAY, Window
from paydown.reports.parts.calendar import days_between, span
from paydown.reports.parts.cuts import Cut
from paydown.reports.parts.lengths import overlap
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.stated import covers, stated

if TYPE_CHECKING:
    import pyarrow as pa

STEPS = {"5min": BUCKET_MS, "1h": MS_PER_HOUR}
"""The length in ms of the buckets that are alike everywhere; a local day may be shorter or longer."""


def slot_cut(step: str) -> Cut:
    """Give the cut by which postings fall into buckets of some length."""
    said = "The bucket."
    if step == "1d":
        return Cut("slot", "c.day", said, "calendar", unit="day")
    return Cut("slot", f"p.bucket_ms - p.bucket_ms % {STEPS[step]}", said, unit="bucket", hours=step == "1h")


def slots(scope: Scope, step: str) -> pa.Table:
    """Give the buckets of a window: `slot` as the cut has it, `start_ms`, `end_ms` in the window, `known_ms`, `stated`.

    `stated` says that of all clusters a source states what is held throughout, so that nothing posted means nothing.
    """
    import pyarrow as pa

    windows = list(_windows(scope, step))
    inside = [_clipped(window, scope.window) for window in windows]
    known = [overlap(window, scope.known) for window in inside]
    spans = stated(scope).values()
    return pa.table(
        {
            "slot": _keys(scope, windows, step),
            "start_ms": pa.array([window.start_ms for window in inside], pa.int64()),
            "end_ms": pa.array([window.end_ms for window in inside], pa.int64()),
            "known_ms": pa.array([length or None for length in known], pa.int64()),
            "stated": pa.array([_stated(scope, spans, window) for window in inside], pa.bool_()),
        }
    )


def _windows(scope: Scope, step: str) -> Iterator[Window]:
    if step == "1d":
        yield from (span(day, "day", scope.zone) for day in days_between(scope.window, scope.zone))
        return
    length = STEPS[step]
    for start in range(scope.window.start_ms // length * length, scope.window.end_ms, length):
        yield Window(start, start + length)


def _clipped(window: Window, within: Window) -> Window:
    return Window(max(window.start_ms, within.start_ms), min(window.end_ms, within.end_ms))


def _keys(scope: Scope, windows: list[Window], step: str) -> pa.Array:
    import pyarrow as pa

    if step == "1d":
        days = days_between(scope.window, scope.zone)
        return pa.array([(day - EPOCH_DAY).days for day in days], pa.int32()).cast(pa.date32())
    return pa.array([window.start_ms for window in windows], pa.int64())


def _stated(scope: Scope, spans: Iterable[Sequence[Window]], window: Window) -> bool:
    """Look at the part of a bucket up to the horizon alone."""
    if scope.known is None or not overlap(window, scope.known):
        return False
    part = Window(max(window.start_ms, scope.known.start_ms), min(window.end_ms, scope.known.end_ms))
    return all(covers(found, part) for found in spans)
