"""Lengths of time as people write them: `30s`, `500ms`, `1.5h`."""

from __future__ import annotations

import re

from paydown.model.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND

_LENGTH = re.compile(r"(?P<count>\d+(?:\.\d{1,3})?)(?P<unit>ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": MS_PER_SECOND, "m": MS_PER_MINUTE, "h": MS_PER_HOUR, "d": MS_PER_DAY}


def length_ms(text: str) -> int:
    """Read a length of time in ms; 0 where it is none.

    >>> length_ms("1.5s")
    1500
    """
    match = _LENGTH.fullmatch(text.strip())
    return round(float(match["count"]) * _UNIT_MS[match["unit"]]) if match else 0
