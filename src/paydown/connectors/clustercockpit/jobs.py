"""A row of the job table, made into a job and what it held."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from paydown.connectors.clustercockpit.footprint import usage
from paydown.connectors.clustercockpit.reading import Reading
from paydown.connectors.clustercockpit.states import OPEN, STATES
from paydown.connectors.clustercockpit.topology import Devices
from paydown.model.units import MILLI, MS_PER_SECOND

_MOST_SECONDS = 2**40


def job_of(reading: Reading, job: dict[str, Any]) -> None:
    """Make the facts of one row of the database, or say why not."""
    try:
        times = _times(job)
        held = _held(reading.devices, job)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        reading.reject("jobs", job, "bad-row", f"the row cannot be read: {error}")
        return
    key = {"cluster": reading.cluster or job["cluster"], "job_id": str(job["job_id"]), "attempt": job["attempt"]}
    line = {"_line": job["id"]}
    reading.rows.add("jobs", **key, **_described(job), **times, **line)
    if times["start"] is not None:
        for node in held:
            reading.rows.add("allocations", **key, **node, start=times["start"], end=times["end"], **line)
        usage(reading, job, key)


def _times(job: Mapping[str, Any]) -> dict[str, Any]:
    """Give submit, start and end in ms, and the state; 0 means that a time is not known."""
    submit, start, duration = (_seconds(job[name]) for name in ("submit_time", "start_time", "duration"))
    state = STATES.get(str(job["job_state"]).lower(), str(job["job_state"]).upper())
    if state == "PENDING":
        start = 0
    end = None if state in (*OPEN, "PENDING") or not start else start + duration
    return {"submit": submit or None, "start": start or None, "end": end, "state": state}


def _seconds(value: Any) -> int:
    seconds = int(value or 0)
    if abs(seconds) > _MOST_SECONDS:
        raise ValueError(f"{seconds} seconds are out of range")
    return seconds * MS_PER_SECOND


def _described(job: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a job is called, who runs it and where."""
    array, labels = job["array_job_id"] or 0, job["subcluster"]
    alone = array == job["job_id"] and not job["in_array"]
    return {
        "array_id": None if array == 0 or alone else str(array),
        "name": _named(job["meta_data"]),
        "user": job["hpc_user"],
        "account": job["project"],
        "partition": job["cluster_partition"] or None,
        "labels": f"subcluster={labels}" if labels else None,
        "exclusive": str(job["shared"]) in ("none", "1"),
        "time_limit_ms": _seconds(job["walltime"]) or None,
    }


def _named(meta: Any) -> str | None:
    """Give the job's name, where its metadata hold one; the rest of them (the script) is left out."""
    try:
        name = json.loads(meta or "{}").get("jobName")
    except (ValueError, AttributeError):
        return None
    return str(name) if name else None


def _held(devices: Devices, job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give what the job held on each node.

    A hardware thread is one CPU of 1000 milli. A node without a list of them is held as the job's totals say,
    shared out evenly; where that does not come out even, the CPUs are not known. Devices of which one has no address
    are counted, not named.
    """
    nodes = json.loads(job["resources"] or "[]")
    named = [len(node.get("accelerators") or ()) for node in nodes]
    spare = max(0, (job["num_acc"] or 0) - sum(named))
    bare = [at for at, count in enumerate(named) if not count]
    threads, rest = divmod(job["num_hwthreads"] or 0, max(1, len(nodes)))
    held = []
    for at, node in enumerate(nodes):
        found = node.get("accelerators") or ()
        names = [devices.name(job["cluster"], job["subcluster"] or "", str(address)) for address in found]
        known = names and all(names)
        extra = _share(spare, len(bare), bare.index(at)) if at in bare else 0
        cpus = len(node.get("hwthreads") or ()) or (threads if not rest else 0)
        held.append({
            "node": node["hostname"],
            "gpu_milli": (len(names) + extra) * MILLI,
            "gpus": ";".join(sorted(names, key=_by_index)) if known else None,
            "cpu_milli": cpus * MILLI or None,
        })  # fmt: skip
    return held


def _share(total: int, parts: int, at: int) -> int:
    """Share a count out evenly, the first parts taking what is left over."""
    return total // parts + (at < total % parts)


def _by_index(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)
