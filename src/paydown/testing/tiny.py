"""Tiny clusters written as text, made into tables of facts. docs/testing.md describes the notation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paydown.model.facts import CAPABILITIES, FACTS, JOBS
from paydown.model.units import MILLI, MS_PER_MINUTE
from paydown.testing.notation import Place, Statement, duration, instant, near, places, round_half_up, statements
from paydown.testing.strips import Atom, Run, Strip, runs, strip

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.model.schema import Column

SOURCE = "tiny"
"""The name of the source in the facts of a tiny cluster, and of the cluster where the text names none."""

_FIRST = ("cluster", "origin", "step", "horizon", "supports", "node", "device")
_SUPPORTED_BY = {
    "nodes": "capacity", "allocations": "allocation", "gpu_samples": "use", "host_samples": "use", "job_usage": "use",
}  # fmt: skip
_HELD = ("on", "gpu", "cpu", "memory")
_ASKED = {"ask_gpu": "req_gpu_milli", "ask_cpu": "req_cpu_milli", "ask_memory": "req_memory_mib"}
_RENAMED = {"model": "req_gpu_model", "array": "array_id", "nodes": "req_nodes", "reason": "pending_reason"}
_JOB_TEXT = re.compile(r"\.*h*w*R*\.*")
_ORIGIN = "2024-01-01T00:00"


@dataclass
class _Cluster:
    """What has been read so far."""

    cluster: str = SOURCE
    origin: int = 0
    step: int = MS_PER_MINUTE
    horizon: int | None = None
    supports: tuple[str, ...] | None = None
    latest: int = 0
    """The end of the longest strip."""
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in FACTS})
    milli: dict[tuple[str, str], int] = field(default_factory=dict)
    """The milli of devices that have a statement of their own."""
    full: dict[tuple[str, ...], int] = field(default_factory=dict)
    """What a full digit means: of (node, signal) and of (node, device, signal)."""
    samples: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    """Rows of samples by their key: several signals of one sample make one row."""

    def add(self, table: str, **cells: Any) -> None:
        """Add a row; instants are steps' ends in ms."""
        self.rows[table].append({"cluster": self.cluster, **cells})

    def span(self, statement: Statement, skip: int) -> tuple[Strip, int]:
        """Read a statement's strip, and where it begins in ms."""
        found = strip(statement, statement.words[skip:])
        first = self.origin + statement.duration("at", 0)
        self.latest = max(self.latest, first + found.length * self.step)
        return found, first

    def times(self, run: Run, first: int) -> dict[str, int | None]:
        """Give a run's start and end in ms."""
        end = None if run.last is None else first + run.last * self.step
        return {"start": first + run.first * self.step, "end": end}

    def stretches(self, statement: Statement, skip: int, symbols: str) -> Iterator[tuple[str, dict[str, int | None]]]:
        """Give a statement's runs with their times; without a strip it holds from the origin on."""
        if len(statement.words) <= skip:
            yield symbols[0], {"start": self.origin + statement.duration("at", 0), "end": None}
            return
        found, first = self.span(statement, skip)
        for run in runs(statement, found, symbols):
            yield run.symbol, self.times(run, first)


def tiny(text: str) -> dict[str, pa.Table]:
    r"""Read a tiny cluster and give all tables of facts, empty ones included, with the schemas of `FACTS`.

    >>> facts = tiny("node n1 gpus=2\njob 1 on=n1:0 ..RRR")
    >>> facts["allocations"].select(["job_id", "node", "gpu_milli", "gpus"]).to_pylist()
    [{'job_id': '1', 'node': 'n1', 'gpu_milli': 1000, 'gpus': '0'}]
    """
    import pyarrow as pa

    found = _Cluster()
    listed = list(statements(text))
    _headers(found, [s for s in listed if s.keyword in _FIRST[:5]])
    for keyword in (*_FIRST[5:], None):
        for statement in listed:
            if statement.keyword == keyword or (keyword is None and statement.keyword not in _FIRST):
                _MEANINGS[statement.keyword](found, statement)
    for key, row in found.samples.items():
        found.add(key[0], **row)
    _source(found)
    return {
        name: pa.table({f.name: pa.array([row.get(f.name) for row in rows], f.type) for f in FACTS[name].arrow})
        for name, rows in found.rows.items()
    }


def _headers(found: _Cluster, listed: list[Statement]) -> None:
    """Read what holds for the whole text, in whatever order it stands."""
    said: dict[str, Statement] = {}
    for statement in listed:
        statement.only()
        if statement.keyword in said:
            raise statement.error("it is said twice")
        if statement.keyword != "supports" and len(statement.words) != 1:
            raise statement.error("one word must follow")
        said[statement.keyword] = statement
    plain = Statement(0, "origin", (_ORIGIN,))
    origin = said.get("origin", plain)
    found.origin = instant(origin, origin.words[0], 0)
    found.cluster = said["cluster"].words[0] if "cluster" in said else SOURCE
    if "step" in said:
        found.step = duration(said["step"], said["step"].words[0])
        if not found.step:
            raise said["step"].error("a step must last some time")
    if "horizon" in said:
        found.horizon = instant(said["horizon"], said["horizon"].words[0], found.origin)
    if "supports" in said:
        found.supports = _capabilities(said["supports"])


def _capabilities(statement: Statement) -> tuple[str, ...]:
    for word in statement.words:
        if word not in CAPABILITIES:
            raise statement.error(f"`{word}` is none of {', '.join(CAPABILITIES)}")
    return statement.words


def _source(found: _Cluster) -> None:
    """Add the row that says what is vouched for, and up to when."""
    latest = max([found.latest, *(_latest(rows) for rows in found.rows.values())])
    held = {_SUPPORTED_BY[name] for name, rows in found.rows.items() if rows and name in _SUPPORTED_BY}
    held |= {"wait"} if any(row.get("submit") is not None for row in found.rows["jobs"]) else set()
    supports = [word for word in CAPABILITIES if word in held] if found.supports is None else found.supports
    end = latest if found.horizon is None else found.horizon
    if not found.rows["sources"]:
        found.add(
            "sources",
            source=SOURCE,
            supports=";".join(supports),
            covers_from=found.origin,
            covers_to=end,
            ingested_at=end,
        )


def _latest(rows: list[dict[str, Any]]) -> int:
    """Give the latest instant of rows, the end of samples included."""
    times = [row.get(name) or 0 for row in rows for name in ("submit", "eligible", "start", "end", "time")]
    return max([*times, *((row["start"] + row["duration_ms"]) for row in rows if "duration_ms" in row)], default=0)


# What a cluster has -------------------------------------------------------------------------------------------------


def _node(found: _Cluster, statement: Statement) -> None:
    statement.only("gpus", "cpus", "memory", "gpu_memory", "model", "partitions", "pool", "provider_id", "at")
    name = statement.word(0, "the node's name")
    cells = {
        "partitions": statement.pairs.get("partitions", ""),
        "pool": statement.pairs.get("pool"),
        "gpu_model": statement.pairs.get("model"),
        "gpus": statement.whole("gpus"),
        "gpu_memory_mib": statement.mib("gpu_memory"),
        "cpus": statement.whole("cpus"),
        "memory_mib": statement.mib("memory"),
        "provider_id": statement.pairs.get("provider_id"),
    }
    for key, unit, column in (("cpu", MILLI, "cpus"), ("memory", 1, "memory_mib"), ("gpu_memory", 1, "gpu_memory_mib")):
        if cells[column] is not None:
            found.full[name, key] = int(cells[column] or 0) * unit
    for _, times in found.stretches(statement, 1, "="):
        found.add("nodes", node=name, **cells, **times)


def _device(found: _Cluster, statement: Statement) -> None:
    statement.only("milli", "memory", "model", "uuid", "at")
    for place in places(statement, statement.word(0, "the device, such as n1:3/1")):
        if not place.devices:
            raise statement.error(f"`{place.node}` names no device; write it as `n1:0` or `n1:3/1`")
        given, memory = statement.whole("milli"), statement.mib("memory")
        milli = MILLI if given is None else given
        names = {"uuid": statement.pairs.get("uuid"), "gpu_model": statement.pairs.get("model")}
        stretches = list(found.stretches(statement, 1, "="))
        for gpu in place.devices:
            found.milli[place.node, gpu] = milli
            found.full |= {} if memory is None else {(place.node, gpu, "memory"): memory}
            for _, times in stretches:
                found.add("devices", node=place.node, gpu=gpu, milli=milli, memory_mib=memory, **names, **times)


def _state(found: _Cluster, statement: Statement) -> None:
    statement.only("reason", "at")
    names = {"d": "down", "p": "planned_down", "u": "up"}
    nodes = statement.word(0, "the node's name").split(",")
    statement.word(1, "the strip")
    for symbol, times in list(found.stretches(statement, 1, "dpu")):
        for node in nodes:
            found.add("node_states", node=node, state=names[symbol], reason=statement.pairs.get("reason"), **times)


def _says(found: _Cluster, statement: Statement) -> None:
    statement.only("gpu", "cpu", "memory", "at")
    node = statement.word(0, "the node's name")
    amounts = {"gpu_milli": statement.milli("gpu"), "cpu_milli": statement.milli("cpu")}
    for _, times in found.stretches(statement, 1, "="):
        found.add("node_allocations", node=node, **amounts, memory_mib=statement.mib("memory"), **times)


# What it does -------------------------------------------------------------------------------------------------------


def _job(found: _Cluster, statement: Statement) -> None:
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
            cells[column] = _cell(statement, JOBS.by_name[column], text, origin)
        else:
            known = (*_HELD, *_ASKED, *_RENAMED, "limit", "at", *JOBS.names)
            raise statement.error(f"there is no `{key}=` here{near(key, known)}")
    return cells


def _held(found: _Cluster, statement: Statement, place: Place) -> dict[str, Any]:
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


def _hold(found: _Cluster, statement: Statement) -> None:
    statement.only(*_HELD, "at")
    job_id, attempt = _numbered(statement)
    if "on" not in statement.pairs:
        raise statement.error("`on=` is missing")
    stretches = list(found.stretches(statement, 1, "R"))
    for place in places(statement, statement.pairs["on"]):
        for _, times in stretches:
            row = {"job_id": job_id, "attempt": attempt, "node": place.node, **_held(found, statement, place)}
            found.add("allocations", **row, **times)


# What was measured --------------------------------------------------------------------------------------------------


def _use(found: _Cluster, statement: Statement) -> None:
    statement.only("job", "signal", "every", "duration", "shift", "full", "at")
    statement.word(1, "the strip")
    line = strip(statement, statement.words[1:])
    every = statement.duration("every", found.step)
    first = found.origin + statement.duration("at", 0) + statement.duration("shift", 0)
    lasts = statement.duration("duration", every)
    for place in places(statement, statement.words[0]):
        table, column = _signal(statement, place)
        for gpu in place.devices or (None,):
            full = _full(found, statement, (place.node, gpu), column)
            for at, atom in enumerate(line.atoms):
                figure = _figure(statement, column, atom, full)
                if figure is not None:
                    key = (table, place.node, gpu, statement.pairs.get("job"), first + at * every)
                    _sample(found, statement, key, lasts, column.name, figure)


def _signal(statement: Statement, place: Place) -> tuple[str, Column]:
    """Find the table and column of a signal: by its own name, or shorter (`gpu_util`, `cpu`, `memory`)."""
    table = "gpu_samples" if place.devices else "host_samples"
    given = statement.pairs.get("signal", "gpu_util" if place.devices else "cpu")
    columns = FACTS[table].by_name
    short = {"cpu": "cpu_used_milli", "memory": "memory_used_mib"}
    for name in (given, f"{given}_ratio", short.get(given, "")):
        if name in columns and columns[name].measured:
            return table, columns[name]
    known = [name.removesuffix("_ratio") for name in FACTS[table].measured]
    raise statement.error(f"{table} has no signal `{given}`{near(given, known)} (known: {', '.join(known)})")


def _full(found: _Cluster, statement: Statement, spot: tuple[str, str | None], column: Column) -> float | None:
    """Say what `F` stands for: 1 of a ratio, else `full=`, else what the node or device has."""
    if column.ratio:
        return 1.0
    node, gpu = spot
    if "full" in statement.pairs:
        milli = column.name == "cpu_used_milli"
        return statement.milli("full") if milli else statement.mib("full")
    if column.name == "memory_used_mib":
        if gpu is None:
            return found.full.get((node, "memory"))
        return found.full.get((node, gpu, "memory"), found.full.get((node, "gpu_memory")))
    return found.full.get((node, "cpu")) if column.name == "cpu_used_milli" else None


def _figure(statement: Statement, column: Column, atom: Atom, full: float | None) -> float | int | None:
    """Give a sample's figure; None: there is no sample."""
    if atom.kind == "char" and atom.text in ".-":
        return None
    if atom.kind == "char" and atom.text == "x":
        return float("nan") if column.kind == "real" else -1
    if atom.kind == "value":
        try:
            value = float(atom.text)
        except ValueError:
            raise statement.error(f"`({atom.text})` is no figure") from None
    elif atom.kind == "char" and atom.text in "0123456789F":
        if full is None:
            raise statement.error(f"`{atom.text}` of what? Give `full=`, or what the node has, or `(figures)`")
        value = full * ("0123456789F".index(atom.text) / 10)
    else:
        raise statement.error(f"`{atom.text}` is no sample: write digits, `F`, `(figure)`, `x`, `-` or `.`")
    return value if column.kind == "real" else round_half_up(value)


def _sample(
    found: _Cluster, statement: Statement, key: tuple[Any, ...], lasts: int, column: str, figure: float
) -> None:
    """Put a figure into its sample's row."""
    table, node, gpu, job, start = key
    place = {"node": node, "gpu": gpu} if table == "gpu_samples" else {"node": node}
    row = found.samples.setdefault(key, {**place, "job_id": job, "start": start, "duration_ms": lasts})
    if row["duration_ms"] != lasts or column in row:
        raise statement.error(
            f"two samples of {node}{f':{gpu}' if gpu else ''} with the same start contradict each other"
        )
    row[column] = figure


# Anything else ------------------------------------------------------------------------------------------------------


def _row(found: _Cluster, statement: Statement) -> None:
    name = statement.word(0, "the table")
    if name not in FACTS:
        raise statement.error(f"there is no table `{name}`{near(name, tuple(FACTS))}")
    table = FACTS[name]
    statement.only(*table.names)
    defaults = {"cluster": found.cluster, "attempt": 0, "source": SOURCE, "start": found.origin}
    needed = {
        column.name: defaults[column.name] for column in table.columns if column.name in defaults and not column.null
    }
    given = {key: _cell(statement, table.by_name[key], text, found.origin) for key, text in statement.pairs.items()}
    found.rows[name].append({**needed, **given})
    missing = [c.name for c in table.columns if not c.null and found.rows[name][-1].get(c.name) is None]
    if missing:
        raise statement.error(f"`{missing[0]}=` is missing")


def _cell(statement: Statement, column: Column, text: str, origin: int) -> Any:
    """Read one value of a column; `null` is none."""
    if text == "null":
        return None
    if column.kind == "instant":
        return instant(statement, text, origin)
    try:
        return _READ[column.kind](text)
    except (ValueError, KeyError):
        raise statement.error(f"{column.name}={text} is no {column.kind}") from None


_READ: dict[str, Callable[[str], Any]] = {
    "text": str,
    "int": int,
    "real": float,
    "flag": {"true": True, "false": False}.__getitem__,
}
_MEANINGS: dict[str, Callable[[_Cluster, Statement], None]] = {
    "node": _node,
    "device": _device,
    "state": _state,
    "says": _says,
    "job": _job,
    "hold": _hold,
    "use": _use,
    "row": _row,
}
