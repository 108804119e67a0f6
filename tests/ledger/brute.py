"""The second, plain implementation of docs/spec/ledger.md: it shares no code with the product but settings and columns.

`brute(facts, settings)` takes rows as plain dicts and gives dicts. Each function cites the section that it follows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.ledger.brute_histograms import Key, histograms
from tests.ledger.brute_hold import ALL_TRES, Allocation, Node, State, allocations, memory_parts, nodes, states
from tests.ledger.brute_pool import pool_amounts, pools
from tests.ledger.brute_samples import Figure, Sample, figure_for, find_devices, samples
from tests.ledger.brute_time import BUCKET, DAY, HOUR, Horizons, Row, Span, cut, elementary, horizons
from tests.ledger.brute_use import (
    Atom,
    Holding,
    Index,
    by_figures,
    figure_piece,
    glue,
    holdings,
    inside,
    phase,
    runs,
    sampled_piece,
)  # fmt: skip
from tests.ledger.brute_wait import Waiter, waiters

if TYPE_CHECKING:
    from paydown.ledger.settings import LedgerSettings

EntryKey = tuple[
    str, str, int, str | None, str, str, str | None, str | None, int | None, str | None, str | None, str | None,
    str | None,
]  # fmt: skip
"""(cluster, node, bucket_ms, partition, tres, category, detail, job_id, attempt, user, account, basis, signal)."""

LOST = {"FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED", "REVOKED", "REQUEUED"}


@dataclass
class Result:
    """A ledger."""

    entries: Counter[EntryKey] = field(default_factory=Counter)
    pools: dict[tuple[str, int, str, str], tuple[int, int, int]] = field(default_factory=dict)
    """(cluster, day number, node, kind) -> (used, inactive, underused)."""
    doubts: Counter[tuple[str, int, str, str | None, str | None, str]] = field(default_factory=Counter)
    """(cluster, day number, node, gpu, job_id, reason) -> samples."""
    demand: dict[tuple[str, int, str | None, str | None, str | None, str], tuple[int, int]] = field(
        default_factory=dict
    )
    """(cluster, hour_ms, pool, partition, account, tres) -> (allocated, waiting)."""
    histograms: Counter[tuple[str, tuple[Key, str]]] = field(default_factory=Counter)
    """(cluster, (key, column)) -> sum."""


class Cluster:
    """The ledger of one cluster in the making."""

    def __init__(self, name: str, facts: dict[str, list[Row]], settings: LedgerSettings, hz: Horizons) -> None:
        self.name, self.facts, self.settings, self.hz = name, facts, settings, hz
        self.result = Result()
        self.allocated: Counter[tuple[int, str | None, str | None, str | None, str]] = Counter()
        self.waiting: Counter[tuple[int, str | None, str | None, str | None, str]] = Counter()
        self.jobs = {(row["job_id"], row["attempt"]): row for row in facts["jobs"]}
        self.usage: dict[tuple[str, int], list[Row]] = {}
        for row in facts["job_usage"]:
            self.usage.setdefault((row["job_id"], row["attempt"]), []).append(row)
        self.allocations = allocations(facts["allocations"], self.jobs, hz)
        self.waiters = waiters(facts["jobs"], self.allocations, hz)
        self.nodes = nodes(facts, self.allocations, hz)
        self.samples: dict[tuple[str, str], list[Sample]] = {}
        self.states: dict[str, list[State]] = {}
        for node in self.nodes:
            self.read_samples(node)
        for name_, node_ in self.nodes.items():
            self.states[name_] = states(node_, self.cluster_borders(), hz.end)

    def cluster_borders(self) -> set[int]:
        """Give the moments at which something changes for all nodes: covers and waits (1.2, 1.8)."""
        spans = [span for several in self.hz.covered.values() for span in several]
        spans += [span for waiter in self.waiters for span in waiter.spans]
        return {border for span in spans for border in span}

    def read_samples(self, name: str) -> None:
        """Read a node's samples, count those of unlisted MIG parents, and find devices (3.2, 1.4 rule 2)."""
        node = self.nodes[name]
        for tres in ALL_TRES:
            table = "gpu_samples" if tres in {"gpu", "gpu_memory"} else "host_samples"
            rows = [row for row in self.facts[table] if row["node"] == name]
            self.samples[name, tres], parents = samples(rows, table, tres, node, self.settings)
            if tres == "gpu":
                for sample in parents:
                    self.doubt(name, sample, "unlisted-mig-parent")
        for allocation in node.allocations:
            if allocation.gpus is None:
                allocation.found = find_devices(allocation, self.samples[name, "gpu"], self.facts["job_usage"])

    def doubt(self, node: str, sample: Sample, reason: str) -> None:
        """Count a sample that several tables together contradict; what starts beyond the horizon waits (3.2, 3.3)."""
        if sample.start < self.hz.end:
            key = (self.name, sample.start // DAY, node, sample.device, sample.label, reason)
            self.result.doubts[key] += 1

    def run(self) -> Result:
        """Post everything."""
        for name, node in self.nodes.items():
            for state in self.states[name]:
                self.post_capacity(name, node, state)
                self.post_unseen(name, state)
                self.count_allocated(state)
            self.doubt_labels(name)
            self.post_holdings(name)
            self.post_histograms(name)
        self.count_waiting()
        for key in {**self.allocated, **self.waiting}:
            amounts = (self.allocated[key], self.waiting[key])
            if any(amounts):
                self.result.demand[self.name, *key] = amounts
        return self.result

    def post(self, node: str, span: Span, rate: int, what: tuple[str | None, str, str, str | None], *rest: Any) -> None:
        """Post an even amount: `what` is (partition, tres, category, detail), `rest` what follows them in a key (5)."""
        for start, end in cut(span, BUCKET):
            if rate:
                key = (self.name, node, start // BUCKET * BUCKET, *what, *rest)
                self.result.entries[key] += rate * (end - start)

    def post_capacity(self, name: str, node: Node, state: State) -> None:
        """Post `reported` and what is not held (section 2)."""
        span = (state.start, state.end)
        if state.inventory is None or not self.hz.stated(state.start):
            return
        partitions = state.inventory.row["partitions"]
        for tres in ALL_TRES:
            capacity = state.capacity(tres)
            if capacity is None or not state.tracked(tres):
                continue
            free = capacity - state.total(tres) - state.unseen[tres]
            category = node.state(state.start)
            if category == "up":
                waiting = any(
                    tres in waiter.tres and waiter.waits(state.start) and waiter.may_use(state.inventory)
                    for waiter in self.waiters
                )
                category = "blocked" if waiting else "idle"
            nobody = (None, None, None, None, None, None)
            self.post(name, span, capacity, (partitions, tres, "reported", None), *nobody)
            self.post(name, span, free, (partitions, tres, category, None), *nobody)

    def post_unseen(self, name: str, state: State) -> None:
        """Post what nobody visible holds (1.7)."""
        for tres, amount in state.unseen.items():
            holder = ("(unseen)", 0, None, None, "none", None)
            self.post(name, (state.start, state.end), amount, (None, tres, "unobserved", "unseen"), *holder)

    def count_allocated(self, state: State) -> None:
        """Count what was allocated for `demand` (5)."""
        pool = state.inventory.row["pool"] if state.inventory else None
        for start, end in cut((state.start, state.end), HOUR):
            hour, length = start // HOUR * HOUR, end - start
            for tres in ALL_TRES:
                self.allocated[hour, pool, None, None, tres] += state.unseen[tres] * length
                for allocation, parts in zip(state.allocations, state.kept[tres], strict=True):
                    job = allocation.job or {"partition": None, "account": None}
                    key = (hour, pool, job["partition"], job["account"], tres)
                    self.allocated[key] += sum(parts.values()) * length

    def doubt_labels(self, name: str) -> None:
        """Count the labelled samples whose job never holds the device (node) while they last (3.3)."""
        for tres in ("gpu", "cpu"):
            for sample in self.samples[name, tres]:
                if sample.label is not None and not self.holds_meanwhile(name, sample):
                    self.doubt(name, sample, "label-without-holder")

    def holds_meanwhile(self, name: str, sample: Sample) -> bool:
        """Tell whether the sample's job holds its device (host: is on the node) at any moment that it covers."""
        return any(
            allocation.job_id == sample.label and (sample.device is None or sample.device in parts)
            for state in self.states[name]
            if state.start < sample.end and sample.start < state.end
            for allocation, parts in zip(state.allocations, state.held["gpu"], strict=True)
        )

    def post_holdings(self, name: str) -> None:
        """Post what allocations hold on a node, and the pools (3)."""
        for tres in ALL_TRES:
            index = Index(self.samples[name, tres])
            found = holdings(self.states[name], tres, index)
            figured: set[int] = set()
            for holding in found:
                a = holding.allocation
                own = [h for h in found if (h.allocation.job_id, h.allocation.attempt) == (a.job_id, a.attempt)]
                if by_figures(own, self.usage.get((a.job_id, a.attempt), []), name, tres, self.settings):
                    figured.add(id(a))
            shares: dict[int, list[tuple[Span, int]]] = {}
            if tres == "gpu":
                pool = pools(self.states[name], index, figured, self.hz)
                shares = pool.shares
                for (day, kind), amounts in pool_amounts(pool, self.settings).items():
                    three = (amounts["used"], amounts["inactive"], amounts["underused"])
                    if any(three):
                        self.result.pools[self.name, day, name, kind] = three
            for holding in found:
                whose = self.holder(holding.allocation)
                for atom in holding.atoms:
                    what = (whose[0], tres, "overcommitted", None)
                    self.post(name, (atom.start, atom.end), atom.held - atom.kept, what, *whose[1:], "none", None)
                if id(holding.allocation) in figured:
                    self.post_figure(name, holding)
                else:
                    self.post_samples(name, holding)
                    self.post_unobserved(name, holding, shares.get(id(holding.allocation), []))

    def post_histograms(self, name: str) -> None:
        """Post how the ratios of a node's samples are distributed (5.1)."""
        rows = [row for row in self.facts["gpu_samples"] if row["node"] == name]
        found = histograms(self.states[name], rows, name, self.nodes[name], self.settings, self.hz.end)
        self.result.histograms.update({(self.name, key): value for key, value in found.items() if value})

    def holder(self, allocation: Allocation) -> tuple[str | None, str, int, str | None, str | None]:
        """Give (partition, job_id, attempt, user, account) of an allocation's entries (section 2, 5)."""
        job = allocation.job or {"partition": None, "user": None, "account": None}
        return (job["partition"], allocation.job_id, allocation.attempt, job["user"], job["account"])

    def used_detail(self, allocation: Allocation) -> str:
        """Give the detail of used (section 2)."""
        state = allocation.job["state"] if allocation.job else None
        later = any(job == allocation.job_id and attempt > allocation.attempt for job, attempt in self.jobs)
        if state in LOST or later:
            return "lost"
        return "productive" if state == "COMPLETED" else "open"

    def post_samples(self, name: str, holding: Holding) -> None:
        """Post the pieces that samples count for (3.4, 3.6)."""
        tres = holding.tres
        glued = glue([atom._replace(node_held=0) for atom in holding.atoms if atom.sample is not None])
        pieces = [sampled_piece(atom, tres, self.settings) for atom in glued]
        starts = inside(holding, pieces, glued)
        whose = self.holder(holding.allocation)
        span = self.settings.inactivity_span_ms if tres in {"gpu", "cpu"} else None
        pairs = [(piece, None) for piece in pieces] if span is None else runs(pieces, span)
        for piece, run in pairs:
            rest = (*whose[1:], piece.basis, piece.signal)
            if run is not None:
                self.add(name, piece.start, piece.amount, (whose[0], tres, "inactive", phase(run, starts)), *rest)
                continue
            self.add(
                name, piece.start, piece.used, (whose[0], tres, "used", self.used_detail(holding.allocation)), *rest
            )
            self.add(name, piece.start, piece.amount - piece.used, (whose[0], tres, "underused", None), *rest)

    def add(
        self, node: str, moment: int, amount: int, what: tuple[str | None, str, str, str | None], *rest: Any
    ) -> None:
        """Post the amount of a piece, which lies in one bucket."""
        if amount:
            self.result.entries[self.name, node, moment // BUCKET * BUCKET, *what, *rest] += amount

    def post_unobserved(self, name: str, holding: Holding, shares: list[tuple[Span, int]]) -> None:
        """Post what no sample counts for: pooled (3.7) or dark."""
        whose = self.holder(holding.allocation)
        rest = (*whose[1:], "none", None)
        pooled = shares if holding.device is None else []
        for span, share in pooled:
            self.post(name, span, share, (whose[0], holding.tres, "unobserved", "pooled"), *rest)
            self.post(name, span, -share, (whose[0], holding.tres, "unobserved", "dark"), *rest)
        for atom in holding.atoms:
            if atom.sample is None:
                what = (whose[0], holding.tres, "unobserved", "dark")
                self.post(name, (atom.start, atom.end), atom.kept, what, *rest)

    def post_figure(self, name: str, holding: Holding) -> None:
        """Post a holding by whole-job figures (3.5)."""
        allocation, tres = holding.allocation, holding.tres
        whose = self.holder(allocation)
        rows = self.usage[allocation.job_id, allocation.attempt]
        figure = figure_for(rows, name, holding.device, tres, self.settings)
        spread = figure is not None and figure.scope == "node" and tres == "gpu_memory"
        bare = [a._replace(sample=None, node_held=a.node_held if spread else 0) for a in holding.atoms]
        if figure is None:
            self.post_unobserved(name, Holding(allocation, tres, holding.device, bare), [])
            return
        rest = (*whose[1:], figure.basis, figure.signal)
        for atom in glue(bare):
            self.post_figure_piece(name, figure, atom, holding, rest)

    def post_figure_piece(self, name: str, figure: Figure, atom: Atom, holding: Holding, rest: tuple[Any, ...]) -> None:
        """Post one piece by a whole-job figure; exactly nothing is never_used (gpu, cpu) or underused (3.5)."""
        tres, partition = holding.tres, self.holder(holding.allocation)[0]
        whole = self.most(holding.allocation.job_id, holding.allocation.attempt, tres) or 0
        piece = figure_piece(atom, tres, figure, whole)
        if figure.value == 0 and tres in {"gpu", "cpu"}:
            self.add(name, piece.start, piece.amount, (partition, tres, "inactive", "never_used"), *rest)
            return
        detail = self.used_detail(holding.allocation)
        self.add(name, piece.start, piece.used, (partition, tres, "used", detail), *rest)
        self.add(name, piece.start, piece.amount - piece.used, (partition, tres, "underused", None), *rest)

    def most(self, job_id: str, attempt: int, tres: str) -> int | None:
        """Give the sum over nodes of the most that one allocation row of the attempt holds there (3.5, 5)."""
        by_node: dict[str, int] = {}
        for row in self.allocations:
            if (row.job_id, row.attempt) == (job_id, attempt):
                amount = self.row_amount(row, tres)
                if amount is not None:
                    by_node[row.node] = max(by_node.get(row.node, 0), amount)
        return sum(by_node.values()) if by_node else None

    def row_amount(self, row: Allocation, tres: str) -> int | None:
        """Give what an allocation row holds; gpu_memory: as if without a known device, at the row's start (3.5)."""
        if tres == "gpu_memory":
            return memory_parts({None: row.gpu_milli}, self.nodes[row.node].inventory(row.start)).get(None)
        return row.gpu_milli if tres == "gpu" else row.figures[tres]

    def count_waiting(self) -> None:
        """Count what waiting jobs ask for, for `demand` (5)."""
        changes = set().union(*(node.borders() for node in self.nodes.values()))
        for waiter in self.waiters:
            asked = {tres: self.asked(waiter, tres) for tres in ("gpu", "cpu", "memory")}
            job = waiter.job
            for span in waiter.spans:
                inner = {border for border in changes if span[0] < border < span[1]}
                for stretch in elementary({span[0], *inner}, span[1]):
                    pool = self.pool_of(waiter, stretch[0])
                    for start, end in cut(stretch, HOUR):
                        for tres, amount in asked.items():
                            key = (start // HOUR * HOUR, pool, job["partition"], job["account"], tres)
                            self.waiting[key] += (amount or 0) * (end - start)

    def pool_of(self, waiter: Waiter, moment: int) -> str | None:
        """Give the pool that all nodes which a waiting job may use at a moment share (5)."""
        of = set()
        for node in self.nodes.values():
            inventory = node.inventory(moment)
            if inventory is not None and waiter.may_use(inventory):
                of.add(inventory.row["pool"])
        return of.pop() if len(of) == 1 else None

    def asked(self, waiter: Waiter, tres: str) -> int | None:
        """Give what a waiting job asks for of a TRES (5)."""
        column = {"gpu": "req_gpu_milli", "cpu": "req_cpu_milli", "memory": "req_memory_mib"}.get(tres)
        if column and waiter.job[column] is not None:
            figure: int = waiter.job[column]
            return figure
        return self.most(waiter.job["job_id"], waiter.job["attempt"], tres)


TABLES = (
    "nodes", "devices", "node_states", "node_allocations", "reservations", "jobs", "allocations", "sources",
    "gpu_samples", "host_samples", "job_usage",
)  # fmt: skip
"""The fact tables that the ledger reads."""


def brute(facts: dict[str, list[Row]], settings: LedgerSettings) -> Result:
    """Work out the ledger of all clusters in the facts."""
    whole = Result()
    names = {row["cluster"] for table in TABLES for row in facts.get(table, [])}
    for name in sorted(names):
        own = {table: [row for row in facts.get(table, []) if row["cluster"] == name] for table in TABLES}
        hz = horizons(own["sources"])
        if hz is None:
            continue  # nobody vouches for anything: there is no horizon (1.2)
        result = Cluster(name, own, settings, hz).run()
        whole.entries.update(result.entries)
        whole.pools.update(result.pools)
        whole.doubts.update(result.doubts)
        whole.demand.update(result.demand)
        whole.histograms.update(result.histograms)
    whole.entries = Counter({key: amount for key, amount in whole.entries.items() if amount})
    return whole
