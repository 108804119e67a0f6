"""What there is to say of one job beyond its figures: where it was, its phases, its samples, what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from paydown.model.entries import ALLOCATED
from paydown.model.units import BUCKET_MS, GPU, MILLI, TRES
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.answers import table
from paydown.reports.parts.balance import hours
from paydown.reports.parts.held import held
from paydown.reports.parts.job_figures import MIB_PER_GIB
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement

_CLUSTER = OutColumn("cluster", "", "The cluster.", minor=True)
_ATTEMPT = OutColumn("attempt", "", "The attempt.", "number")
_NODE = OutColumn("node", "", "The node.")
_TRES = OutColumn("tres", "", "The countable resource.")
_GPU = OutColumn("gpu", "", "The device; null for cpu and memory.")
_START = OutColumn("start", "UTC", "From when.", "instant")
_END = OutColumn("end", "UTC", "Until when.", "instant")
_HOURS = OutColumn("hours", "GPU-hours, core-hours or GiB-hours", "How much, by the row's TRES.", "number")

ALLOCATIONS = """WITH {held}
SELECT cluster, attempt, node, gpus AS devices, gpu_milli / {milli} AS gpus, cpu_milli / {milli} AS cpus,
    memory_mib / {gib} AS memory_gib, start_ms AS start, end_ms AS "end"
FROM held WHERE {kept} ORDER BY cluster, attempt, start_ms, node
"""


def allocations(scope: Scope, filters: Filters) -> Answer:
    """List where a job was: each allocation with the end that the ledger gives it."""
    statement = Statement()
    text = ALLOCATIONS.format(
        held=held(scope, statement, filters["job_id"]),
        kept=_kept(statement, filters),
        milli=float(MILLI),
        gib=float(MIB_PER_GIB),
    )
    columns = (
        _CLUSTER,
        _ATTEMPT,
        _NODE,
        OutColumn("devices", "", "The devices held; null where it is not known which."),
        OutColumn("gpus", "GPUs", "GPUs held.", "allocation"),
        OutColumn("cpus", "cores", "CPUs held; null where not tracked.", "allocation"),
        OutColumn("memory_gib", "GiB", "Memory held; null where not tracked.", "allocation"),
        _START,
        _END,
    )
    return table("job.allocations", scope, columns, scope.query(text, statement))


LINES = """WITH postings AS (
{postings}
), lines AS (
    SELECT cluster, attempt, tres, category, detail, basis, signal, sum(amount) AS amount FROM postings GROUP BY ALL
)
SELECT cluster, attempt, tres, category, detail, basis, signal, {hours} AS hours,
    CAST(amount AS DOUBLE) / sum(amount) FILTER (WHERE category IN ({held})) OVER (PARTITION BY cluster, attempt, tres)
        AS share
FROM lines ORDER BY cluster, attempt, list_position({tres}, tres), list_position({order}, category), amount DESC
"""


def lines(scope: Scope, filters: Filters) -> Answer:
    """Say where all that a job held went."""
    statement = Statement()
    text = LINES.format(
        postings=postings(statement, scope.window, filters),
        hours=hours("amount"),
        held=", ".join(f"'{name}'" for name in ALLOCATED),
        tres=statement.bind(list(TRES)),
        order=statement.bind([*ALLOCATED, "overcommitted"]),
    )
    columns = (
        _CLUSTER,
        _ATTEMPT,
        _TRES,
        OutColumn("category", "", "The ledger's category."),
        OutColumn("detail", "", "Its detail; null where it has none."),
        OutColumn("basis", "", "How the use is known."),
        OutColumn("signal", "", "The signal that counted as use."),
        _HOURS,
        OutColumn("share", "share", "The part of what the attempt held of this TRES.", "share"),
    )
    return table("job.ledger", scope, columns, scope.query(text, statement, scope.window))


_SUMMED = """summed AS (
    SELECT cluster, attempt, node, tres, gpu, allocated_from, CAST(sum(samples) AS BIGINT) AS samples,
        min(first_sample) AS first_sample, min(first_active) AS first_active, max(last_active) AS last_active
    FROM summaries WHERE {kept} GROUP BY ALL
)"""

_SAME = " AND ".join(
    f"s.{name} IS NOT DISTINCT FROM r.{name}"
    for name in ("cluster", "attempt", "node", "tres", "gpu", "allocated_from")
)

PHASES = f"""WITH {_SUMMED},
marked AS (
    SELECT cluster, attempt, node, tres, gpu, allocated_from, epoch_ms(start) AS start_ms, epoch_ms("end") AS end_ms,
        milli, CASE WHEN start = lag("end") OVER w THEN 0 ELSE 1 END AS begins
    FROM runs WHERE {{kept}}
    WINDOW w AS (PARTITION BY cluster, attempt, node, tres, gpu, allocated_from ORDER BY start)
),
numbered AS (
    SELECT *, sum(begins) OVER (
        PARTITION BY cluster, attempt, node, tres, gpu, allocated_from ORDER BY start_ms
    ) AS run FROM marked
),
whole AS (
    SELECT cluster, attempt, node, tres, gpu, allocated_from, run, min(start_ms) AS start_ms, max(end_ms) AS end_ms,
        sum(CAST(milli AS HUGEINT) * (end_ms - start_ms)) AS amount
    FROM numbered GROUP BY ALL
)
SELECT r.cluster, r.attempt, r.node, r.tres, r.gpu, CASE
        WHEN s.samples IS NULL THEN NULL
        WHEN s.first_active IS NULL THEN 'never_used'
        WHEN r.start_ms < epoch_ms(s.first_active) THEN 'startup'
        WHEN r.start_ms > epoch_ms(s.last_active) THEN 'tail'
        ELSE 'gap' END AS phase,
    r.start_ms AS start, r.end_ms AS "end", CAST(r.amount AS DOUBLE) / {float(GPU.per_hour)} AS hours
FROM whole r LEFT JOIN summed s ON {_SAME}
ORDER BY r.cluster, r.attempt, r.tres, r.node, r.gpu, r.start_ms
"""


def phases(scope: Scope, filters: Filters) -> Answer:
    """List a job's inactive runs, joined over midnights, each with its phase (docs/spec/ledger.md, section 3.6)."""
    statement = Statement()
    text = PHASES.format(kept=_kept(statement, filters))
    says = "never_used, startup, gap or tail; null where no summary of the samples is posted."
    columns = (_CLUSTER, _ATTEMPT, _NODE, _TRES, _GPU, OutColumn("phase", "", says), _START, _END, _HOURS)
    return table("job.phases", scope, columns, scope.query(text, statement, scope.window))


DEVICES = f"""WITH {_SUMMED}
SELECT cluster, attempt, node, tres, gpu, samples, first_sample, first_active, last_active FROM summed
ORDER BY cluster, attempt, tres, node, gpu, allocated_from
"""


def devices(scope: Scope, filters: Filters) -> Answer:
    """Say what the samples tell of a job on each device (for cpu and memory: node)."""
    statement = Statement()
    text = DEVICES.format(kept=_kept(statement, filters))
    columns = (
        _CLUSTER,
        _ATTEMPT,
        _NODE,
        _TRES,
        _GPU,
        OutColumn("samples", "samples", "Samples that start inside the allocation.", "number"),
        OutColumn("first_sample", "UTC", "The start of the first of them.", "instant"),
        OutColumn("first_active", "UTC", "The start of the first that is not quiet; null: none.", "instant"),
        OutColumn("last_active", "UTC", "The start of the last that is not quiet; null: none.", "instant"),
    )
    return table("job.devices", scope, columns, scope.query(text, statement, scope.window))


UNOBSERVED = """WITH postings AS (
{postings}
), buckets AS (
    SELECT cluster, attempt, node, tres, detail, bucket_ms, sum(amount) AS amount FROM postings GROUP BY ALL
), marked AS (
    SELECT *, bucket_ms - {bucket} * row_number() OVER (
        PARTITION BY cluster, attempt, node, tres, detail ORDER BY bucket_ms
    ) AS stretch FROM buckets
), stretches AS (
    SELECT cluster, attempt, node, tres, detail, min(bucket_ms) AS start_ms, max(bucket_ms) + {bucket} AS end_ms,
        sum(amount) AS amount
    FROM marked GROUP BY cluster, attempt, node, tres, detail, stretch
)
SELECT cluster, attempt, node, tres, detail, start_ms, end_ms, {hours} AS hours FROM stretches
ORDER BY cluster, attempt, list_position({tres}, tres), node, start_ms
"""

WHY = {
    "dark": "no valid sample of it covers this time, and no figure of the whole job counts",
    "pooled": "the node's devices are measured, but which of them the job holds is not known",
    "unseen": "the node says that it is held, and no job explains it",
}
"""Why what is held is not observed, by the ledger's detail."""

UNKNOWN_COLUMNS = (
    _CLUSTER,
    _ATTEMPT,
    OutColumn("what", "", "What is not known: the use of a TRES, or a figure of the job."),
    _NODE,
    _START,
    OutColumn("end", "UTC", "Until when, on the five-minute grid.", "instant"),
    OutColumn("hours", "GPU-hours, core-hours or GiB-hours", "How much of what was held that concerns.", "number"),
    OutColumn("why", "", "Why it is not known."),
)


def unknown(scope: Scope, filters: Filters, attempts: Sequence[dict[str, Any]]) -> Answer:
    """List what is not known of a job, and why."""
    import pyarrow as pa

    statement = Statement()
    text = UNOBSERVED.format(
        postings=postings(statement, scope.window, {**filters, "category": ("unobserved",)}, fine=True),
        bucket=BUCKET_MS,
        hours=hours("amount"),
        tres=statement.bind(list(TRES)),
    )
    found = scope.query(text, statement, scope.window).to_pylist()
    rows = [_missing_use(row) for row in found] + [row for attempt in attempts for row in _missing_figures(attempt)]
    texts, numbers = ("cluster", "what", "node", "why"), ("attempt", "start", "end")
    schema = pa.schema(
        [*((name, pa.string()) for name in texts), *((name, pa.int64()) for name in numbers), ("hours", pa.float64())]
    )
    return table("job.unknown", scope, UNKNOWN_COLUMNS, pa.Table.from_pylist(rows, schema))


def _missing_use(row: dict[str, Any]) -> dict[str, Any]:
    same = {name: row[name] for name in ("cluster", "attempt", "node", "hours")}
    why = WHY.get(row["detail"], "no valid sample covers this time")
    return {**same, "what": f"use of {row['tres']}", "start": row["start_ms"], "end": row["end_ms"], "why": why}


_FIGURES = {
    "submit": "no source says when it was submitted, so its wait is not known",
    "end": "it had not ended at the horizon",
    "state": "no jobs row explains what it held",
    "cpus": "the source does not track the CPUs that it held",
    "memory_gib": "the source does not track the memory that it held",
    "time_limit_hours": "it has no time limit, or no source tells it",
}

_NOT_STARTED = {
    "submit": _FIGURES["submit"],
    "start": "no source says that it started, so it held nothing",
    "end": _FIGURES["end"],
    "time_limit_hours": _FIGURES["time_limit_hours"],
}
"""The same for an attempt that did not start: what it held is nothing, which is known."""


def _missing_figures(attempt: dict[str, Any]) -> Iterator[dict[str, Any]]:
    started = attempt["start"] is not None
    for name, why in (_FIGURES if started else _NOT_STARTED).items():
        if attempt[name] is None:
            yield {"cluster": attempt["cluster"], "attempt": attempt["attempt"], "what": name, "why": why}


def _kept(statement: Statement, filters: Filters) -> str:
    names = [name for name in ("cluster", "job_id", "attempt") if name in filters]
    return " AND ".join(statement.one_of(name, filters[name]) for name in names)
