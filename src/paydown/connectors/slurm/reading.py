"""Reading a Slurm: its history window by window, then what it says of now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from paydown.connectors.interface import Context, Item
from paydown.connectors.slurm.answers import table_of, together
from paydown.connectors.slurm.asked import Slurm
from paydown.connectors.slurm.attempts import Known
from paydown.connectors.slurm.capacity import node_items
from paydown.connectors.slurm.far import MARK, Far
from paydown.connectors.slurm.jobs import Jobs
from paydown.connectors.slurm.kept import Held
from paydown.connectors.slurm.settings import SlurmSettings
from paydown.connectors.slurm.waiting import with_queue
from paydown.dialects.slurm_accounting.usage import Zeros
from paydown.dialects.slurm_control.config import ControlConfig
from paydown.dialects.slurm_control.queue import Queued, read_queue
from paydown.errors import SourceError
from paydown.model.batch import Mark, Reject, Vouch
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from paydown.outside.commands import TooMuchError

SETTLE_MS = 5 * MS_PER_MINUTE
"""How long after its end a job's steps may still be written (epilogs, slow nodes)."""

MANY_ROWS = 100_000
"""About how many jobs one window should have."""

LEAST_MS = 10 * MS_PER_MINUTE
"""The shortest window of history."""

MOST_MS = 90 * MS_PER_DAY
"""The longest."""

FIRST_MS = 7 * MS_PER_DAY
"""How much history is read where nothing is said."""

_UTC = ZoneInfo("UTC")
_GROWTH = 4
_STALE_S = 20.0


@dataclass
class Reading:
    """One reading of a Slurm."""

    slurm: Slurm
    settings: SlurmSettings
    context: Context
    config: ControlConfig
    cluster: str
    rejects: list[Reject] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """Yield the windows that are not read yet, each ended by a mark, the last one with what is known of now."""
        asked = time.monotonic()
        goal = self._goal()
        far = self._far(goal)
        back, size = self._back(far), self.settings.chunk * MS_PER_HOUR
        while far.until_ms < goal:
            live = far.until_ms + size >= goal and self.settings.end_ms is None
            if live and time.monotonic() - asked > _STALE_S:
                self.config, asked = self.slurm.config(), time.monotonic()
                goal = self._goal()
            end = goal if live else min(far.until_ms + size, goal)
            try:
                part = Part(self, far, far.until_ms - back, end, live=live)
            except TooMuchError:
                if size <= LEAST_MS:
                    raise
                size = max(LEAST_MS, min(size, end - far.until_ms) // _GROWTH)
                continue
            yield from part.items()
            size = _next(size, part.count)
            far, back = part.after, 0

    def _goal(self) -> int:
        now = self.config.at_ms if self.config.at_ms is not None else self.context.clock()
        now -= now % MS_PER_SECOND
        return min(self.settings.end_ms or now, now)

    def _far(self, goal: int) -> Far:
        far = Far.of(self.context.mark(self.cluster, MARK))
        start = self.settings.start_ms
        if far is None or (start is not None and start < far.from_ms):
            begin = start if start is not None else goal - FIRST_MS
            begin -= begin % MS_PER_SECOND
            return Far(begin, begin) if far is None else replace(far, from_ms=begin, until_ms=begin)
        return far

    def _back(self, far: Far) -> int:
        return 0 if far.until_ms == far.from_ms else self.settings.overlap * MS_PER_MINUTE


def _next(size: int, rows: int) -> int:
    """Choose the next window's length: so that it has about as many jobs as are good at once."""
    wanted = size * MANY_ROWS // max(rows, 1)
    return max(LEAST_MS, min(wanted, size * _GROWTH, MOST_MS))


class Part:
    """One window: everything is asked before anything is told."""

    def __init__(self, reading: Reading, far: Far, from_ms: int, to_ms: int, *, live: bool) -> None:
        self.reading, self.far, self.from_ms, self.to_ms, self.live = reading, far, from_ms, to_ms, live
        slurm = reading.slurm
        self.rejects: list[Reject] = []
        self.rows = together(*(table_of(ask(from_ms, to_ms), self.rejects) for ask in (slurm.jobs, slurm.ended)))
        self.count = len(self.rows)
        self.queue: list[Queued] = []
        self.unread = 0
        self.nodes: bytes | None = None
        if live:
            self.queue, self.unread = read_queue(slurm.queue())
            self.nodes = slurm.nodes()
            self.rows = with_queue(self.rows, self.queue)
        self.after = far

    def items(self) -> Iterator[Item]:
        """Yield what the window says, and how far it is read."""
        yield from self.rejects
        reading, far = self.reading, self.far
        context, cluster = reading.context, reading.cluster
        known = Known.of(context.stored("jobs", cluster, since_ms=self.from_ms))
        held = Held.of(context.stored("allocations", cluster, since_ms=self.from_ms), self.queue)
        zeros = Zeros(shown={(one[0], one[1], one[2]) for one in far.shown})
        settle = (far.settled_ms, self.to_ms - SETTLE_MS if self.live else self.to_ms)
        jobs = Jobs(cluster, reading.settings.kind, known, held, zeros, dict(far.again), settle)
        yield from jobs.items(self.rows, self.to_ms)
        yield from zeros.settle("sacct")
        if self.nodes is not None:
            yield from node_items(self.nodes, self.to_ms, far, reading.settings, context, cluster, _UTC)
        yield from self._vouches(jobs)
        self.after = replace(
            far,
            until_ms=self.to_ms,
            settled_ms=settle[1],
            looked_ms=self.to_ms if self.live else far.looked_ms,
            again=jobs.again,
            shown=sorted(list(one) for one in zeros.shown),
        )
        yield Mark(cluster, MARK, self.after.text())

    def _vouches(self, jobs: Jobs) -> Iterator[Vouch]:
        reading, far = self.reading, self.far
        source = reading.context.source or "slurm"
        calls = reading.slurm.commands.calls
        notes = [*jobs.doubts.notes(), f"{calls} calls of Slurm's commands."]
        yield Vouch(
            reading.cluster,
            source,
            ("allocation", "use", "wait"),
            far.until_ms,
            self.to_ms,
            " ".join(notes),
            joins=True,
        )
        if self.live:
            since = far.looked_ms if far.looked_ms is not None else far.from_ms
            yield Vouch(reading.cluster, source, ("capacity",), since, self.to_ms, joins=True)


def cluster_of(config: ControlConfig, context: Context) -> str:
    """Name the cluster: as the user does, else as the controller."""
    name = context.cluster or config.cluster
    if name is None:
        raise SourceError("`scontrol show config` names no cluster: name it with --cluster NAME.")
    return name
