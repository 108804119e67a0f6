"""How much of what was held is observed, by node and signal; which samples there are; where the gaps are."""

from __future__ import annotations

from collections.abc import Sequence

from paydown.model.entries import ALLOCATED
from paydown.model.facts import GPU_SAMPLES, HOST_SAMPLES
from paydown.model.schema import Table
from paydown.model.units import BUCKET_MS, MS_PER_HOUR, TRES
from paydown.model.window import Window
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.answers import table
from paydown.reports.parts.balance import hours
from paydown.reports.parts.energy import REACH_MS
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement, quoted

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


SIGNALS = """
SELECT cluster, node, unnest({names}) AS signal, unnest([{counts}]) AS samples,
    unnest([{lengths}]) / {hour} AS described_hours, first, last
FROM (
    SELECT cluster, node, {sums}, min(epoch_ms(start)) AS first, max(epoch_ms(start) + duration_ms) AS last
    FROM {table} WHERE duration_ms > 0 AND epoch_ms(start) < {end} AND epoch_ms(start) + duration_ms > {start} {nodes}
    GROUP BY cluster, node
)
"""


def signals(scope: Scope, nodes: Sequence[str]) -> Answer:
    """Count the samples of a window that carry each measured quantity, by node."""
    statement = Statement()
    parts = " UNION ALL ".join(_signals(found, scope, statement, nodes) for found in (GPU_SAMPLES, HOST_SAMPLES))
    text = f"SELECT * FROM ({parts}) WHERE samples > 0 ORDER BY cluster, node, signal"
    columns = (
        *_NODE,
        OutColumn("signal", "", "The measured column, with its table."),
        OutColumn("samples", "samples", "Samples that carry it.", "number"),
        OutColumn("described_hours", "device-hours or node-hours", "The time that these samples declare.", "number"),
        OutColumn("first", "UTC", "The start of the first sample of the node.", "instant"),
        OutColumn("last", "UTC", "The end of its last.", "instant"),
    )
    reach = Window(scope.window.start_ms - REACH_MS, scope.window.end_ms)
    return table("coverage.signals", scope, columns, scope.query(text, statement, reach))


def _signals(found: Table, scope: Scope, statement: Statement, nodes: Sequence[str]) -> str:
    columns = [(f"n{place}", f"d{place}", quoted(name)) for place, name in enumerate(found.measured)]
    sums = [
        f"count({column}) AS {count}, CAST(sum(duration_ms) FILTER (WHERE {column} IS NOT NULL) AS DOUBLE) AS {length}"
        for count, length, column in columns
    ]
    return SIGNALS.format(
        names=statement.bind([f"{found.name}.{name}" for name in found.measured]),
        counts=", ".join(count for count, _, _ in columns),
        lengths=", ".join(length for _, length, _ in columns),
        hour=float(MS_PER_HOUR),
        sums=", ".join(sums),
        table=found.name,
        start=statement.bind(scope.window.start_ms),
        end=statement.bind(scope.window.end_ms),
        nodes=f"AND {statement.one_of('node', nodes)}" if nodes else "",
    )


GAPS = """WITH postings AS (
{postings}
), buckets AS (
    SELECT cluster, node, tres, bucket_ms, sum(amount) AS amount
    FROM postings GROUP BY ALL HAVING bool_and(category = 'unobserved')
), marked AS (
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
    text = GAPS.format(
        postings=postings(statement, scope.window, {**filters, "category": ALLOCATED}, fine=True),
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
