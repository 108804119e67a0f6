"""What is compared: which cluster, which time, within which tolerance, and how the outside is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paydown.model.units import MS_PER_HOUR
from paydown.model.window import Window

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot

Command = Callable[[Sequence[str]], str]
"""Runs a program by its words and gives what it prints; raises `PaydownError` where it cannot, or does not end well."""


@dataclass(frozen=True)
class Question:
    """What one cluster is asked about."""

    snapshot: Snapshot
    cluster: str
    window: Window
    """Whole hours, over which both sides speak."""
    command: Command
    every_ms: int = 300_000
    """How far apart Paydown looks at nodes: between two looks it cannot know when something changed."""
    seed: int = 0
    """What chooses the jobs that are looked at one by one."""
    jobs: int = 10
    """How many these are."""
    pseudonyms: bool = False
    rolled_ms: int | None = None
    """Until when Slurm has rolled usage up; None: it does not say."""


@dataclass(frozen=True)
class Cut:
    """A window cut to what both sides can speak of."""

    window: Window | None
    """Whole hours; None: there are none."""
    gaps_ms: int = 0
    """How much of it Paydown's sources do not cover."""
    notes: tuple[str, ...] = field(default=())
    """What was cut off and why, a sentence each."""


def cut(asked: Window, stated: Sequence[Window], rolled_ms: int | None, told: Callable[[Window], str]) -> Cut:
    """Cut a window to whole hours of which both sides know: Slurm rolls usage up by the hour.

    `stated` are the disjoint spans that Paydown's sources cover, `told` says a window in words.
    """
    inside = [
        Window(max(span.start_ms, asked.start_ms), min(span.end_ms, asked.end_ms)) for span in _touching(stated, asked)
    ]
    if not inside:
        return Cut(None, notes=(f"Paydown's sources cover nothing of {told(asked)}.",))
    covered = Window(inside[0].start_ms, inside[-1].end_ms)
    start = -(-covered.start_ms // MS_PER_HOUR) * MS_PER_HOUR
    end = min(covered.end_ms, asked.end_ms if rolled_ms is None else rolled_ms) // MS_PER_HOUR * MS_PER_HOUR
    if end <= start:
        return Cut(None, notes=(f"There is no whole hour of {told(asked)} that both sides know.",))
    window = Window(start, end)
    known = sum(min(span.end_ms, end) - max(span.start_ms, start) for span in _touching(inside, window))
    if window == asked:
        return Cut(window, window.length_ms - known)
    late = rolled_ms is not None and rolled_ms < covered.end_ms
    until = "; Slurm has rolled up usage no further" if late else ""
    note = f"Compared are the whole hours {told(window)}: Paydown's sources cover {told(covered)} of what was asked"
    return Cut(window, window.length_ms - known, (f"{note}{until}.",))


def _touching(spans: Sequence[Window], window: Window) -> list[Window]:
    return [span for span in spans if span.start_ms < window.end_ms and span.end_ms > window.start_ms]
