"""The machines of a synthetic cluster, and what is peculiar about some of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import numpy as np

from paydown.model.units import MILLI, MS_PER_DAY
from paydown.model.window import to_ms

if TYPE_CHECKING:
    from paydown.connectors.synthetic.settings import SyntheticSettings

LANES = 4
"""At most how many jobs share one device: a quarter of a GPU is the smallest share."""

GPU_CPUS, GPU_NODE_MIB = 128, 1_024 * 1_024
CPU_CPUS, CPU_NODE_MIB = 64, 256 * 1_024
H100_MIB, A100_MIB = 81_559, 81_920
# A100 80GB, seven compute slices: 3 x 2g.20gb and 1 x 1g.10gb
# (source: NVIDIA Multi-Instance GPU User Guide, supported profiles).
MIG = ((286, 19_968), (286, 19_968), (286, 19_968), (142, 9_728))

ROLES = ("shared", "legacy", "legacy-labelled", "unseen", "dark", "outside", "late", "mig")
"""What is peculiar about the last GPU nodes of a cluster of at least 16, when faults are planted.

shared: fractional GPUs; legacy: devices of jobs unknown; legacy-labelled: the same, but samples carry the job;
unseen: jobs of another scheduler run there; dark: no telemetry, figures per job only; outside: somebody uses a GPU
without a job; late: joins after the month's first tenth; mig: every GPU is cut into four instances.
"""


def generator(seed: int, *path: int) -> np.random.Generator:
    """Give the random numbers of one part of the work, independent of all other parts."""
    return np.random.default_rng([seed, *path])


@dataclass(frozen=True)
class Device:
    """One device that can be held."""

    name: str
    milli: int
    memory_mib: int


@dataclass(frozen=True)
class Node:
    """One machine."""

    name: str
    partitions: str
    pool: str
    role: str
    """One of `ROLES`, `labelled` (samples carry the job) or `plain`."""
    gpu_model: str | None
    gpus: int
    gpu_memory_mib: int | None
    cpus: int
    memory_mib: int
    devices: tuple[Device, ...]
    joins_ms: int


@dataclass(frozen=True)
class Cluster:
    """All machines and the time that is simulated; nodes and devices lie in the order of their names."""

    name: str
    start_ms: int
    end_ms: int
    nodes: tuple[Node, ...]

    @property
    def days(self) -> int:
        """How many days are simulated."""
        return (self.end_ms - self.start_ms) // MS_PER_DAY

    @property
    def gpu_nodes(self) -> list[int]:
        """The indexes of the nodes with GPUs."""
        return [i for i, node in enumerate(self.nodes) if node.gpus]

    def of_role(self, *roles: str) -> list[int]:
        """The indexes of the nodes of some roles."""
        return [i for i, node in enumerate(self.nodes) if node.role in roles]


def build(settings: SyntheticSettings, name: str) -> Cluster:
    """Lay out the machines."""
    start = to_ms(datetime.combine(settings.start, time(), UTC))
    end = start + settings.days * MS_PER_DAY
    roles = _roles(settings)
    gpu = [_gpu_node(settings, i, roles[i], start) for i in range(settings.nodes)]
    cpu = [
        Node(f"cpu{i + 1:04d}", "cpu", "cpu", "cpu", None, 0, None, CPU_CPUS, CPU_NODE_MIB, (), start)
        for i in range(settings.cpu_nodes)
    ]
    return Cluster(name, start, end, tuple(sorted(cpu + gpu, key=lambda node: node.name)))


def _roles(settings: SyntheticSettings) -> list[str]:
    """Give the peculiar roles to the last nodes, in proportion, and labels to an eighth of the rest."""
    size = settings.nodes
    if not settings.faults or size < 2 * len(ROLES):
        return ["plain"] * size
    peculiar = [role for role in ROLES for _ in range(max(1, size // 32))]
    labelled = ["labelled"] * (size // 8)
    return ["plain"] * (size - len(peculiar) - len(labelled)) + labelled + peculiar


def _gpu_node(settings: SyntheticSettings, index: int, role: str, start: int) -> Node:
    fast = index < settings.nodes * 2 // 5
    model, memory = ("H100", H100_MIB) if fast else ("A100", A100_MIB)
    partitions = {"shared": "shared", "mig": "mig", "unseen": "gpu;local"}.get(role, "gpu")
    joins = start + settings.days * MS_PER_DAY // 10 if role == "late" else start
    pool = role if role in ("shared", "mig") else model.lower()
    return Node(
        f"gpu{index + 1:04d}",
        partitions,
        pool,
        role,
        model,
        settings.gpus_per_node,
        memory,
        GPU_CPUS,
        GPU_NODE_MIB,
        _devices(settings.gpus_per_node, role, memory),
        joins,
    )


def _devices(count: int, role: str, memory: int) -> tuple[Device, ...]:
    if role == "mig":
        found = [Device(f"{g}/{s}", milli, mib) for g in range(count) for s, (milli, mib) in enumerate(MIG)]
    else:
        found = [Device(str(g), MILLI, memory) for g in range(count)]
    return tuple(sorted(found, key=lambda device: device.name))
