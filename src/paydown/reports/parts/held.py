"""What jobs held and when, from the facts alone: allocations with the ends that the ledger gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paydown.reports.parts.scope import Scope
from paydown.reports.parts.stated import stated
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

HELD = """
resized AS (
    SELECT a.cluster, a.job_id, a.attempt, a.node FROM allocations a WHERE epoch_ms(a.start) <= {end} {kept}
    GROUP BY a.cluster, a.job_id, a.attempt, a.node HAVING count(*) > 1
),
followed AS (
    SELECT cluster, job_id, attempt, node, start, lead(epoch_ms(start)) OVER (
        PARTITION BY cluster, job_id, attempt, node ORDER BY start
    ) AS next_ms
    FROM allocations a SEMI JOIN resized USING (cluster, job_id, attempt, node) WHERE epoch_ms(a.start) <= {end} {kept}
),
held AS (
    SELECT cluster, job_id, attempt, node, gpu_milli, gpus, cpu_milli, memory_mib, start_ms,
        job_submit_ms, job_start_ms, job_end_ms, job_partition, job_account, job_user,
        least(coalesce(own_end_ms, open_ms), job_end_ms, last_ms, next_ms) AS end_ms
    FROM (
        SELECT a.cluster, a.job_id, a.attempt, a.node, a.gpu_milli, a.gpus, a.cpu_milli, a.memory_mib,
            epoch_ms(a.start) AS start_ms, epoch_ms(a."end") AS own_end_ms, epoch_ms(j."end") AS job_end_ms,
            epoch_ms(j.submit) AS job_submit_ms, epoch_ms(j.start) AS job_start_ms, j."partition" AS job_partition,
            j.account AS job_account, j."user" AS job_user, h.open_ms, h.last_ms, n.next_ms
        FROM allocations a JOIN horizons h ON h.cluster = a.cluster
        LEFT JOIN followed n ON n.cluster = a.cluster AND n.job_id = a.job_id AND n.attempt = a.attempt
            AND n.node = a.node AND n.start = a.start
        LEFT JOIN jobs j ON j.cluster = a.cluster AND j.job_id = a.job_id AND j.attempt = a.attempt
        WHERE epoch_ms(a.start) <= {end} {kept}
    ) WHERE coalesce(own_end_ms, open_ms) >= {start}
)"""
"""Allocations that may touch a window. An allocation ends at the earliest of its own end (open: the horizon of
allocation), its job's end, the start of the next row of the same attempt and node, and the latest horizon
(docs/spec/ledger.md, section 1.4). What its jobs row says comes along, null where it has none."""


def held(scope: Scope, statement: Statement, jobs: Sequence[object] = (), among: str = "") -> str:
    """Give the named subquery `held` over a scope's window as asked for.

    Of some jobs alone where any are given, or (`among`) of those that a subquery gives.
    """
    statement.tables["horizons"] = horizons(scope)
    kept = f"AND {statement.one_of('a.job_id', jobs)}" if jobs else f"AND a.job_id IN ({among})" if among else ""
    return HELD.format(start=statement.bind(scope.asked.start_ms), end=statement.bind(scope.asked.end_ms), kept=kept)


def horizons(scope: Scope) -> pa.Table:
    """Give for each cluster where open allocations end and where everything ends, in ms.

    A cluster without any source ends where the window does.
    """
    import pyarrow as pa

    able, every = stated(scope), stated(scope, "")
    last = {name: max((s.end_ms for s in every[name]), default=scope.asked.end_ms) for name in scope.clusters}
    opened = {name: max((s.end_ms for s in able[name]), default=last[name]) for name in scope.clusters}
    return pa.table(
        {
            "cluster": pa.array(scope.clusters, pa.string()),
            "open_ms": pa.array(opened.values(), pa.int64()),
            "last_ms": pa.array(last.values(), pa.int64()),
        }
    )
