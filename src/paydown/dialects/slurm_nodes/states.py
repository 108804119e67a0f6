"""Slurm's states of nodes, as words, and what they mean for whether a node could run jobs.

sinfo(1), "NODE STATE CODES", of Slurm 22.05 and 24.11; scontrol(1), "show node".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SUFFIXES = {
    "*": "NOT_RESPONDING", "~": "POWERED_DOWN", "#": "POWERING_UP", "!": "POWER_DOWN", "%": "POWERING_DOWN",
    "$": "MAINT", "@": "REBOOT_REQUESTED", "^": "REBOOT_ISSUED", "-": "PLANNED",
}  # fmt: skip
"""What the sign at the end of a state in sinfo means."""

_SHORT = {
    "ALLOC": "ALLOCATED", "COMP": "COMPLETING", "DRNG": "DRAIN", "FAILG": "FAIL", "FUTR": "FUTURE", "MIX": "MIXED",
    "PLND": "PLANNED", "POW_DN": "POWERED_DOWN", "POW_UP": "POWERING_UP", "RESV": "RESERVED", "UNK": "UNKNOWN",
    "DRAINED": "DRAIN", "DRAINING": "DRAIN", "FAILING": "FAIL", "MAINTENANCE": "MAINT", "INVAL": "INVALID_REG",
    "NO_RESPOND": "NOT_RESPONDING", "INVALID": "INVALID_REG",
}  # fmt: skip

MAINTENANCE = frozenset({"MAINT"})
"""Wins over a node that is down: somebody works on it."""

DOWN = frozenset({"DOWN", "ERROR", "FAIL", "NOT_RESPONDING", "INVALID_REG", "UNKNOWN"})
"""Failed, or not to be reached."""

PLANNED_DOWN = frozenset(
    {"DRAIN", "POWERED_DOWN", "POWERING_DOWN", "POWER_DOWN", "POWER_DRAIN", "POWERING_UP", "REBOOT_ISSUED"}
)
"""Out of service on purpose."""

LEFT_OUT = frozenset({"FUTURE"})
"""Nodes that do not exist yet."""

BASES = frozenset({"ALLOCATED", "DOWN", "ERROR", "FUTURE", "IDLE", "MIXED", "UNKNOWN"})
"""The states of which every node has one; the rest are flags."""

_WORD = re.compile(r"(?P<word>[A-Z_]+)(?P<signs>[*~#!%$@^-]*)")


def words_of(told: str | Iterable[str]) -> frozenset[str]:
    """Give the words of a state, written as `IDLE+DRAIN`, `mixed-`, `DOWN*` or in a list.

    >>> sorted(words_of("DOWN*+DRAIN"))
    ['DOWN', 'DRAIN', 'NOT_RESPONDING']
    """
    parts = told.split("+") if isinstance(told, str) else [part for one in told for part in one.split("+")]
    words: set[str] = set()
    for part in parts:
        found = _WORD.fullmatch(part.strip().upper())
        if not found:
            continue
        words.add(_SHORT.get(found["word"], found["word"]))
        words |= {_SUFFIXES[sign] for sign in found["signs"]}
    return frozenset(words)


def is_state(words: frozenset[str]) -> bool:
    """Say whether words can be a node's state at all."""
    return bool(words & (BASES | DOWN | PLANNED_DOWN | MAINTENANCE | {"PLANNED", "RESERVED", "COMPLETING"}))


def state_of(words: frozenset[str]) -> str:
    """Give `up`, `down` or `planned_down`: maintenance wins over failure, failure over draining.

    >>> state_of(words_of("MIXED+PLANNED")), state_of(words_of("DOWN+DRAIN")), state_of(words_of("IDLE+MAINT"))
    ('up', 'down', 'planned_down')
    """
    if words & MAINTENANCE:
        return "planned_down"
    if words & DOWN:
        return "down"
    return "planned_down" if words & PLANNED_DOWN else "up"
