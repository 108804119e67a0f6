"""Accounting: how many jobs started and ended, what they held, how long they waited, and the energy of the GPUs.

The figures of an accounting report, from jobs and allocations alone: no inventory and no measurement is needed, and
nothing must be posted. A job counts once for each attempt that held a node.

## How to read it

One row for each cut. Hours are clipped to the window to the millisecond: a job that runs over its border counts with
the part inside. `jobs_started` and `jobs_ended` count attempts whose start or end lies in the window. The wait is
start - submit of the attempts that ended in the window, each counting the same (a plain mean, not weighted by size);
an attempt without a submit time has no wait. A team or department is that of the user on the UTC day in which the hour
lies; `(unmapped)` is who has none on that day, over all clusters.

## Examples

```
paydown usage --from 2024-05-01 --to 2024-06-01
paydown usage --by account --by partition --from last-month --to this-month
paydown usage --by month --timezone Europe/Berlin
paydown usage --by team
paydown usage --by user --team '(unmapped)'
```

## Caveats

What a source does not track is null, never zero: CPU-hours of allocations without a CPU figure are left out, and a note
says how many node-hours that concerns. Energy is that of GPUs while a sample with power or energy covers them: without
a cut or filter by what only jobs have, of all sampled GPUs, held or not; else of samples labelled with the job.
Energy is rounded to mJ sample by sample, and counts in the cell in which the sample begins. Whole UTC days come from
what was summed when they were posted, and stay when their samples are dropped; days that the window or a local day
cuts, and days that changed since, come from the samples: the figures are the same. By day, week or month hours are
split at the borders, counts and waits go to the cell of the start or end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from paydown.model.units import MILLI, MS_PER_HOUR
from paydown.reports.interface import Answer, Need, OutColumn, Report
from paydown.reports.parts.answers import answer
from paydown.reports.parts.cuts import Cut, chosen
from paydown.reports.parts.energy import MJ_PER_KWH, energy
from paydown.reports.parts.filters import filters_of
from paydown.reports.parts.held import held
from paydown.reports.parts.joins import joined, selected
from paydown.reports.parts.members import UNITS, Place, condition
from paydown.reports.parts.parameters import Parameters
from paydown.reports.parts.pictures import Bars
from paydown.reports.parts.scope import Scope, scope_of
from paydown.reports.parts.spells import cells_table, spells
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.postings import Filters
    from paydown.store.snapshot import Snapshot

BY = (
    "cluster", "partition", "account", "team", "department", "user", "job_id", "attempt", "array_id", "name", "qos",
    "kind", "state", "day", "week", "month",
)  # fmt: skip
"""The cuts of this report."""

SQL = """WITH {held},
attempts AS (
    SELECT cluster, job_id, attempt, min(held.start_ms) AS first_ms, max(held.end_ms) AS last_ms,
        min(coalesce(job_start_ms, held.start_ms)) AS start_ms, min(job_end_ms) AS end_ms,
        min(job_start_ms - job_submit_ms) AS wait_ms{holder}
    FROM held GROUP BY cluster, job_id, attempt
),
pieces AS (
    SELECT h.cluster, h.job_id, h.attempt, c.cell, gpu_milli, cpu_milli{held_owner},
        least(h.end_ms, c.end_ms) - greatest(h.start_ms, c.start_ms) AS node_ms
    FROM held h JOIN cells c ON h.start_ms < c.end_ms AND h.end_ms > c.start_ms
    UNION ALL BY NAME
    SELECT cluster, job_id, attempt, c.cell{owner}, least(last_ms, c.end_ms) - greatest(first_ms, c.start_ms) AS wall_ms
    FROM attempts a JOIN cells c ON a.first_ms < c.end_ms AND a.last_ms > c.start_ms
    UNION ALL BY NAME
    SELECT cluster, job_id, attempt, c.cell{owner}, 1 AS started
    FROM attempts a JOIN cells c ON a.start_ms >= c.start_ms AND a.start_ms < c.until_ms
    UNION ALL BY NAME
    SELECT cluster, job_id, attempt, c.cell{owner}, 1 AS ended, wait_ms
    FROM attempts a JOIN cells c ON a.end_ms >= c.start_ms AND a.end_ms < c.until_ms
    UNION ALL BY NAME
    SELECT e.cluster, e.job_id, l.attempt, e.cell{owner}, e.mj, e.power_ms, e.sample_ms
    FROM energies e LEFT JOIN (
        SELECT cluster, job_id, max(attempt) AS attempt{latest} FROM attempts SEMI JOIN energies USING (cluster, job_id)
        GROUP BY cluster, job_id
    ) l ON l.cluster = e.cluster AND l.job_id = e.job_id
),
postings AS (
    SELECT x.*, c.utc_day AS day
    FROM pieces x JOIN cells c ON c.cell = x.cell
    {where}
){named}
SELECT {keys}
    CAST(count(started) AS BIGINT) AS jobs_started,
    CAST(count(ended) AS BIGINT) AS jobs_ended,
    {cpu} / {milli_hour} AS cpu_hours,
    CAST(coalesce(sum(CAST(gpu_milli AS HUGEINT) * node_ms), 0) AS DOUBLE) / {milli_hour} AS gpu_hours,
    CAST(coalesce(sum(node_ms), 0) AS DOUBLE) / {hour} AS node_hours,
    CAST(coalesce(sum(wall_ms), 0) AS DOUBLE) / {hour} AS wall_hours,
    CAST(sum(wait_ms) AS DOUBLE) / count(wait_ms) / {hour} AS wait_mean_hours,
    quantile_cont(wait_ms, 0.5) / {hour} AS wait_p50_hours,
    quantile_cont(wait_ms, 0.9) / {hour} AS wait_p90_hours,
    sum(mj) / {kwh} AS energy_kwh,
    {energy_share} AS energy_share,
    CAST(sum(node_ms) FILTER (WHERE cpu_milli IS NULL) AS DOUBLE) / {hour} AS cpu_unknown_node_hours
FROM postings p JOIN cells c ON c.cell = p.cell {joins}
{group}
ORDER BY {order}
"""

OWNED = ("partition", "account", "user")
"""Whose a piece is: carried along only where a cut or a filter asks."""

HOLDER = Place("x.cluster", 'x."user"', "c.utc_day", "x.job_id")
"""Where a piece has whose it is."""

CPU = "CASE WHEN count(node_ms) = 0 THEN 0 ELSE CAST(sum(CAST(cpu_milli AS HUGEINT) * node_ms) AS DOUBLE) END"
"""CPU time held; null where something is held and no CPU figure is known of any of it."""

SHARE_SAMPLED = "sum(power_ms) / nullif(sum(sample_ms), 0)"
SHARE_HELD = f"""CASE WHEN count(power_ms) = 0 THEN NULL
    ELSE least(1, {MILLI} * sum(power_ms) / nullif(sum(CAST(gpu_milli AS HUGEINT) * node_ms), 0)) END"""


class UsageQuestion(Parameters):
    """What the accounting can be asked."""

    by: tuple[str, ...] = Field((), description="Cut by these columns: account, user, partition, state, month ...")


def run(snapshot: Snapshot, asked: UsageQuestion) -> Answer:
    """Account for the jobs of a window."""
    scope = scope_of(snapshot, asked)
    cuts = chosen(asked.by, BY)
    filters = filters_of(scope, asked)
    by_job = any(cut.holder or cut.name == "partition" for cut in cuts) or bool(set(filters) - {"cluster"})
    missing = _missing(scope)
    rows = _rows(scope, cuts, filters, by_job=by_job)
    rows = _unsaid(rows, missing)
    notes = [scope.zone_note, *scope.stranger_notes, *(_WITHOUT[table] for table in missing), *_untracked(rows)]
    coverage = {"tables": {table: table not in missing for table in _WITHOUT}}
    found = answer(
        "usage", scope, asked, [*(cut.column for cut in cuts), *COLUMNS], rows, coverage=coverage, notes=notes
    )
    return replace(found, window=scope.asked, pictures=pictures(cuts))


def pictures(cuts: Sequence[Cut]) -> tuple[Bars, ...]:
    """Draw the hours held by each cut; without a cut there is one figure of each, and no picture."""
    names = tuple(cut.name for cut in cuts)
    told = {"gpu_hours": ("GPUs held.", "GPU-hours"), "cpu_hours": ("CPUs held.", "core-hours")}
    drawn = tuple(Bars(told=said, unit=unit, label=names, parts=(part,)) for part, (said, unit) in told.items())
    return drawn if names else ()


_WITHOUT = {
    "allocations": "No allocations are known: hours, and which jobs held a node, cannot be said.",
    "jobs": "No jobs are known: counts of jobs, waits and who held what cannot be said.",
}

_NEEDS_JOBS = ("jobs_started", "jobs_ended", "wall_hours", "wait_mean_hours", "wait_p50_hours", "wait_p90_hours")
_NEEDS_ALLOCATIONS = (*_NEEDS_JOBS, "cpu_hours", "gpu_hours", "node_hours")


def _missing(scope: Scope) -> list[str]:
    return [table for table in _WITHOUT if not scope.query(f"SELECT 1 FROM {table} LIMIT 1").num_rows]


def _unsaid(rows: pa.Table, missing: Sequence[str]) -> pa.Table:
    """Put null where a figure rests on a table that is empty: nothing known is not nothing."""
    import pyarrow as pa

    gone = {*(_NEEDS_ALLOCATIONS if "allocations" in missing else ()), *(_NEEDS_JOBS if "jobs" in missing else ())}
    for name in gone:
        place, field = rows.column_names.index(name), rows.schema.field(name)
        rows = rows.set_column(place, field, pa.nulls(rows.num_rows, field.type))
    return rows


def _untracked(rows: pa.Table) -> list[str]:
    hours = sum(value or 0.0 for value in rows.column("cpu_unknown_node_hours").to_pylist())
    return [f"CPU-hours leave out {hours:,.1f} node-hours of allocations without a CPU figure."] if hours else []


def _rows(scope: Scope, cuts: Sequence[Cut], filters: Filters, *, by_job: bool) -> pa.Table:
    statement = Statement()
    cells = spells(scope, cuts, days_apart=bool(set(UNITS) & set(filters)))
    statement.tables["cells"] = cells_table(cells)
    statement.tables["energies"] = energy(scope, cells, by_job=by_job)
    named, joins = joined(scope, statement, [cut for cut in cuts if cut.join != "calendar"])
    kept = [condition(statement, name, values, "x", HOLDER) for name, values in filters.items()]
    text = SQL.format(
        held=held(scope, statement),
        **_owner(OWNED if by_job else ()),
        where=f"WHERE {' AND '.join(kept)}" if kept else "",
        named="".join(f",\n{text}" for text in named),
        joins=joins,
        keys="".join(f"{text}, " for text in selected(cuts)),
        cpu=CPU,
        energy_share=SHARE_HELD if by_job else SHARE_SAMPLED,
        group="GROUP BY ALL" if cuts else "",
        hour=float(MS_PER_HOUR),
        milli_hour=float(MILLI * MS_PER_HOUR),
        kwh=float(MJ_PER_KWH),
        order=_order(cuts),
    )
    return scope.query(text, statement)


def _owner(columns: Sequence[str]) -> dict[str, str]:
    """Give what carries whose a piece is through the statement: from `held`, from attempts, of the latest attempt."""
    return {
        "holder": "".join(f", min(job_{name}) AS {quoted(name)}" for name in columns),
        "held_owner": "".join(f", h.job_{name} AS {quoted(name)}" for name in columns),
        "owner": "".join(f", {quoted(name)}" for name in columns),
        "latest": "".join(f", arg_max_null({quoted(name)}, attempt) AS {quoted(name)}" for name in columns),
    }


def _order(cuts: Sequence[Cut]) -> str:
    """Order by time, then by hours, the largest first."""
    times = [quoted(cut.name) for cut in cuts if cut.unit]
    names = [f"{quoted(cut.name)} NULLS LAST" for cut in cuts if not cut.unit]
    return ", ".join([*times, "gpu_hours DESC NULLS LAST", "node_hours DESC NULLS LAST", *names])


_WAIT = "start - submit of the attempts that ended in the window"

COLUMNS = (
    OutColumn("jobs_started", "jobs", "Attempts that held a node and started in the window.", "number"),
    OutColumn("jobs_ended", "jobs", "Attempts that held a node and ended in the window.", "number"),
    OutColumn("cpu_hours", "core-hours", "CPUs held, clipped to the window.", "allocation"),
    OutColumn("gpu_hours", "GPU-hours", "GPUs held, clipped to the window.", "allocation"),
    OutColumn("node_hours", "node-hours", "Time on nodes, clipped; shared nodes count once a job.", "number"),
    OutColumn("wall_hours", "hours", "Time from the first to the last moment of holding, clipped.", "number"),
    OutColumn("wait_mean_hours", "hours", f"Plain mean over {_WAIT}; every attempt weighs the same.", "number"),
    OutColumn("wait_p50_hours", "hours", f"Median of {_WAIT}.", "number"),
    OutColumn("wait_p90_hours", "hours", f"90th percentile (interpolated) of {_WAIT}.", "number"),
    OutColumn(
        "energy_kwh",
        "kWh",
        "Energy of all sampled GPUs, held or not, where it is known; cut or filtered by what only jobs have: of the "
        "samples labelled with them.",
        "number",
    ),
    OutColumn(
        "energy_share",
        "share",
        "What energy_kwh speaks for: of the time that samples describe, the part with known power; cut or filtered by "
        "what only jobs have: of the GPU time held.",
        "share",
    ),
    OutColumn("cpu_unknown_node_hours", "node-hours", "Time on nodes left out of cpu_hours.", "number", minor=True),
)
"""The figures of a row; before them stand the cuts."""


REPORT = Report(
    name="usage",
    question="How many jobs started and ended, what did they hold, how long did they wait, how much energy was that?",
    parameters=UsageQuestion,
    needs=(
        Need("allocations", "Hours, and which jobs held a node, are null.", required=True),
        Need("jobs", "Counts of jobs, waits, and whose jobs they were are null.", required=True),
        Need("gpu_samples", "Energy is null."),
        Need("energy", "Energy comes from the samples, which takes longer."),
        Need("identities", "Person keys stand in place of names, and everybody is (unmapped)."),
        Need("sources", "Allocations that are still open run to the end of the window."),
    ),
    run=run,
)
