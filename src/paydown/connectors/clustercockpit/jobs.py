"""A row of the job table, made into a job and what it held."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from paydown.connectors.clustercockpit.footprint import usage
from paydown.connectors.clustercockpit.reading import UNREADABLE, Reading, text_of
from paydown.connectors.clustercockpit.states import OPEN, STATES
from paydown.connectors.clustercockpit.topology import Devices
from paydown.model.units import MILLI, MS_PER_SECOND

_TEXTS = ("cluster", "subcluster", "hpc_user", "project", "cluster_partition", "job_state", "shared")
_COUNTS = (
    "submit_time", "start_time", "duration", "walltime", "array_job_id", "num_nodes", "num_hwthreads", "num_acc",
    "monitoring_status",
)  # fmt: skip
_MOST = 2**36


def job_of(reading: Reading, row: dict[str, Any]) -> None:
    """Make the facts of one row of the database, or say why not."""
    try:
        job = _typed(row)
        times = _times(job)
        held = _held(reading.devices, job)
    except UNREADABLE as error:
        reading.reject("jobs", row, "bad-row", f"the row cannot be read: {error}")
        return
    key = {"cluster": reading.cluster or job["cluster"], "job_id": str(job["job_id"]), "attempt": job["attempt"]}
    line = {"_line": job["id"]}
    reading.rows.add("jobs", **key, **_described(job), **times, **line)
    if times["start"] is not None:
        for node in held:
            reading.rows.add("allocations", **key, **node, start=times["start"], end=times["end"], **line)
        usage(reading, job, key)


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a row with text where there must be text, and whole numbers where there must be those: SQLite allows any."""
    texts = {name: text_of(row[name]) for name in _TEXTS}
    counts = {name: int(row[name] or 0) for name in _COUNTS}
    for name, value in counts.items():
        if not 0 <= value <= _MOST:
            raise ValueError(f"{name} is {value}")
    return {**row, **texts, **counts}


def _times(job: Mapping[str, Any]) -> dict[str, Any]:
    """Give submit, start and end in ms, and the state; 0 means that a time is not known."""
    submit, start, duration = (job[name] * MS_PER_SECOND for name in ("submit_time", "start_time", "duration"))
    state = STATES.get(job["job_state"].lower(), job["job_state"].upper())
    if state == "PENDING":
        start = 0
    end = None if state in (*OPEN, "PENDING") or not start else start + duration
    return {"submit": submit or None, "start": start or None, "end": end, "state": state}


def _described(job: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a job is called, who runs it and where."""
    array, labels = job["array_job_id"], job["subcluster"]
    alone = array == job["job_id"] and not job["in_array"]
    return {
        "array_id": None if array == 0 or alone else str(array),
        "name": _named(job["meta_data"]),
        "user": job["hpc_user"] or None,
        "account": job["project"] or None,
        "partition": job["cluster_partition"] or None,
        "labels": f"subcluster={labels}" if labels else None,
        "exclusive": job["shared"] in ("none", "1"),
        "time_limit_ms": job["walltime"] * MS_PER_SECOND or None,
    }


def _named(meta: Any) -> str | None:
    """Give the job's name, where its metadata hold one; the rest of them (the script) is left out."""
    try:
        name = json.loads(meta or "{}").get("jobName")
    except UNREADABLE:
        return None
    return text_of(name) or None


def _held(devices: Devices, job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give what the job held on each node.

    A hardware thread is one CPU of 1000 milli. A node without a list of them is held as the job's totals say,
    shared out evenly; where that does not come out even, the CPUs are not known. Devices of which one has no address
    are counted, not named.
    """
    nodes = json.loads(job["resources"] or "[]")
    named = [len(_listed(node, "accelerators")) for node in nodes]
    spare = max(0, job["num_acc"] - sum(named))
    bare = [at for at, count in enumerate(named) if not count]
    threads, rest = divmod(job["num_hwthreads"], max(1, len(nodes)))
    held = []
    for at, node in enumerate(nodes):
        addresses = map(text_of, _listed(node, "accelerators"))
        names = [devices.name(job["cluster"], job["subcluster"], address) for address in addresses]
        known = names and all(names)
        extra = _share(spare, len(bare), bare.index(at)) if at in bare else 0
        cpus = len(_listed(node, "hwthreads")) or (threads if not rest else 0)
        held.append({
            "node": text_of(node["hostname"]),
            "gpu_milli": (len(names) + extra) * MILLI,
            "gpus": ";".join(sorted(names, key=_by_index)) if known else None,
            "cpu_milli": cpus * MILLI or None,
        })  # fmt: skip
    return held


def _listed(node: Mapping[str, Any], name: str) -> list[Any]:
    found = node.get(name) or []
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def _share(total: int, parts: int, at: int) -> int:
    """Share a count out evenly, the first parts taking what is left over."""
    return total // parts + (at < total % parts)


def _by_index(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)
