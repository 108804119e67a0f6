"""What is joined to the ledger's postings to cut them: jobs, nodes, teams, local days. Each row meets at most one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from paydown.model.units import BUCKET_MS, MS_PER_DAY
from paydown.reports.parts.calendar import calendar
from paydown.reports.parts.cuts import Cut, Join
from paydown.reports.parts.members import SPANS, Unit, spans
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement, quoted

UTC_ZONE = ZoneInfo("UTC")

NODE_PARTITIONS = """
node_partitions AS (
    SELECT cluster, node, first_day, last_day, nullif(unnest(string_split(partitions, ';')), '') AS node_partition
    FROM node_days
)"""

MODELS = """
node_models AS (
    SELECT n.cluster, n.node, n.first_day, n.last_day,
        CASE WHEN d.models > 1 THEN NULL ELSE coalesce(n.gpu_model, d.gpu_model) END AS gpu_model
    FROM node_days n LEFT JOIN (
        SELECT cluster, node, min(gpu_model) AS gpu_model, count(DISTINCT gpu_model) AS models
        FROM devices GROUP BY cluster, node
    ) d ON d.cluster = n.cluster AND d.node = n.node
)"""

_NODE_DAYS = SPANS.format(
    name="node_days", key="node", value="partitions, gpu_model",
    source='SELECT cluster, node, partitions, gpu_model, start, "end" FROM nodes',
)  # fmt: skip
_ON_NODE = "ON {a}.cluster = p.cluster AND {a}.node = p.node AND p.day BETWEEN {a}.first_day AND {a}.last_day"

Part = tuple[list[str], str]
"""Named subqueries, and the text of the join."""


def _nodes(_scope: Scope, _statement: Statement, _cuts: Iterable[Cut]) -> Part:
    return [_NODE_DAYS, NODE_PARTITIONS], f"LEFT JOIN node_partitions np {_ON_NODE.format(a='np')}"


def _models(_scope: Scope, _statement: Statement, _cuts: Iterable[Cut]) -> Part:
    return [_NODE_DAYS, MODELS], f"LEFT JOIN node_models m {_ON_NODE.format(a='m')}"


def _unit(unit: Unit, alias: str) -> Callable[[Scope, Statement, Iterable[Cut]], Part]:
    def join(scope: Scope, statement: Statement, _cuts: Iterable[Cut]) -> Part:
        on = f'ON {alias}.cluster = p.cluster AND {alias}.person = p."user"'
        between = f"AND p.day BETWEEN {alias}.first_day AND {alias}.last_day"
        return [spans(unit, scope, statement)], f"LEFT JOIN {unit}_days {alias} {on} {between}"

    return join


def _jobs(scope: Scope, statement: Statement, cuts: Iterable[Cut]) -> Part:
    columns = [cut.name for cut in cuts if cut.join == "jobs"]
    statement.tables["job_labels"] = scope.snapshot.rows(
        "jobs",
        columns=["cluster", "job_id", "attempt", *columns],
        clusters=list(scope.clusters),
        where='("end" IS NULL OR epoch_ms("end") >= ?) AND (start IS NULL OR epoch_ms(start) < ?)',
        params=[scope.window.start_ms, scope.window.end_ms],
    )
    on = "ON j.cluster = p.cluster AND j.job_id = p.job_id AND j.attempt = p.attempt"
    return [], f"LEFT JOIN job_labels j {on}"


def _calendar(scope: Scope, statement: Statement, cuts: Iterable[Cut]) -> Part:
    by_bucket = fine(scope, cuts)
    statement.tables["calendar"] = calendar(scope.window, scope.zone, BUCKET_MS if by_bucket else MS_PER_DAY)
    on = "c.start_ms = p.bucket_ms" if by_bucket else "c.start_ms = epoch_ms(CAST(p.day AS TIMESTAMP))"
    return [], f"JOIN calendar c ON {on}"


_JOINS: dict[Join, Callable[[Scope, Statement, Iterable[Cut]], Part]] = {
    "jobs": _jobs, "nodes": _nodes, "models": _models, "teams": _unit("team", "t"),
    "departments": _unit("department", "d"), "calendar": _calendar,
}  # fmt: skip


def fine(scope: Scope, cuts: Iterable[Cut]) -> bool:
    """Say whether some cuts need five-minute buckets: those by bucket, and local days of any zone but UTC."""
    return any(cut.unit == "bucket" or (cut.join == "calendar" and scope.zone != UTC_ZONE) for cut in cuts)


def joined(scope: Scope, statement: Statement, cuts: Iterable[Cut]) -> Part:
    """Give what some cuts need besides the postings `p`."""
    cuts = tuple(cuts)
    found = [_JOINS[name](scope, statement, cuts) for name in dict.fromkeys(cut.join for cut in cuts) if name]
    named = dict.fromkeys(text for texts, _ in found for text in texts)
    return list(named), "\n".join(text for _, text in found)


def selected(cuts: Iterable[Cut]) -> list[str]:
    """Give the columns of some cuts for a SELECT list."""
    return [f"{cut.sql} AS {quoted(cut.name)}" for cut in cuts]
