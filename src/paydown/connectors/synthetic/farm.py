"""What is free on every node while the scheduler runs, device by device.

Plain Python lists: a single look at a list costs a tenth of one at a numpy array, and the scheduler looks one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paydown.connectors.synthetic.cluster import LANES
from paydown.connectors.synthetic.families import LIMITED
from paydown.model.units import MILLI

if TYPE_CHECKING:
    from paydown.connectors.synthetic.cluster import Cluster
    from paydown.connectors.synthetic.workload import Workload

Ticket = tuple[int, int, int, int]
"""A waiting attempt: minus its priority, when it became eligible, its job, its number in the record."""


@dataclass(eq=False)
class Shape:
    """Jobs that fit in the same places: where one does not fit, none does."""

    candidates: list[int]
    """The nodes that may run them."""
    limited: bool
    """Whether the limited account asks."""
    nodes: int
    count: int
    milli: int
    cpus: int
    memory_mib: int
    waiting: list[Ticket] = field(default_factory=list)
    """A heap; its head goes first."""
    held: list[int] = field(default_factory=list)
    """Nodes kept free for its head, which has waited long."""

    part: bool = field(init=False)
    """Whether it asks for a part of a device."""

    def __post_init__(self) -> None:
        self.part = self.milli not in (0, MILLI)

    @property
    def gpus_milli(self) -> int:
        """What one job takes, over all its nodes."""
        return self.nodes * self.count * self.milli


class Farm:
    """Free devices, cores and memory of each node."""

    def __init__(self, cluster: Cluster) -> None:
        self.cpus = [node.cpus for node in cluster.nodes]
        self.memory = [node.memory_mib for node in cluster.nodes]
        self.whole = [sum(d.milli == MILLI for d in node.devices) for node in cluster.nodes]
        self.sizes = [[device.milli for device in node.devices] for node in cluster.nodes]
        self.free = [list(sizes) for sizes in self.sizes]
        self.lanes = [[0] * len(sizes) for sizes in self.sizes]
        self.closed = [0] * len(cluster.nodes)
        self.keeper: list[Shape | None] = [None] * len(cluster.nodes)

    def fits(self, node: int, shape: Shape) -> bool:
        """Tell whether one node's part of a job of this shape can start there now."""
        if self.closed[node] or self.cpus[node] < shape.cpus or self.memory[node] < shape.memory_mib:
            return False
        keeper = self.keeper[node]
        if keeper is not None and keeper is not shape:
            return False
        return self._part(node, shape.milli) >= 0 if shape.part else self.whole[node] >= shape.count

    def _part(self, node: int, milli: int) -> int:
        """Find the fullest device with room for a part of it, or the instance of just this size; -1: none."""
        best, least = -1, MILLI + 1
        sizes, lanes = self.sizes[node], self.lanes[node]
        for device, free in enumerate(self.free[node]):
            fit = free >= milli and (sizes[device] == MILLI or sizes[device] == milli)
            if fit and free < least and lanes[device] < (1 << LANES) - 1:
                best, least = device, free
        return best

    def take(self, node: int, shape: Shape) -> tuple[int, int]:
        """Take one node's part: the devices as bits, and the lane where a device is shared."""
        self.cpus[node] -= shape.cpus
        self.memory[node] -= shape.memory_mib
        if shape.part:
            return self._share(node, shape.milli)
        mask, free, wanted = 0, self.free[node], shape.count
        for device in range(len(free)):
            if not wanted:
                break
            if free[device] == MILLI:
                free[device] = 0
                mask |= 1 << device
                wanted -= 1
        self.whole[node] -= shape.count
        return mask, 0

    def _share(self, node: int, milli: int) -> tuple[int, int]:
        device = self._part(node, milli)
        self.whole[node] -= self.free[node][device] == MILLI
        self.free[node][device] -= milli
        lane = next(i for i in range(LANES) if not self.lanes[node][device] >> i & 1)
        self.lanes[node][device] |= 1 << lane
        return 1 << device, lane

    def give(self, node: int, shape: Shape, mask: int, lane: int) -> None:
        """Give one node's part back."""
        self.cpus[node] += shape.cpus
        self.memory[node] += shape.memory_mib
        free = self.free[node]
        if shape.part:
            device = mask.bit_length() - 1
            free[device] += shape.milli
            self.lanes[node][device] &= ~(1 << lane)
            self.whole[node] += free[device] == MILLI
            return
        for device in range(len(free)):
            if mask >> device & 1:
                free[device] = MILLI
        self.whole[node] += shape.count


def shapes(cluster: Cluster, work: Workload) -> tuple[list[Shape], list[Shape]]:
    """Give the different shapes of the families, and the shape of each family."""
    found: dict[tuple[object, ...], Shape] = {}
    of_family = []
    for family in work.families:
        limited = family.account == LIMITED and family.count > 0
        key = (
            family.partition,
            family.model,
            limited,
            family.nodes,
            family.count,
            family.milli,
            family.cpus,
            family.memory_mib,
        )
        if key not in found:
            there = [
                i
                for i, node in enumerate(cluster.nodes)
                if family.partition in node.partitions.split(";") and family.model in (None, node.gpu_model)
            ]
            found[key] = Shape(there, limited, family.nodes, family.count, family.milli, family.cpus, family.memory_mib)
        of_family.append(found[key])
    return list(found.values()), of_family
