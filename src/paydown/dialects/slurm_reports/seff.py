"""What `seff JOBID` prints (contribs/seff of Slurm): text for people, read line by line.

Figures are rounded: CPU time to seconds, memory to hundredths of the unit that it is shown in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from paydown.errors import InputError
from paydown.model.slurm import parse_duration

_LINE = re.compile(r"^(?P<name>[A-Z][A-Za-z/ -]*): +(?P<value>.*?)\s*$", re.MULTILINE)
_MEMORY = re.compile(r"(?P<amount>\d+(?:\.\d+)?) (?P<unit>[KMGTPE])B")
_KIB = {unit: 1024.0**power for power, unit in enumerate("KMGTPE")}
_GIB_IN_KIB = 1024.0**2
_HUNDREDTH = 0.005
"""Half of what the last digit shows."""


@dataclass(frozen=True)
class Seff:
    """What seff says of a job; None where it does not say it."""

    cluster: str | None
    cpu_ms: int | None
    """CPU time used."""
    core_ms: int | None
    """CPU time held."""
    wall_ms: int | None
    memory_gib: float | None
    """The largest step's memory, the sum over its tasks."""
    memory_rounding_gib: float
    """How far the memory may be off."""


def seff(text: str) -> Seff:
    """Read one answer; what is none of seff's is an `InputError`."""
    lines = {found["name"]: found["value"] for found in _LINE.finditer(text)}
    if "Job ID" not in lines:
        raise InputError(f"seff's answer names no Job ID; it begins: {text[:80]!r}")
    held = re.search(r"of (\S+) core-walltime", lines.get("CPU Efficiency", ""))
    memory, rounding = _memory(lines.get("Memory Utilized", ""))
    return Seff(
        cluster=lines.get("Cluster") or None,
        cpu_ms=parse_duration(lines.get("CPU Utilized", "")),
        core_ms=parse_duration(held[1]) if held else None,
        wall_ms=parse_duration(lines.get("Job Wall-clock time", "")),
        memory_gib=memory,
        memory_rounding_gib=rounding,
    )


def _memory(text: str) -> tuple[float | None, float]:
    found = _MEMORY.match(text)
    if not found:
        return None, 0.0
    unit = _KIB[found["unit"]] / _GIB_IN_KIB
    return float(found["amount"]) * unit, _HUNDREDTH * unit
