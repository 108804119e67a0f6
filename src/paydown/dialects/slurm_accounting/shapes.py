"""The shapes that the JSON of Slurm gives to numbers, texts, times and TRES, from 22.05 to 25.11.

To 22.05 (plugin openapi/dbv0.0.38 and older) figures are bare and null where they are not known. From 23.02 on
(data_parser v0.0.39 and newer) many are `{"set": true, "infinite": false, "number": 5}`, and which ones differs from
version to version; from 23.11 on states are lists of words. Whatever is of another shape says nothing: null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from paydown.model.facts import JOB_STATES

_NO_VALUE = frozenset({*range(0xFFFFFFFD, 0x100000000), *range(0xFFFFFFFFFFFFFFFD, 0x10000000000000000)})
"""NO_VAL, INFINITE and their like in 32 and 64 bits (slurm.h), which some versions print as numbers."""

_FLAGS = ("RESIZING", "REQUEUED", "REVOKED")
"""Flags that accounting shows in place of the base state, the strongest first (job_state_string() of Slurm)."""


def part(value: Any, *path: str) -> Any:
    """Give what lies at a path of names; None where something on the way is no object or is not there."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def inner(value: Any, *path: str) -> Mapping[str, Any]:
    """Give the object at a path of names; an empty one where there is none."""
    found = part(value, *path)
    return found if isinstance(found, dict) else {}


def number(value: Any) -> int | None:
    """Give a whole number of either shape; None where it is not set, infinite, or none of Slurm's."""
    if type(value) is not int:
        if not isinstance(value, dict) or not value.get("set") or value.get("infinite"):
            return None
        value = value.get("number")
        if type(value) is not int:
            return int(value) if isinstance(value, float) and value.is_integer() else None
    return None if value in _NO_VALUE or abs(value) >= 1 << 64 else value


def is_infinite(value: Any) -> bool:
    """Say whether a figure of either shape has no limit."""
    if isinstance(value, dict):
        return value.get("infinite") is True
    return value in {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, "INFINITE", "UNLIMITED"} if not isinstance(value, list) else False


def text(value: Any) -> str | None:
    """Give a text that UTF-8 can hold; a number as it is written, a list of texts joined by commas."""
    if isinstance(value, list):
        value = ",".join(each for each in value if isinstance(each, str))
    elif type(value) is int:
        return str(value)
    if not isinstance(value, str) or not value:
        return None
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def digits(value: Any) -> str | None:
    """Give a count of either shape as text; None where it is not known."""
    found = number(value)
    return None if found is None or found < 0 else str(found)


def epoch(value: Any) -> str | None:
    """Give a time of either shape in epoch seconds; 0 is no time."""
    found = number(value)
    return str(found) if found and found > 0 else None


def state(value: Any) -> str | None:
    """Give the state as accounting prints it: a flag that it shows, else the base state."""
    if not isinstance(value, list):
        return text(value)
    words = [word for word in value if isinstance(word, str)]
    flags = [flag for flag in _FLAGS if flag in words]
    base = [word for word in words if word in JOB_STATES]
    return text(next(iter((*flags, *base, *words)), None))


def tres(items: Any, *, only: Iterable[str] = ()) -> str | None:
    """Write a list of TRES as Slurm does, figures as they stand; what is not counted is left out."""
    if not isinstance(items, list):
        return None
    wanted = frozenset(only)
    parts = []
    for item in items:
        if isinstance(item, dict):
            kind, name, count = item.get("type"), item.get("name"), number(item.get("count"))
            called = f"{kind}/{name}" if name else kind
            if isinstance(called, str) and count is not None and count >= 0 and (not wanted or called in wanted):
                parts.append(f"{called}={count}")
    return text(",".join(parts))


def count_of(items: Any, kind: str) -> int | None:
    """Give the count of one TRES of a list; None where it has none."""
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") == kind:
            found = number(item.get("count"))
            return found if found is not None and found >= 0 else None
    return None


def clock(value: Any) -> str | None:
    """Write {seconds, microseconds} as sacct writes TotalCPU: `MM:SS.mmm`, from an hour on `HH:MM:SS`."""
    seconds, micros = number(part(value, "seconds")), number(part(value, "microseconds"))
    if seconds is None or seconds < 0:
        return None
    hours, rest = divmod(seconds, 3_600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes:02}:{rest:02}.{(micros or 0) // 1_000:03}"


def span(seconds: int | None) -> str | None:
    """Write seconds as a duration."""
    return (
        None if seconds is None or seconds < 0 else f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    )
