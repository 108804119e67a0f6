"""How jobs behave: each pattern says how a job's devices are used over its life, and why that is a waste, if it is."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]
"""A job's own value is drawn evenly from [low, high]."""

NONE: Range = (0.0, 0.0)


@dataclass(frozen=True)
class Pattern:
    """The behaviour of a kind of jobs."""

    name: str
    cause: str
    """The planted cause of waste; empty where nothing is wrong (hard negatives included)."""
    weight: float
    """How many of the jobs, relative to the others of the same kind of node."""
    level: Range
    """Use of a device while the job is active (for CPU patterns: of its cores)."""
    sway: float = 0.04
    """How far single samples stray from the level, as a share of it."""
    startup: Range = (0.0, 0.02)
    """Quiet share of the run before the first use."""
    tail: Range = NONE
    """Quiet share of the run after the last use."""
    period_s: Range = NONE
    """How often it stalls, in seconds; zero: never."""
    stall: Range = NONE
    """Quiet share of each period."""
    duty: Range = (1.0, 1.0)
    """Share of its bursts during which it works; below one: a person at a keyboard, or a service."""
    unused: Range = NONE
    """Share of its devices that are never used."""
    sm: Range = (0.55, 0.9)
    """sm_active over use."""
    tensor: Range = (0.3, 0.7)
    """tensor_active over sm_active."""
    dram: Range = (0.3, 0.7)
    """dram_active over use."""
    memory: Range = (0.4, 0.9)
    """Share of the device's memory."""
    cpu: Range = (0.2, 0.5)
    """Share of the held cores that work while the job is active."""
    cpu_quiet: float = 0.004
    """Share of the held cores that work while it is quiet."""
    host_memory: Range = (0.3, 0.8)
    """Share of the held memory."""
    kind: str = "batch"
    fails: float = 0.07
    """Share of its jobs that fail."""
    hours: float = 1.0
    """How long its jobs are, relative to the others."""
    diurnal: bool = False
    """Whether its level follows the hours of the day (a service under load)."""
    spread: float = 0.0
    """By how much the level falls from the first device to the last, as a share."""


_IDLE_CARD: Range = (0.0, 0.01)

GPU_PATTERNS = (
    Pattern("steady", "", 22, (0.8, 0.93), hours=1.2),
    Pattern("small-batch", "batch-too-small", 16, (0.2, 0.45), sm=(0.2, 0.4), memory=(0.08, 0.3)),
    Pattern("checkpoints", "periodic-stall", 7, (0.8, 0.92), period_s=(1_500, 3_600), stall=(0.2, 0.45)),
    Pattern("input-bound", "input-bound", 10, (0.3, 0.55), sway=0.5, cpu=(0.93, 1.0)),
    Pattern("bubbles", "", 4, (0.7, 0.85), period_s=(130, 260), stall=(0.1, 0.2)),
    Pattern("evaluation", "", 3, (0.75, 0.9), period_s=(2_400, 5_400), stall=(0.02, 0.06)),
    Pattern("notebook", "", 7, (0.3, 0.9), sway=0.1, duty=(0.45, 0.75), kind="interactive", fails=0.0),
    Pattern(
        "left-open",
        "notebook-left-open",
        8,
        (0.2, 0.7),
        sway=0.1,
        duty=(0.3, 0.6),
        tail=(0.45, 0.85),
        kind="interactive",
        fails=0.0,
        hours=2.0,
    ),
    Pattern("never-used", "never-used", 4, NONE, memory=_IDLE_CARD, cpu=(0.0, 0.01)),
    Pattern("no-gpu-needed", "no-gpu-needed", 2, NONE, memory=_IDLE_CARD, cpu=(0.7, 0.95)),
    Pattern("tail", "unreleased-tail", 6, (0.75, 0.93), tail=(0.15, 0.55)),
    Pattern("slow-start", "slow-start", 4, (0.75, 0.93), startup=(0.12, 0.35)),
    Pattern("half-used", "some-gpus-unused", 2, (0.7, 0.9), unused=(0.25, 0.75)),
    Pattern("failed-late", "failed-late", 2.5, (0.8, 0.94), fails=0.85),
    Pattern("retries", "restart-loop", 3, (0.6, 0.85), startup=(0.1, 0.3), fails=0.9, hours=0.15),
    Pattern("hollow", "busy-but-hollow", 2, (0.93, 0.98), sway=0.02, sm=(0.03, 0.1), tensor=NONE, dram=(0.01, 0.04)),
    Pattern(
        "keep-alive",
        "synthetic-load",
        1,
        (0.95, 0.97),
        sway=0.004,
        sm=(0.1, 0.15),
        tensor=NONE,
        dram=(0.01, 0.02),
        memory=(0.02, 0.05),
        cpu=(0.01, 0.02),
        cpu_quiet=0.01,
    ),
    Pattern("memory-bound", "", 3, (0.3, 0.48), dram=(0.8, 1.0), memory=(0.93, 0.98)),
    Pattern("imbalanced", "imbalanced-gpus", 3, (0.85, 0.94), spread=0.7),
    Pattern("reinforcement", "", 2, (0.35, 0.55), sway=0.3, cpu=(0.7, 0.9), memory=(0.3, 0.6)),
)
"""The patterns of jobs that ask for GPUs."""

SERVICES = (
    Pattern("service", "", 2, (0.6, 0.8), diurnal=True, kind="service", memory=(0.85, 0.92), fails=0.0),
    Pattern(
        "idle-service",
        "idle-service",
        1,
        (0.05, 0.2),
        duty=(0.05, 0.15),
        kind="service",
        memory=(0.85, 0.92),
        fails=0.0,
    ),
)
"""The patterns of inference services."""

CPU_PATTERNS = (
    Pattern("cpu-steady", "", 45, (0.8, 0.97)),
    Pattern("cpu-partial", "low-cpu-efficiency", 20, (0.25, 0.5)),
    Pattern("serial", "serial-on-many-cores", 14, (0.99, 1.0), sway=0.005, hours=1.5),
    Pattern("cpu-tail", "unreleased-tail", 6, (0.7, 0.95), tail=(0.2, 0.5)),
    Pattern("cpu-never", "never-used", 4, NONE, cpu_quiet=0.001),
    Pattern("over-memory", "excess-host-memory", 8, (0.6, 0.9), host_memory=(0.04, 0.2)),
    Pattern("zero-node", "zero-cpu", 3, (0.7, 0.9), unused=(0.5, 0.5)),
)
"""The patterns of jobs on nodes without GPUs."""

PATTERNS = (*GPU_PATTERNS, *SERVICES, *CPU_PATTERNS)
"""Every pattern; a job's pattern is its index here."""

INDEX = {pattern.name: i for i, pattern in enumerate(PATTERNS)}
"""The index of each pattern by name."""
