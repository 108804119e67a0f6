"""What has been read of a tiny cluster so far, and how values of columns are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paydown.model.facts import FACTS
from paydown.model.units import MS_PER_MINUTE
from paydown.testing.notation import Statement, instant
from paydown.testing.strips import Run, Strip, runs, strip

if TYPE_CHECKING:
    from paydown.model.schema import Column

SOURCE = "tiny"
"""The name of the source in the facts of a tiny cluster, and of the cluster where the text names none."""

_READ: dict[str, Callable[[str], Any]] = {
    "text": str,
    "int": int,
    "real": float,
    "flag": {"true": True, "false": False}.__getitem__,
}


@dataclass
class Sketch:
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


def cell(statement: Statement, column: Column, text: str, origin: int) -> Any:
    """Read one value of a column; `null` is none."""
    if text == "null":
        return None
    if column.kind == "instant":
        return instant(statement, text, origin)
    try:
        return _READ[column.kind](text)
    except (ValueError, KeyError):
        raise statement.error(f"{column.name}={text} is no {column.kind}") from None
