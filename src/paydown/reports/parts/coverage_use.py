"""How much of what was held is observed, by node and signal; where the gaps are."""

from __future__ import annotations

from paydown.model.entries import ALLOCATED
from paydown.model.units import BUCKET_MS, MS_PER_HOUR, TRES
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.answers import table
from paydown.reports.parts.balance import hours
from paydown.reports.parts.dark import dark_buckets
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.rolled import days_table, inside, rolled_days
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


PIECES = """SELECT cluster, node, tres, bucket_ms AS start_ms, bucket_ms + {bucket} AS end_ms, amount FROM dark"""
"""Buckets of the days that must be looked at entry by entry."""

POSTED = """
    UNION ALL
    SELECT cluster, node, tres, epoch_ms(start), epoch_ms("end"), amount
    FROM gaps SEMI JOIN posted_days USING (cluster, day){where}"""
"""What was found when days were posted."""

FILTERED = """
SELECT cluster, node, tres, bucket_ms AS start_ms, bucket_ms + {bucket} AS end_ms, sum(amount) AS amount FROM (
{postings}
    ) GROUP BY ALL HAVING bool_and(category = 'unobserved')"""

GAPS = """WITH pieces AS (
    {pieces}
), marked AS (
    SELECT *, end_ms - sum(end_ms - start_ms) OVER (PARTITION BY cluster, node, tres ORDER BY start_ms) AS stretch
    FROM pieces
), stretches AS (
    SELECT cluster, node, tres, min(start_ms) AS start_ms, max(end_ms) AS end_ms, sum(amount) AS amount
    FROM marked GROUP BY cluster, node, tres, stretch
)
SELECT cluster, node, tres, start_ms AS start, end_ms AS "end", (end_ms - start_ms) / {hour} AS length_hours,
    {hours} AS hours
FROM stretches ORDER BY length_hours DESC, hours DESC, cluster, node, tres, start_ms
"""


def _pieces(scope: Scope, filters: Filters, statement: Statement) -> str:
    """Give the SQL of the parts of gaps: of whole days as they are posted, the others bucket by bucket."""
    if not set(filters) <= {"cluster", "node"}:
        held = postings(statement, scope.window, {**filters, "category": ALLOCATED}, fine=True)
        return FILTERED.format(postings=held, bucket=BUCKET_MS)
    nodes = [str(node) for node in filters.get("node", ())]
    days = inside(rolled_days(scope, scope.window), scope.window)
    statement.tables["dark"] = dark_buckets(scope, nodes, days)
    found = PIECES.format(bucket=BUCKET_MS)
    if not days:
        return found
    statement.tables["posted_days"] = days_table(days)
    return found + POSTED.format(where=f" WHERE {statement.one_of('node', nodes)}" if nodes else "")


def gaps(scope: Scope, filters: Filters) -> Answer:
    """List the stretches in which nothing that was held of a TRES of a node is observed, the longest first."""
    statement = Statement()
    text = GAPS.format(pieces=_pieces(scope, filters, statement), hour=float(MS_PER_HOUR), hours=hours("amount"))
    columns = (
        *_NODE,
        _TRES,
        OutColumn("start", "UTC", "From when.", "instant"),
        OutColumn("end", "UTC", "Until when, on the five-minute grid.", "instant"),
        OutColumn("length_hours", "hours", "How long.", "number"),
        OutColumn("hours", _UNIT, "How much was held meanwhile.", "number"),
    )
    return table("coverage.gaps", scope, columns, scope.query(text, statement, scope.window))
