"""Devices that are held at a moment and that nothing runs on: by their processes, else by their activity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paydown.model.units import MS_PER_DAY, MS_PER_HOUR
from paydown.model.window import Window, date_of
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.answers import table
from paydown.reports.parts.held import held
from paydown.reports.parts.members import Place, condition
from paydown.reports.parts.moment import at
from paydown.reports.parts.postings import Filters
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

LATELY_MS = MS_PER_HOUR
"""How old a sample may be that still describes a moment: the longest duration that is believed by default (L3.2)."""

LOOK_BACK_MS = MS_PER_DAY
"""How far back the last process is looked for."""

PROCESSES = """
SELECT cluster, node, gpu, job_id, arg_max(processes, start) AS processes
FROM gpu_samples WHERE processes IS NOT NULL AND epoch_ms(start) <= {moment} AND epoch_ms(start) > {early}
    AND epoch_ms(start) + duration_ms * 3 / 2 > {moment}
GROUP BY cluster, node, gpu, job_id
"""
"""How many processes each device has at a moment. A sample is stretched by half at most (L3.2)."""

BUSY = """
SELECT s.cluster, s.node, s.gpu, s.job_id, max(epoch_ms(s.start) + s.duration_ms) AS busy_ms
FROM gpu_samples s SEMI JOIN quiet q ON q.cluster = s.cluster AND q.node = s.node AND q.gpu = s.gpu
WHERE s.processes > 0 AND epoch_ms(s.start) <= {moment} AND epoch_ms(s.start) > {early}
GROUP BY s.cluster, s.node, s.gpu, s.job_id
"""
"""Until when each of some devices last had a process."""

HOLDERS = """SELECT job_id FROM allocations WHERE gpu_milli > 0 AND epoch_ms(start) <= {moment}
            AND coalesce(epoch_ms("end"), {moment} + 1) > {moment}"""
"""The jobs that may hold GPUs at a moment, so that the ends of no others are worked out."""

DEVICES = """WITH {held},
holders AS (SELECT * FROM held WHERE start_ms <= {moment} AND end_ms > {moment} AND gpu_milli > 0),
seen AS (
    SELECT DISTINCT cluster, job_id, attempt, node, gpu, epoch_ms(allocated_from) AS start_ms FROM summaries
    WHERE tres = 'gpu' AND gpu IS NOT NULL AND day >= {first} AND day <= {last}
),
known AS (
    SELECT cluster, job_id, attempt, node, start_ms, gpu_milli, unnest(string_split(gpus, ';')) AS gpu
    FROM holders WHERE gpus IS NOT NULL
    UNION ALL BY NAME
    SELECT h.cluster, h.job_id, h.attempt, h.node, h.start_ms, h.gpu_milli, s.gpu
    FROM holders h JOIN seen s ON s.cluster = h.cluster AND s.job_id = h.job_id AND s.attempt = h.attempt
        AND s.node = h.node AND s.start_ms = h.start_ms
    WHERE h.gpus IS NULL
),
marked AS (
    SELECT r.cluster, r.job_id, r.attempt, r.node, r.gpu, epoch_ms(r.allocated_from) AS from_ms,
        epoch_ms(r.start) AS start_ms, epoch_ms(r."end") AS end_ms,
        CASE WHEN r.start = lag(r."end") OVER w THEN 0 ELSE 1 END AS begins
    FROM runs r SEMI JOIN holders h ON h.cluster = r.cluster AND h.job_id = r.job_id AND h.attempt = r.attempt
        AND h.node = r.node
    WHERE r.tres = 'gpu' AND epoch_ms(r.start) <= {moment} AND r.day <= {last}
    WINDOW w AS (PARTITION BY r.cluster, r.job_id, r.attempt, r.node, r.gpu, r.allocated_from ORDER BY r.start)
),
quiet AS (
    SELECT cluster, job_id, attempt, node, gpu, from_ms, min(start_ms) AS quiet_ms, max(end_ms) AS end_ms
    FROM (SELECT *, sum(begins) OVER (
        PARTITION BY cluster, job_id, attempt, node, gpu, from_ms ORDER BY start_ms) AS run FROM marked)
    GROUP BY cluster, job_id, attempt, node, gpu, from_ms, run HAVING max(end_ms) > {moment}
)
SELECT k.*, any_value(q.quiet_ms) AS quiet_ms, max(p.processes) AS processes,
    bool_or(s.gpu IS NOT NULL OR p.gpu IS NOT NULL) AS sampled
FROM known k
LEFT JOIN quiet q ON q.cluster = k.cluster AND q.job_id = k.job_id AND q.attempt = k.attempt AND q.node = k.node
    AND q.gpu = k.gpu AND q.from_ms = k.start_ms
LEFT JOIN seen s ON s.cluster = k.cluster AND s.job_id = k.job_id AND s.attempt = k.attempt AND s.node = k.node
    AND s.gpu = k.gpu AND s.start_ms = k.start_ms
LEFT JOIN processes p ON p.cluster = k.cluster AND p.node = k.node AND p.gpu = k.gpu
    AND (p.job_id IS NULL OR p.job_id = k.job_id)
GROUP BY ALL
"""

SHOWN = """WITH idle AS (
    SELECT k.*, max(b.busy_ms) AS busy_ms
    FROM devices k LEFT JOIN busy b ON b.cluster = k.cluster AND b.node = k.node AND b.gpu = k.gpu
        AND (b.job_id IS NULL OR b.job_id = k.job_id)
    GROUP BY ALL
)
SELECT k.cluster, k.node, k.gpu, k.job_id, k.attempt, j."user", j.account, j."partition", j.name,
    CASE WHEN k.processes = 0 THEN 'no process' ELSE 'quiet' END AS evidence,
    CASE WHEN k.processes = 0 THEN greatest(k.start_ms, k.busy_ms, {early}) ELSE k.quiet_ms END AS since,
    ({moment} - since) / {hour} AS idle_hours, ({moment} - k.start_ms) / {hour} AS held_hours
FROM idle k
LEFT JOIN jobs j ON j.cluster = k.cluster AND j.job_id = k.job_id AND j.attempt = k.attempt
WHERE (k.processes = 0 OR (k.processes IS NULL AND k.quiet_ms IS NOT NULL)) {kept}
ORDER BY idle_hours DESC, k.cluster, k.node, k.gpu
"""

COLUMNS = (
    OutColumn("cluster", "", "The cluster.", minor=True),
    OutColumn("node", "", "The node."),
    OutColumn("gpu", "", "The device."),
    OutColumn("job_id", "", "The job that holds it."),
    OutColumn("attempt", "", "Its attempt, 0 for the first start.", "number", minor=True),
    OutColumn("user", "", "The user's name; the person key where none is known."),
    OutColumn("account", "", "The account that pays."),
    OutColumn("partition", "", "The job's partition.", minor=True),
    OutColumn("name", "", "The job's name.", minor=True),
    OutColumn(
        "evidence", "", "How that is known: `no process` on the device, or, where processes are not known, `quiet`."
    ),
    OutColumn("since", "UTC", "Since when; of processes, a day back at most.", "instant"),
    OutColumn("idle_hours", "hours", "For how long there is no process, or it is quiet.", "debt"),
    OutColumn("held_hours", "hours", "For how long the job holds it.", "allocation"),
)
"""A row for each device, the longest idle first."""


@dataclass(frozen=True)
class Idle:
    """What is known of the devices held at a moment."""

    table: Answer
    """Those that nothing runs on."""
    held: int
    """How many devices are held and known by name."""
    sampled: int
    """Of how many of them a sample says something."""


def idle_devices(scope: Scope, filters: Filters, moment_ms: int) -> Idle:
    """List the devices that are held at a moment and that nothing runs on."""
    devices = _devices(scope, moment_ms)
    statement = Statement(tables={"devices": devices, "busy": _busy(scope, devices, moment_ms)})
    place = Place(
        "k.cluster", 'j."user"', f"CAST({statement.bind(date_of(moment_ms // MS_PER_DAY))} AS DATE)", "k.job_id"
    )
    kept = [
        condition(statement, name, values, "k" if name in {"cluster", "node"} else "j", place)
        for name, values in filters.items()
    ]
    text = SHOWN.format(
        moment=statement.bind(moment_ms),
        early=statement.bind(moment_ms - LOOK_BACK_MS),
        hour=float(MS_PER_HOUR),
        kept="".join(f" AND {each}" for each in kept),
    )
    shown = table("now.devices", scope, COLUMNS, scope.query(text, statement))
    return Idle(shown, devices.num_rows, sum(bool(flag) for flag in devices.column("sampled").to_pylist()))


def _devices(scope: Scope, moment_ms: int) -> pa.Table:
    """Give every device that is held and known by name, with what is known of its processes and its quiet."""
    there = replace(scope, asked=at(moment_ms))
    statement = Statement(tables={"processes": _processes(scope, moment_ms)})
    day = moment_ms // MS_PER_DAY
    text = DEVICES.format(
        held=held(there, statement, among=HOLDERS.format(moment=statement.bind(moment_ms))),
        moment=statement.bind(moment_ms),
        first=statement.bind(date_of(day - 1)),
        last=statement.bind(date_of(day)),
    )
    return scope.query(text, statement)


def _processes(scope: Scope, moment_ms: int) -> pa.Table:
    statement = Statement()
    window = Window(moment_ms - LATELY_MS, moment_ms + 1)
    text = PROCESSES.format(moment=statement.bind(moment_ms), early=statement.bind(window.start_ms))
    return scope.query(text, statement, window)


def _busy(scope: Scope, devices: pa.Table, moment_ms: int) -> pa.Table:
    """Look for the last process of those devices alone that have none."""
    import pyarrow.compute as pc

    quiet = devices.filter(pc.fill_null(pc.equal(devices["processes"], 0), fill_value=False))
    statement = Statement(tables={"quiet": quiet.select(["cluster", "node", "gpu"])})
    window = Window(moment_ms - (LOOK_BACK_MS if quiet.num_rows else 0), moment_ms + 1)
    text = BUSY.format(moment=statement.bind(moment_ms), early=statement.bind(window.start_ms))
    return scope.query(text, statement, window)
