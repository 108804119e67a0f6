"""Reservations as `scontrol -o show reservation` prints them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paydown.dialects.slurm_accounting.allocations import nodes_of
from paydown.dialects.slurm_control.config import utc_ms

_ONE = re.compile(r"^ReservationName=", re.MULTILINE)
_FIELD = re.compile(r"(?:^|\s)([A-Z][A-Za-z]*)=(\S*)")
_NOTHING = frozenset({"", "(null)"})


@dataclass(frozen=True)
class Reservation:
    """One reservation of nodes, as it is planned now."""

    name: str
    nodes: str
    """Its nodes, `;` between."""
    kind: str
    """`maintenance` or `user`."""
    users: str | None
    """Users that may use it, `;` between; those that may not (`-name`) are left out."""
    accounts: str | None
    start_ms: int
    end_ms: int
    """Its planned end."""


def read_reservations(text: str) -> list[Reservation]:
    """Read an answer given in UTC; those without nodes (of licences) and without times are left out."""
    found = []
    for record in _ONE.split(text)[1:]:
        fields = dict(_FIELD.findall(f"ReservationName={record}"))
        nodes = nodes_of(fields["Nodes"]) if fields.get("Nodes", "") not in _NOTHING else None
        start, end = (utc_ms(fields.get(f"{name}Time", "")) for name in ("Start", "End"))
        if nodes is None or start is None or end is None:
            continue
        kind = "maintenance" if "MAINT" in fields.get("Flags", "").split(",") else "user"
        users, accounts = _list(fields.get("Users", "")), _list(fields.get("Accounts", ""))
        found.append(Reservation(fields["ReservationName"], ";".join(nodes), kind, users, accounts, start, end))
    return found


def _list(text: str) -> str | None:
    parts = [part for part in text.split(",") if part not in _NOTHING and not part.startswith("-")]
    return ";".join(sorted(parts)) or None
