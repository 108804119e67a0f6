"""What the dumps of one cluster come to, taken in order of time and going on from what the store holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from paydown.dialects.slurm_nodes.lives import Lives, Row
from paydown.dialects.slurm_nodes.node import Dump, Node
from paydown.dialects.slurm_nodes.states import LEFT_OUT, state_of
from paydown.model.batch import Batch
from paydown.model.units import MS_PER_MINUTE


@dataclass(frozen=True)
class Taking:
    """How dumps of nodes are taken."""

    partial: bool = False
    """Whether a dump holds some of the nodes only: a node that is missing is then not gone."""
    hold: int = 10
    """Up to how many minutes what a dump says is allocated holds until the next; 0 leaves it out."""
    gpu_memory: Mapping[str, int] = field(default_factory=dict)
    """The memory of one GPU by model in MiB, which Slurm does not know."""


@dataclass
class Cluster:
    """The inventory, states and allocations of one cluster's nodes."""

    name: str
    taking: Taking
    nodes: Lives
    devices: Lives
    states: Lives
    held: Lives
    instants: list[int]
    """The instants of the dumps that are known, in order."""
    stored: frozenset[int] = frozenset()
    """Those of them that the store knew before."""
    counts: Counter[str] = field(default_factory=Counter)
    """What the reader should know, counted."""

    @staticmethod
    def of(name: str, taking: Taking, stored: Callable[..., pa.Table], instants: Collection[int]) -> Cluster:
        """Take what the store holds of a cluster, as a connector's context gives it.

        `instants` are those at which it was looked at before, in ms since the epoch.
        """

        def lives(table: str, *key: str) -> Lives:
            return Lives.of(table, key, stored(table, name, still=table == "node_allocations"))

        return Cluster(
            name,
            taking,
            nodes=lives("nodes", "node"),
            devices=lives("devices", "node", "gpu"),
            states=lives("node_states", "node"),
            held=lives("node_allocations", "node"),
            instants=sorted(instants),
            stored=frozenset(instants),
        )

    def before(self, ms: int) -> int | None:
        """Give the instant of the dump before one."""
        return max((each for each in self.instants if each < ms), default=None)

    def take(self, dump: Dump, at: int, since: int) -> None:
        """Take a dump made at an instant; what is new in it holds from `since` on."""
        earlier = self.before(at)
        there = [node for node in dump.nodes if not node.words & LEFT_OUT]
        self.counts["future"] += len(dump.nodes) - len(there)
        for node in there:
            self._inventory(node, at, since)
            self._state(node, at, earlier)
            self._allocated(node, at, earlier)
        if earlier is not None and not self.taking.partial and not dump.rejects:
            self._gone({node.name for node in there}, at)
        self.instants = sorted({*self.instants, at})

    def batches(self, origin: str) -> Iterator[Batch]:
        """Hand the rows over."""
        for lives in (self.nodes, self.devices, self.states, self.held):
            if lives.touched:
                yield Batch(lives.table, lives.told(self.name), origin)

    def _inventory(self, node: Node, at: int, since: int) -> None:
        gres, sizes = node.gres, self.taking.gpu_memory
        model = gres.model
        content = {
            "partitions": ";".join(node.partitions), "pool": None, "gpu_model": model,
            "gpus": None if gres.sliced else gres.whole, "gpu_memory_mib": sizes.get(model or ""),
            "cpus": node.cpus, "memory_mib": node.memory_mib, "provider_id": node.provider_id,
        }  # fmt: skip
        self.nodes.hold((node.name,), at, tuple(content[name] for name in self.nodes.columns), since, node.line)
        devices = gres.devices()
        for one in devices:
            known = {"uuid": None, "gpu_model": one.model, "milli": one.milli, "memory_mib": sizes.get(one.model or "")}
            told = tuple(known[name] for name in self.devices.columns)
            self.devices.hold((node.name, one.gpu), at, told, since, node.line)
        self._without(node.name, {one.gpu for one in devices}, at)
        self.counts["named"] += bool(devices)
        self.counts["shared"] += gres.shared

    def _without(self, node: str, devices: set[str], at: int) -> None:
        """Close the devices that a node has no more."""
        for about in [key for key in self.devices.rows if key[0] == node and key[1] not in devices]:
            self.devices.close(about, at)

    def _state(self, node: Node, at: int, earlier: int | None) -> None:
        """Say whether a node is out of service, and since when: since its reason was given, where it says so."""
        state, now = state_of(node.words), self.states.at((node.name,), at)
        if state == "up":
            if now is not None:
                self.states.put((node.name,), now if now.content[0] == "up" else Row(at, ("up", None), line=node.line))
            return
        content = (state, node.reason or "+".join(sorted(node.words)))
        start = node.reason_ms if node.reason_ms is not None and node.reason_ms <= at else at
        if now is not None and now.content[0] == state and (node.reason_ms is None or start <= now.start_ms):
            start = now.start_ms
        elif earlier is not None and start < earlier and self.nodes.at((node.name,), earlier) is not None:
            start = at  # the dump before says that it was otherwise then
        self.counts["undated"] += start == at
        self.states.put((node.name,), Row(start, content, line=node.line))

    def _allocated(self, node: Node, at: int, earlier: int | None) -> None:
        """Say what a node says is allocated; over the time since the dump before it was at least what both say."""
        about = (node.name,)
        if not self.taking.hold:
            return
        figures = (node.held.gpu_milli, node.held.cpu_milli, node.held.memory_mib)
        now = self.held.at(about, at)
        if now is not None and earlier is not None and earlier < at and now.start_ms <= earlier:
            self._between(about, now, figures, earlier, at)
            now = self.held.at(about, at)
        if now is not None and now.content == figures:
            self.held.put(about, now)
            return
        if now is not None and now.start_ms < at:
            self.held.put(about, Row(now.start_ms, now.content, at))
        self.held.put(about, Row(at, figures, line=node.line))

    def _between(self, about: tuple[str], now: Row, figures: tuple[int | None, ...], earlier: int, at: int) -> None:
        """Settle the time between two dumps: the less of both, or nothing where they lie too far apart."""
        if at - earlier > self.taking.hold * MS_PER_MINUTE:
            self.held.put(about, Row(now.start_ms, now.content, earlier))
            return
        both = tuple(
            None if one is None or other is None else min(one, other)  # type: ignore[call-overload]
            for one, other in zip(now.content, figures, strict=True)
        )
        if both != now.content:
            self.held.put(about, Row(now.start_ms, now.content, earlier))
            self.held.put(about, Row(earlier, both, None if both == figures else at))

    def _gone(self, there: set[str], at: int) -> None:
        """Close what is known of nodes that are no longer there."""
        for about in [key for key in self.nodes.rows if key[0] not in there]:
            if self.nodes.close(about, at):
                self.counts["gone"] += 1
                self._without(about[0], set(), at)
                self.held.close(about, self.before(at) or at)
