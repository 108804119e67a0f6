"""The facts on jobs: what was asked for, what happened, and what was held where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.connectors.synthetic.arrow import codes, instants, rows
from paydown.connectors.synthetic.families import pattern_of
from paydown.connectors.synthetic.workload import NEVER
from paydown.model.units import MILLI, MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.connectors.synthetic.cluster import Cluster
    from paydown.connectors.synthetic.families import Family
    from paydown.connectors.synthetic.life import Flags, Ints, Places
    from paydown.connectors.synthetic.record import Record
    from paydown.connectors.synthetic.workload import Workload

_FIRST_ID = 100_001
_EXIT = {"COMPLETED": "0:0", "FAILED": "1:0", "CANCELLED": "0:15", "TIMEOUT": "0:15", "OUT_OF_MEMORY": "0:125",
         "NODE_FAIL": "1:0", "PREEMPTED": "0:15"}
_SUSPENDED_EVERY = 25
_UNKNOWN_DEVICES = ("legacy", "legacy-labelled")


def ids(work: Workload) -> list[str]:
    """Give each job's id as text; a task of an array has its array's id and its number."""
    return [
        str(_FIRST_ID + job) if first < 0 else f"{_FIRST_ID + first}_{job - first}"
        for job, first in enumerate(work.array.tolist())
    ]


def jobs(cluster: Cluster, work: Workload, record: Record, names: list[str]) -> pa.Table:
    """Give the jobs in the order of submit and id; hidden ones are left out."""
    visible = np.array([work.families[f].role != "hidden" for f in work.family.tolist()])
    job = np.array(record.job, np.int64)
    shown = np.flatnonzero(visible[job] if len(job) else job)
    order = sorted(shown.tolist(), key=lambda i: (record.submit[i], names[record.job[i]], record.attempt[i]))
    at = np.array(order, np.int64)
    columns = _identity(work, record, job[at], at, names) | _times(cluster, work, record, at) | _request(work, job[at])
    return rows("jobs", cluster.name, columns, len(at))


def _identity(work: Workload, record: Record, job: Ints, at: Ints, names: list[str]) -> dict[str, object]:
    family = work.family[job]
    first = work.array[job]
    attempt = np.array(record.attempt, np.int64)[at]
    array_ids = sorted(set(first[first >= 0].tolist()))
    place = np.searchsorted(np.array(array_ids, np.int64), first)
    found: dict[str, object] = {
        "job_id": pa.array([names[i] for i in job.tolist()], pa.string()), "attempt": attempt, "restarts": attempt,
        "array_id": codes([str(_FIRST_ID + i) for i in array_ids], np.where(first >= 0, place, -1)),
        "kind": codes([pattern_of(f).kind for f in work.families], family),
        "kind_source": pa.repeat("declared", len(job)),
        "template": codes(["jupyter", None], np.array([pattern_of(f).kind != "interactive" for f in work.families])[family] * 1),
    }
    for name in ("name", "user", "account", "partition", "qos"):
        found[name] = codes([getattr(f, name) for f in work.families], family)
    return found


def _times(cluster: Cluster, work: Workload, record: Record, at: Ints) -> dict[str, object]:
    """Give times and states as accounting would at the end of the simulation."""
    until = (cluster.end_ms - cluster.start_ms) // MS_PER_SECOND
    submit, eligible = _column(record.submit, at), _column(record.eligible, at)
    start, end = _column(record.start, at), _column(record.end, at)
    end = np.where(end >= until, -1, end)
    state = _states(record, at, end)
    waits = state == "PENDING"
    reasons = _reasons(work, record, at, eligible, until)
    return {
        "submit": _instants(cluster, submit), "eligible": _instants(cluster, np.where(eligible >= until, -1, eligible)),
        "start": _instants(cluster, start), "end": _instants(cluster, end), "state": pa.array(state, pa.string()),
        "exit_code": pa.array([_EXIT.get(s) for s in state], pa.string()),
        "pending_reason": pa.array(np.where(waits, reasons, None), pa.string()),
    }


def _column(values: list[int], at: Ints) -> Ints:
    return np.array(values, np.int64)[at]


def _instants(cluster: Cluster, seconds: Ints) -> pa.Array:
    return instants(cluster.start_ms + np.maximum(seconds, 0) * MS_PER_SECOND, seconds < 0)


def _states(record: Record, at: Ints, end: Ints) -> np.ndarray:
    """Give the states; a few of the jobs that run at the end are suspended."""
    state = np.array(record.state, object)[at]
    runs = np.flatnonzero(state == "RUNNING")
    state[runs[::_SUSPENDED_EVERY][1:]] = "SUSPENDED"
    return state


def _reasons(work: Workload, record: Record, at: Ints, eligible: Ints, until: int) -> np.ndarray:
    held = work.eligible[_column(record.job, at)] >= NEVER
    limited = np.array([f.account == "teaching" for f in work.families])[work.family[_column(record.job, at)]]
    ready = np.where(limited, "QOSGrpGRES", np.where(np.arange(len(at)) % 5 == 0, "Resources", "Priority"))
    return np.where(eligible < until, ready, np.where(held, "JobHeldUser", "Dependency")).astype(object)


def _request(work: Workload, job: Ints) -> dict[str, object]:
    families = work.families
    family = work.family[job]

    def of(amount: list[int]) -> Ints:
        return np.array(amount, np.int64)[family]

    limit = work.limit[job] * MS_PER_SECOND
    endless = np.array([pattern_of(f).kind == "service" for f in families])[family]
    return {
        "req_nodes": of([f.nodes for f in families]), "req_gpu_milli": of([f.nodes * f.count * f.milli for f in families]),
        "req_cpu_milli": of([f.nodes * f.cpus * MILLI for f in families]),
        "req_memory_mib": of([f.nodes * f.memory_mib for f in families]),
        "req_gpu_model": codes([f.model for f in families], family), "exclusive": pa.repeat(False, len(job)),
        "time_limit_ms": pa.array(limit, pa.int64(), mask=endless), "priority": work.priority[job].astype(np.float64),
    }


def allocations(cluster: Cluster, work: Workload, record: Record, held: Places, names: list[str]) -> pa.Table:
    """Give what was held, in the order of start, node and job id; devices only where the node's are known."""
    start, end = np.array(record.start, np.int64)[held.which], np.array(record.end, np.int64)[held.which]
    job = np.array(record.job, np.int64)[held.which]
    seen = _seen(work, job)
    order = sorted(np.flatnonzero(seen).tolist(), key=lambda i: (start[i], held.node[i], names[job[i]], held.which[i]))
    at = np.array(order, np.int64)
    until = (cluster.end_ms - cluster.start_ms) // MS_PER_SECOND
    family = work.family[job[at]]
    return rows("allocations", cluster.name, {
        "job_id": pa.array([names[i] for i in job[at].tolist()], pa.string()),
        "attempt": np.array(record.attempt, np.int64)[held.which[at]],
        "node": codes([n.name for n in cluster.nodes], held.node[at]),
        "gpu_milli": np.array([f.count * f.milli for f in work.families], np.int64)[family],
        "gpus": _devices(cluster, held.node[at], held.mask[at]),
        "cpu_milli": np.array([f.cpus * MILLI for f in work.families], np.int64)[family],
        "memory_mib": np.array([f.memory_mib for f in work.families], np.int64)[family],
        "start": _instants(cluster, start[at]), "end": _instants(cluster, np.where(end[at] >= until, -1, end[at])),
    }, len(at))


def _seen(work: Workload, job: Ints) -> Flags:
    return np.array([f.role != "hidden" for f in work.families])[work.family[job]]


def _devices(cluster: Cluster, node: Ints, mask: Ints) -> pa.Array:
    """Give the names of the devices held, `;` between; null on nodes whose scheduler does not tell, and for none."""
    unknown = [n.role in _UNKNOWN_DEVICES for n in cluster.nodes]
    texts: dict[tuple[int, int], str] = {}
    found: list[str | None] = []
    for n, bits in zip(node.tolist(), mask.tolist(), strict=True):
        if not bits or unknown[n]:
            found.append(None)
            continue
        if (n, bits) not in texts:
            texts[n, bits] = ";".join(d.name for i, d in enumerate(cluster.nodes[n].devices) if bits >> i & 1)
        found.append(texts[n, bits])
    return pa.array(found, pa.string())


def overbook(cluster: Cluster, work: Workload, record: Record) -> None:
    """Place the overbooked jobs on a device that another job holds (so on its second lane), in the middle of its time."""
    mine = [i for i, job in enumerate(record.job) if _family(work, job).role == "overbooked"]
    plain = set(cluster.of_role("plain"))
    hosts = [
        i for i, places in enumerate(record.places)
        if len(places) == 1 and places[0][0] in plain and record.end[i] - record.start[i] > 4 * 3_600
        and _family(work, record.job[i]).nodes == 1
    ]
    for number, extra in enumerate(mine):
        if not hosts:
            return
        host = hosts[(number + 1) * len(hosts) // (len(mine) + 1)]
        node, bits, _ = record.places[host][0]
        quarter = (record.end[host] - record.start[host]) // 4
        record.start[extra], record.end[extra] = record.start[host] + quarter, record.end[host] - quarter
        record.submit[extra] = record.eligible[extra] = record.start[extra] - 60
        record.state[extra] = "COMPLETED"
        record.places[extra] = ((node, bits & -bits, 1),)


def _family(work: Workload, job: int) -> Family:
    return work.families[int(work.family[job])]
