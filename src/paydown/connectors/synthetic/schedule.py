"""The queue: jobs start by priority wherever they fit, and wait where they do not.

Event driven. Jobs of one shape are interchangeable, so between two events no head of a shape's queue fits anywhere;
when a node gives something back, only that node is looked at, once for each shape that waits. A job of whole nodes
that has waited for long gets nodes kept free for it, as a backfill scheduler would do.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from paydown.connectors.synthetic.farm import Farm, Shape, Ticket, shapes
from paydown.connectors.synthetic.record import Record
from paydown.connectors.synthetic.workload import HOUR, NEVER
from paydown.model.units import MILLI

if TYPE_CHECKING:
    from paydown.connectors.synthetic.cluster import Cluster
    from paydown.connectors.synthetic.outages import Outage
    from paydown.connectors.synthetic.workload import Workload

_LONG_WAIT_S = 2 * HOUR
_REQUEUE_S = 120
_LIMIT_SHARE = 0.06
_END, _OPEN, _CLOSE, _ARRIVE, _LOOK = range(5)
_KILLS = {"down": "NODE_FAIL", "maintenance": "REQUEUED"}


class Simulation:
    """One run of the queue over the whole time."""

    def __init__(self, cluster: Cluster, work: Workload, outages: list[Outage]) -> None:
        self.work, self.farm, self.record, self.outages = work, Farm(cluster), Record(), outages
        self.until = cluster.days * 24 * HOUR
        self.shapes, self.shape_of = shapes(cluster, work)
        self.by_node = [[s for s in self.shapes if n in s.candidates] for n in range(len(cluster.nodes))]
        self.running: list[dict[int, None]] = [{} for _ in cluster.nodes]
        self.dirty: list[int] = []
        self.limit = int(sum(node.gpus for node in cluster.nodes) * _LIMIT_SHARE) * MILLI
        self.limited_use = 0
        self.family = work.family.tolist()
        self.runtime = work.runtime.tolist()
        self.patience = work.patience.tolist()
        self.priority = work.priority.tolist()
        self.events = self._planned()

    def _planned(self) -> list[tuple[int, int, int, int]]:
        """Give the heap of what is known beforehand: time, kind, and two figures."""
        found = [(time, _LOOK, 0, 0) for time in range(HOUR, self.until, HOUR)]
        for i, outage in enumerate(self.outages):
            found += [(outage.start, _CLOSE, i, 0), (outage.end, _OPEN, i, 0)]
        heapq.heapify(found)
        return found

    def run(self) -> Record:
        """Play everything up to the end of the time."""
        eligible = self.work.eligible
        order = eligible.argsort(kind="stable")
        coming = [(int(eligible[job]), int(job)) for job in order if eligible[job] < self.until]
        position = 0
        while True:
            here = coming[position] if position < len(coming) else (NEVER, -1)
            if self.events and self.events[0][:2] <= (here[0], _ARRIVE):
                event = heapq.heappop(self.events)
                if event[0] >= self.until:
                    continue
                self._play(*event)
            elif here[1] < 0:
                break
            else:
                position += 1
                self._arrive(here[1], 0, int(self.work.submit[here[1]]), here[0])
        self._finish()
        return self.record

    def _play(self, time: int, kind: int, which: int, attempt: int) -> None:
        if kind == _END:
            if self.record.end[which] < 0:
                self._stop(which, time, str(self.work.outcome[self.record.job[which]]))
        elif kind == _ARRIVE:
            self._arrive(which, attempt, time - _REQUEUE_S, time)
        elif kind == _LOOK:
            self._look(time)
        else:
            self._outage(time, self.outages[which], opens=kind == _OPEN)
        self._refill(time)

    def _arrive(self, job: int, attempt: int, submit: int, eligible: int) -> None:
        """Start a job where it fits; else put it in its shape's queue."""
        number = self.record.add(job, attempt, submit, eligible)
        shape = self.shape_of[self.family[job]]
        ticket = (-self.priority[job], eligible, job, number)
        nodes = [] if shape.waiting else self._find(shape)
        if not nodes and self.work.families[self.family[job]].qos == "high":
            nodes = self._preempt(shape, eligible)
        if nodes:
            self._start(shape, ticket, nodes, eligible)
        else:
            heapq.heappush(shape.waiting, ticket)
        self._refill(eligible)

    def _find(self, shape: Shape) -> list[int]:
        """Find nodes for a job of this shape; none where there are not enough."""
        if shape.limited and self.limited_use + shape.gpus_milli > self.limit:
            return []
        found: list[int] = []
        for node in shape.candidates:
            if self.farm.fits(node, shape):
                found.append(node)
                if len(found) == shape.nodes:
                    return found
        return []

    def _start(self, shape: Shape, ticket: Ticket, nodes: list[int], time: int) -> None:
        _, _, job, number = ticket
        places = []
        for node in nodes:
            mask, lane = self.farm.take(node, shape)
            places.append((node, mask, lane))
            self.running[node][number] = None
        self.record.start[number] = time
        self.record.state[number] = "RUNNING"
        self.record.places[number] = tuple(places)
        self.limited_use += shape.gpus_milli if shape.limited else 0
        heapq.heappush(self.events, (time + self.runtime[job], _END, number, 0))
        self._release(shape)

    def _release(self, shape: Shape) -> None:
        """Stop keeping nodes free for a shape."""
        for node in shape.held:
            self.farm.keeper[node] = None
            self.dirty.append(node)
        shape.held = []

    def _stop(self, number: int, time: int, state: str) -> None:
        shape = self.shape_of[self.family[self.record.job[number]]]
        self.record.end[number] = time
        self.record.state[number] = state
        for node, mask, lane in self.record.places[number]:
            self.farm.give(node, shape, mask, lane)
            del self.running[node][number]
            self.dirty.append(node)
        if shape.limited:
            self.limited_use -= shape.gpus_milli
            self.dirty += [node for s in self.shapes if s.limited and s.waiting for node in s.candidates]

    def _refill(self, time: int) -> None:
        """Start what fits now on the nodes that gave something back."""
        while self.dirty:
            node = self.dirty.pop()
            while (shape := self._best(node, time)) is not None:
                others = [] if shape.nodes == 1 else [n for n in self._find(shape) if n != node]
                nodes = [node, *others][: shape.nodes]
                self._start(shape, heapq.heappop(shape.waiting), sorted(nodes), time)

    def _best(self, node: int, time: int) -> Shape | None:
        """Find the shape whose head is first among those that fit on a node."""
        best: Shape | None = None
        farm = self.farm
        cpus, whole = farm.cpus[node], farm.whole[node]
        for shape in () if farm.closed[node] else self.by_node[node]:
            # The first comparisons only spare most calls of `fits`.
            if shape.waiting and shape.cpus <= cpus and (shape.count <= whole or shape.part) and farm.fits(node, shape):
                self._drop_cancelled(shape, time)
                first = shape.waiting and (best is None or shape.waiting[0] < best.waiting[0])
                if first and (not (shape.limited or shape.nodes > 1) or self._find(shape)):
                    best = shape
        return best

    def _drop_cancelled(self, shape: Shape, time: int) -> None:
        """Take the heads away that their users have cancelled meanwhile."""
        while shape.waiting and self.patience[shape.waiting[0][2]] <= time:
            _, _, job, number = heapq.heappop(shape.waiting)
            self.record.end[number] = max(self.patience[job], self.record.eligible[number])
            self.record.state[number] = "CANCELLED"

    def _preempt(self, shape: Shape, time: int) -> list[int]:
        """Make room on one node for an urgent job by stopping jobs that may be stopped; none where it is not enough."""
        if shape.nodes > 1 or shape.milli != MILLI or shape.limited:
            return []
        for node in shape.candidates:
            victims = [n for n in self.running[node] if self._qos(n) == "scavenge"]
            freed = sum(mask.bit_count() for n in victims for where, mask, _ in self.record.places[n] if where == node)
            if (
                not self.farm.closed[node]
                and self.farm.keeper[node] is None
                and self.farm.whole[node] + freed >= shape.count
            ):
                while victims and not self.farm.fits(node, shape):
                    self._requeue(victims.pop(), time, "PREEMPTED")
                if self.farm.fits(node, shape):
                    return [node]
        return []

    def _qos(self, number: int) -> str:
        return self.work.families[int(self.work.family[self.record.job[number]])].qos

    def _requeue(self, number: int, time: int, state: str) -> None:
        """Stop an attempt; of those that failed or were preempted two in three come back, the requeued all."""
        self._stop(number, time, state)
        job, attempt = self.record.job[number], self.record.attempt[number]
        if state == "REQUEUED" or (job + attempt) % 3:
            heapq.heappush(self.events, (time + _REQUEUE_S, _ARRIVE, job, attempt + 1))

    def _look(self, time: int) -> None:
        """Keep nodes free for heads of whole nodes that have waited long: those that will be free first."""
        for shape in self.shapes:
            self._drop_cancelled(shape, time)
            if not shape.waiting:
                self._release(shape)
            elif not shape.held and shape.count >= 8 and time - shape.waiting[0][1] > _LONG_WAIT_S:
                free = [n for n in shape.candidates if not self.farm.closed[n] and self.farm.keeper[n] is None]
                shape.held = sorted(free, key=self._free_at)[: shape.nodes]
                for node in shape.held:
                    self.farm.keeper[node] = shape

    def _free_at(self, node: int) -> int:
        """Give when the last job of a node will have ended."""
        record = self.record
        return max((record.start[n] + self.runtime[record.job[n]] for n in self.running[node]), default=0)

    def _outage(self, time: int, outage: Outage, *, opens: bool) -> None:
        """Close or open a node; a failure or maintenance stops its jobs."""
        self.farm.closed[outage.node] += -1 if opens else 1
        if opens:
            self.dirty.append(outage.node)
            return
        if (keeper := self.farm.keeper[outage.node]) is not None:
            self._release(keeper)
        if outage.kind in _KILLS:
            for number in list(self.running[outage.node]):
                self._requeue(number, time, _KILLS[outage.kind])

    def _finish(self) -> None:
        """Note who gave up waiting, and the jobs that were held for ever or become eligible later."""
        for shape in self.shapes:
            for _, eligible, job, number in shape.waiting:
                if self.patience[job] < self.until:
                    self.record.end[number] = max(self.patience[job], eligible)
                    self.record.state[number] = "CANCELLED"
        late = (self.work.eligible >= self.until).nonzero()[0]
        for job in late.tolist():
            self.record.add(job, 0, int(self.work.submit[job]), int(self.work.eligible[job]))
