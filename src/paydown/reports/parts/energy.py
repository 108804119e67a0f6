"""The energy of GPUs from their samples: measured energy where there is some, else power over the sample's time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from paydown.model.units import BUCKET_MS, MS_PER_DAY, MS_PER_HOUR
from paydown.model.window import Window
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.spells import Spell, buckets_table
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

MJ_PER_KWH = 3_600_000_000
"""Millijoules in one kWh; a watt for a millisecond is one mJ."""

REACH_MS = MS_PER_HOUR
"""How long samples usually last at most: longer ones, of up to a day, are looked at one by one."""

SOME = "SELECT 1 FROM gpu_samples WHERE (energy_mj IS NOT NULL OR power_w IS NOT NULL) AND {inside} LIMIT 1"

_SUMS = """CAST(sum({length}) FILTER (WHERE energy_mj IS NOT NULL OR power_w IS NOT NULL) AS BIGINT) AS power_ms,
    CAST(sum({length}) AS BIGINT) AS sample_ms"""

CUT = f"""
WITH samples AS (
    SELECT cluster, {{job}} AS job_id, epoch_ms(start) AS start_ms, duration_ms, energy_mj, power_w,
        least(epoch_ms(start) + duration_ms, {{end}}) - greatest(epoch_ms(start), {{start}}) AS inside_ms
    FROM gpu_samples WHERE {{inside}} AND {{some}} {{labelled}}
)
SELECT s.cluster, s.job_id, {{cell}} AS cell,
    sum(CASE WHEN energy_mj IS NOT NULL THEN energy_mj * (inside_ms / duration_ms) ELSE power_w * inside_ms END) AS mj,
    {_SUMS.format(length="inside_ms")}
FROM samples s {{join}} GROUP BY ALL
"""
"""Samples that the window may cut."""

WHOLE = f"""
SELECT cluster, {{job}} AS job_id, CAST({{cell}} AS BIGINT) AS cell, sum({{mj}}) AS mj,
    {_SUMS.format(length="duration_ms")}
FROM gpu_samples
WHERE start >= {{first}} AND start < {{last}} AND duration_ms > 0 AND duration_ms <= {REACH_MS} {{labelled}}
GROUP BY ALL
"""
"""Samples that lie in the window as a whole, of one cell: by far most of them."""


def energy(scope: Scope, cells: Sequence[Spell], *, by_job: bool) -> pa.Table:
    """Give the energy by cluster, cell and, where asked, job (of labelled samples); no row where no power is known.

    A sample counts in the cell in which it starts, clipped to the window. Columns: cluster, job_id, cell, mj, power_ms
    (the time for which power is known), sample_ms (the time described); several rows may be of the same key.
    """
    import pyarrow as pa

    work = _Energy(scope, cells, by_job)
    if not work.known:
        return _nothing()
    asked = scope.asked
    late = max(asked.start_ms, asked.end_ms - REACH_MS)
    found = [
        work.cut(Window(asked.start_ms - MS_PER_DAY, asked.end_ms), f"duration_ms > {REACH_MS}"),
        work.cut(Window(asked.start_ms - REACH_MS, asked.start_ms), f"duration_ms <= {REACH_MS}"),
        work.cut(Window(late, asked.end_ms), f"duration_ms <= {REACH_MS}"),
    ]
    for cell, spell in enumerate(cells):
        whole = Window(spell.window.start_ms, max(spell.window.start_ms, min(spell.window.end_ms, late)))
        found += [work.whole(cell, whole)] if whole.length_ms else []
    return pa.concat_tables(found, promote_options="permissive")


@dataclass(frozen=True)
class _Energy:
    """The energy of a scope's samples, part by part."""

    scope: Scope
    cells: Sequence[Spell]
    by_job: bool

    @property
    def _job(self) -> dict[str, str]:
        if self.by_job:
            return {"job": "job_id", "labelled": "AND job_id IS NOT NULL"}
        return {"job": "CAST(NULL AS VARCHAR)", "labelled": ""}

    @cached_property
    def carried(self) -> frozenset[str]:
        """Which of energy and power any file that the window touches has."""
        names, clusters = ("energy_mj", "power_w"), list(self.scope.clusters)
        return self.scope.snapshot.carried("gpu_samples", names, clusters=clusters, window=self._reach)

    @property
    def _reach(self) -> Window:
        return Window(self.scope.asked.start_ms - MS_PER_DAY, self.scope.asked.end_ms)

    @property
    def known(self) -> bool:
        """Whether any energy or power is known in the window."""
        if not self.carried:
            return False
        statement = Statement()
        return bool(self.scope.query(SOME.format(inside=self._inside(statement)), statement, self._reach).num_rows)

    def _inside(self, statement: Statement) -> str:
        start, end = statement.bind(self.scope.asked.start_ms), statement.bind(self.scope.asked.end_ms)
        return f"duration_ms > 0 AND epoch_ms(start) + duration_ms > {start} AND epoch_ms(start) < {end}"

    def cut(self, window: Window, some: str) -> pa.Table:
        """Sum some samples that start in a part of the time, each cut at the window."""
        statement = Statement()
        start, end = statement.bind(self.scope.asked.start_ms), statement.bind(self.scope.asked.end_ms)
        several = len(self.cells) > 1
        if several:
            statement.tables["bucket_cells"] = buckets_table(self.cells)
        first, last = statement.bind(window.start), statement.bind(window.end)
        text = CUT.format(
            **self._job,
            start=start,
            end=end,
            inside=self._inside(statement),
            some=f"start >= {first} AND start < {last} AND {some}",
            cell="b.cell" if several else "CAST(0 AS BIGINT)",
            join=f"JOIN bucket_cells b ON b.bucket_ms = {_bucket(start)}" if several else "",
        )
        return self.scope.query(text, statement, window)

    def whole(self, cell: int, window: Window) -> pa.Table:
        """Sum the samples of a cell that start in a part of it and end within the window."""
        statement = Statement()
        power = "power_w * duration_ms"
        measured = f"CASE WHEN energy_mj IS NOT NULL THEN energy_mj ELSE {power} END"
        text = WHOLE.format(
            **self._job,
            cell=cell,
            mj=measured if "energy_mj" in self.carried else power,
            first=statement.bind(window.start),
            last=statement.bind(window.end),
        )
        return self.scope.query(text, statement, window)


def _bucket(start: str) -> str:
    moment = f"greatest(start_ms, {start})"
    return f"{moment} - {moment} % {BUCKET_MS}"


def _nothing() -> pa.Table:
    import pyarrow as pa

    columns = {"cluster": pa.string(), "job_id": pa.string(), "cell": pa.int64(), "mj": pa.float64()}
    return pa.schema([*columns.items(), ("power_ms", pa.int64()), ("sample_ms", pa.int64())]).empty_table()
