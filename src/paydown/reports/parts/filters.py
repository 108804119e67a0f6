"""Which postings a report lets through, from its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paydown.reports.parts.members import UNITS, members
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.rolled import rolled
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    from paydown.reports.parts.parameters import LedgerParameters, Parameters, TresName

OF_HOLDERS = frozenset({"account", "user", *UNITS})
"""The filters of what only holders have."""

GONE = "What nobody holds has no account and no user: with such a filter or cut only what is held is shown."


def filters_of(scope: Scope, asked: Parameters) -> dict[str, Sequence[object]]:
    """Give the filters that every report has, by the column of a posting."""
    found: dict[str, Sequence[object]] = {}
    if asked.cluster:
        found["cluster"] = asked.cluster
    if asked.partition:
        found["partition"] = asked.partition
    if asked.account:
        found["account"] = asked.account
    if scope.users is not None:
        found["user"] = scope.users
    for unit in UNITS:
        names: tuple[str, ...] = getattr(asked, unit)
        if names:
            found[unit] = (members(scope, unit, names),)
    return found


def ledger_filters(scope: Scope, asked: LedgerParameters) -> dict[str, Sequence[object]]:
    """Give the filters of a report on the ledger; which TRES is the report's own matter."""
    found = filters_of(scope, asked)
    if asked.node:
        found["node"] = asked.node
    return found


def headline_tres(scope: Scope, filters: Filters, asked: Sequence[TresName]) -> tuple[TresName, ...]:
    """Give the TRES asked for; where none is, gpu, and on a cluster on which no GPU is known, cpu."""
    if asked:
        return tuple(dict.fromkeys(asked))
    statement = Statement()
    of_gpus = {**filters, "tres": ("gpu",)}
    found = postings(statement, scope.window, of_gpus, rolled=rolled(scope, of_gpus))
    some = scope.query(f"SELECT 1 FROM (\n{found}\n) LIMIT 1", statement, scope.window)
    return ("gpu",) if some.num_rows else ("cpu",)
