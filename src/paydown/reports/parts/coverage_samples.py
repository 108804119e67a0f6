"""Which samples there are: from what was counted when days were posted, else from the samples themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paydown.model.facts import GPU_SAMPLES, HOST_SAMPLES
from paydown.model.schema import Table
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR
from paydown.model.window import EPOCH_DAY, Window, to_ms
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.answers import table
from paydown.reports.parts.energy import REACH_MS
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_TABLES = (GPU_SAMPLES, HOST_SAMPLES)

POSTED = """
SELECT cluster, node, "table" || coalesce('.' || signal, '') AS signal, CAST(sum(samples) AS BIGINT) AS samples,
    CAST(sum(described_ms) AS DOUBLE) AS described_ms, min(epoch_ms(first)) AS first, max(epoch_ms(last)) AS last
FROM carried SEMI JOIN counted USING (cluster, day) WHERE "table" IN ({tables}) {nodes} GROUP BY ALL
"""

READ = """
SELECT cluster, node, unnest({names}) AS signal, unnest([{counts}]) AS samples, unnest([{lengths}]) AS described_ms,
    first, last
FROM (
    SELECT cluster, node, count(*) AS n, CAST(sum(duration_ms) AS DOUBLE) AS d, {sums},
        min(epoch_ms(start)) AS first, max(epoch_ms(start) + duration_ms) AS last
    FROM {table} WHERE duration_ms > 0 AND epoch_ms(start) >= {low} AND epoch_ms(start) < {high}
        AND epoch_ms(start) + duration_ms > {start} {nodes}
    GROUP BY cluster, node
)
"""

SIGNALS = """
SELECT cluster, node, signal, CAST(sum(samples) AS BIGINT) AS samples, sum(described_ms) / {hour} AS described_hours,
    min(first) AS first, max(last) AS last
FROM ({parts}) WHERE samples > 0 AND contains(signal, '.') GROUP BY cluster, node, signal ORDER BY cluster, node, signal
"""


def signals(scope: Scope, nodes: Sequence[str]) -> Answer:
    """Count the samples of a window that carry each measured quantity, by node."""
    columns = (
        OutColumn("cluster", "", "The cluster."),
        OutColumn("node", "", "The node."),
        OutColumn("signal", "", "The measured column, with its table."),
        OutColumn("samples", "samples", "Samples that carry it.", "number"),
        OutColumn("described_hours", "device-hours or node-hours", "The time that these samples declare.", "number"),
        OutColumn("first", "UTC", "The start of the first sample of the node.", "instant"),
        OutColumn("last", "UTC", "The end of its last.", "instant"),
    )
    found = counted(scope, scope.window, SAMPLE_TABLES, nodes)
    statement = Statement(tables={f"part{i}": part for i, part in enumerate(found)})
    parts = " UNION ALL BY NAME ".join(f"SELECT * FROM {name}" for name in statement.tables)
    rows = scope.query(SIGNALS.format(parts=parts, hour=float(MS_PER_HOUR)), statement)
    return table("coverage.signals", scope, columns, rows)


def counted(scope: Scope, window: Window, tables: Sequence[Table], nodes: Sequence[str] = ()) -> list[pa.Table]:
    """Count the samples that touch a window, in parts: (cluster, node, signal, samples, described_ms, first, last).

    The table's name as signal stands for all samples of a node, whatever they carry.
    """
    clusters = {cluster: _counted_days(scope, cluster, window, tables) for cluster in scope.clusters}
    parts = [_posted(scope, clusters, tables, nodes)]
    for cluster, days in clusters.items():
        for rest in _rest(days, window):
            parts += [_read(scope, cluster, rest, window, each, nodes) for each in tables]
    return parts


def _counted_days(scope: Scope, cluster: str, window: Window, tables: Sequence[Table]) -> dict[int, Window]:
    """Give the whole days of a window that are counted, with the time over which each is."""
    snapshot = scope.snapshot
    there = set(snapshot.rows("carried", columns=["day"], clusters=[cluster]).column("day").to_pylist())
    stale = {row["day"] for row in snapshot.rows("dirty", clusters=[cluster]).to_pylist() if row["need"] == "post"}
    dropped = [snapshot.dropped_before(cluster, each.name) for each in tables]
    found = {}
    for row in snapshot.rows("posted", clusters=[cluster]).to_pylist():
        day = row["day"]
        number = (day - EPOCH_DAY).days
        span = Window(number * MS_PER_DAY, max(to_ms(row["end"]), number * MS_PER_DAY))
        whole = window.start_ms <= span.start_ms and span.end_ms <= window.end_ms
        if whole and day in there and day not in stale and not any(edge and day < edge for edge in dropped):
            found[number] = span
    return found


def _rest(days: dict[int, Window], window: Window) -> list[Window]:
    """Give the time, from a reach before the window on, whose samples must be read."""
    first = (window.start_ms - REACH_MS) // MS_PER_DAY * MS_PER_DAY
    rest, at = [], first
    for number in sorted(days):
        if days[number].start_ms > at:
            rest.append(Window(at, days[number].start_ms))
        at = max(at, days[number].end_ms)
    return [*rest, Window(at, window.end_ms)] if window.end_ms > at else rest


def _posted(
    scope: Scope, clusters: dict[str, dict[int, Window]], tables: Sequence[Table], nodes: Sequence[str]
) -> pa.Table:
    import pyarrow as pa

    pairs = [(cluster, day) for cluster, days in clusters.items() for day in days]
    statement = Statement()
    statement.tables["counted"] = pa.table(
        {
            "cluster": pa.array([cluster for cluster, _ in pairs], pa.string()),
            "day": pa.array([day for _, day in pairs], pa.int32()).cast(pa.date32()),
        }
    )
    text = POSTED.format(
        tables=", ".join(statement.bind(each.name) for each in tables),
        nodes=f"AND {statement.one_of('node', nodes)}" if nodes else "",
    )
    return scope.query(text, statement)


def _read(scope: Scope, cluster: str, rest: Window, window: Window, found: Table, nodes: Sequence[str]) -> pa.Table:
    statement = Statement()
    names = sorted(scope.snapshot.carried(found.name, found.measured, clusters=[cluster], window=rest))
    columns = [("n", "d"), *((f"n{i}", f"d{i}") for i in range(len(names)))]
    text = READ.format(
        names=statement.bind([found.name, *(f"{found.name}.{name}" for name in names)]),
        counts=", ".join(count for count, _ in columns),
        lengths=", ".join(length for _, length in columns),
        sums=", ".join(_sums(i, quoted(name)) for i, name in enumerate(names)) or "1",
        table=found.name,
        low=statement.bind(rest.start_ms),
        high=statement.bind(rest.end_ms),
        start=statement.bind(window.start_ms),
        nodes=f"AND {statement.one_of('node', nodes)}" if nodes else "",
    )
    return scope.snapshot.query(text, statement.used_in(text), clusters=[cluster], window=rest)


def _sums(place: int, column: str) -> str:
    return (
        f"count({column}) AS n{place}, CAST(sum(duration_ms) FILTER (WHERE {column} IS NOT NULL) AS DOUBLE) AS d{place}"
    )
