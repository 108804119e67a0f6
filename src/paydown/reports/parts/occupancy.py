"""What was held and used of nodes: from the ledger by groups of nodes, and of devices from their samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paydown.ledger.columns import device_order
from paydown.model.units import MILLI, MS_PER_HOUR, PPM, TRES
from paydown.reports.parts.balance import balance, cells, hours
from paydown.reports.parts.cuts import CUTS, Cut
from paydown.reports.parts.distribution import OWN_CUTS, Chosen, by_the_hour, figures, summed
from paydown.reports.parts.fleet import STATES, Node
from paydown.reports.parts.postings import Filters
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.scope import Scope

GROUPS = {
    "cluster": CUTS["cluster"],
    "node": CUTS["node"],
    "gpu_model": Cut(
        "gpu_model", "p.gpu_model", "The model of the node's GPUs; null: none, not known, or several models."
    ),
    "pool": Cut("pool", "p.pool", "The node's pool."),
    "partition": Cut("partition", 'p."partition"', "All partitions of the node, as one text."),
}
"""By what nodes are put together."""

FIGURES = ("allocated", "used", "inactive", "underused", "unobserved", "idle", "blocked", "down", "planned_down")
"""The ledger's amounts that are shown in hours."""

SQL = """{balance},
listed AS (
    SELECT {keys}, tres, count(DISTINCT (cluster_, node_)) AS nodes, sum(gpus) AS gpus,
        CAST(sum(capacity) AS DECIMAL(38, 0)) AS capacity,
        {spent}, CAST(sum(listed_ms) AS DOUBLE) AS listed_ms,
        CASE WHEN count(DISTINCT (cluster_, node_)) = 1 THEN min(state) END AS state,
        CASE WHEN count(DISTINCT (cluster_, node_)) = 1 THEN min(reason) END AS reason
    FROM fleet GROUP BY ALL
),
both_known AS (
    SELECT {shown}, coalesce(l.tres, b.tres) AS tres, coalesce(l.nodes, 0) AS nodes, l.gpus, l.state, l.reason,
        l.capacity, l.listed_ms, {spent_of}, b.reported, b.not_held, {amounts}
    FROM listed l FULL JOIN balance b ON {same} AND l.tres = b.tres
)
SELECT {keys}, tres, nodes, gpus, state, reason,
    {shares},
    {capacity} AS capacity_hours,
    {figures},
    CAST(CASE WHEN allocated IS NOT NULL THEN least(allocated, reported - not_held) END AS DOUBLE)
        / nullif(reported, 0) AS allocated_share,
    CAST(used AS DOUBLE) / nullif(allocated, 0) AS used_share,
    1 - CAST(unobserved AS DOUBLE) / nullif(allocated, 0) AS observed_share
FROM both_known ORDER BY {order}
"""


def occupancy(scope: Scope, groups: Sequence[Cut], nodes: Sequence[Node], filters: Filters) -> pa.Table:
    """Give a row for each group of nodes and TRES: what the inventory lists, and what the ledger says of it."""
    statement = Statement()
    statement.tables["fleet"] = _listed(nodes, groups, filters["tres"])
    found = _grouped(scope, groups, nodes, filters)
    names = [quoted(cut.name) for cut in groups]
    tres = statement.bind([name for name in TRES if name in filters["tres"]])
    text = SQL.format(
        balance=balance(statement, groups, found),
        keys=", ".join(names),
        spent=", ".join(f"CAST(sum({name}_ms) AS DOUBLE) AS {name}_ms" for name in STATES),
        shown=", ".join(f"coalesce(l.{name}, b.{name}) AS {name}" for name in names),
        spent_of=", ".join(f"l.{name}_ms" for name in STATES),
        amounts=", ".join(f"b.{name}" for name in FIGURES),
        shares=", ".join(f"{name}_ms / nullif(listed_ms, 0) AS {name}_share" for name in STATES),
        capacity=hours("capacity"),
        figures=", ".join(f"{hours(name)} AS {name}_hours" for name in FIGURES),
        same=" AND ".join(f"l.{name} IS NOT DISTINCT FROM b.{name}" for name in names),
        order=", ".join(
            [f"list_position({tres}, tres)", *(["gpus DESC NULLS LAST"] if "node" not in names else []),
             *(f"{place} NULLS LAST" for place in range(1, len(names) + 1))]
        ),
    )  # fmt: skip
    return scope.query(text, statement)


def _listed(nodes: Sequence[Node], groups: Sequence[Cut], tres: Sequence[object]) -> pa.Table:
    """Give the nodes as a table, a row for each TRES."""
    import pyarrow as pa

    rows = [(node, str(name)) for node in nodes for name in tres]
    columns = {cut.name: pa.array([getattr(node, cut.name) for node, _ in rows], pa.string()) for cut in groups}
    columns |= {
        "cluster_": pa.array([node.cluster for node, _ in rows], pa.string()),
        "node_": pa.array([node.node for node, _ in rows], pa.string()),
        "tres": pa.array([name for _, name in rows], pa.string()),
        "gpus": pa.array([node.gpus for node, _ in rows], pa.float64()),
        "state": pa.array([node.state for node, _ in rows], pa.string()),
        "reason": pa.array([node.reason for node, _ in rows], pa.string()),
        "capacity": pa.array([node.capacity.get(name) for node, name in rows], pa.decimal128(38, 0)),
        "listed_ms": pa.array([node.listed_ms for node, _ in rows], pa.int64()),
    }
    columns |= {f"{name}_ms": pa.array([node.spent.get(name, 0) for node, _ in rows], pa.int64()) for name in STATES}
    return pa.table(columns)


def _grouped(scope: Scope, groups: Sequence[Cut], nodes: Sequence[Node], filters: Filters) -> pa.Table:
    """Sum the ledger of the nodes by group."""
    import pyarrow as pa

    statement = Statement()
    statement.tables["found"] = cells(scope, (CUTS["cluster"], CUTS["node"]), filters)
    own = ("cluster", "node")
    names = [cut.name for cut in groups if cut.name not in own]
    places = {name: pa.array([getattr(node, name) for node in nodes], pa.string()) for name in (*own, *names)}
    statement.tables["places"] = pa.table(places)
    keys = ", ".join(f"{'f' if cut.name in own else 'p'}.{quoted(cut.name)}" for cut in groups)
    text = f"""SELECT {keys}, f.tres, f.category, f.detail, CAST(sum(f.amount) AS DECIMAL(38, 0)) AS amount
        FROM found f LEFT JOIN places p ON p.cluster = f.cluster AND p.node = f.node GROUP BY ALL"""
    return scope.query(text, statement)


def devices(scope: Scope, nodes: Sequence[Node], filters: Filters) -> pa.Table:
    """Give a row for each device: what of the time its samples hold it was held, and how much of that was used."""
    import pyarrow as pa

    hourly = by_the_hour(scope)
    cuts = (CUTS["cluster"], CUTS["node"], OWN_CUTS["gpu"])
    known: dict[tuple[str, str, str], tuple[float, float]] = {}
    for holders in (("one", "several"), ("none",)):
        rows = summed(hourly, cuts, Chosen(None, holders, filters))
        for row, time in zip(rows.to_pylist(), figures(rows)["covered_hours"].to_pylist(), strict=True):
            key = (row["cluster"], row["node"], row["gpu"])
            held, used = known.get(key, (0.0, 0.0))
            some = holders != ("none",)
            known[key] = (held + time * some, used + row["ppm_ms"] / PPM / MS_PER_HOUR * some)
    records = [_device(node, gpu, known) for node in nodes for gpu in sorted(node.devices, key=device_order)]
    kinds = dict.fromkeys(_TEXTS, pa.string()) | {"nodes": pa.int64()} | dict.fromkeys(_NUMBERS, pa.float64())
    return pa.table({name: pa.array([record[name] for record in records], kind) for name, kind in kinds.items()})


_TEXTS = ("cluster", "node", "gpu", "gpu_model", "tres", "state", "reason")
_NUMBERS = (
    "gpus", *(f"{name}_share" for name in STATES), "capacity_hours", "allocated_hours", "used_hours", "used_share",
)  # fmt: skip


def _device(node: Node, gpu: str, known: dict[tuple[str, str, str], tuple[float, float]]) -> dict[str, object]:
    milli, model = node.devices[gpu]
    held, used = known.get((node.cluster, node.node, gpu), (None, None))
    part = milli / MILLI
    listed = node.listed_ms
    return {
        "cluster": node.cluster, "node": node.node, "gpu": gpu, "gpu_model": model, "tres": "gpu", "nodes": 1,
        "gpus": part, "state": node.state, "reason": node.reason,
        **{f"{name}_share": node.spent.get(name, 0) / listed if listed else None for name in STATES},
        "capacity_hours": part * listed / MS_PER_HOUR,
        "allocated_hours": None if held is None else held * part,
        "used_hours": None if used is None else used * part,
        "used_share": used / held if held and used is not None else None,
    }  # fmt: skip
