"""Reading a Slurm: its history window by window, then what it says of now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from paydown.connectors.interface import Context, Item
from paydown.connectors.slurm.asked import Slurm
from paydown.connectors.slurm.far import MARK, Far
from paydown.connectors.slurm.part import Asking, Part, asked
from paydown.connectors.slurm.settings import SlurmSettings
from paydown.errors import SourceError
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from paydown.outside.commands import TooMuchError

MANY_ROWS = 100_000
"""About how many rows of jobs and steps one window should have."""

LEAST_MS = 10 * MS_PER_MINUTE
"""The shortest window of history."""

MOST_MS = 90 * MS_PER_DAY
"""The longest."""

FIRST_MS = 7 * MS_PER_DAY
"""How much history is read where nothing is said."""

_GROWTH = 4
_STALE_S = 20.0


class Reading:
    """One reading of a Slurm; raises `SourceError` where it does not answer."""

    def __init__(self, slurm: Slurm, settings: SlurmSettings, context: Context) -> None:
        self.settings, self.context = settings, context
        self.config, self.asked_s = slurm.config(), time.monotonic()
        name = context.cluster or self.config.cluster
        if name is None:
            raise SourceError("`scontrol show config` names no cluster: name it with --cluster NAME.")
        database = slurm.database()
        self.most_ms = min(MOST_MS, database.most_ms or MOST_MS)
        self.asking = Asking(slurm, settings, context, name, slurm.view(self.config, database))

    def items(self) -> Iterator[Item]:
        """Yield the windows that are not read yet, each ended by a mark, the last one with what is known of now."""
        goal = self._goal()
        first = far = self._far(goal)
        back = 0 if far.until_ms == far.from_ms else self.settings.overlap * MS_PER_MINUTE
        size = min(self.settings.chunk * MS_PER_HOUR, self.most_ms)
        while far.until_ms < goal:
            self._tell(first, far, goal)
            live = far.until_ms - back + size >= goal and self.settings.end_ms is None
            goal = self._goal(fresh=True) if live else goal
            end = goal if live else min(far.until_ms - back + size, goal)
            try:
                answers = asked(
                    self.asking, far, (far.until_ms - back, end), self.config.cluster, live=live, last=end >= goal
                )
            except TooMuchError:
                if size <= LEAST_MS:
                    raise
                back, size = min(back, size // 2), max(LEAST_MS, min(size, end - far.until_ms + back) // _GROWTH)
                continue
            part = Part(self.asking, far, answers)
            yield from part.items()
            size, far, back = self._next(size, len(answers.rows)), part.after, 0

    def _tell(self, first: Far, far: Far, goal: int) -> None:
        self.context.progress("history of jobs", (far.until_ms - first.until_ms) / max(goal - first.until_ms, 1))

    def _goal(self, *, fresh: bool = False) -> int:
        """Give up to when is to be read: the controller's clock, asked for anew where it was a while ago."""
        if fresh and time.monotonic() - self.asked_s > _STALE_S:
            self.config, self.asked_s = self.asking.slurm.config(), time.monotonic()
        now = self.config.at_ms if self.config.at_ms is not None else self.context.clock()
        now -= now % MS_PER_SECOND
        return now if self.settings.end_ms is None else min(self.settings.end_ms, now)

    def _far(self, goal: int) -> Far:
        """Give how far it was read; an earlier beginning than then reads all again, and so does seeing more."""
        far = Far.of(self.context.mark(self.asking.cluster, MARK))
        start, whole = self.settings.start_ms, self.asking.view.whole
        if far is not None and (start is None or start >= far.from_ms):
            return replace(far, until_ms=far.from_ms, whole=True) if whole and not far.whole else far
        begin = start if start is not None else goal - FIRST_MS
        begin -= begin % MS_PER_SECOND
        return Far(begin, begin) if far is None else replace(far, from_ms=begin, until_ms=begin)

    def _next(self, size: int, rows: int) -> int:
        """Choose the next window's length: so that it has about as many rows as are good at once."""
        wanted = size * MANY_ROWS // max(rows, 1)
        return max(min(LEAST_MS, self.most_ms), min(wanted, size * _GROWTH, self.most_ms))
