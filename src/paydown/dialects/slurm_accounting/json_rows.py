"""Jobs of `sacct --json` as the rows that `sacct -P` gives of the same jobs: one of the job, one of each step.

What a version gets wrong is left out, so that it is unknown and not wrong. With bare figures (22.05 and older) every
failed job has the exit code {SUCCESS, 0}, so that of jobs that did not complete is not believed; and the CPU time of
jobs is 0, so that of their steps counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paydown.dialects.slurm_accounting.shapes import (
    clock,
    count_of,
    digits,
    epoch,
    inner,
    is_infinite,
    number,
    part,
    span,
    state,
    text,
    tres,
)

MEASURED = ("gres/gpumem", "gres/gpuutil", "mem")
"""The TRES of a step that are read of what it used."""

_LONGEST = 1 << 21
"""Digits of the longest list of tasks that is spelt out: MaxArraySize is at most 4,000,001 (slurm.conf(5))."""

_MS = 1_000
_PER_CPU = 1 << 63

Row = dict[str, Any]
"""The cells of a row as text, by field; None where there is nothing to say."""


def is_job(value: Any) -> bool:
    """Say whether an element is a job of accounting."""
    return isinstance(value, dict) and isinstance(value.get("time"), dict) and isinstance(value.get("state"), dict)


def rows_of(job: dict[str, Any]) -> Iterator[Row]:
    """Give the row of a job, and those of its steps."""
    row = _job(job)
    yield row
    steps = job.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict):
            yield _step(step, row)


def job_id(job: dict[str, Any]) -> str | None:
    """Give the id of a job as sacct prints it: `7`; `7_1` of an array, `7_[0,2%1]` of its pending tasks; `7+1`."""
    array, het = part(job, "array"), part(job, "het")
    whole, lead = number(part(array, "job_id")), number(part(het, "job_id"))
    task, waiting = number(part(array, "task_id")), text(part(array, "task"))
    offset = number(part(het, "job_offset"))
    if whole and task is not None:
        return f"{whole}_{task}"
    if whole and waiting:
        most = number(part(array, "limits", "max", "running", "tasks"))
        return f"{whole}_[{tasks_of(waiting)}{f'%{most}' if most else ''}]"
    if lead and offset is not None:
        return f"{lead}+{offset}"
    return digits(job.get("job_id"))


def tasks_of(waiting: str) -> str:
    """Give a list of tasks from the bits of `0x15`, the lowest first; another form as it is.

    >>> tasks_of("0x15")
    '0,2,4'
    """
    try:
        bits = int(waiting, 16) if waiting.startswith("0x") and len(waiting) < _LONGEST else None
    except ValueError:
        bits = None
    if bits is None:
        return waiting
    return ",".join(str(at) for at, bit in enumerate(reversed(f"{bits:b}")) if bit == "1")


def _job(job: dict[str, Any]) -> Row:
    times, asked, total = inner(job, "time"), inner(job, "required"), inner(job, "tres")
    now = state(part(job, "state", "current"))
    bare = not isinstance(part(job, "exit_code", "return_code"), dict)
    held = total.get("allocated")
    return {
        "JobID": job_id(job),
        "Cluster": text(job.get("cluster")) or text(part(job, "association", "cluster")),
        "Account": text(job.get("account")) or text(part(job, "association", "account")),
        "User": text(job.get("user")) or text(part(job, "association", "user")),
        "JobName": text(job.get("name")),
        "Partition": text(job.get("partition")),
        "QOS": text(job.get("qos")),
        "WCKey": text(part(job, "wckey", "wckey")),
        "Constraints": text(job.get("constraints")),
        "Submit": epoch(times.get("submission")),
        "Eligible": epoch(times.get("eligible")),
        "Start": epoch(times.get("start")),
        "End": epoch(times.get("end")),
        "Elapsed": span(number(times.get("elapsed"))),
        "Timelimit": "UNLIMITED" if is_infinite(times.get("limit")) else None,
        "TimelimitRaw": digits(times.get("limit")),
        "TotalCPU": _own_cpu(times.get("total"), bare=bare),
        "State": now,
        "ExitCode": _exit_code(part(job, "exit_code"), believed=not bare or now == "COMPLETED"),
        "Reason": text(part(job, "state", "reason")),
        "Priority": digits(job.get("priority")),
        "Restarts": digits(job.get("restart_cnt")),
        "NNodes": digits(job.get("allocation_nodes")),
        "NCPUS": _count(count_of(held, "cpu")),
        "ReqCPUS": digits(asked.get("CPUs")),
        "ReqMem": _memory(asked),
        "ReqTRES": tres(total.get("requested")),
        "AllocTRES": tres(held),
        "NodeList": text(job.get("nodes")),
        "SubmitLine": text(job.get("submit_line")),
        "AdminComment": text(part(job, "comment", "administrator")),
        "Comment": text(part(job, "comment", "job")),
    }


def _step(step: dict[str, Any], job: Row) -> Row:
    times, used = inner(step, "time"), inner(step, "tres", "requested")
    kind = text(part(step, "step", "id")) or ""
    average = count_of(used.get("average"), "cpu")
    return {
        "JobID": f"{job['JobID']}.{kind.rpartition('.')[2]}",
        "Cluster": job["Cluster"],
        "State": state(step.get("state")),
        "Elapsed": span(number(times.get("elapsed"))),
        "TotalCPU": clock(times.get("total")),
        "AveCPU": span(average // _MS) if average is not None else None,
        "AveRSS": _count(count_of(used.get("average"), "mem")),
        "MaxRSS": _count(count_of(used.get("max"), "mem")),
        "NTasks": digits(part(step, "tasks", "count")),
        "TRESUsageInTot": tres(used.get("total"), only=MEASURED),
        "TRESUsageInAve": tres(used.get("average"), only=MEASURED),
        "TRESUsageInMax": tres(used.get("max"), only=MEASURED),
    }


def _count(found: int | None) -> str | None:
    return None if found is None else str(found)


def _own_cpu(total: Any, *, bare: bool) -> str | None:
    """Write the CPU time of a job; 22.05 says 0 of every job, whatever its steps used."""
    zero = not number(part(total, "seconds")) and not number(part(total, "microseconds"))
    return None if bare and zero else clock(total)


def _exit_code(found: Any, *, believed: bool) -> str | None:
    """Write `code:signal`, the code 0 only where it is believed; 23.02 says -127 where there is no code."""
    code, kill = number(part(found, "return_code")), part(found, "signal")
    code = code if code is not None and code >= 0 else None
    signal = number(part(kill, "id"))
    signal = number(part(kill, "signal_id")) if signal is None else signal
    if code is None and not signal:
        return None
    return f"{code or 0}:{signal or 0}" if code or signal or believed else None


def _memory(asked: Mapping[str, Any]) -> str | None:
    """Write the memory asked for in MiB, for each CPU or each node; 22.05 says which by the highest bit."""
    for name, unit in (("memory_per_cpu", "c"), ("memory_per_node", "n")):
        found = number(asked.get(name))
        if found:
            return f"{found}M{unit}"
    bare = number(asked.get("memory"))
    if not bare or bare < 0:
        return None
    return f"{bare - _PER_CPU}Mc" if bare >= _PER_CPU else f"{bare}Mn"
