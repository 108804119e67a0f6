"""The users of a synthetic cluster and the families of jobs that they submit again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from paydown.connectors.synthetic.cluster import MIG, Cluster, generator
from paydown.connectors.synthetic.patterns import CPU_PATTERNS, GPU_PATTERNS, INDEX, PATTERNS, SERVICES, Pattern
from paydown.model.units import MILLI

if TYPE_CHECKING:
    from paydown.connectors.synthetic.settings import SyntheticSettings

ACCOUNTS = ("vision", "language", "speech", "robotics", "climate", "chemistry", "genomics", "teaching")
LIMITED = "teaching"
"""The account that may hold only a part of the GPUs at once."""

HABITS: dict[str, tuple[str, ...]] = {
    "careful": ("steady", "evaluation", "bubbles", "cpu-steady"),
    "keyboard": ("notebook", "left-open"),
    "forgetful": ("left-open", "never-used", "tail", "cpu-tail", "cpu-never"),
    "persistent": ("retries", "failed-late", "slow-start"),
    "generous": ("half-used", "small-batch", "no-gpu-needed", "over-memory", "serial"),
    "mixed": (),
}
"""What users of a habit do more often than others."""

_HABIT_SHARES = (0.3, 0.12, 0.08, 0.1, 0.15, 0.25)
_PREFERENCE = 6.0

# (GPUs on each node, nodes, how often): most jobs ask for one GPU, most GPU-hours are in whole nodes.
_SHAPES = ((1, 1, 46.0), (2, 1, 17.0), (4, 1, 15.0), (8, 1, 13.0), (2, 2, 1.5), (8, 2, 4.0), (8, 4, 1.5))
_CPU_SHAPES = ((1, 1, 25.0), (4, 1, 25.0), (8, 1, 18.0), (16, 1, 14.0), (32, 1, 9.0), (64, 1, 3.0), (32, 2, 6.0))
_CPUS_PER_GPU, _MIB_PER_GPU, _MIB_PER_CPU = 8, 64 * 1_024, 3_584
_OVERBOOKED = 3
_WORDS = ("train", "finetune", "sweep", "eval", "pretrain", "sample", "align", "fold", "render", "embed")


_Maker = tuple[str, tuple[Pattern, ...], float]


@dataclass(frozen=True)
class Family:
    """Jobs of one user that are alike."""

    user: str
    account: str
    name: str
    pattern: int
    partition: str
    qos: str
    model: str | None
    nodes: int
    count: int
    """Devices on each node."""
    milli: int
    """How much of each device."""
    cpus: int
    """On each node."""
    memory_mib: int
    """On each node."""
    hours: float
    """The median run time before scaling to the load."""
    tasks: float
    """The mean number of jobs submitted together."""
    overask: float
    """Time limit over run time."""
    weight: float
    role: str = ""
    """`hidden` (another scheduler's, seen only by the node) or `overbooked` (placed on devices that are taken)."""


@dataclass(frozen=True)
class _User:
    name: str
    account: str
    habit: str
    activity: float


def draw(cluster: Cluster, settings: SyntheticSettings) -> list[Family]:
    """Draw users and their families, then the services and the planted families."""
    rng = generator(settings.seed, 1)
    makers = _makers(cluster)
    users = _users(rng, settings.jobs)
    found: list[Family] = []
    for user in users:
        for _ in range(int(rng.integers(3, 9))):
            partition, patterns, _ = makers[int(rng.choice(len(makers), p=_shares(makers)))]
            pattern = _pick(rng, patterns, user.habit)
            found.append(_family(rng, cluster, user, partition, pattern, len(found)))
    for partition, patterns, _ in makers:
        there = {f.pattern for f in found if f.partition == partition}
        for pattern in (p for p in patterns if INDEX[p.name] not in there):
            user = users[int(rng.integers(0, len(users)))]
            found.append(_family(rng, cluster, user, partition, pattern, len(found)))
    return _balanced(found, makers) + _services(rng, cluster) + _planted(cluster)


def _balanced(found: list[Family], makers: list[_Maker]) -> list[Family]:
    """Weigh families so that partitions and patterns have about their shares, whoever submits them.

    The share is held half-way between that of the jobs and that of the hours, so that neither is far off.
    """
    totals: dict[tuple[str, int], float] = {}
    for f in found:
        size = f.weight * f.tasks * float(np.sqrt(f.hours * f.nodes * max(f.count, 1)))
        totals[f.partition, f.pattern] = totals.get((f.partition, f.pattern), 0.0) + size
    wanted = {
        (partition, INDEX[p.name]): share * p.weight / sum(q.weight for q in patterns)
        for partition, patterns, share in makers
        for p in patterns
    }
    return [
        replace(f, weight=f.weight * wanted[f.partition, f.pattern] / totals[f.partition, f.pattern]) for f in found
    ]


def _users(rng: np.random.Generator, jobs: int) -> list[_User]:
    """Draw users: a few submit most (Zipf), each has one account and one habit."""
    count = int(np.clip(jobs // 250, 12, 400))
    habits = rng.choice(list(HABITS), count, p=_HABIT_SHARES)
    accounts = rng.choice(ACCOUNTS, count, p=np.array([8, 9, 5, 4, 4, 3, 4, 2]) / 39)
    ranks = rng.permutation(count) + 1
    return [_User(f"user{i + 1:03d}", str(accounts[i]), str(habits[i]), float(ranks[i]) ** -0.6) for i in range(count)]


def _makers(cluster: Cluster) -> list[_Maker]:
    """Give the partitions that exist, what runs there, and how many of the jobs."""
    there = {partition for node in cluster.nodes for partition in node.partitions.split(";")}
    small = tuple(
        p for p in GPU_PATTERNS if p.kind == "interactive" or p.name in ("small-batch", "never-used", "steady")
    )
    every = (("gpu", GPU_PATTERNS, 0.7), ("cpu", CPU_PATTERNS, 0.22), ("shared", small, 0.05), ("mig", small, 0.03))
    return [maker for maker in every if maker[0] in there]


def _shares(makers: list[_Maker]) -> list[float]:
    total = sum(share for _, _, share in makers)
    return [share / total for _, _, share in makers]


def _pick(rng: np.random.Generator, patterns: tuple[Pattern, ...], habit: str) -> Pattern:
    liked = HABITS[habit]
    weights = np.array([p.weight * (_PREFERENCE if p.name in liked else 1.0) for p in patterns])
    return patterns[int(rng.choice(len(patterns), p=weights / weights.sum()))]


def _family(
    rng: np.random.Generator, cluster: Cluster, user: _User, partition: str, pattern: Pattern, number: int
) -> Family:
    nodes, count, milli = _shape(rng, cluster, partition, pattern)
    cpus, memory = _host(rng, partition, pattern, max(1, count * milli // MILLI) if partition != "cpu" else count)
    if partition == "cpu":
        count, milli = 0, 0
    return Family(
        user.name,
        user.account,
        f"{_WORDS[number % len(_WORDS)]}-{pattern.name[0]}{number:03d}",
        INDEX[pattern.name],
        partition,
        str(rng.choice(["normal", "high", "scavenge"], p=[0.82, 0.06, 0.12])),
        _model(rng, partition),
        nodes,
        count,
        milli,
        cpus,
        memory,
        hours=float(pattern.hours * rng.lognormal(0.0, 0.7)) * (1.0 if nodes == 1 else 0.7),
        tasks=1.0 if pattern.kind != "batch" else float(rng.choice([1.0, 4.0, 16.0], p=[0.6, 0.25, 0.15])),
        overask=float(rng.choice([1.3, 2.0, 5.0, 12.0], p=[0.3, 0.35, 0.2, 0.15])),
        weight=float(user.activity * rng.lognormal(0.0, 0.6)) / (1.0 if nodes == 1 else 2.0),
    )


def _model(rng: np.random.Generator, partition: str) -> str | None:
    return {0: "H100", 1: "A100"}.get(int(rng.integers(0, 7))) if partition == "gpu" else None


def _shape(rng: np.random.Generator, cluster: Cluster, partition: str, pattern: Pattern) -> tuple[int, int, int]:
    """Give nodes, devices on each node and milli of each device; on CPU nodes the cores stand for the devices."""
    if partition == "shared":
        return 1, 1, int(rng.choice([250, 500]))
    if partition == "mig":
        return 1, 1, int(rng.choice([MIG[0][0], MIG[3][0]], p=[0.75, 0.25]))
    shapes = _CPU_SHAPES if partition == "cpu" else _SHAPES
    there = sum(partition in node.partitions.split(";") for node in cluster.nodes)
    largest = 1_000 if partition == "cpu" else max(node.gpus for node in cluster.nodes)
    fit = [s for s in shapes if s[1] * 2 <= max(there, 2) and s[0] <= largest]
    fit = [s for s in fit if _suits(s[0], s[1], pattern)] or fit[:1]
    weights = np.array([s[2] for s in fit])
    count, nodes, _ = fit[int(rng.choice(len(fit), p=weights / weights.sum()))]
    return nodes, count, MILLI


def _suits(count: int, nodes: int, pattern: Pattern) -> bool:
    """Tell whether a shape makes sense for a pattern: people take few GPUs, spread needs several devices."""
    if pattern.kind == "interactive":
        return nodes == 1 and count <= 2
    if pattern.name == "zero-node":
        return nodes > 1
    if pattern.name in ("half-used", "imbalanced", "serial"):
        return count > 1 and nodes == 1
    return not (pattern.name in ("never-used", "no-gpu-needed") and nodes * count > 8)


def _host(rng: np.random.Generator, partition: str, pattern: Pattern, count: int) -> tuple[int, int]:
    """Give cores and MiB on each node: some ask for more than their share of the node."""
    if partition == "cpu":
        return count, count * _MIB_PER_CPU * (2 if pattern.name == "over-memory" and count <= 16 else 1)
    greed = float(rng.choice([1.0, 2.0, 6.0], p=[0.85, 0.1, 0.05])) if count <= 2 else 1.0
    return int(count * _CPUS_PER_GPU * greed), int(count * _MIB_PER_GPU * (1.0 if greed < 2 else greed / 1.5))


def _services(rng: np.random.Generator, cluster: Cluster) -> list[Family]:
    """Give one service of two GPUs for each 40 GPUs; every third of them is hardly asked for anything."""
    count = sum(cluster.nodes[i].gpus for i in cluster.gpu_nodes) // 40
    patterns = [SERVICES[1] if i % 3 == 2 else SERVICES[0] for i in range(count)]
    return [
        Family(
            f"svc{i + 1:02d}",
            str(rng.choice(ACCOUNTS)),
            f"serve-{i + 1:02d}",
            INDEX[pattern.name],
            "gpu",
            "high",
            None,
            1,
            2,
            MILLI,
            16,
            2 * _MIB_PER_GPU,
            0.0,
            1.0,
            1.0,
            0.0,
        )
        for i, pattern in enumerate(patterns)
    ]


def _planted(cluster: Cluster) -> list[Family]:
    """Give the families of jobs that no accounting shows, and of those on devices that are taken already."""
    if not cluster.of_role("unseen"):
        return []
    base = Family(
        "",
        "",
        "",
        INDEX["steady"],
        "local",
        "high",
        None,
        1,
        2,
        MILLI,
        16,
        2 * _MIB_PER_GPU,
        0.0,
        1.0,
        1.0,
        0.0,
    )
    over = replace(base, user="user001", account="vision", name="overbooked", partition="gpu", count=1, cpus=8)
    over = replace(over, memory_mib=_MIB_PER_GPU, role="overbooked")
    return [replace(base, role="hidden"), *(replace(over, name=f"overbooked-{i}") for i in range(_OVERBOOKED))]


def pattern_of(family: Family) -> Pattern:
    """Give a family's pattern."""
    return PATTERNS[family.pattern]
