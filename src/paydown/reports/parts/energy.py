"""The energy of GPUs from their samples: measured energy where there is some, else power over the sample's time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paydown.model.units import BUCKET_MS, MS_PER_HOUR
from paydown.model.window import Window
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.spells import Spell, buckets_table
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

MJ_PER_KWH = 3_600_000_000
"""Millijoules in one kWh; a watt for a millisecond is one mJ."""

REACH_MS = MS_PER_HOUR
"""How long before the window a sample may start and still reach into it: as long as a duration is believed."""

SOME = "SELECT 1 FROM gpu_samples WHERE (energy_mj IS NOT NULL OR power_w IS NOT NULL) AND {inside} LIMIT 1"

ENERGY = """
WITH samples AS (
    SELECT cluster, {job} AS job_id, epoch_ms(start) AS start_ms, duration_ms, energy_mj, power_w,
        least(epoch_ms(start) + duration_ms, {end}) - greatest(epoch_ms(start), {start}) AS inside_ms
    FROM gpu_samples WHERE {inside} {labelled}
)
SELECT s.cluster, s.job_id, {cell} AS cell,
    sum(CASE WHEN energy_mj IS NOT NULL THEN energy_mj * (inside_ms / duration_ms) ELSE power_w * inside_ms END) AS mj,
    CAST(sum(inside_ms) FILTER (WHERE energy_mj IS NOT NULL OR power_w IS NOT NULL) AS BIGINT) AS power_ms,
    CAST(sum(inside_ms) AS BIGINT) AS sample_ms
FROM samples s {join} GROUP BY ALL
"""


def energy(scope: Scope, cells: Sequence[Spell], *, by_job: bool) -> pa.Table:
    """Give the energy by cluster, cell and, where asked, job (of labelled samples); no row where no power is known.

    A sample counts in the cell in which it starts, clipped to the window. Columns: cluster, job_id, cell, mj, power_ms
    (the time for which power is known), sample_ms (the time described).
    """
    statement = Statement()
    start, end = statement.bind(scope.asked.start_ms), statement.bind(scope.asked.end_ms)
    inside = f"duration_ms > 0 AND epoch_ms(start) + duration_ms > {start} AND epoch_ms(start) < {end}"
    reach = Window(scope.asked.start_ms - REACH_MS, scope.asked.end_ms)
    if not scope.query(SOME.format(inside=inside), statement, reach).num_rows:
        return _nothing()
    if len(cells) > 1:
        statement.tables["bucket_cells"] = buckets_table(cells)
    text = ENERGY.format(
        job="job_id" if by_job else "CAST(NULL AS VARCHAR)",
        labelled="AND job_id IS NOT NULL" if by_job else "",
        start=start,
        end=end,
        inside=inside,
        cell="b.cell" if len(cells) > 1 else "CAST(0 AS BIGINT)",
        join=f"JOIN bucket_cells b ON b.bucket_ms = {_bucket(start)}" if len(cells) > 1 else "",
    )
    return scope.query(text, statement, reach)


def _bucket(start: str) -> str:
    moment = f"greatest(start_ms, {start})"
    return f"{moment} - {moment} % {BUCKET_MS}"


def _nothing() -> pa.Table:
    import pyarrow as pa

    columns = {"cluster": pa.string(), "job_id": pa.string(), "cell": pa.int64(), "mj": pa.float64()}
    return pa.schema([*columns.items(), ("power_ms", pa.int64()), ("sample_ms", pa.int64())]).empty_table()
