"""What the scheduler did: one entry for each attempt, in the order in which they arrived."""

from __future__ import annotations

from dataclasses import dataclass, field

Place = tuple[int, int, int]
"""A node, its devices as bits, and the lane on a shared device."""


@dataclass
class Record:
    """Columns of plain values; times in seconds since the start of the simulation."""

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

    def __len__(self) -> int:
        return len(self.job)

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
