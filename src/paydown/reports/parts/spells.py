"""The cells of a report on facts: the whole window, or its local days, clipped to the window to the millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from paydown.model.units import BUCKET_MS, MS_PER_DAY
from paydown.model.window import EPOCH_DAY, Window, date_of, day_of
from paydown.reports.parts.calendar import begin, days_between, span
from paydown.reports.parts.cuts import Cut
from paydown.reports.parts.members import UNITS
from paydown.reports.parts.scope import Scope

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Spell:
    """One cell: a part of the window."""

    window: Window
    day: date | None
    """The local day; None where the cell is the whole window."""
    ends_open: bool = False
    """Whether what ends at its very end belongs to it: the last cell of a window without an end."""

    @property
    def utc_day(self) -> date:
        """The UTC day in which the middle of the cell lies."""
        return date_of(day_of((self.window.start_ms + self.window.end_ms) // 2))


def spells(scope: Scope, cuts: Sequence[Cut], *, days_apart: bool = False) -> list[Spell]:
    """Cut the window into local days where something needs days (cuts by time, teams), else leave it whole.

    Teams are those of UTC days: where they count, local days are cut at midnight UTC as well.
    """
    of_teams = days_apart or any(cut.name in UNITS for cut in cuts)
    if not (of_teams or any(cut.unit for cut in cuts)):
        return [Spell(scope.asked, None, scope.ends_open)]
    days = ((day, _clipped(span(day, "day", scope.zone), scope.asked)) for day in days_between(scope.asked, scope.zone))
    parts = ((day, part) for day, whole in days for part in (_utc_days(whole) if of_teams else (whole,)))
    return [Spell(part, day, scope.ends_open and part.end_ms == scope.asked.end_ms) for day, part in parts]


def _utc_days(window: Window) -> list[Window]:
    """Cut a window at midnight UTC."""
    inside = [day * MS_PER_DAY for day in window.days if window.start_ms < day * MS_PER_DAY < window.end_ms]
    return [Window(start, end) for start, end in pairwise([window.start_ms, *inside, window.end_ms])]


def _clipped(window: Window, within: Window) -> Window:
    return Window(max(window.start_ms, within.start_ms), min(window.end_ms, within.end_ms))


def cells_table(found: Sequence[Spell]) -> pa.Table:
    """Give the cells as a table: `cell` (a number), `start_ms`, `end_ms`, `utc_day`, local `day`, `week`, `month`.

    What happens at an instant before `until_ms` belongs to the cell.
    """
    import pyarrow as pa

    def days(values: Sequence[date | None]) -> pa.Array:
        return pa.array([v and (v - EPOCH_DAY).days for v in values], pa.int32()).cast(pa.date32())

    return pa.table(
        {
            "cell": pa.array(range(len(found)), pa.int64()),
            "start_ms": pa.array([spell.window.start_ms for spell in found], pa.int64()),
            "end_ms": pa.array([spell.window.end_ms for spell in found], pa.int64()),
            "until_ms": pa.array([spell.window.end_ms + spell.ends_open for spell in found], pa.int64()),
            "utc_day": days([spell.utc_day for spell in found]),
            **{u: days([s.day and begin(s.day, u) for s in found]) for u in ("day", "week", "month")},
        }
    )


def buckets_table(found: Sequence[Spell]) -> pa.Table:
    """Give for each five-minute bucket its cell: a hash join for what is too long for a join on ranges."""
    import pyarrow as pa

    pairs = [
        (bucket, cell)
        for cell, spell in enumerate(found)
        for bucket in range(spell.window.start_ms // BUCKET_MS * BUCKET_MS, spell.window.end_ms, BUCKET_MS)
    ]
    first = dict(reversed(pairs))
    return pa.table({"bucket_ms": pa.array(first, pa.int64()), "cell": pa.array(first.values(), pa.int64())})
