"""What a format is told besides the answer."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Layout:
    """How an answer is to be laid out."""

    zone: ZoneInfo
    """The time zone in which instants are written."""
    limit: int = 0
    """How many rows a table for people shows; 0 is all."""
    width: int | None = None
    """The columns of the terminal; None where nothing limits the width."""
    color: bool = False
    """Whether colours may be used."""
    store: str = ""
    """The store that answered, named beside the figures."""
