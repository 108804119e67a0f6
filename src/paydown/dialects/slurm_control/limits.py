"""Limits as `sacctmgr -nP show` prints them: what an account, a user or a QOS may hold at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from paydown.model.slurm import parse_memory, parse_tres
from paydown.model.units import MILLI

ASSOC_FORMAT = "Cluster,Account,User,GrpTRES"
"""The columns of `sacctmgr show assoc` that are read."""

QOS_FORMAT = "Name,GrpTRES"
"""The columns of `sacctmgr show qos` that are read."""

_MILLI = {"gres/gpu": "gpu", "cpu": "cpu"}


@dataclass(frozen=True, order=True)
class Limit:
    """A ceiling on what may be held at once."""

    scope: Literal["account", "user", "qos"]
    name: str
    tres: str
    """`gpu`, `cpu` or `memory`."""
    amount: int
    """Milli-GPU, milli-CPU or MiB."""


def read_limits(assoc: str, qos: str, cluster: str | None) -> list[Limit]:
    """Read both answers; of several clusters the associations of one."""
    found: set[Limit] = set()
    users: defaultdict[str, list[dict[str, int]]] = defaultdict(list)
    for name, account, user, tres in _rows(assoc, 4):
        if cluster is not None and name != cluster:
            continue
        if user:
            users[user].append(_amounts(tres))
        else:
            found |= {Limit("account", account, what, amount) for what, amount in _amounts(tres).items()}
    for name, tres in _rows(qos, 2):
        found |= {Limit("qos", name, what, amount) for what, amount in _amounts(tres).items()}
    for user, limits in users.items():
        # By all of a user's associations together: none is limited where one is not.
        everywhere = set.intersection(*(set(each) for each in limits))
        found |= {Limit("user", user, what, sum(each[what] for each in limits)) for what in everywhere}
    return sorted(found)


def _rows(text: str, cells: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        row = line.split("|")
        if len(row) == cells:
            yield row


def _amounts(text: str) -> dict[str, int]:
    """Read `gres/gpu=12,mem=100G`; what is no amount is left out, and so are nodes and typed GPUs."""
    found: dict[str, int] = {}
    for name, amount in parse_tres(text).items():
        if name in _MILLI and amount.isdecimal():
            found[_MILLI[name]] = int(amount) * MILLI
        memory = parse_memory(amount, "M") if name == "mem" else None
        if memory:
            found["memory"] = memory.mib
    return found
