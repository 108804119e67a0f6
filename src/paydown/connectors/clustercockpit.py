"""ClusterCockpit: the job database of cc-backend, with the cluster.json files that describe its devices.

What its figures mean is taken from cc-backend (internal/archiver, internal/repository) and cc-metric-collector
(collectors/nvidiaMetric.go); docs/connectors/clustercockpit.md says what is read, and what is left out and why.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from paydown.connectors.interface import Connector, Context, Item
from paydown.errors import InputError
from paydown.model.batch import Batch, Reject, Vouch
from paydown.model.facts import FACTS
from paydown.model.units import MILLI, MS_PER_SECOND

NAME = "clustercockpit"

STATES: dict[str, str] = {
    "boot_fail": "BOOT_FAIL",
    "cancelled": "CANCELLED",
    "completed": "COMPLETED",
    "deadline": "DEADLINE",
    "failed": "FAILED",
    "node_fail": "NODE_FAIL",
    "out-of-memory": "OUT_OF_MEMORY",
    "out_of_memory": "OUT_OF_MEMORY",
    "pending": "PENDING",
    "preempted": "PREEMPTED",
    "running": "RUNNING",
    "suspended": "SUSPENDED",
    "timeout": "TIMEOUT",
}
"""ClusterCockpit's job states (the CHECK of its `job` table) in Slurm's words."""

NOTE = (
    "A selection of jobs: it says what they used, not what the cluster had, held or kept waiting. "
    "CPU load and host memory are the nodes', not the jobs', and are left out."
)
"""What stands beside every cluster that this source vouches for."""

_OPEN = ("RUNNING", "SUSPENDED")
_ARCHIVED = 3
"""`monitoring_status` of a job whose footprint was worked out of its whole life (cc-lib, schema/job.go)."""

_MIB: dict[str, float] = {"MiB": 1.0, "GiB": 1024.0, "MB": 1e6 / 2**20, "GB": 1e9 / 2**20}
_MOST_SECONDS = 2**40
_ROWS = 20_000
_COPIES = 3

_OLDER: dict[str, str] = {"hpc_user": "user", "cluster_partition": "partition", "shared": "exclusive"}
"""Columns by the names that older versions of the database have for them."""

_OPTIONAL = ("subcluster", "array_job_id", "meta_data", "num_hwthreads", "num_acc", "footprint")
_NEEDED = (
    "job_id", "cluster", "submit_time", "start_time", "duration", "walltime", "job_state", "project", "resources",
    "num_nodes", "monitoring_status",
)  # fmt: skip


class Settings(BaseModel):
    """What to read, and in which unit a footprint states the memory of devices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(
        description="The database `job.db`, or the folder that holds it.", json_schema_extra={"argument": True}
    )
    topology: tuple[Path, ...] = Field(
        (),
        description="A cluster's `cluster.json`, which turns PCI addresses into device indexes "
        "(may be given several times; default: the `cluster.json` beside the database, where there is one).",
    )
    only: tuple[str, ...] = Field((), description="Read only the jobs of these clusters (default: all).")
    gpu_memory_unit: Literal["MiB", "GiB", "MB", "GB"] = Field(
        "MiB", description="The unit of `acc_mem_used` in the footprints; ClusterCockpit's NVIDIA collector writes MiB."
    )


@dataclass(frozen=True)
class _Devices:
    """The indexes of devices by PCI address, for each (cluster, subcluster)."""

    index: Mapping[tuple[str, str], Mapping[str, str]]

    def name(self, cluster: str, subcluster: str, address: str) -> str:
        """Give a device's index where the topology knows it, else its address."""
        return self.index.get((cluster, subcluster), {}).get(address.upper(), address)


@dataclass
class _Rows:
    """Rows of the fact tables as they are made, as columns of Python values."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, **cells: Any) -> None:
        """Add one row."""
        self.rows.setdefault(table, []).append(cells)

    def batches(self, origin: str) -> Iterator[Batch]:
        """Hand over what was gathered, typed, and start anew."""
        import pyarrow as pa

        for table, rows in self.rows.items():
            names = {**dict.fromkeys(rows[0]), "_line": None}
            kinds = {**{f.name: f.type for f in FACTS[table].arrow}, "_line": pa.int64()}
            columns = {name: pa.array([row.get(name) for row in rows], kinds[name]) for name in names}
            yield Batch(table, pa.table(columns), origin)
        self.rows = {}


@dataclass
class _Reading:
    """One reading of a database: what it was given, and what it has seen so far."""

    settings: Settings
    origin: str
    cluster: str | None
    devices: _Devices
    proven: frozenset[tuple[str, str]]
    """The (cluster, subcluster) for which some job's device use is above zero: elsewhere a zero proves nothing."""
    rows: _Rows = field(default_factory=_Rows)
    rejects: list[Reject] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    """Footprints left out, by cluster, because the job still runs."""

    def reject(self, table: str, job: Mapping[str, Any], reason: str, detail: str) -> None:
        """Keep one row of the database, or a part of it, as not believed; its text names no user."""
        text = json.dumps({key: _shown(value) for key, value in job.items() if key != "hpc_user"})[:1_000]
        name = self.cluster or str(job["cluster"])
        self.rejects.append(Reject(table, self.origin, job["id"], reason, detail, text, cluster=name))


def read(settings: Settings, context: Context) -> Iterator[Item]:
    """Read the jobs of the database, what they held, and what they used."""
    path = _database(settings.path)
    devices = _topology(settings, path)
    with _opened(path) as (database, origin):
        try:
            yield from _read(database, origin, settings, context, devices)
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path} cannot be read as a job database of ClusterCockpit: {error}") from error


def _read(
    database: sqlite3.Connection, origin: str, settings: Settings, context: Context, devices: _Devices
) -> Iterator[Item]:
    query = _query(database, origin)
    clusters = _clusters(database, settings, context)
    reading = _Reading(settings, origin, context.cluster, devices, _proven(database))
    total = database.execute("SELECT count(*) FROM job").fetchone()[0]
    done = 0
    cursor = database.execute(query)
    while rows := cursor.fetchmany(_ROWS):
        for row in rows:
            job = dict(row)
            if job["cluster"] in clusters:
                _job(reading, job)
        yield from reading.rows.batches(origin)
        yield from reading.rejects
        reading.rejects.clear()
        done += len(rows)
        context.progress(f"{done:,} of {total:,} jobs", done / total)
    for name in clusters:
        yield Vouch(context.cluster or name, NAME, ("use",), note=_note(reading, name))


def _note(reading: _Reading, cluster: str) -> str:
    left = reading.unread[cluster]
    return NOTE + (f" {left:,} jobs had not ended: what they used is not read yet." if left else "")


def _clusters(database: sqlite3.Connection, settings: Settings, context: Context) -> tuple[str, ...]:
    """Say which clusters to read; one name for several clusters would mix their job ids."""
    held = [str(row[0]) for row in database.execute("SELECT DISTINCT cluster FROM job ORDER BY cluster")]
    missing = [name for name in settings.only if name not in held]
    if missing:
        raise InputError(f"{settings.path} has no jobs of {', '.join(missing)}; it has {', '.join(held)}")
    wanted = tuple(name for name in held if name in settings.only or not settings.only)
    if context.cluster and len(wanted) > 1:
        raise InputError(
            f"{settings.path} holds several clusters ({', '.join(wanted)}), which cannot all be named "
            f"{context.cluster}: choose one with --only"
        )
    return wanted


# One job ------------------------------------------------------------------------------------------------------------


def _job(reading: _Reading, job: dict[str, Any]) -> None:
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
        _usage(reading, job, key)


def _times(job: Mapping[str, Any]) -> dict[str, Any]:
    """Give submit, start and end in ms, and the state; 0 means that a time is not known."""
    submit, start, duration = (_seconds(job[name]) for name in ("submit_time", "start_time", "duration"))
    state = STATES.get(str(job["job_state"]).lower(), str(job["job_state"]).upper())
    if state == "PENDING":
        start = 0
    end = None if state in (*_OPEN, "PENDING") or not start else start + duration
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


def _held(devices: _Devices, job: Mapping[str, Any]) -> list[dict[str, Any]]:
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


def _usage(reading: _Reading, job: dict[str, Any], key: Mapping[str, Any]) -> None:
    """Give what the job's devices did on average, from its footprint.

    The footprint averages over the nodes of a job what each node measured (cc-backend, internal/archiver): for the
    memory that is the sum over the node's devices, so the job's total is that times its nodes.
    """
    if not job["num_acc"] or not job["footprint"]:
        return
    try:
        footprint = dict(json.loads(job["footprint"]))
        use, memory = (_figure(footprint, f"{metric}_avg") for metric in ("acc_utilization", "acc_mem_used"))
    except (ValueError, TypeError) as error:
        reading.reject("job_usage", job, "bad-row", f"the footprint cannot be read: {error}")
        return
    if use is None and memory is None:
        return
    if STATES.get(job["job_state"]) in _OPEN:
        reading.unread[job["cluster"]] += 1
    elif job["monitoring_status"] != _ARCHIVED:
        why = f"its monitoring status is {job['monitoring_status']}, not {_ARCHIVED} (archived)"
        reading.reject("job_usage", job, "not-archived", f"the footprint is not of the job's whole life: {why}")
    else:
        _figures(reading, job, key, use, memory)


def _figures(
    reading: _Reading, job: dict[str, Any], key: Mapping[str, Any], use: float | None, memory: float | None
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
        total = memory * job["num_nodes"] * _MIB[reading.settings.gpu_memory_unit]
        reading.rows.add("job_usage", **key, signal="gpu_memory_used_mib", mean=total, **given)


def _figure(footprint: Mapping[str, Any], name: str) -> float | None:
    value = footprint.get(name)
    return None if value is None else float(value)


def _shown(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


# The database and the topology --------------------------------------------------------------------------------------


def _query(database: sqlite3.Connection, origin: str) -> str:
    """Select what is read under its present names, with the attempt: starts of one job id are numbered by time."""
    has = {row[1] for row in database.execute("PRAGMA table_info(job)")}
    columns = ["id", *_NEEDED]
    missing = [name for name in columns if name not in has]
    for name, older in _OLDER.items():
        columns.append(name if name in has else f'"{older}" AS {name}')
        missing += [] if {name, older} & has else [name]
    if missing:
        raise InputError(f"{origin} is no job database of ClusterCockpit: its table job lacks {', '.join(missing)}")
    columns += [name if name in has else f"NULL AS {name}" for name in _OPTIONAL]
    array = "array_job_id" if "array_job_id" in has else "job_id"
    columns.append("row_number() OVER (PARTITION BY cluster, job_id ORDER BY start_time, id) - 1 AS attempt")
    columns.append("min(job_id) OVER same < max(job_id) OVER same AS in_array")
    return f"SELECT {', '.join(columns)} FROM job WINDOW same AS (PARTITION BY cluster, {array}) ORDER BY id"


def _proven(database: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Find where the device use has ever been above zero."""
    has = {row[1] for row in database.execute("PRAGMA table_info(job)")}
    if not {"footprint", "subcluster"} <= has:
        return frozenset()
    found = set()
    for cluster, subcluster, footprint in database.execute("SELECT cluster, subcluster, footprint FROM job"):
        if (cluster, subcluster) not in found and _above_zero(footprint):
            found.add((cluster, subcluster))
    return frozenset(found)


def _above_zero(footprint: Any) -> bool:
    try:
        return (_figure(dict(json.loads(footprint or "{}")), "acc_utilization_avg") or 0) > 0
    except (ValueError, TypeError):
        return False


def _database(path: Path) -> Path:
    """Find the database: the file itself, or `job.db` in the folder."""
    found = path / "job.db" if path.is_dir() else path
    if not found.is_file():
        raise InputError(f"there is no job database at {found}")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[tuple[sqlite3.Connection, str]]:
    """Open a database without writing anything beside it.

    SQLite writes to the folder of a database whose write-ahead log or rollback journal is not empty, and `immutable`
    ignores what those hold. So a database with one is copied together with it, and the copy opened.
    """
    with tempfile.TemporaryDirectory(prefix="paydown-") as folder:
        copied = _copied(path, Path(folder)) if _logs(path) else None
        target = f"{copied.as_uri()}?mode=rw" if copied else f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            database = sqlite3.connect(target, uri=True)
        except sqlite3.Error as error:
            raise InputError(f"{path} cannot be opened: {error}") from error
        with closing(database):
            database.row_factory = sqlite3.Row
            yield database, str(path)


def _logs(path: Path) -> list[Path]:
    """List the logs beside a database that hold something."""
    beside = [path.with_name(path.name + suffix) for suffix in ("-wal", "-journal")]
    return [log for log in beside if log.is_file() and log.stat().st_size]


def _copied(path: Path, folder: Path) -> Path:
    """Copy a database with its logs, again where someone wrote to it meanwhile."""
    for _ in range(_COPIES):
        before = _stamps(path)
        for file in (path, *_logs(path)):
            shutil.copyfile(file, folder / file.name)
        if _stamps(path) == before:
            return folder / path.name
    raise InputError(f"{path} is being written to; make a copy (sqlite3 {path} '.backup copy.db') and read that")


def _stamps(path: Path) -> list[tuple[str, int, int]]:
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in (path, *_logs(path))]


def _topology(settings: Settings, path: Path) -> _Devices:
    """Read the device indexes: an accelerator's place in its subcluster's list."""
    beside = path.with_name("cluster.json")
    files = settings.topology or ((beside,) if beside.is_file() else ())
    index: dict[tuple[str, str], dict[str, str]] = {}
    for file in files:
        try:
            cluster = json.loads(file.read_text(encoding="utf-8"))
            for sub in cluster["subClusters"]:
                found = sub["topology"].get("accelerators") or []
                index[cluster["name"], sub["name"]] = {str(a["id"]).upper(): str(at) for at, a in enumerate(found)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{file} cannot be read as a cluster.json of ClusterCockpit: {error}") from error
    return _Devices(index)


CONNECTOR = Connector(
    name=NAME,
    summary="the job database of ClusterCockpit (job.db), with its cluster.json",
    settings=Settings,
    supports=("use",),
    tables=("jobs", "allocations", "job_usage"),
    read=read,
)
