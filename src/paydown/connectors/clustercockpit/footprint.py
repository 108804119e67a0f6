"""What a job's devices did on average: its footprint.

cc-backend writes it when it archives a job (internal/archiver/archiver.go; internal/repository/stats.go: a metric that
is missing reads as 0); the figures are those of cc-metric-collector (collectors/nvidiaMetric.go).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from paydown.connectors.clustercockpit.reading import NAME, UNREADABLE, Reading, text_of
from paydown.connectors.clustercockpit.states import OPEN, STATES

_ARCHIVED = 3
"""`monitoring_status` of a job whose footprint was worked out of its whole life (cc-lib, schema/job.go)."""

_MIB: dict[str, float] = {"MiB": 1.0, "GiB": 1024.0, "MB": 1e6 / 2**20, "GB": 1e9 / 2**20}


def usage(reading: Reading, job: dict[str, Any], key: Mapping[str, Any]) -> None:
    """Give what the job's devices did on average, from its footprint.

    The footprint averages over the nodes of a job what each node measured (cc-backend, internal/archiver): for the
    memory that is the sum over the node's devices, so the job's total is that times its nodes.
    """
    if not job["num_acc"] or not job["footprint"]:
        return
    try:
        footprint = dict(json.loads(job["footprint"]))
        use, memory = (_figure(footprint, f"{metric}_avg") for metric in ("acc_utilization", "acc_mem_used"))
    except UNREADABLE as error:
        reading.reject("job_usage", job, "bad-row", f"the footprint cannot be read: {error}")
        return
    if use is None and memory is None:
        return
    if STATES.get(job["job_state"].lower()) in OPEN:
        reading.unread[job["cluster"]] += 1
    elif job["monitoring_status"] != _ARCHIVED:
        why = f"its monitoring status is {job['monitoring_status']}, not {_ARCHIVED} (archived)"
        reading.reject("job_usage", job, "not-archived", f"the footprint is not of the job's whole life: {why}")
    else:
        _figures(reading, job, key, use, memory)


def _figures(
    reading: Reading, job: dict[str, Any], key: Mapping[str, Any], use: float | None, memory: float | None
) -> None:
    """Add the figures of a footprint, less the zeros that cannot have been measured."""
    given = {"source": NAME, "_line": job["id"]}
    if use == 0 and (job["cluster"], job["subcluster"]) not in reading.proven:
        what = f"no job on {job['subcluster']} has an acc_utilization above zero"
        reading.reject("job_usage", job, "unproven-zero", what)
    elif use is not None:
        reading.rows.add("job_usage", **key, signal="gpu_util", mean=use / 100, **given)
    if memory == 0:
        what = "acc_mem_used is zero, though the driver itself holds some memory of every device"
        reading.reject("job_usage", job, "unproven-zero", what)
    elif memory is not None:
        total = memory * max(1, job["num_nodes"]) * _MIB[reading.settings.gpu_memory_unit]
        reading.rows.add("job_usage", **key, signal="gpu_memory_used_mib", mean=total, **given)


def _figure(footprint: Mapping[str, Any], name: str) -> float | None:
    value = footprint.get(name)
    return None if value is None else float(value)


def proven(database: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Find where the device use has ever been above zero."""
    has = {row[1] for row in database.execute("PRAGMA table_info(job)")}
    if not {"footprint", "subcluster"} <= has:
        return frozenset()
    found = set()
    for cluster, subcluster, footprint in database.execute("SELECT cluster, subcluster, footprint FROM job"):
        where = (text_of(cluster), text_of(subcluster))
        if where not in found and _above_zero(footprint):
            found.add(where)
    return frozenset(found)


def _above_zero(footprint: Any) -> bool:
    try:
        return (_figure(dict(json.loads(footprint or "{}")), "acc_utilization_avg") or 0) > 0
    except UNREADABLE:
        return False
