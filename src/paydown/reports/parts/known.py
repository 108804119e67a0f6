"""What stands beside every figure of the ledger: totals, how much is measured, by which settings, what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from paydown.ledger.settings import LedgerSettings
from paydown.model.entries import ALLOCATED, OVERCOMMITTED, UNALLOCATED
from paydown.model.units import TRES
from paydown.model.window import date_of
from paydown.reports.parts.members import UNITS
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.rolled import rolled
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.unposted import Unposted

_OUTSIDE = "outside the nodes and times for which inventory (table nodes) and accounting both vouch"

_SUMMED = ("reported", *UNALLOCATED, *ALLOCATED, OVERCOMMITTED)

TOTALS = f"""{{given}}
SELECT tres,
    {", ".join(f"CAST(sum(amount) FILTER (WHERE category = '{name}') AS DECIMAL(38, 0)) AS {name}" for name in _SUMMED)}
FROM (SELECT tres, category, sum(amount) AS amount FROM cells GROUP BY tres, category) GROUP BY tres
"""
"""By TRES: the exact total of each category."""

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

    def amount(self, *names: str) -> int:
        """Give the sum of some categories, of what was posted."""
        return sum(self.amounts.get(name) or 0 for name in names)

    def hours(self, *names: str) -> float:
        """Give the sum of some categories in shown hours."""
        return self.amount(*names) / TRES[self.tres].per_hour

    @property
    def unlisted(self) -> int:
        """What was held where capacity is not stated: where it is, the first identity of the ledger holds."""
        stated = self.amount("reported") - self.amount(*UNALLOCATED)
        return max(0, self.allocated - stated)

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


def known(
    scope: Scope,
    filters: Filters,
    tres: Sequence[str],
    cells: pa.Table | None = None,
    unposted: Unposted | None = None,
) -> Known:
    """Give what stands beside an answer about some TRES (none: all that are found; the first one leads).

    `cells` are sums of the same postings that the report has made already; without them the ledger is read, and what
    was worked out of `unposted` clusters is added.
    """
    if scope.known is None:
        return Known(coverage={"observed_share": None})
    totals = _totals(scope, {**filters, "tres": tres} if tres else filters, cells, unposted)
    asked = tres or tuple(name for name in TRES if name in totals)
    shares = {name: totals[name].observed_share if name in totals else None for name in asked}
    posted = replace(
        scope, clusters=tuple(name for name in scope.clusters if not unposted or name not in unposted.names)
    )
    settings, notes = _settings(posted)
    coverage = {
        "observed_share": shares[asked[0]] if asked else None,
        "observed_share_by_tres": shares,
        "settings": settings,
    }
    not_whole = bool(set(filters) & {"account", "user", "job_id", "partition", *UNITS})
    lacking = [] if not_whole else _without_inventory(scope, totals)
    notes += [unposted.note] if unposted else []
    return Known(totals, coverage, (*notes, *_dirty(posted), *lacking, *_dark(totals, asked)))


def _totals(
    scope: Scope, filters: Filters, cells: pa.Table | None, unposted: Unposted | None = None
) -> dict[str, Totals]:
    statement = Statement(tables={} if cells is None else {"cells": cells})
    given = ""
    if cells is None:
        source = postings(statement, scope.window, filters, rolled=rolled(scope, filters))
        given = f"WITH cells AS (\n{source}\n)"
    if unposted:
        statement.tables["worked_out"] = unposted.totals
        given = f"{given[:-1]}    UNION ALL BY NAME SELECT * FROM worked_out\n)"
    rows = scope.query(TOTALS.format(given=given), statement, scope.window).to_pylist()
    return {row["tres"]: _totals_of(row) for row in sorted(rows, key=lambda row: list(TRES).index(row["tres"]))}


def _totals_of(row: dict[str, Any]) -> Totals:
    return Totals(row["tres"], {name: None if row[name] is None else int(row[name]) for name in _SUMMED})


def _without_inventory(scope: Scope, totals: Mapping[str, Totals]) -> list[str]:
    """Say where what is held cannot be set against a capacity, and which capability no source of a cluster supports."""
    held = [
        f"{_much(found.unlisted / TRES[name].per_hour)} {TRES[name].hour_unit}"
        for name, found in totals.items()
        if found.unlisted
    ]
    notes = [f"No source of {cluster} supports {' or '.join(lacks)}." for cluster, lacks in _unsupported(scope).items()]
    if not held:
        return notes
    stated = any(found.amounts["reported"] is not None for found in totals.values())
    rest = "" if stated else "; capacity, idle, blocked, down and planned_down cannot be stated at all"
    return [
        f"{', '.join(held)} were held {_OUTSIDE}{rest}.",
        *notes,
    ]


def _much(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 0.05 else "<0.1"  # noqa: PLR2004 - below it is rounded to nothing


def _unsupported(scope: Scope) -> dict[str, list[str]]:
    """Give what no source of a cluster supports of what it takes to state its occupancy."""
    rows = scope.snapshot.rows("sources", columns=["cluster", "supports"], clusters=list(scope.clusters)).to_pylist()
    able: dict[str, set[str]] = {}
    for row in rows:
        able.setdefault(row["cluster"], set()).update(row["supports"].split(";"))
    lacks = {name: [what for what in ("capacity", "allocation") if what not in found] for name, found in able.items()}
    return {name: lacking for name, lacking in sorted(lacks.items()) if lacking}


def _dark(totals: Mapping[str, Totals], asked: Sequence[str]) -> list[str]:
    dark = [name for name in asked if name in totals and totals[name].observed_share == 0]
    return [f"Nothing of what was held of {name} is observed: its use and its debt are not known." for name in dark]


def _days(scope: Scope, sql: str) -> list[dict[str, Any]]:
    if not scope.clusters:
        return []
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
    if not found and scope.clusters:
        notes.append("No day of this window is posted: run paydown post, or ingest its facts.")
    return found, notes


def _pairs(made: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in sorted(made.items()))


def _dirty(scope: Scope) -> list[str]:
    days = sum(row["days"] for row in _days(scope, DIRTY))
    if not days:
        return []
    said = "1 day of this window has" if days == 1 else f"{days} days of this window have"
    return [f"{said} facts that are not posted yet: run paydown post."]
