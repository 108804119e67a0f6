"""What the scheduler did: one entry for each attempt, in the order in which they arrived."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Place = tuple[int, int, int]
"""A node, its devices as bits, and the lane on a shared device."""


@dataclass
class Record:
    """Columns of plain values, while the scheduler writes them; times in seconds since the start of the simulation."""

    job: list[int] = field(default_factory=list)
    attempt: list[int] = field(default_factory=list)
    submit: list[int] = field(default_factory=list)
    eligible: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    """-1: it has not started."""
    end: list[int] = field(default_factory=list)
    """-1: it has not ended."""
    state: list[str] = field(default_factory=list)
    places: list[tuple[Place, ...]] = field(default_factory=list)

    def add(self, job: int, attempt: int, submit: int, eligible: int) -> int:
        """Note an attempt that arrives; give its number."""
        self.job.append(job)
        self.attempt.append(attempt)
        self.submit.append(submit)
        self.eligible.append(eligible)
        self.start.append(-1)
        self.end.append(-1)
        self.state.append("PENDING")
        self.places.append(())
        return len(self.job) - 1


@dataclass(frozen=True)
class Places:
    """One entry for each (attempt, node) of all that ran."""

    which: Ints
    """The attempt."""
    node: Ints
    mask: Ints
    """Its devices as bits."""
    lane: Ints
    part: Ints
    """0 for the first node of its job, 1 for the second, and so on."""

    def ordered(self, order: Ints) -> Places:
        """Give the same entries in another order."""
        return Places(self.which[order], self.node[order], self.mask[order], self.lane[order], self.part[order])


@dataclass(frozen=True)
class Attempts:
    """The finished record as arrays; -1 where something has not happened."""

    job: Ints
    attempt: Ints
    submit: Ints
    eligible: Ints
    start: Ints
    end: Ints
    state: npt.NDArray[np.object_]
    held: Places


def finished(record: Record) -> Attempts:
    """Turn a record into arrays."""
    rows = [
        (which, node, mask, lane, part)
        for which, found in enumerate(record.places)
        for part, (node, mask, lane) in enumerate(found)
    ]
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    return Attempts(
        job=np.array(record.job, np.int64),
        attempt=np.array(record.attempt, np.int64),
        submit=np.array(record.submit, np.int64),
        eligible=np.array(record.eligible, np.int64),
        start=np.array(record.start, np.int64),
        end=np.array(record.end, np.int64),
        state=np.array(record.state, object),
        held=Places(*(np.ascontiguousarray(column) for column in columns)),
    )
