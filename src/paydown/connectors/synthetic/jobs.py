"""The facts on jobs: what was asked for, what happened, and what was held where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from paydown.connectors.synthetic.arrow import codes, instants, rows
from paydown.connectors.synthetic.families import LIMITED, pattern_of
from paydown.connectors.synthetic.workload import NEVER
from paydown.model.units import MILLI, MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.connectors.synthetic.cluster import Cluster
    from paydown.connectors.synthetic.families import Family
    from paydown.connectors.synthetic.life import Flags, Ints
    from paydown.connectors.synthetic.record import Attempts, Record
    from paydown.connectors.synthetic.workload import Workload

Objects = npt.NDArray[np.object_]

_FIRST_ID = 100_001
_EXIT = {
    "COMPLETED": "0:0",
    "FAILED": "1:0",
    "CANCELLED": "0:15",
    "TIMEOUT": "0:15",
    "OUT_OF_MEMORY": "0:125",
    "NODE_FAIL": "1:0",
    "PREEMPTED": "0:15",
}
_TEMPLATES = {"interactive": "jupyter"}
_SUSPENDED_EVERY = 25
_UNKNOWN_DEVICES = ("legacy", "legacy-labelled")


def ids(work: Workload) -> list[str]:
    """Give each job's id as text; a task of an array has its array's id and its number."""
    return [
        str(_FIRST_ID + job) if first < 0 else f"{_FIRST_ID + first}_{job - first}"
        for job, first in enumerate(work.array.tolist())
    ]


def ranks(names: list[str]) -> Ints:
    """Give the place of each job's id in code-point order."""
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def jobs(cluster: Cluster, work: Workload, done: Attempts, names: list[str], rank: Ints) -> pa.Table:
    """Give the jobs in the order of submit and id; hidden ones are left out."""
    shown = np.flatnonzero(_seen(work, done.job))
    at = shown[np.lexsort((done.attempt[shown], rank[done.job[shown]], done.submit[shown]))]
    columns = _identity(work, done, at, names) | _times(cluster, work, done, at) | _request(work, done.job[at])
    return rows("jobs", cluster.name, columns, len(at))


def _identity(work: Workload, done: Attempts, at: Ints, names: list[str]) -> dict[str, object]:
    job, attempt = done.job[at], done.attempt[at]
    family, first = work.family[job], work.array[job]
    found: dict[str, object] = {
        "job_id": codes(names, job),
        "attempt": attempt,
        "restarts": attempt,
        "array_id": codes([str(_FIRST_ID + i) for i in range(len(names))], first),
        "kind": codes([pattern_of(f).kind for f in work.families], family),
        "kind_source": pa.repeat("declared", len(job)),
        "template": codes([_TEMPLATES.get(pattern_of(f).kind) for f in work.families], family),
    }
    for name in ("name", "user", "account", "partition", "qos"):
        found[name] = codes([getattr(f, name) for f in work.families], family)
    return found


def _times(cluster: Cluster, work: Workload, done: Attempts, at: Ints) -> dict[str, object]:
    """Give times and states as accounting would at the end of the simulation."""
    until = (cluster.end_ms - cluster.start_ms) // MS_PER_SECOND
    eligible, end = done.eligible[at], done.end[at]
    state = _states(done.state[at])
    reasons = _reasons(work, done.job[at], eligible, until)
    reasons[state != "PENDING"] = None
    return {
        "submit": _instants(cluster, done.submit[at]),
        "eligible": _instants(cluster, np.where(eligible >= until, -1, eligible)),
        "start": _instants(cluster, done.start[at]),
        "end": _instants(cluster, np.where(end >= until, -1, end)),
        "state": pa.array(state, pa.string()),
        "exit_code": pa.array([_EXIT.get(s) for s in state], pa.string()),
        "pending_reason": pa.array(reasons, pa.string()),
    }


def _instants(cluster: Cluster, seconds: Ints) -> pa.Array:
    return instants(cluster.start_ms + np.maximum(seconds, 0) * MS_PER_SECOND, seconds < 0)


def _states(state: Objects) -> Objects:
    """Give the states; a few of the jobs that run at the end are suspended."""
    runs = np.flatnonzero(state == "RUNNING")
    state[runs[::_SUSPENDED_EVERY][1:]] = "SUSPENDED"
    return state


def _reasons(work: Workload, job: Ints, eligible: Ints, until: int) -> Objects:
    """Give why each would wait: held, for another job, for a limit, or for room."""
    limited = np.array([f.account == LIMITED for f in work.families])[work.family[job]]
    ready = np.where(limited, "QOSGrpGRES", np.where(np.arange(len(job)) % 5 == 0, "Resources", "Priority"))
    later = np.where(work.eligible[job] >= NEVER, "JobHeldUser", "Dependency")
    return np.where(eligible < until, ready, later).astype(object)


def _request(work: Workload, job: Ints) -> dict[str, object]:
    families = work.families
    family = work.family[job]

    def of(amount: list[int]) -> Ints:
        return np.array(amount, np.int64)[family]

    limit = work.limit[job] * MS_PER_SECOND
    endless = np.array([pattern_of(f).kind == "service" for f in families])[family]
    return {
        "req_nodes": of([f.nodes for f in families]),
        "req_gpu_milli": of([f.nodes * f.count * f.milli for f in families]),
        "req_cpu_milli": of([f.nodes * f.cpus * MILLI for f in families]),
        "req_memory_mib": of([f.nodes * f.memory_mib for f in families]),
        "req_gpu_model": codes([f.model for f in families], family),
        "exclusive": np.zeros(len(job), np.bool_),
        "time_limit_ms": pa.array(limit, pa.int64(), mask=endless),
        "priority": work.priority[job].astype(np.float64),
    }


def allocations(cluster: Cluster, work: Workload, done: Attempts, names: list[str], rank: Ints) -> pa.Table:
    """Give what was held, in the order of start, node and job id; devices only where the node's are known."""
    held = done.held.ordered(np.flatnonzero(_seen(work, done.job[done.held.which])))
    job = done.job[held.which]
    held = held.ordered(np.lexsort((done.attempt[held.which], rank[job], held.node, done.start[held.which])))
    start, end, job = done.start[held.which], done.end[held.which], done.job[held.which]
    until = (cluster.end_ms - cluster.start_ms) // MS_PER_SECOND
    family = work.family[job]
    return rows(
        "allocations",
        cluster.name,
        {
            "job_id": codes(names, job),
            "attempt": done.attempt[held.which],
            "node": codes([n.name for n in cluster.nodes], held.node),
            "gpu_milli": np.array([f.count * f.milli for f in work.families], np.int64)[family],
            "gpus": _devices(cluster, held.node, held.mask),
            "cpu_milli": np.array([f.cpus * MILLI for f in work.families], np.int64)[family],
            "memory_mib": np.array([f.memory_mib for f in work.families], np.int64)[family],
            "start": _instants(cluster, start),
            "end": _instants(cluster, np.where(end >= until, -1, end)),
        },
        len(job),
    )


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
    """Place the overbooked jobs on a device (on its second lane) that another job holds, in the middle of its time."""
    mine = [i for i, job in enumerate(record.job) if _family(work, job).role == "overbooked"]
    plain = set(cluster.of_role("plain"))
    hosts = [
        i
        for i, places in enumerate(record.places)
        if len(places) == 1
        and places[0][0] in plain
        and record.end[i] - record.start[i] > 4 * 3_600
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
