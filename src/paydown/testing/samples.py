"""Statements on what was measured: samples of devices and of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paydown.model.facts import FACTS
from paydown.testing.notation import Place, Statement, near, places, round_half_up
from paydown.testing.sketch import Sketch
from paydown.testing.strips import Atom, strip

if TYPE_CHECKING:
    from paydown.model.schema import Column


def use(found: Sketch, statement: Statement) -> None:
    """Add samples of devices, or of a host where none are named."""
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


def _full(found: Sketch, statement: Statement, spot: tuple[str, str | None], column: Column) -> float | None:
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


def _sample(found: Sketch, statement: Statement, key: tuple[Any, ...], lasts: int, column: str, figure: float) -> None:
    """Put a figure into its sample's row."""
    table, node, gpu, job, start = key
    place = {"node": node, "gpu": gpu} if table == "gpu_samples" else {"node": node}
    row = found.samples.setdefault(key, {**place, "job_id": job, "start": start, "duration_ms": lasts})
    if row["duration_ms"] != lasts or column in row:
        raise statement.error(
            f"two samples of {node}{f':{gpu}' if gpu else ''} with the same start contradict each other"
        )
    row[column] = figure
