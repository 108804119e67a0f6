"""Slurm's words as text: durations, memory, TRES, states, job ids. Each reads one text and knows nothing of tables.

Sources: sacct(1) "JOB ACCOUNTING FIELDS" of Slurm 22.05 and 24.11, slurm.conf(5) "AccountingStorageTRES", and dumps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from paydown.model.facts import JOB_STATES
from paydown.model.units import MILLI, MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND

NOTHING = frozenset({"", "none", "unknown", "n/a", "(null)", "none assigned", "invalid", "not set"})
"""What Slurm writes, in lower case, where it has nothing to say."""

UNLIMITED = frozenset({"unlimited", "partition_limit", "infinite"})
"""Time limits that are none of the job's own, in lower case."""

MEMORY_FLAG_MIB = 1 << 31
"""A request of at least this many MiB carries a flag bit (MEM_PER_CPU in slurm.h) that was printed as a number."""

COMPACT_STATES = {
    "BF": "BOOT_FAIL",
    "CA": "CANCELLED",
    "CD": "COMPLETED",
    "DL": "DEADLINE",
    "F": "FAILED",
    "NF": "NODE_FAIL",
    "OOM": "OUT_OF_MEMORY",
    "PD": "PENDING",
    "PR": "PREEMPTED",
    "R": "RUNNING",
    "RQ": "REQUEUED",
    "RS": "RESIZING",
    "RV": "REVOKED",
    "S": "SUSPENDED",
    "TO": "TIMEOUT",
}
"""Slurm's short states (sacct(1), JOB STATE CODES)."""

_DURATION = re.compile(
    r"(?:(?P<days>\d+)-)?(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+)(?:\.(?P<part>\d{1,6}))?"
)
_DAY_HOURS = re.compile(r"(?P<days>\d+)-(?P<hours>\d+)")
_MEMORY = re.compile(r"(?P<figure>\d+(?:\.\d+)?)(?P<unit>[KMGTPE]?)i?B?(?P<per>[nc]?)", re.IGNORECASE)
_UNITS = {unit: 1024**power for power, unit in enumerate("KMGTPE", start=1)}
_MIB = 1024**2
_MIG = re.compile(r"(?P<slices>[1-7])g\.(?P<memory>\d+)gb", re.IGNORECASE)
_QUARTERS = frozenset({(1, 6), (2, 12), (4, 24)})
_TASKS = re.compile(r"(?P<first>\d+)(?:-(?P<last>\d+)(?::(?P<step>\d+))?)?")


def parse_duration(text: str) -> int | None:
    """Give the milliseconds of `[D-]HH:MM:SS[.mmm]`, `MM:SS[.mmm]` or `D-HH`; None: no limit, or not known.

    >>> parse_duration("37-14:00:00")
    3247200000
    """
    text = text.strip()
    found = _DURATION.fullmatch(text) or _DAY_HOURS.fullmatch(text)
    if not found:
        return None
    parts = {name: int(value or 0) for name, value in found.groupdict().items() if name != "part"}
    part = int((found.groupdict().get("part") or "").ljust(3, "0")[:3])
    return (
        parts["days"] * MS_PER_DAY
        + parts["hours"] * MS_PER_HOUR
        + parts.get("minutes", 0) * MS_PER_MINUTE
        + parts.get("seconds", 0) * MS_PER_SECOND
        + part
    )


def format_duration(ms: int) -> str:
    """Write milliseconds as Slurm does, `[D-]HH:MM:SS`, with `.mmm` where there are some.

    >>> format_duration(3247200000)
    '37-14:00:00'
    """
    days, rest = divmod(ms, MS_PER_DAY)
    hours, rest = divmod(rest, MS_PER_HOUR)
    minutes, rest = divmod(rest, MS_PER_MINUTE)
    seconds, part = divmod(rest, MS_PER_SECOND)
    head = f"{days}-" if days else ""
    return f"{head}{hours:02}:{minutes:02}:{seconds:02}" + (f".{part:03}" if part else "")


@dataclass(frozen=True)
class Memory:
    """An amount of memory as Slurm writes it."""

    bytes: Fraction
    """The amount."""
    per: str = ""
    """`n` for each node, `c` for each CPU, empty for the whole."""

    @property
    def mib(self) -> int:
        """The amount in MiB, rounded half up."""
        return int(self.bytes / _MIB + Fraction(1, 2))


def parse_memory(text: str, unit: str = "") -> Memory | None:
    """Read `31000Mn`, `4Gc`, `62.50G`, `3816K`; a bare figure is in `unit` (`M`, `K`, ... or bytes). None: no memory.

    >>> parse_memory("4Gc")
    Memory(bytes=Fraction(4294967296, 1), per='c')
    """
    found = _MEMORY.fullmatch(text.strip())
    if not found:
        return None
    factor = _UNITS.get((found["unit"] or unit).upper(), 1)
    return Memory(Fraction(found["figure"]) * factor, found["per"].lower())


def format_memory(memory: Memory) -> str:
    """Write memory so that `parse_memory` reads the same: in the largest unit that divides it, else in bytes."""
    if memory.bytes.denominator != 1:
        raise ValueError("a part of a byte cannot be written")
    amount = memory.bytes.numerator
    unit = next((name for name, size in reversed(_UNITS.items()) if amount and amount % size == 0), "")
    return f"{amount // _UNITS.get(unit, 1)}{unit}{memory.per}"


def parse_tres(text: str) -> dict[str, str]:
    """Split `cpu=12,mem=48000M,gres/gpu:a100=2` into names and amounts as text; what has no `=` is left out.

    >>> parse_tres("cpu=12,mem=48000M")
    {'cpu': '12', 'mem': '48000M'}
    """
    pairs = (part.partition("=") for part in text.split(","))
    return {name.strip(): amount.strip() for name, equals, amount in pairs if equals and name.strip()}


def format_tres(tres: dict[str, str]) -> str:
    """Write TRES as Slurm does."""
    return ",".join(f"{name}={amount}" for name, amount in tres.items())


def mig_milli(kind: str) -> int | None:
    """Give how much of a GPU a MIG profile is, from its name; None where the name is no MIG profile.

    A profile `Ng.Mgb` has N compute slices of 7, of 4 on an A30 (1g.6gb, 2g.12gb, 4g.24gb): NVIDIA Multi-Instance GPU
    User Guide, "Supported MIG Profiles". Rounded down, so that the slices of one GPU never exceed it.

    >>> mig_milli("nvidia_a100_3g.20gb")
    428
    """
    found = _MIG.search(kind)
    if not found:
        return None
    slices = int(found["slices"])
    of = 4 if (slices, int(found["memory"])) in _QUARTERS else 7
    return MILLI * slices // of


def gpu_milli(tres: dict[str, str]) -> int:
    """Give the GPUs of TRES in milli-GPU: typed and untyped figures name the same devices, MIG types are a part.

    >>> gpu_milli({"gres/gpu": "2", "gres/gpu:a100": "2"})
    2000
    """
    typed = {name.partition(":")[2]: _whole(amount) for name, amount in tres.items() if name.startswith("gres/gpu:")}
    rest = max(0, _whole(tres.get("gres/gpu", "0")) - sum(typed.values()))
    return rest * MILLI + sum(count * (mig_milli(kind) or MILLI) for kind, count in typed.items())


def gpu_models(tres: dict[str, str]) -> list[str]:
    """Give the types of the GPUs that TRES name, MIG profiles included, in order of name."""
    return sorted(name.partition(":")[2] for name in tres if name.startswith("gres/gpu:"))


def _whole(amount: str) -> int:
    return int(amount) if amount.isdecimal() else 0


def parse_state(text: str) -> str | None:
    """Give the base state of `CANCELLED by 1234`, `CANCELLED+`, `CD`; None where it is none that Slurm has."""
    word = text.strip().split(" ")[0].split(",")[0].upper()
    if word in JOB_STATES:
        return word
    if word in COMPACT_STATES:
        return COMPACT_STATES[word]
    if word.endswith("+"):
        fitting = [state for state in JOB_STATES if state.startswith(word[:-1])]
        return fitting[0] if len(fitting) == 1 else None
    return None


def array_tasks(text: str, most: int) -> tuple[list[int], int]:
    """Give the first tasks of `5-9%2`, `1,3-7:2`, and how many more are meant (-1: the text itself is cut off).

    >>> array_tasks("5-9%2", 3)
    ([5, 6, 7], 2)
    """
    tasks: list[int] = []
    more = 0
    for part in text.split("%", maxsplit=1)[0].split(","):
        found = _TASKS.fullmatch(part.strip())
        if not found:
            return tasks, -1
        span = range(int(found["first"]), int(found["last"] or found["first"]) + 1, max(1, int(found["step"] or 1)))
        taken = span[: most - len(tasks)]
        tasks.extend(taken)
        more += len(span) - len(taken)
    return tasks, more
