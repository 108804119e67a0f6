"""The energy of GPUs from their samples: measured energy where there is some, else power over the sample's time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from paydown.model.units import BUCKET_MS, MS_PER_HOUR
from paydown.model.window import Window
from paydown.reports.parts.energy_days import counted_days
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.spells import Spell, buckets_table
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

MJ_PER_KWH = 3_600_000_000
"""Millijoules in one kWh; a watt for a millisecond is one mJ."""

REACH_MS = MS_PER_HOUR
"""How long samples usually last at most: longer ones, of up to a day, are looked at one by one."""

TOTAL = "coalesce(energy_mj, power_w * duration_ms)"
"""The energy of a sample in mJ; null where it carries neither."""

_SUMS = """CAST(sum({length}) FILTER (WHERE energy_mj IS NOT NULL OR power_w IS NOT NULL) AS BIGINT) AS power_ms,
    CAST(sum({length}) AS BIGINT) AS sample_ms"""

CUT = f"""
WITH samples AS (
    SELECT cluster, {{job}} AS job_id, epoch_ms(start) AS start_ms, duration_ms, energy_mj, power_w,
        greatest({{start}} - epoch_ms(start), 0) AS low, least({{end}} - epoch_ms(start), duration_ms) AS high
    FROM gpu_samples WHERE {{inside}} AND {{some}} {{labelled}}
)
SELECT s.cluster, s.job_id, {{cell}} AS cell,
    sum(floor({TOTAL} * (high / duration_ms) + 0.5) - floor({TOTAL} * (low / duration_ms) + 0.5)) AS mj,
    {_SUMS.format(length="high - low")}
FROM samples s {{join}} GROUP BY ALL
"""
"""Samples that the window may cut: of each what is rounded up to the end of the part inside, less what is before it."""

WHOLE = f"""
SELECT cluster, {{job}} AS job_id, CAST({{cell}} AS BIGINT) AS cell, sum(floor({{mj}} + 0.5)) AS mj,
    {_SUMS.format(length="duration_ms")}
FROM gpu_samples
WHERE start >= {{first}} AND start < {{last}} AND duration_ms > 0 AND duration_ms <= {REACH_MS} {{labelled}}
GROUP BY ALL
"""
"""Samples that lie in the window as a whole, of one cell: by far most of them."""


def energy(scope: Scope, cells: Sequence[Spell], *, by_job: bool) -> pa.Table:
    """Give the energy by cluster, cell and, where asked, job (of labelled samples); no row where no power is known.

    A sample counts in the cell in which it starts, clipped to the window; energy is rounded to mJ sample by sample.
    Whole days that are posted come from there, the others and those that the window or a cell cuts from the samples.
    Columns: cluster, job_id, cell, mj, power_ms (the time for which power is known), sample_ms (the time described);
    several rows may be of the same key.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    days = counted_days(scope, cells)
    parts = [days.summed(by_job=by_job)]
    share = _Cells(cells)
    rest = [
        _Samples(replace(scope, clusters=(cluster,)), share, by_job, stretch)
        for cluster, stretches in days.rest.items()
        for stretch in stretches
        if scope.snapshot.data_files("gpu_samples", clusters=[cluster], window=stretch)
    ]
    if not pc.sum(parts[0].column("power_ms")).as_py() and not any(each.carried for each in rest):
        return parts[0].slice(0, 0)
    for each in rest:
        parts += each.summed()
    found = pa.concat_tables(parts, promote_options="permissive")
    return found if pc.sum(found.column("power_ms")).as_py() else parts[0].slice(0, 0)


@dataclass(frozen=True)
class _Cells:
    """The cells, and which of them each bucket belongs to."""

    spells: Sequence[Spell]

    @cached_property
    def buckets(self) -> pa.Table:
        return buckets_table(self.spells)


@dataclass(frozen=True)
class _Samples:
    """The energy of the samples that begin in a stretch of time, part by part."""

    scope: Scope
    cells: _Cells
    by_job: bool
    stretch: Window

    @property
    def _job(self) -> dict[str, str]:
        if self.by_job:
            return {"job": "job_id", "labelled": "AND job_id IS NOT NULL"}
        return {"job": "CAST(NULL AS VARCHAR)", "labelled": ""}

    @cached_property
    def carried(self) -> frozenset[str]:
        """Which of energy and power any file of the stretch has."""
        names, clusters = ("energy_mj", "power_w"), list(self.scope.clusters)
        return self.scope.snapshot.carried("gpu_samples", names, clusters=clusters, window=self.stretch)

    def summed(self) -> list[pa.Table]:
        """Sum the samples that the window may cut, and the others cell by cell."""
        asked = self.scope.asked
        late = max(asked.start_ms, asked.end_ms - REACH_MS)
        usual = f"duration_ms <= {REACH_MS}"
        parts = (
            (self.stretch, f"duration_ms > {REACH_MS}"),
            (self._part(asked.start_ms - REACH_MS, asked.start_ms), usual),
            (self._part(late, asked.end_ms), usual),
        )
        found = [self.cut(part, some) for part, some in parts if part.length_ms]
        for cell, spell in enumerate(self.cells.spells):
            whole = self._part(spell.window.start_ms, min(spell.window.end_ms, late))
            found += [self.whole(cell, whole)] if whole.length_ms else []
        return found

    def _part(self, start_ms: int, end_ms: int) -> Window:
        """Give what of the stretch lies between two instants."""
        low = max(start_ms, self.stretch.start_ms)
        return Window(low, max(low, min(end_ms, self.stretch.end_ms)))

    def _inside(self, start: str, end: str) -> str:
        return f"duration_ms > 0 AND epoch_ms(start) + duration_ms > {start} AND epoch_ms(start) < {end}"

    def cut(self, window: Window, some: str) -> pa.Table:
        """Sum some samples that start in a part of the time, each cut at the window."""
        statement = Statement()
        start, end = statement.bind(self.scope.asked.start_ms), statement.bind(self.scope.asked.end_ms)
        several = len(self.cells.spells) > 1
        if several:
            statement.tables["bucket_cells"] = self.cells.buckets
        first, last = statement.bind(window.start), statement.bind(window.end)
        text = CUT.format(
            **self._job,
            start=start,
            end=end,
            inside=self._inside(start, end),
            some=f"start >= {first} AND start < {last} AND {some}",
            cell="b.cell" if several else "CAST(0 AS BIGINT)",
            join=f"JOIN bucket_cells b ON b.bucket_ms = {_bucket(start)}" if several else "",
        )
        return self.scope.query(text, statement, window)

    def whole(self, cell: int, window: Window) -> pa.Table:
        """Sum the samples of a cell that start in a part of it and end within the window."""
        statement = Statement()
        text = WHOLE.format(
            **self._job,
            cell=cell,
            mj=TOTAL if "energy_mj" in self.carried else "power_w * duration_ms",
            first=statement.bind(window.start),
            last=statement.bind(window.end),
        )
        return self.scope.query(text, statement, window)


def _bucket(start: str) -> str:
    moment = f"greatest(start_ms, {start})"
    return f"{moment} - {moment} % {BUCKET_MS}"
