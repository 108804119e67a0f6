"""Statements on what a cluster does: jobs, their attempts, and what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from paydown.model.facts import JOBS
from paydown.model.units import MILLI
from paydown.testing.notation import Place, Statement, duration, near, places
from paydown.testing.sketch import Sketch, cell
from paydown.testing.strips import Strip

_HELD = ("on", "gpu", "cpu", "memory")
_ASKED = {"ask_gpu": "req_gpu_milli", "ask_cpu": "req_cpu_milli", "ask_memory": "req_memory_mib"}
_RENAMED = {"model": "req_gpu_model", "array": "array_id", "nodes": "req_nodes", "reason": "pending_reason"}
_JOB_TEXT = re.compile(r"\.*h*w*R*\.*")


def job(found: Sketch, statement: Statement) -> None:
    """Add the attempts of a job, and what each holds where."""
    job_id, attempt = _numbered(statement)
    people = statement.words[1:2] if "/" in "".join(statement.words[1:2]) else ()
    user, _, account = people[0].partition("/") if people else ("", "", "")
    cells = {"job_id": job_id, "user": user or None, "account": account or None, **_columns(statement, found.origin)}
    spots = places(statement, statement.pairs["on"]) if "on" in statement.pairs else ()
    held = [_held(found, statement, place) for place in spots]
    cells = {**_asked(statement, held), **cells}
    statement.word(1 + len(people), "the strip")
    line, first = found.span(statement, 1 + len(people))
    for number, (life, state) in enumerate(_lives(statement, line), attempt):
        times = {name: None if at is None else first + at * found.step for name, at in life.items()}
        found.add("jobs", **{"attempt": number, "state": state, **times, **cells})
        for place, amounts in zip(spots, held, strict=True):
            if times["start"] is not None:
                row = {"job_id": job_id, "attempt": number, "node": place.node, **amounts}
                found.add("allocations", **row, start=times["start"], end=times["end"])


def hold(found: Sketch, statement: Statement) -> None:
    """Add allocations alone."""
    statement.only(*_HELD, "at")
    job_id, attempt = _numbered(statement)
    if "on" not in statement.pairs:
        raise statement.error("`on=` is missing")
    stretches = list(found.stretches(statement, 1, "R"))
    for place in places(statement, statement.pairs["on"]):
        for _, times in stretches:
            row = {"job_id": job_id, "attempt": attempt, "node": place.node, **_held(found, statement, place)}
            found.add("allocations", **row, **times)


def _numbered(statement: Statement) -> tuple[str, int]:
    """Read `7` or `7.1`: the job and its (first) attempt."""
    text = statement.word(0, "the job's id")
    job_id, _, attempt = text.rpartition(".") if re.fullmatch(r".+\.\d+", text) else (text, "", "0")
    return job_id, int(attempt)


def _columns(statement: Statement, origin: int) -> dict[str, Any]:
    """Give the columns of `jobs` that pairs name, by their own names or shorter ones."""
    cells: dict[str, Any] = {}
    for key, text in statement.pairs.items():
        column = _RENAMED.get(key, key)
        if key in (*_HELD, "at"):
            continue
        if key == "limit":
            cells["time_limit_ms"] = duration(statement, text)
        elif key in _ASKED:
            cells[_ASKED[key]] = statement.mib(key) if key == "ask_memory" else statement.milli(key)
        elif column in JOBS.by_name and column not in ("cluster", "job_id", "attempt", "start", "end", "state"):
            cells[column] = cell(statement, JOBS.by_name[column], text, origin)
        else:
            known = (*_HELD, *_ASKED, *_RENAMED, "limit", "at", *JOBS.names)
            raise statement.error(f"there is no `{key}=` here{near(key, known)}")
    return cells


def _held(found: Sketch, statement: Statement, place: Place) -> dict[str, Any]:
    """Give what is held on a node: the amounts as given, else of GPUs what the named devices are."""
    milli = statement.milli("gpu")
    whole = sum(found.milli.get((place.node, gpu), MILLI) for gpu in place.devices)
    return {
        "gpu_milli": whole if milli is None else milli,
        "gpus": ";".join(place.devices) or None,
        "cpu_milli": statement.milli("cpu"),
        "memory_mib": statement.mib("memory"),
    }


def _asked(statement: Statement, held: list[dict[str, Any]]) -> dict[str, Any]:
    """Give what the job asked for: what it holds in all, or the amounts as given where it holds nothing."""
    if not held:
        given = {"gpu_milli": statement.milli("gpu"), "cpu_milli": statement.milli("cpu")}
        return {f"req_{name}": amount for name, amount in {**given, "memory_mib": statement.mib("memory")}.items()}
    columns = ("gpu_milli", "cpu_milli", "memory_mib")
    totals = {f"req_{n}": None if held[0][n] is None else sum(row[n] for row in held) for n in columns}
    return {**totals, "req_nodes": len(held)}


def _lives(statement: Statement, line: Strip) -> Iterator[tuple[dict[str, int | None], str]]:
    """Give each attempt's submit, eligible, start and end as steps, and its state.

    A state mark ends an attempt; what follows it is the next.
    """
    at = 0
    parts: list[tuple[int, str, str]] = [(0, "", "")]
    for atom in line.atoms:
        first, text, _ = parts[-1]
        if atom.kind == "state":
            parts[-1] = (first, text, atom.text)
            parts.append((at, "", ""))
        else:
            at += 1
            parts[-1] = (first, text + (atom.text if atom.kind == "char" else "?"), "")
    if not parts[-1][1].strip(".") and len(parts) > 1:
        parts.pop()
    for number, (first, text, state) in enumerate(parts, 1):
        yield _life(statement, first, text, state, is_open=line.open and number == len(parts))


def _life(
    statement: Statement, first: int, text: str, state: str, *, is_open: bool
) -> tuple[dict[str, int | None], str]:
    if not _JOB_TEXT.fullmatch(text) or not text.strip("."):
        raise statement.error(
            f"`{text}` is no life of a job: `.` before, `h` held back, `w` waiting, `R` running, `.` after, "
            "in this order"
        )
    step = {symbol: first + text.index(symbol) for symbol in "hwR" if symbol in text}
    end = None if is_open else first + len(text.rstrip("."))
    submit = step.get("h", step.get("w"))
    eligible = step.get("w", step.get("R") if "h" in step else None)
    ran = "R" in step
    default = ("RUNNING" if ran else "PENDING") if is_open else ("COMPLETED" if ran else "CANCELLED")
    return {"submit": submit, "eligible": eligible, "start": step.get("R"), "end": end}, state or default
