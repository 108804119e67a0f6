"""Who waits at a moment, for what, since when, and whether there would be room."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from paydown.model.units import MILLI, MS_PER_HOUR
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.answers import table
from paydown.reports.parts.meanwhile import meanwhile
from paydown.reports.parts.moment import at
from paydown.reports.parts.postings import Filters
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement
from paydown.reports.parts.vouched import vouched
from paydown.reports.parts.waits import waits

if TYPE_CHECKING:
    import pyarrow as pa

_MIB_PER_GIB = 1024
_NAMED = ("job_id", "attempt", "name", "user", "account", "qos", "pending_reason", "req_memory_mib")

SQL = """
SELECT cluster, job_id, attempt, "user", account, "partition", name, qos, gpu_milli / {milli} AS req_gpus,
    cpu_milli / {milli} AS req_cpus, req_memory_mib / {gib} AS req_memory_gib, req_nodes, req_gpu_model,
    eligible_ms AS eligible, submit_ms AS submit, ({moment} - since_ms) / {hour} AS waiting_hours,
    ({moment} - submit_ms) / {hour} AS since_submit_hours, pending_reason,
    CASE WHEN gpu_milli > 0 THEN free_milli_ms / known_ms / {milli} END AS free_gpus,
    CASE WHEN NOT coalesce(gpu_milli > 0, false) THEN free_milli_ms / known_ms / {milli} END AS free_cpus,
    fit_ms / known_ms > 0.5 AS fits
FROM waiting WHERE low_ms < high_ms
ORDER BY since_ms, cluster, job_id, attempt
"""

COLUMNS = (
    OutColumn("cluster", "", "The cluster.", minor=True),
    OutColumn("job_id", "", "The job."),
    OutColumn("attempt", "", "The attempt, 0 for the first start.", "number", minor=True),
    OutColumn("user", "", "The user's name; the person key where none is known."),
    OutColumn("account", "", "The account that pays."),
    OutColumn("partition", "", "Its partitions."),
    OutColumn("name", "", "The job's name.", minor=True),
    OutColumn("qos", "", "The quality of service.", minor=True),
    OutColumn("req_gpus", "GPUs", "GPUs that it asks for.", "number"),
    OutColumn("req_cpus", "cores", "CPUs that it asks for.", "number"),
    OutColumn("req_memory_gib", "GiB", "Memory that it asks for.", "number", minor=True),
    OutColumn("req_nodes", "nodes", "Nodes that it asks for.", "number"),
    OutColumn("req_gpu_model", "", "The GPU model that it asks for.", minor=True),
    OutColumn("eligible", "UTC", "From when it could have started; null: not said.", "instant", minor=True),
    OutColumn("submit", "UTC", "When it was submitted.", "instant", minor=True),
    OutColumn("waiting_hours", "hours", "How long it waits: since eligible, else since submit.", "number"),
    OutColumn("since_submit_hours", "hours", "How long ago it was submitted.", "number", minor=True),
    OutColumn("pending_reason", "", "Why, in Slurm's words, as last known."),
    OutColumn("free_gpus", "GPUs", "GPUs free on nodes that it may use, where it asks for GPUs.", "number"),
    OutColumn(
        "free_cpus", "cores", "CPUs free on nodes that it may use, where it asks for no GPUs.", "number", minor=True
    ),
    OutColumn("fits", "", "Whether these are enough on as many nodes as it asks for; null: not known."),
)  # fmt: skip
"""A row for each job that waits, the longest waiting first."""


def queue(scope: Scope, filters: Filters, moment_ms: int) -> tuple[Answer, int]:
    """List who waits at a moment, and count the jobs that are held or depend on others, and so do not wait."""
    there = replace(scope, asked=at(moment_ms))
    found = waits(there, {name: values for name, values in filters.items() if name != "node"}, _NAMED)
    rows: pa.Table = meanwhile(there, found)
    statement = Statement(tables={"waiting": rows})
    text = SQL.format(
        milli=float(MILLI), gib=float(_MIB_PER_GIB), hour=float(MS_PER_HOUR), moment=statement.bind(moment_ms)
    )
    barred = scope.query(
        f"SELECT count(*) AS jobs FROM waiting WHERE since_ms IS NULL AND until_ms > {statement.bind(moment_ms)} "
        "AND submit_ms IS NOT NULL",
        statement,
    )
    return table("now.waiting", scope, COLUMNS, scope.query(text, statement)), int(barred.to_pylist()[0]["jobs"])


def unfit(scope: Scope, rows: pa.Table) -> list[str]:
    """Say of how many jobs in the queue `free` and `fits` are null, and why."""
    listed = [row for row in rows.to_pylist() if row["fits"] is None]
    blind = [row["cluster"] for row in listed if row["free_gpus"] is None and row["free_cpus"] is None]
    known = vouched(scope)
    start, end = np.array([scope.window.start_ms]), np.array([scope.window.end_ms])
    said = []
    for cluster in dict.fromkeys(blind):
        whole = int(known[cluster]["capacity"].within(start, end)[0]) == scope.window.length_ms
        why = "no node is listed for them" if whole else "no source states capacity and what is held throughout"
        said.append(f"free and fits of jobs of {cluster} are null ({blind.count(cluster):,}): {why} then.")
    vague = len(listed) - len(blind)
    return said + [f"fits is null of jobs that do not say what they ask for ({vague:,})."] * bool(vague)
