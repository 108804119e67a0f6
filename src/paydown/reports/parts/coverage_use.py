"""How much of what was held is observed, by node and signal; where the gaps are."""

from __future__ import annotations

from paydown.model.entries import ALLOCATED
from paydown.model.units import BUCKET_MS, MS_PER_HOUR, TRES
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.answers import table
from paydown.reports.parts.balance import hours
from paydown.reports.parts.dark import dark_buckets
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement

_NODE = (OutColumn("cluster", "", "The cluster."), OutColumn("node", "", "The node."))
_TRES = OutColumn("tres", "", "The countable resource.")
_UNIT = "GPU-hours, core-hours or GiB-hours"

USE = """WITH postings AS (
{postings}
), known AS (
    SELECT cluster, node, tres, CASE WHEN category = 'unobserved' THEN NULL ELSE signal END AS signal, basis,
        CASE WHEN category = 'unobserved' THEN detail END AS unobserved, sum(amount) AS amount
    FROM postings GROUP BY ALL
)
SELECT cluster, node, tres, signal, basis, unobserved, {hours} AS hours,
    CAST(amount AS DOUBLE) / sum(amount) OVER (PARTITION BY cluster, node, tres) AS share
FROM known ORDER BY cluster, node, list_position({tres}, tres), amount DESC
"""


def use(scope: Scope, filters: Filters) -> Answer:
    """Say by which signal, and how much, the use of what was held is known."""
    statement = Statement()
    text = USE.format(
        postings=postings(statement, scope.window, {**filters, "category": ALLOCATED}),
        hours=hours("amount"),
        tres=statement.bind(list(TRES)),
    )
    columns = (
        *_NODE,
        _TRES,
        OutColumn("signal", "", "The signal that counted as use; null: unobserved."),
        OutColumn("basis", "", "How the use is known; `none`: it is not."),
        OutColumn("unobserved", "", "Where it is not observed: dark, pooled or unseen."),
        OutColumn("hours", _UNIT, "How much of what was held that is.", "number"),
        OutColumn("share", "share", "The part of what was held there of this TRES, weighted by hours.", "share"),
    )
    return table("coverage.use", scope, columns, scope.query(text, statement, scope.window))


BUCKETS = """buckets AS (
    SELECT cluster, node, tres, bucket_ms, sum(amount) AS amount FROM (
{postings}
    ) GROUP BY ALL HAVING bool_and(category = 'unobserved')
), """

GAPS = """WITH {buckets}marked AS (
    SELECT *, bucket_ms - {bucket} * row_number() OVER (PARTITION BY cluster, node, tres ORDER BY bucket_ms) AS stretch
    FROM buckets
), stretches AS (
    SELECT cluster, node, tres, min(bucket_ms) AS start_ms, max(bucket_ms) + {bucket} AS end_ms, sum(amount) AS amount
    FROM marked GROUP BY cluster, node, tres, stretch
)
SELECT cluster, node, tres, start_ms AS start, end_ms AS "end", (end_ms - start_ms) / {hour} AS length_hours,
    {hours} AS hours
FROM stretches ORDER BY length_hours DESC, hours DESC, cluster, node, tres, start_ms
"""


def gaps(scope: Scope, filters: Filters) -> Answer:
    """List the stretches in which nothing that was held of a TRES of a node is observed, the longest first."""
    statement = Statement()
    buckets = ""
    if set(filters) <= {"cluster", "node"}:
        statement.tables["buckets"] = dark_buckets(scope, [str(node) for node in filters.get("node", ())])
    else:
        held = postings(statement, scope.window, {**filters, "category": ALLOCATED}, fine=True)
        buckets = BUCKETS.format(postings=held)
    text = GAPS.format(
        buckets=buckets,
        bucket=BUCKET_MS,
        hour=float(MS_PER_HOUR),
        hours=hours("amount"),
    )
    columns = (
        *_NODE,
        _TRES,
        OutColumn("start", "UTC", "From when.", "instant"),
        OutColumn("end", "UTC", "Until when, on the five-minute grid.", "instant"),
        OutColumn("length_hours", "hours", "How long.", "number"),
        OutColumn("hours", _UNIT, "How much was held meanwhile.", "number"),
    )
    return table("coverage.gaps", scope, columns, scope.query(text, statement, scope.window))
