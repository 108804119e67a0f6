"""What stands beside every figure of the ledger: totals, how much is measured, by which settings, what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paydown.ledger.settings import LedgerSettings
from paydown.model.entries import ALLOCATED, OVERCOMMITTED, UNALLOCATED
from paydown.model.units import TRES
from paydown.model.window import date_of
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement

_SUMMED = ("reported", *UNALLOCATED, *ALLOCATED, OVERCOMMITTED)

TOTALS = f"""
WITH postings AS (
{{postings}}
), places AS (
    SELECT tres, cluster, node, day,
        {", ".join(f"sum(amount) FILTER (WHERE category = '{name}') AS {name}" for name in _SUMMED)}
    FROM postings GROUP BY ALL
)
SELECT tres, {", ".join(f"CAST(sum({name}) AS DECIMAL(38, 0)) AS {name}" for name in _SUMMED)},
    CAST(coalesce(sum({" + ".join(f"coalesce({name}, 0)" for name in ALLOCATED)}) FILTER (WHERE reported IS NULL), 0)
        AS DECIMAL(38, 0)) AS unlisted
FROM places GROUP BY tres
"""
"""By TRES: the exact total of each category, and what was held on nodes that no inventory lists on that day."""

POSTED = """
SELECT settings, count(*) AS days FROM posted WHERE day >= {first} AND day < {last} AND cluster IN ({clusters})
GROUP BY settings ORDER BY days DESC, settings
"""

DIRTY = """
SELECT count(*) AS days FROM dirty WHERE need = 'post' AND day >= {first} AND day < {last} AND cluster IN ({clusters})
"""


@dataclass(frozen=True)
class Totals:
    """The exact totals of one TRES over a window and its filters; None where a category was not posted at all."""

    tres: str
    amounts: Mapping[str, int | None]
    unlisted: int = 0
    """What was held on nodes that no inventory lists on that day."""

    def amount(self, *names: str) -> int:
        """Give the sum of some categories, of what was posted."""
        return sum(self.amounts.get(name) or 0 for name in names)

    def hours(self, *names: str) -> float:
        """Give the sum of some categories in shown hours."""
        return self.amount(*names) / TRES[self.tres].per_hour

    @property
    def allocated(self) -> int:
        """What was held."""
        return self.amount(*ALLOCATED)

    @property
    def observed_share(self) -> float | None:
        """The part of what was held that is measured; null where nothing was held."""
        return 1.0 - self.amount("unobserved") / self.allocated if self.allocated else None


@dataclass(frozen=True)
class Known:
    """What stands beside the figures of an answer."""

    totals: Mapping[str, Totals] = field(default_factory=dict)
    """The totals by TRES."""
    coverage: dict[str, Any] = field(default_factory=dict)
    """For `Answer.coverage`."""
    notes: tuple[str, ...] = ()
    """Sentences that must stand beside the figures."""


def known(scope: Scope, filters: Filters, tres: tuple[str, ...]) -> Known:
    """Give what stands beside an answer about some TRES (none: all that are found; the first one leads)."""
    if scope.known is None:
        return Known(coverage={"observed_share": None})
    totals = _totals(scope, {**filters, "tres": tres} if tres else filters)
    asked = tres or tuple(name for name in TRES if name in totals)
    shares = {name: totals[name].observed_share if name in totals else None for name in asked}
    settings, notes = _settings(scope)
    coverage = {
        "observed_share": shares[asked[0]] if asked else None,
        "observed_share_by_tres": shares,
        "settings": settings,
    }
    held_alone = bool(set(filters) & {"account", "user", "job_id"})
    lacking = [] if held_alone else _without_inventory(totals)
    return Known(totals, coverage, (*notes, *_dirty(scope), *lacking, *_dark(totals, asked)))


def _totals(scope: Scope, filters: Filters) -> dict[str, Totals]:
    statement = Statement()
    sql = TOTALS.format(postings=postings(statement, scope.window, filters))
    rows = scope.query(sql, statement, scope.window).to_pylist()
    return {row["tres"]: _totals_of(row) for row in rows}


def _totals_of(row: dict[str, Any]) -> Totals:
    amounts = {name: None if row[name] is None else int(row[name]) for name in _SUMMED}
    return Totals(row["tres"], amounts, int(row["unlisted"]))


def _without_inventory(totals: Mapping[str, Totals]) -> list[str]:
    return [
        f"{found.unlisted / TRES[name].per_hour:,.1f} {TRES[name].hour_unit} were held on nodes that no inventory "
        f"lists on that day{_nothing_stated(found)} (table nodes)."
        for name, found in sorted(totals.items())
        if found.unlisted
    ]


def _dark(totals: Mapping[str, Totals], asked: Sequence[str]) -> list[str]:
    dark = [name for name in asked if name in totals and totals[name].observed_share == 0]
    return [f"Nothing of what was held of {name} is observed: its use and its debt are not known." for name in dark]


def _nothing_stated(found: Totals) -> str:
    stated = found.amounts["reported"] is not None
    return "" if stated else "; capacity, idle, blocked, down and planned_down cannot be stated at all"


def _days(scope: Scope, sql: str) -> list[dict[str, Any]]:
    statement = Statement()
    days = scope.window.days
    text = sql.format(
        first=statement.bind(date_of(days.start)),
        last=statement.bind(date_of(days.stop)),
        clusters=", ".join(statement.bind(name) for name in scope.clusters),
    )
    return list(scope.query(text, statement).to_pylist())


def _settings(scope: Scope) -> tuple[list[Any], list[str]]:
    """Give the ledger's settings that made the figures; all but the defaults are said aloud."""
    found = [json.loads(row["settings"]) for row in _days(scope, POSTED)]
    usual = LedgerSettings().model_dump(mode="json")
    changed = [{key: value for key, value in made.items() if usual.get(key) != value} for made in found]
    notes = [f"The ledger was posted with {_pairs(made)}." for made in changed if made]
    if len(found) > 1:
        notes.append("Days of this window were posted with different settings; post them again to compare them.")
    if not found:
        notes.append("No day of this window is posted: run paydown post, or ingest its facts.")
    return found, notes


def _pairs(made: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in sorted(made.items()))


def _dirty(scope: Scope) -> list[str]:
    days = _days(scope, DIRTY)[0]["days"]
    if not days:
        return []
    said = "1 day of this window has" if days == 1 else f"{days} days of this window have"
    return [f"{said} facts that are not posted yet: run paydown post."]
