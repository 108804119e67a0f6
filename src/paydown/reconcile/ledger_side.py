"""What the ledger says of a cluster and window, in hours of each TRES."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paydown.model.entries import ALLOCATED, OVERCOMMITTED, REPORTED
from paydown.model.units import MS_PER_HOUR, TRES
from paydown.reports.parts.balance import cells
from paydown.reports.parts.cuts import chosen
from paydown.reports.parts.parameters import LedgerParameters
from paydown.reports.parts.scope import Scope, scope_of

if TYPE_CHECKING:
    from paydown.reconcile.asked import Question

UNSEEN = "unseen"
"""The detail of what a node says is allocated and no job that is known explains (docs/spec/ledger.md, 1.7)."""


@dataclass(frozen=True)
class Stated:
    """The categories of one TRES, in hours; a category that was not posted is missing."""

    hours: dict[str, float] = field(default_factory=dict)
    unseen: float = 0.0

    def of(self, *names: str) -> float:
        """Sum some categories."""
        return sum(self.hours.get(name, 0.0) for name in names)

    @property
    def allocated(self) -> float:
        """What was held."""
        return self.of(*ALLOCATED)

    @property
    def capacity(self) -> bool:
        """Whether capacity is stated at all."""
        return "reported" in self.hours


def scope(asked: Question) -> Scope:
    """Give what the ledger is asked about."""
    window = asked.window
    return scope_of(
        asked.snapshot,
        LedgerParameters(
            start_ms=window.start_ms, end_ms=window.end_ms, cluster=(asked.cluster,), pseudonyms=asked.pseudonyms
        ),
    )


def stated(asked: Question) -> dict[str, Stated]:
    """Sum the ledger by TRES."""
    rows = cells(scope(asked), chosen(["tres"], ("tres",)), {}).to_pylist()
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    unseen: dict[str, int] = defaultdict(int)
    for row in rows:
        found[row["tres"]][row["category"]] += int(row["amount"])
        unseen[row["tres"]] += int(row["amount"]) if row["detail"] == UNSEEN else 0
    return {
        tres: Stated(
            {name: amount / TRES[tres].per_hour for name, amount in amounts.items()}, unseen[tres] / TRES[tres].per_hour
        )
        for tres, amounts in found.items()
    }


def by_user(asked: Question) -> dict[tuple[str, str, str], float]:
    """Sum what visible jobs held by (account, user, TRES), in hours: all of it, over-allocated or not."""
    about = scope(asked)
    cuts = chosen(["account", "user", "tres"], ("account", "user", "tres"))
    rows = cells(about, cuts, {"category": (*ALLOCATED, OVERCOMMITTED)}).to_pylist()
    names = about.people.names
    found: dict[tuple[str, str, str], float] = defaultdict(float)
    for row in rows:
        if row["category"] not in {*ALLOCATED, OVERCOMMITTED} or row["detail"] == UNSEEN:
            continue
        key = (about.people.told(row["account"] or ""), names.get(row["user"], row["user"] or ""), row["tres"])
        found[key] += int(row["amount"]) / TRES[row["tres"]].per_hour
    return dict(found)


Hours = dict[tuple[str, str], float]
"""Hours by node and TRES."""


def by_node(asked: Question) -> tuple[Hours, Hours]:
    """Sum by (node, TRES), in hours, what jobs held beyond what nodes have, and what nodes say no visible job held."""
    cuts = chosen(["node", "tres"], ("node", "tres"))
    over: Hours = defaultdict(float)
    unseen: Hours = defaultdict(float)
    for row in cells(scope(asked), cuts, {"category": (OVERCOMMITTED, "unobserved")}).to_pylist():
        side = over if row["category"] == OVERCOMMITTED else unseen if row["detail"] == UNSEEN else None
        if side is not None:
            side[row["node"], row["tres"]] += int(row["amount"]) / TRES[row["tres"]].per_hour
    return dict(over), dict(unseen)


def capped(asked: Question, ours: dict[str, Stated]) -> dict[str, float]:
    """Give what jobs held of TRES that are over-allocated, cut to the capacity of each hour, in hours of the TRES."""
    over = {tres for tres, found in ours.items() if found.of(OVERCOMMITTED) and found.capacity}
    if not over:
        return {}
    cuts = chosen(["bucket", "tres"], ("bucket", "tres"))
    held: dict[tuple[str, int], int] = defaultdict(int)
    capacity: dict[tuple[str, int], int] = defaultdict(int)
    for row in cells(scope(asked), cuts, {}).to_pylist():
        side = capacity if row["category"] == REPORTED else held
        if row["category"] in {*ALLOCATED, OVERCOMMITTED, REPORTED}:
            side[row["tres"], row["bucket"] // MS_PER_HOUR] += int(row["amount"])
    return {
        tres: sum(min(amount, capacity[key]) for key, amount in held.items() if key[0] == tres) / TRES[tres].per_hour
        for tres in over
    }
