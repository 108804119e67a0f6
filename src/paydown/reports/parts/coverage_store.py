"""What the store holds: tables with their time spans, sources, days posted, rejects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from paydown.model.entries import DERIVED
from paydown.model.facts import FACTS
from paydown.model.schema import Table
from paydown.model.units import MS_PER_DAY
from paydown.model.window import EPOCH_DAY, Window, date_of
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.answers import table
from paydown.reports.parts.coverage_samples import SAMPLE_TABLES, counted
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

_CLUSTER = OutColumn("cluster", "", "The cluster; null where it is not known or holds for all.")

COLUMNS = (
    _CLUSTER,
    OutColumn("table", "", "The table."),
    OutColumn("rows", "rows", "How many rows of it there are, whatever the window.", "number"),
    OutColumn("first", "UTC", "The earliest instant in them.", "instant"),
    OutColumn("last", "UTC", "The latest instant in them; an open row counts with its start.", "instant"),
)
"""A row for each cluster and table that holds anything."""


def tables(scope: Scope) -> pa.Table:
    """Count the rows of each table, and tell from when to when they reach."""
    every = [found for found in (*FACTS.values(), *DERIVED.values()) if found.name != "sources"]
    large = [one for one in every if one in SAMPLE_TABLES or (one.role == "derived" and one.partition == BY_DAY)]
    statement = Statement()
    statement.tables["logged"] = _logged(scope, large)
    selects = ["SELECT * FROM logged", *(_span(found) for found in every if found not in large)]
    order = 'list_position({names}, "table")'
    names = statement.bind([*FACTS, *DERIVED])
    text = (
        f'SELECT * FROM ({" UNION ALL ".join(selects)}) WHERE "rows" > 0 ORDER BY cluster, {order.format(names=names)}'
    )
    return scope.query(text, statement)


BY_DAY = ("cluster", "day")
"""The partition of the large tables, of which the store's log tells rows and days."""


def _logged(scope: Scope, large: Sequence[Table]) -> pa.Table:
    """Give (cluster, table, rows, first, last) of tables that have a file for each day, without reading them."""
    import pyarrow as pa

    found = []
    for one in large:
        files = scope.snapshot.data_files(one.name, clusters=list(scope.clusters))
        for cluster in sorted({file.part[0] for file in files}):
            own = [file for file in files if file.part[0] == cluster]
            days = [(date.fromisoformat(file.part[1]) - EPOCH_DAY).days for file in own]
            whole = Window(min(days) * MS_PER_DAY, (max(days) + 1) * MS_PER_DAY)
            span = whole if one.role == "derived" else _of_samples(scope, cluster, one, whole)
            rows = sum(file.rows for file in own)
            found.append((cluster, one.name, rows, span.start_ms, span.end_ms))
    kinds = (pa.string(), pa.string(), pa.int64(), pa.int64(), pa.int64())
    columns = zip(*found, strict=True) if found else [[]] * len(kinds)
    return pa.table(
        [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)],
        ["cluster", "table", "rows", "first", "last"],
    )


def _of_samples(scope: Scope, cluster: str, found: Table, whole: Window) -> Window:
    """Give the first start and the last end of the samples that begin in some days."""
    parts = counted(replace(scope, clusters=(cluster,)), whole, [found])
    rows = [row for part in parts for row in part.select(["first", "last"]).to_pylist()]
    return Window(min(row["first"] for row in rows), max(row["last"] for row in rows))


def _span(found: Table) -> str:
    """Tables of days reach to the end of the last; samples to the end of what they describe."""
    cluster = "cluster" if "cluster" in found.names else "CAST(NULL AS VARCHAR)"
    instants = [f"epoch_ms({quoted(column.name)})" for column in found.columns if column.kind == "instant"]
    if found.role == "derived":
        day = "epoch_ms(CAST(day AS TIMESTAMP))"
        first, last = [day], [f"{day} + 86400000"]
    else:
        first = instants
        last = [*instants, *(["epoch_ms(start) + duration_ms"] if "duration_ms" in found.names else [])]
    return (
        f'SELECT {cluster} AS cluster, \'{found.name}\' AS "table", count(*) AS "rows", '
        f"min(least({_several(first)})) AS first, max(greatest({_several(last)})) AS last "
        f"FROM {quoted(found.name)} GROUP BY 1"
    )


def _several(instants: list[str]) -> str:
    """A table without instants has no span: one that holds for ever, as far as is known."""
    return ", ".join(instants) or "CAST(NULL AS BIGINT)"


SOURCES = """
SELECT cluster, source, supports, covers_from, covers_to, ingested_at, note FROM sources
ORDER BY cluster, source, covers_from, ingested_at
"""


def sources(scope: Scope) -> Answer:
    """List what each ingest vouches for."""
    columns = (
        _CLUSTER,
        OutColumn("source", "", "The source."),
        OutColumn("supports", "", "What it can support: capacity, allocation, use, wait."),
        OutColumn("covers_from", "UTC", "From when it vouches.", "instant"),
        OutColumn("covers_to", "UTC", "The horizon: up to when it vouches.", "instant"),
        OutColumn("ingested_at", "UTC", "When it was ingested.", "instant", minor=True),
        OutColumn("note", "", "What its reader should know."),
    )
    return table("coverage.sources", scope, columns, scope.query(SOURCES))


DAYS = """
SELECT c.cluster, c.day, p.day IS NOT NULL AS posted, p."end" AS posted_to, d.need, p.settings
FROM (SELECT unnest({clusters}) AS cluster, day FROM (SELECT unnest({days}) AS day)) c
LEFT JOIN posted p ON p.cluster = c.cluster AND p.day = c.day
LEFT JOIN (SELECT cluster, day, max(need) AS need FROM dirty GROUP BY ALL) d
    ON d.cluster = c.cluster AND d.day = c.day
ORDER BY c.cluster, c.day
"""
"""Where a day waits both for a posting and for details, `post` (the greater word) says more."""


def days(scope: Scope) -> Answer:
    """List the days of a window of which anything is known: posted or not, and what of them waits to be posted."""
    statement = Statement()
    inside = [] if scope.known is None else [date_of(day) for day in scope.window.days if day in scope.known.days]
    text = DAYS.format(clusters=statement.bind(list(scope.clusters)), days=statement.bind(inside))
    columns = (
        _CLUSTER,
        OutColumn("day", "", "The UTC day."),
        OutColumn("posted", "", "Whether it is posted."),
        OutColumn("posted_to", "UTC", "Up to when: the horizon, where it lies within the day.", "instant"),
        OutColumn("need", "", "What waits: `post` (facts changed) or `details` (a job ended); null: nothing."),
        OutColumn("settings", "", "The ledger's settings that made it.", minor=True),
    )
    return table("coverage.days", scope, columns, scope.query(text, statement))


REJECTS = """
SELECT cluster, source, "table", reason, CAST(sum("count") AS BIGINT) AS "count",
    arg_min(detail, (origin, line)) AS example, arg_min(origin, (origin, line)) AS origin,
    arg_min(line, (origin, line)) AS line, min(time) AS first, max(time) AS last
FROM rejects {where} GROUP BY cluster, source, "table", reason ORDER BY "count" DESC, source, "table", reason
"""


def rejects(scope: Scope) -> Answer:
    """Count what could not be believed, by source, table and reason, the most frequent first."""
    statement = Statement()
    where = f"WHERE cluster IS NULL OR {statement.one_of('cluster', scope.clusters)}" if scope.clusters else ""
    columns = (
        _CLUSTER,
        OutColumn("source", "", "The source; `posting` where several tables together contradict it."),
        OutColumn("table", "", "The table that it was meant for."),
        OutColumn("reason", "", "Why it is not believed."),
        OutColumn("count", "rows", "How many.", "number"),
        OutColumn("example", "", "What was wrong with one of them."),
        OutColumn("origin", "", "The first file or command that brought one.", minor=True),
        OutColumn("line", "line number", "The first line or row.", "number", minor=True),
        OutColumn("first", "UTC", "When the first was read; of a posting, the first instant.", "instant", minor=True),
        OutColumn("last", "UTC", "When the last was read.", "instant", minor=True),
    )
    return table("coverage.rejects", scope, columns, scope.query(REJECTS.format(where=where), statement))
