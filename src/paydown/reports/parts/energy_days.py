"""The energy of GPUs from what is posted with whole days, and which samples must be read beside it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paydown.model.units import MS_PER_DAY
from paydown.model.window import EPOCH_DAY, Window, date_of, to_ms
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.spells import Spell
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

LASTS = "SELECT cluster, day, max(epoch_ms(last)) AS last_ms FROM energy GROUP BY cluster, day"

SUMS = """
SELECT cluster, job_id, cell, CASE WHEN power_ms > 0 THEN mj END AS mj,
    CASE WHEN power_ms > 0 THEN power_ms END AS power_ms, sample_ms
FROM (
    SELECT e.cluster, {job} AS job_id, d.cell,
        CAST(sum(d.whole * e.energy_mj + d.late * e.late_mj) AS DOUBLE) AS mj,
        CAST(sum(d.whole * e.known_ms + d.late * e.late_known_ms) AS BIGINT) AS power_ms,
        CAST(sum(d.whole * e.described_ms + d.late * e.late_described_ms) AS BIGINT) AS sample_ms
    FROM energy e JOIN counted d ON d.cluster = e.cluster AND d.day = e.day {labelled} GROUP BY ALL
) WHERE sample_ms > 0
"""

_Row = tuple[str, "date", int, int, int]
"""Cluster, day, cell, how often the day's samples count (0 or 1), and how often what lies after it does (-1 to 1)."""


@dataclass(frozen=True)
class CountedDays:
    """What of a window the posted days say."""

    scope: Scope
    rows: Sequence[_Row]
    rest: Mapping[str, Sequence[Window]]
    """By cluster the time in which those samples begin that must be read."""

    def summed(self, *, by_job: bool) -> pa.Table:
        """Sum the energy of the posted days: cluster, job_id, cell, mj, power_ms, sample_ms."""
        import pyarrow as pa

        clusters, days, *numbers = zip(*self.rows, strict=True) if self.rows else ((),) * 5
        columns = {"cluster": pa.array(clusters, pa.string()), "day": pa.array(days, pa.date32())}
        columns |= {
            name: pa.array(each, pa.int64()) for name, each in zip(("cell", "whole", "late"), numbers, strict=True)
        }
        text = SUMS.format(
            job="e.job_id" if by_job else "CAST(NULL AS VARCHAR)",
            labelled="AND e.job_id IS NOT NULL" if by_job else "",
        )
        return self.scope.query(text, Statement(tables={"counted": pa.table(columns)}), _reach(self.scope))


def counted_days(scope: Scope, cells: Sequence[Spell]) -> CountedDays:
    """Find the posted days that a window and its cells hold as a whole, and what is left to be read."""
    rows: list[_Row] = []
    rest: dict[str, list[Window]] = {}
    lasts = _lasts(scope)
    reach = _reach(scope)
    for cluster in scope.clusters:
        for day in range(reach.start_ms // MS_PER_DAY, -(-reach.end_ms // MS_PER_DAY)):
            last = lasts.get((cluster, day))
            found = None if last is None else _weighed(scope.asked, cells, day, last)
            if found is None:
                _add(rest.setdefault(cluster, []), day, reach)
            elif any(found[1:]):
                rows.append((cluster, date_of(day), *found))
    return CountedDays(scope, rows, rest)


def _reach(scope: Scope) -> Window:
    """Give when the samples begin that are looked at: a sample that reaches into the window begins a day before it."""
    return Window(scope.asked.start_ms - MS_PER_DAY, scope.asked.end_ms)


def _lasts(scope: Scope) -> dict[tuple[str, int], int]:
    """Give the latest end of the samples of each day that is posted whole and has not changed since."""
    posted, dirty = (
        scope.snapshot.rows(name, clusters=list(scope.clusters)).to_pylist() for name in ("posted", "dirty")
    )
    stale = {(row["cluster"], row["day"]) for row in dirty if row["need"] == "post"}
    whole = {
        (row["cluster"], row["day"])
        for row in posted
        if to_ms(row["end"]) >= ((row["day"] - EPOCH_DAY).days + 1) * MS_PER_DAY
    } - stale
    found = scope.query(LASTS, window=_reach(scope)).to_pylist() if whole else []
    return {
        (row["cluster"], (row["day"] - EPOCH_DAY).days): row["last_ms"]
        for row in found
        if (row["cluster"], row["day"]) in whole
    }


def _weighed(asked: Window, cells: Sequence[Spell], day: int, last: int) -> tuple[int, int, int] | None:
    """Give the cell in which a day counts, how often it and what lies after it do; None: its samples must be read."""
    start, end = day * MS_PER_DAY, (day + 1) * MS_PER_DAY
    if end <= asked.start_ms:
        if last <= asked.start_ms:
            return 0, 0, 0
        return (0, 0, 1) if end == asked.start_ms and last <= asked.end_ms else None
    cell = bisect_right([each.window.start_ms for each in cells], start) - 1
    if cell < 0 or end > cells[cell].window.end_ms:
        return None
    if last <= asked.end_ms:
        return cell, 1, 0
    return (cell, 1, -1) if end == asked.end_ms else None


def _add(rest: list[Window], day: int, reach: Window) -> None:
    """Add a day to the time to be read."""
    start, end = max(day * MS_PER_DAY, reach.start_ms), min((day + 1) * MS_PER_DAY, reach.end_ms)
    if rest and rest[-1].end_ms == start:
        start = rest.pop().start_ms
    if end > start:
        rest.append(Window(start, end))
