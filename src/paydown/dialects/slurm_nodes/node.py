"""One node as a dump tells of it, whatever form the dump has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from paydown.dialects.slurm_nodes.gres import Gres
from paydown.model.batch import Reject
from paydown.model.window import to_ms

MOST = 10**10
"""The largest figure of a node that is believed."""


@dataclass(frozen=True)
class Held:
    """What a node says is allocated; None where the dump does not say it."""

    gpu_milli: int | None
    cpu_milli: int | None
    memory_mib: int | None


@dataclass(frozen=True)
class Node:
    """One node at the instant of a dump."""

    name: str
    line: int | None
    """Where it stands in the dump: its line, in JSON its place among the nodes, from 1."""
    words: frozenset[str]
    """The words of its state, in capitals: the base state and the flags."""
    partitions: tuple[str, ...]
    cpus: int
    """What jobs can be given: without CPUs set aside for the system, where the dump knows them."""
    memory_mib: int
    """What jobs can be given."""
    gres: Gres
    held: Held
    reason: str | None = None
    reason_ms: int | None = None
    """When the reason was given."""
    provider_id: str | None = None

    def __post_init__(self) -> None:
        """Hold what JSON gave to its types: a TypeError or ValueError is a node that is not believed."""
        texts = (self.name, *self.partitions, self.reason or "", self.provider_id or "")
        figures = (self.cpus, self.memory_mib, self.held.gpu_milli, self.held.cpu_milli, self.held.memory_mib)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(texts)
        "".join(texts).encode()  # half a surrogate pair is no text
        if not self.name or any("\0" in text for text in texts):
            raise ValueError(self.name)
        if not all(figure is None or 0 <= figure <= MOST for figure in figures):
            raise ValueError(figures)


@dataclass(frozen=True)
class Dump:
    """What one file says."""

    origin: str
    cluster: str | None
    """The cluster, where the dump names it."""
    at_ms: int | None
    """When Slurm last knew something new, where the dump says it."""
    latest_ms: int | None
    """The latest instant that is named anywhere in it."""
    nodes: tuple[Node, ...]
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = field(default=())


def latest(times: Sequence[int | None]) -> int | None:
    """Give the latest of some instants."""
    return max((ms for ms in times if ms is not None), default=None)


def local_ms(text: str, zone: ZoneInfo) -> int | None:
    """Read a local time as Slurm writes it; None: it is none (`Unknown`, `None`). A doubled hour is its first.

    >>> local_ms("1970-01-01T01:00:00", ZoneInfo("Europe/Berlin"))
    0
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        ms = to_ms((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC))
    except OverflowError:
        return None
    return ms if ms >= 0 else None
