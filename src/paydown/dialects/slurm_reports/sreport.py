"""Answers of `sreport -P -t Seconds` (22.05 to 25.11): what each TRES was, and what each account and user held.

Both reports print a title between two lines of dashes, then the header, then the rows. Columns are found by their
names, which versions change (`Reserved` became `Planned` in 21.08). Figures are TRES-seconds, memory MB-seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paydown.errors import InputError

TRES_NAMES = {"gpu": "gres/gpu", "cpu": "cpu", "memory": "mem"}
"""Slurm's names of the TRES of the ledger."""

UTILIZATION = ("-P", "-t", "Seconds", "-T", ",".join(TRES_NAMES.values()), "cluster", "Utilization")
"""The report on capacity; the columns are left as they are: 22.05 takes `format=planned` for planned down."""

BY_USER = ("-P", "-t", "Seconds", "-T", ",".join(TRES_NAMES.values()), "cluster", "AccountUtilizationByUser")
"""The report on what accounts and users held."""

_NAMES = {
    "cluster": "cluster", "tres name": "tres", "allocated": "allocated", "down": "down", "plnd down": "planned_down",
    "planned down": "planned_down", "idle": "idle", "planned": "planned", "reserved": "planned", "reported": "reported",
    "account": "account", "login": "user", "used": "used",
}  # fmt: skip
_OURS = {theirs: ours for ours, theirs in TRES_NAMES.items()}


@dataclass(frozen=True)
class Utilization:
    """What one TRES of a cluster was, in TRES-seconds (memory: MB-seconds)."""

    tres: str
    """The ledger's name."""
    allocated: int
    down: int
    planned_down: int
    idle: int
    planned: int
    reported: int


@dataclass(frozen=True)
class Held:
    """What an account, or one user of it, held of one TRES, in TRES-seconds (memory: MB-seconds)."""

    account: str
    user: str
    """Empty: of the account with all below it."""
    tres: str
    used: int


def utilization(text: str, cluster: str) -> dict[str, Utilization]:
    """Read `sreport cluster Utilization`, one row for each TRES; of TRES that are not accounted for there is none."""
    found = {}
    for row in _rows(text, ("tres", "allocated", "down", "planned_down", "idle", "planned", "reported")):
        if row["cluster"] == cluster and row["tres"] in _OURS:
            figures = {name: _number(row[name]) for name in row if name not in {"cluster", "tres"}}
            rest = figures["reported"] - sum(value for name, value in figures.items() if name != "reported")
            found[_OURS[row["tres"]]] = Utilization(tres=_OURS[row["tres"]], **{"planned_down": rest, **figures})
    return found


def held(text: str, cluster: str) -> list[Held]:
    """Read `sreport cluster AccountUtilizationByUser`."""
    rows = _rows(text, ("account", "user", "tres", "used"))
    return [
        Held(row["account"].strip(), row["user"].strip(), _OURS[row["tres"]], _number(row["used"]))
        for row in rows
        if row["cluster"] == cluster and row["tres"] in _OURS
    ]


def _rows(text: str, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows below the header, the cells by our names of the columns."""
    lines = iter(text.splitlines())
    names: list[str] = []
    for line in lines:
        names = [_NAMES.get(name.strip().lower(), "") for name in line.split("|")]
        if "cluster" in names:
            break
    else:
        return
    if names.count("planned") > 1:
        # 24.11 shows Planned in the place of the planned down time as well, which the rest tells then.
        names[names.index("planned")] = ""
        needed = [name for name in needed if name != "planned_down"]
    lacking = {"cluster", *needed} - set(names)
    if lacking:
        raise InputError(f"sreport's answer lacks the columns {', '.join(sorted(lacking))}: it has {line!r}.")
    for line in lines:
        cells = line.split("|")
        if len(cells) == len(names):
            yield {name: cell for name, cell in zip(names, cells, strict=True) if name}


def _number(text: str) -> int:
    """Read a figure; `12(3.4%)` is asked for by nobody here, and is an error."""
    try:
        return int(text)
    except ValueError:
        raise InputError(f"sreport's answer holds {text!r}, which is no whole number of seconds.") from None
