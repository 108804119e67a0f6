"""What a file says of one user name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """One user name, and where its bearer belongs for some time."""

    login: str
    origin: str
    line: int | None
    cluster: str | None = None
    """The cluster for which it is said; None: all."""
    display: str | None = None
    email: str | None = None
    team: str | None = None
    department: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
