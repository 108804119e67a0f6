"""How far a Slurm has been read, as it is kept in the mark: what the next round needs beside the facts themselves."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

MARK = "read"
"""The mark's name."""


@dataclass(frozen=True)
class Far:
    """What one round tells the next."""

    from_ms: int
    """From when accounting was read."""
    until_ms: int
    """Up to when."""
    settled_ms: int = 0
    """Figures of steps were taken of jobs that ended up to then."""
    looked_ms: int | None = None
    """When nodes and queue were looked at last; None: never."""
    limits_ms: int | None = None
    """When limits were asked for last; None: never."""
    whole: bool = True
    """Whether all jobs were seen."""
    again: dict[str, int] = field(default_factory=dict)
    """The last attempt of jobs that may come again, by job."""
    missing: dict[str, int] = field(default_factory=dict)
    """Jobs that should be there and are not, and since when they are missed, in ms since the epoch."""
    planned: dict[str, int] = field(default_factory=dict)
    """The planned ends of reservations by name and start."""
    shown: list[list[str]] = field(default_factory=list)
    """(cluster, GPU model, signal) of figures that were seen above zero."""

    @staticmethod
    def of(text: str | None) -> Far | None:
        """Read a mark; None where there is none."""
        return Far(**json.loads(text)) if text else None

    def text(self) -> str:
        """Give it as a mark."""
        return json.dumps(asdict(self), separators=(",", ":"))
