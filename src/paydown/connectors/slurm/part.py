"""One window: everything that Slurm is asked for it, and what is told of it, ended by a mark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from paydown.connectors.slurm.answers import table_of, together
from paydown.connectors.slurm.attempts import Known
from paydown.connectors.slurm.capacity import node_items
from paydown.connectors.slurm.far import MARK, Far
from paydown.connectors.slurm.jobs import Jobs
from paydown.connectors.slurm.kept import Held
from paydown.connectors.slurm.missing import MOST_ASKED, ended_rows, still_missing, unknown_to_controller
from paydown.connectors.slurm.plans import limit_rows, planned_ends, reservation_rows
from paydown.connectors.slurm.waiting import with_queue
from paydown.dialects.slurm_accounting.records import Doubts
from paydown.dialects.slurm_accounting.usage import Zeros
from paydown.dialects.slurm_control.queue import Queued, read_queue
from paydown.model.batch import Mark, Reject, Vouch
from paydown.model.units import MS_PER_HOUR, MS_PER_MINUTE

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.connectors.interface import Context, Item
    from paydown.connectors.slurm.asked import Slurm
    from paydown.connectors.slurm.settings import SlurmSettings
    from paydown.dialects.slurm_control.limits import Limit
    from paydown.dialects.slurm_control.reservations import Reservation
    from paydown.dialects.slurm_control.view import View

SETTLE_MS = 5 * MS_PER_MINUTE
"""How long after its end a job's steps may still be written (epilogs, slow nodes)."""

LIMITS_MS = MS_PER_HOUR
"""How often limits are asked for."""

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Asking:
    """What is the same for all windows of a reading."""

    slurm: Slurm
    settings: SlurmSettings
    context: Context
    cluster: str
    view: View
    doubts: Doubts = field(default_factory=Doubts)
    """What the reader should know, counted over all windows."""

    @property
    def source(self) -> str:
        """The source's name."""
        return self.context.source or "slurm"

    def notes(self) -> list[str]:
        """Say what the reader should know."""
        return [*self.view.notes(), *self.doubts.notes(), self.slurm.told()]


@dataclass(frozen=True)
class Answers:
    """What Slurm said of one window."""

    from_ms: int
    to_ms: int
    rows: pa.Table
    """Jobs, as text."""
    rejects: list[Reject]
    last: bool
    """Whether no window follows."""
    now: Now | None = None
    """What it said of now, where the window reaches up to it."""


@dataclass(frozen=True)
class Now:
    """What Slurm says of now alone."""

    queue: list[Queued]
    unread: int
    """Records of the queue that cannot be read."""
    nodes: bytes | None
    reservations: list[Reservation]
    limits: list[Limit] | None
    """None: not asked for this time."""


def asked(asking: Asking, far: Far, window: tuple[int, int], named: str | None, *, live: bool, last: bool) -> Answers:
    """Ask everything that is needed for a window; jobs before the queue, so that what ran is found there.

    `named` is what the cluster calls itself.
    """
    slurm = asking.slurm
    rejects: list[Reject] = []
    rows = together(*(table_of(ask(*window), rejects) for ask in (slurm.jobs, slurm.ended)))
    if not live:
        return Answers(*window, rows, rejects, last)
    queue, unread = read_queue(slurm.queue())
    nodes = slurm.nodes() if asking.view.nodes else None
    due = far.limits_ms is None or window[1] - far.limits_ms >= LIMITS_MS
    limits = slurm.limits(named) if due else None
    return Answers(*window, rows, rejects, last, Now(queue, unread, nodes, slurm.reservations(), limits))


class Part:
    """One window as facts."""

    def __init__(self, asking: Asking, far: Far, answers: Answers) -> None:
        self.asking, self.far, self.answers = asking, far, answers
        self.after = far
        """How far it is once everything is told."""

    def items(self) -> Iterator[Item]:
        """Yield what the window says, and how far it is read."""
        far, answers, context, cluster = self.far, self.answers, self.asking.context, self.asking.cluster
        yield from answers.rejects
        stored = {table: context.stored(table, cluster, since_ms=answers.from_ms) for table in ("jobs", "allocations")}
        now = answers.now
        jobs = Jobs(
            cluster,
            self.asking.settings.kind,
            Known.of(stored["jobs"]),
            Held.of(stored["allocations"], now.queue if now else []),
            Zeros(shown={(one[0], one[1], one[2]) for one in far.shown}),
            dict(far.again),
            (far.settled_ms, answers.to_ms - SETTLE_MS if now else answers.to_ms),
            self.asking.doubts,
        )
        self.after = replace(far, until_ms=answers.to_ms, settled_ms=jobs.settle[1], whole=self.asking.view.whole)
        if now is None:
            yield from jobs.items(answers.rows, answers.to_ms)
        else:
            yield from self._jobs_now(jobs, now, stored)
            yield from self._capacity(now)
        yield from jobs.zeros.settle("sacct")
        yield from self._vouches()
        shown = sorted(list(one) for one in jobs.zeros.shown)
        self.after = replace(self.after, again=jobs.again, shown=shown)
        yield Mark(cluster, MARK, self.after.text())

    def _jobs_now(self, jobs: Jobs, now: Now, stored: dict[str, pa.Table]) -> Iterator[Item]:
        """Yield the jobs of the last window, with the queue, and what becomes of those that are missed."""
        answers, far, view = self.answers, self.far, self.asking.view
        rows = with_queue(answers.rows, now.queue)
        lost = unknown_to_controller(answers.rows, now.queue) if view.others and not now.unread else frozenset()
        open_ones = {job for job, _ in jobs.known.open()}
        yield from jobs.items(rows, answers.to_ms, lost)
        absent = open_ones - jobs.there
        if absent:
            asked_for = sorted(absent)[:MOST_ASKED]
            yield from jobs.items(table_of(self.asking.slurm.by_id(asked_for), answers.rejects), answers.to_ms, lost)
            absent = set(asked_for) - jobs.there
        missing, over = still_missing(absent | (lost & open_ones), far.missing, far.until_ms, answers.to_ms)
        yield from ended_rows(over, stored)
        self.after = replace(self.after, missing=missing)
        doubts = self.asking.doubts
        doubts.add("{} jobs run in accounting alone, and are left out: see `sacctmgr show runawayjobs`.", len(lost))
        doubts.add("{} jobs were lost: they are taken to have ended when they were last known.", len(over))
        doubts.add("{} jobs of the queue cannot be read.", now.unread)

    def _capacity(self, now: Now) -> Iterator[Item]:
        """Yield nodes, reservations and limits as they are now."""
        far, at, asking = self.far, self.answers.to_ms, self.asking
        stored, cluster = asking.context.stored, asking.cluster
        if now.nodes is not None:
            yield from node_items(now.nodes, at, far, asking.settings, asking.context, cluster, _UTC)
        yield reservation_rows(now.reservations, cluster, stored, far.planned, at)
        self.after = replace(self.after, looked_ms=at, planned=planned_ends(now.reservations))
        if now.limits is not None:
            yield limit_rows(now.limits, cluster, stored, at)
            self.after = replace(self.after, limits_ms=at)

    def _vouches(self) -> Iterator[Vouch]:
        """Vouch for jobs and nodes.

        Where a part of what jobs hold is seen on nodes alone, occupancy is known only from one look at them to another.
        """
        far, answers, asking = self.far, self.answers, self.asking
        note = " ".join(asking.notes()) if answers.last else None
        name, source, to_ms = asking.cluster, asking.source, answers.to_ms
        if asking.view.whole:
            yield Vouch(name, source, ("allocation", "use", "wait"), far.until_ms, to_ms, note, joins=True)
        else:
            yield Vouch(name, source, ("use",), far.until_ms, to_ms, note, joins=True)
            near = far.looked_ms is not None and to_ms - far.looked_ms <= asking.settings.hold * MS_PER_MINUTE
            if answers.now and answers.now.nodes is not None and near:
                yield Vouch(name, source, ("allocation",), far.looked_ms, to_ms, joins=True)
        if answers.now and answers.now.nodes is not None:
            since = far.from_ms if far.looked_ms is None else far.looked_ms
            yield Vouch(name, source, ("capacity",), since, to_ms, joins=True)
