"""What nodes say is allocated (node_allocations) against what jobs held there (allocations), both in the store.

Compared is the time for which a node said something. Jobs start and end between two looks at the nodes: a start is
seen late there, and so is an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from paydown.dialects.slurm_reports.private import CONFIG, DATABASE, hides_jobs, lacks_gpus
from paydown.errors import PaydownError
from paydown.model.units import MS_PER_HOUR, MS_PER_MINUTE, TRES
from paydown.reconcile.causes import real
from paydown.reconcile.evidence import HELD_SQL
from paydown.reconcile.figures import Explanation, Figure
from paydown.reconcile.ledger_side import by_node, scope
from paydown.reports.parts.held import held
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    from paydown.reconcile.asked import Question

CHECK = "nodes"

OVERRUN_MS = 15 * MS_PER_MINUTE
"""How long after its time limit a job that still runs is taken for one that accounting forgot to end."""

SQL = """WITH {held},
said AS (
    SELECT node, {said}, greatest(epoch_ms(start), {start}) AS start_ms,
        least(coalesce(epoch_ms("end"), {end}), {end},
            coalesce(lead(epoch_ms(start)) OVER (PARTITION BY node ORDER BY start), {end})) AS end_ms
    FROM node_allocations
),
looks AS (SELECT * FROM said WHERE start_ms < end_ms),
theirs AS (SELECT node, {theirs} FROM looks GROUP BY node),
wide AS (SELECT job_id, attempt FROM held GROUP BY ALL HAVING count(DISTINCT node) > 1),
pairs AS (
    SELECT h.*, {of_looks}, least(h.end_ms, l.end_ms) - greatest(h.start_ms, l.start_ms) AS ms,
        h.start_ms > l.start_ms OR (h.start_ms = l.start_ms AND h.start_ms > {start}) AS starts,
        h.end_ms <= l.end_ms AND h.end_ms < {end} AS ends,
        w.job_id IS NOT NULL AS wide,
        greatest(0, least(h.end_ms, l.end_ms) - greatest(h.start_ms, l.start_ms,
            CASE WHEN h.job_end_ms IS NULL THEN h.job_start_ms + j.time_limit_ms + {overrun} END)) AS over_ms,
        h.job_end_ms IS NULL AND h.job_start_ms + j.time_limit_ms + {overrun} < h.end_ms AS runs_away
    FROM held h JOIN looks l ON l.node = h.node AND h.start_ms < l.end_ms AND h.end_ms > l.start_ms
    LEFT JOIN wide w ON w.job_id = h.job_id AND w.attempt = h.attempt
    LEFT JOIN jobs j ON j.cluster = h.cluster AND j.job_id = h.job_id AND j.attempt = h.attempt
),
ours AS (SELECT node, {ours} FROM pairs GROUP BY node)
SELECT * FROM theirs LEFT JOIN ours USING (node) ORDER BY node
"""
"""One row for each node that ever said anything: what it said, what jobs held, and what can part the two."""


def figures(asked: Question) -> Iterator[Figure]:
    """Compare each TRES over all nodes, and each node, which is shown only where it differs."""
    rows = _rows(asked)
    if not rows:
        reason = "nothing is known of what nodes say is allocated (table node_allocations): ingest slurm or slurm-nodes"
        yield Figure(CHECK, asked.cluster, "all", "", skipped=reason)
        return
    over, unseen = by_node(asked)
    hidden = _hidden(asked) if unseen else {}
    for tres in HELD_SQL:
        each = [
            _figure(asked, row, tres, over.get((row["node"], tres), 0.0), _unseen(row, tres, unseen, hidden))
            for row in rows
        ]
        known = [figure for figure in each if figure.theirs is not None]
        if known:
            yield _total(asked, tres, known)
            yield from known


def _hidden(asked: Question) -> dict[str, str]:
    """Say by TRES why jobs may be there that Paydown cannot see; what cannot be asked shows nothing."""
    texts = []
    for command in (CONFIG, DATABASE):
        try:
            texts.append(asked.command(command))
        except PaydownError:
            continue
    if any(hides_jobs(text) for text in texts):
        return dict.fromkeys(HELD_SQL, "PrivateData hides the jobs of others from ordinary users")
    if any(lacks_gpus(text) for text in texts):
        return {"gpu": "AccountingStorageTRES has no gres/gpu, so accounting does not know which jobs held GPUs"}
    return {}


def _unseen(
    row: dict[str, Any], tres: str, unseen: dict[tuple[str, str], float], hidden: dict[str, str]
) -> Explanation:
    hours = unseen.get((row["node"], tres), 0.0) if tres in hidden else 0.0
    return Explanation("not visible", -hours, 0.0, hidden.get(tres, ""))


def _rows(asked: Question) -> list[dict[str, Any]]:
    about = scope(asked)
    statement = Statement()
    text = SQL.format(
        held=held(about, statement),
        start=statement.bind(asked.window.start_ms),
        end=statement.bind(asked.window.end_ms),
        overrun=OVERRUN_MS,
        said=", ".join(f"{sql} AS {tres}" for tres, sql in HELD_SQL.items()),
        theirs=", ".join(f"sum({tres} * (end_ms - start_ms)) / {MS_PER_HOUR}.0 AS {tres}" for tres in HELD_SQL),
        of_looks=", ".join(f"l.{tres} AS {tres}_said" for tres in HELD_SQL),
        ours=", ".join(_sums(asked, tres, sql) for tres, sql in HELD_SQL.items()),
    )
    found: list[dict[str, Any]] = about.query(text, statement, about.window).to_pylist()
    return found


def _sums(asked: Question, tres: str, sql: str) -> str:
    """Sum what jobs held of a TRES while the node spoke of it, and parts of it that explain a difference."""
    parts = {"held": "ms", "starts": f"{asked.every_ms} * CAST(starts AS INT)", "wide": "ms * CAST(wide AS INT)"}
    parts |= {"ends": f"{asked.every_ms} * CAST(ends AS INT)", "away": "over_ms * CAST(runs_away AS INT)"}
    where = f"FILTER (WHERE {tres}_said IS NOT NULL)"
    return ", ".join(
        f"coalesce(sum(({sql}) * {weight}) {where}, 0) / {MS_PER_HOUR}.0 AS {tres}_{name}"
        for name, weight in parts.items()
    )


def _figure(asked: Question, row: dict[str, Any], tres: str, over: float, unseen: Explanation) -> Figure:
    part = {name: float(row[f"{tres}_{name}"] or 0.0) for name in ("held", "starts", "ends", "wide", "away")}
    causes = (
        unseen,
        Explanation("seen late", -part["ends"], part["starts"], "jobs started or ended between two looks at the nodes"),
        Explanation(
            "split evenly", -part["wide"], part["wide"], "accounting does not say what a job held on each node"
        ),
        Explanation("runaway jobs", 0.0, part["away"], "jobs run in accounting though their time limit is over"),
        Explanation("over-allocated", 0.0, over, "jobs hold more than the node has"),
    )
    theirs = None if row[tres] is None else float(row[tres])
    return Figure(
        CHECK, f"{asked.cluster} {row['node']} {tres}", "allocated", TRES[tres].hour_unit, theirs, part["held"],
        rounding=asked.window.length_ms / MS_PER_HOUR / 3_600_000, detail=True,
        explanations=real(list(causes)),
    )  # fmt: skip


def _total(asked: Question, tres: str, each: list[Figure]) -> Figure:
    """Sum the nodes; what a job held on several nodes needs no split there."""
    causes: dict[str, Explanation] = {}
    for cause in (cause for figure in each for cause in figure.explanations if cause.rule != "split evenly"):
        before = causes.get(cause.rule, Explanation(cause.rule, 0.0, 0.0, cause.evidence))
        causes[cause.rule] = Explanation(cause.rule, before.low + cause.low, before.high + cause.high, cause.evidence)
    return Figure(
        CHECK, f"{asked.cluster} {tres}", f"allocated on {len(each)} nodes", TRES[tres].hour_unit,
        sum(figure.theirs or 0.0 for figure in each), sum(figure.ours or 0.0 for figure in each),
        rounding=sum(figure.rounding for figure in each), explanations=tuple(causes.values()),
    )  # fmt: skip
