"""The facts on machines: inventory, devices, states, reservations, quotas, and what a node itself says is allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.connectors.synthetic.arrow import codes, instants, rows
from paydown.connectors.synthetic.families import ACCOUNTS, LIMITED
from paydown.model.units import MILLI, MS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paydown.connectors.synthetic.cluster import Cluster
    from paydown.connectors.synthetic.life import Ints, Lives
    from paydown.connectors.synthetic.outages import Outage
    from paydown.connectors.synthetic.record import Places
    from paydown.connectors.synthetic.workload import Workload

_STATES = ("down", "planned_down")
_RESERVED = {"maintenance": "maintenance", "user": "user"}


def facts(cluster: Cluster, outages: list[Outage], limit_milli: int) -> Iterator[tuple[str, pa.Table]]:
    """Give the tables that say what the cluster has."""
    yield "nodes", _nodes(cluster)
    yield "devices", _devices(cluster)
    yield "node_states", _states(cluster, [o for o in outages if o.kind in _STATES])
    yield "reservations", _reservations(cluster, [o for o in outages if o.kind in _RESERVED])
    yield "quotas", _quotas(cluster, limit_milli)


def _ms(cluster: Cluster, seconds: list[int]) -> Ints:
    return cluster.start_ms + np.array(seconds, np.int64) * MS_PER_SECOND


def _nodes(cluster: Cluster) -> pa.Table:
    names = ("node", "partitions", "pool", "gpu_model", "gpus", "gpu_memory_mib", "cpus", "memory_mib")
    columns: dict[str, object] = {
        name: [getattr(n, name if name != "node" else "name") for n in cluster.nodes] for name in names
    }
    columns["start"] = instants(np.array([n.joins_ms for n in cluster.nodes]))
    return rows("nodes", cluster.name, columns, len(cluster.nodes))


def _devices(cluster: Cluster) -> pa.Table:
    """List the devices of nodes whose GPUs are cut into instances; the others' follow from the inventory."""
    found = [(n, d) for n in cluster.nodes if n.role == "mig" for d in n.devices]
    return rows(
        "devices",
        cluster.name,
        {
            "node": [n.name for n, _ in found],
            "gpu": [d.name for _, d in found],
            "uuid": [f"MIG-{n.name}-{d.name.replace('/', '-')}" for n, d in found],
            "gpu_model": [n.gpu_model for n, _ in found],
            "milli": [d.milli for _, d in found],
            "memory_mib": [d.memory_mib for _, d in found],
            "start": instants(np.array([n.joins_ms for n, _ in found], np.int64)),
        },
        len(found),
    )


def _states(cluster: Cluster, outages: list[Outage]) -> pa.Table:
    outages = sorted(outages, key=lambda o: (o.node, o.start))
    end = _ms(cluster, [o.end for o in outages])
    return rows(
        "node_states",
        cluster.name,
        {
            "node": [cluster.nodes[o.node].name for o in outages],
            "state": [o.kind for o in outages],
            "reason": [o.reason for o in outages],
            "start": instants(_ms(cluster, [o.start for o in outages])),
            "end": instants(end, end >= cluster.end_ms),
        },
        len(outages),
    )


def _reservations(cluster: Cluster, outages: list[Outage]) -> pa.Table:
    """Join the nodes that are set aside for the same time and purpose."""
    groups: dict[tuple[int, int, str, str], list[str]] = {}
    for o in sorted(outages):
        groups.setdefault((o.start, o.end, o.kind, o.reason), []).append(cluster.nodes[o.node].name)
    keys = list(groups)
    return rows(
        "reservations",
        cluster.name,
        {
            "name": [f"{key[3]}-{i + 1}" for i, key in enumerate(keys)],
            "nodes": [";".join(groups[key]) for key in keys],
            "kind": [_RESERVED[key[2]] for key in keys],
            "accounts": [LIMITED if key[2] == "user" else None for key in keys],
            "start": instants(_ms(cluster, [key[0] for key in keys])),
            "end": instants(_ms(cluster, [key[1] for key in keys])),
        },
        len(keys),
    )


def _quotas(cluster: Cluster, limit_milli: int) -> pa.Table:
    """Promise every account an equal part of the GPUs, and limit one."""
    total = sum(n.gpus for n in cluster.nodes) * MILLI
    names = [*ACCOUNTS, LIMITED] if total else []
    amounts = [total // len(ACCOUNTS)] * (len(names) - 1) + [limit_milli] * bool(names)
    return rows(
        "quotas",
        cluster.name,
        {
            "scope": ["account"] * len(names),
            "name": names,
            "tres": ["gpu"] * len(names),
            "amount": amounts,
            "kind": ["guarantee"] * (len(names) - 1) + ["limit"] * bool(names),
            "start": instants(np.full(len(names), cluster.start_ms, np.int64)),
        },
        len(names),
    )


def node_allocations(cluster: Cluster, work: Workload, lives: Lives, held: Places) -> pa.Table:
    """Give what the nodes with jobs of another scheduler say is allocated, as steps over time."""
    parts = [_steps(cluster, work, lives, held, node) for node in cluster.of_role("unseen")]
    columns = np.concatenate([np.empty((6, 0), np.int64), *parts], axis=1)
    end = columns[2]
    return rows(
        "node_allocations",
        cluster.name,
        {
            "node": codes([n.name for n in cluster.nodes], columns[0]),
            "gpu_milli": columns[3],
            "cpu_milli": columns[4],
            "memory_mib": columns[5],
            "start": instants(columns[1]),
            "end": instants(end, end >= cluster.end_ms),
        },
        columns.shape[1],
    )


def _steps(cluster: Cluster, work: Workload, lives: Lives, held: Places, node: int) -> Ints:
    """Give rows (node, start, end, gpu, cpu, memory) of one node."""
    which = held.which[held.node == node]
    family = lives.family[which]
    amounts = np.array([(f.count * f.milli, f.cpus * MILLI, f.memory_mib) for f in work.families], np.int64)[family]
    times = np.concatenate([lives.start[which], lives.end[which]])
    moments, at = np.unique(np.concatenate([times, [cluster.start_ms, cluster.end_ms]]), return_inverse=True)
    change = np.zeros((len(moments), 3), np.int64)
    np.add.at(change, at[: len(times)], np.concatenate([amounts, -amounts]))
    level = np.cumsum(change, axis=0)[:-1]
    return np.concatenate([[np.full(len(level), node), moments[:-1], moments[1:]], level.T])
