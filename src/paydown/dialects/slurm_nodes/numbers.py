"""Numbers and instants in Slurm's JSON: bare in 22.05, later often wrapped with whether they are set."""

from __future__ import annotations

import math
from typing import Any

from paydown.model.units import MS_PER_SECOND


def number(value: Any) -> int | None:
    """Read a number as it is, or wrapped as {set, infinite, number}; None where it is not set."""
    if isinstance(value, dict):
        value = value.get("number") if value.get("set") and not value.get("infinite") else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value)


def moment(value: Any) -> int | None:
    """Read seconds since the epoch as ms; 0 is no time."""
    seconds = number(value)
    return seconds * MS_PER_SECOND if seconds and 0 < seconds < 1 << 33 else None
