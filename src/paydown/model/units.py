"""Units and the closed set of countable resources (TRES). See docs/spec/ledger.md, section 1."""

from dataclasses import dataclass

MS_PER_SECOND = 1_000
MS_PER_MINUTE = 60_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 86_400_000
BUCKET_MS = 300_000
"""The five-minute grid on which the ledger posts (docs/spec/ledger.md, section 4)."""

MILLI = 1_000
"""Thousandths in one device or core."""

PPM = 1_000_000
"""Ratios are compared and posted in whole parts per million (docs/spec/ledger.md, section 4)."""


@dataclass(frozen=True)
class Tres:
    """A countable resource."""

    name: str
    """Slurm's word, or `gpu_memory`."""
    amount_unit: str
    """The unit of an exact ledger amount."""
    per_hour: int
    """How many units of amount make one shown hour: one GPU-hour, one core-hour, one GiB-hour."""
    hour_unit: str
    """The unit of the shown hours."""


GPU = Tres("gpu", "milli-GPU x ms", MILLI * MS_PER_HOUR, "GPU-hours")
GPU_MEMORY = Tres("gpu_memory", "MiB x ms", 1024 * MS_PER_HOUR, "GiB-hours")
CPU = Tres("cpu", "milli-CPU x ms", MILLI * MS_PER_HOUR, "core-hours")
MEMORY = Tres("memory", "MiB x ms", 1024 * MS_PER_HOUR, "GiB-hours")

TRES: dict[str, Tres] = {tres.name: tres for tres in (GPU, GPU_MEMORY, CPU, MEMORY)}
"""Every TRES of the ledger by name."""
