"""Who belongs to which team or department on which day, from `identities`: as a filter of what people held.

A person belongs where the identity with the latest start says, of those that hold on a UTC day. What is said for the
cluster itself wins over what is said for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from paydown.errors import UsageError
from paydown.model.entries import UNSEEN
from paydown.reports.parts.scope import Scope, nearest
from paydown.reports.parts.statement import Statement, quoted

Unit = Literal["team", "department"]
"""What people belong to."""

UNITS: tuple[Unit, ...] = ("team", "department")

UNMAPPED = "(unmapped)"
"""The unit of whoever has none: nobody says it, or not for that day."""

SPANS = """
{name} AS (
    SELECT cluster, {key}, {value}, first_day, least(
        coalesce(last_day, DATE '9999-12-31'),
        coalesce(lead(first_day) OVER (PARTITION BY cluster, {key} ORDER BY first_day) - 1, DATE '9999-12-31')
    ) AS last_day
    FROM (
        SELECT cluster, {key}, {value},
            coalesce(DATE '1970-01-01' + CAST(epoch_ms(start) // 86400000 AS INTEGER), DATE '0001-01-01') AS first_day,
            DATE '1970-01-01' + CAST((epoch_ms("end") - 1) // 86400000 AS INTEGER) AS last_day,
            row_number() OVER (PARTITION BY cluster, {key}, epoch_ms(start) // 86400000 ORDER BY start DESC) AS place
        FROM ({source})
    ) WHERE place = 1
)"""
"""Days on which a row holds: of the rows that touch a UTC day the one with the latest start."""

SAID = """
    SELECT c.cluster, i.person, i.{unit}, i.start, i."end"
    FROM identities i, (SELECT unnest({clusters}) AS cluster) c
    WHERE i.{unit} IS NOT NULL AND (i.cluster = c.cluster OR (i.cluster IS NULL AND NOT EXISTS (
        SELECT 1 FROM identities own WHERE own.person = i.person AND own.cluster = c.cluster AND own.{unit} IS NOT NULL
    )))"""
"""Teams or departments by cluster and person; what is said for the cluster itself wins over what is said for all."""


def spans(unit: Unit, scope: Scope, statement: Statement) -> str:
    """Give the named subquery of who belongs where, `team_days` or `department_days`."""
    source = SAID.format(unit=unit, clusters=statement.bind(list(scope.clusters)))
    return SPANS.format(name=f"{unit}_days", key="person", value=unit, source=source)


def shown(unit: Unit, alias: str) -> str:
    """Give the unit of a posting `p`: null where nobody holds anything, and words where nobody says whose it is."""
    return (
        f"CASE WHEN p.job_id = '{UNSEEN}' THEN '{UNSEEN}' "
        f"WHEN p.job_id IS NOT NULL THEN coalesce({alias}.{unit}, '{UNMAPPED}') END"
    )


@dataclass(frozen=True)
class Place:
    """Where a row has what tells whose it is, as SQL."""

    cluster: str
    user: str
    day: str
    """Its UTC day."""
    job: str

    @staticmethod
    def of(table: str) -> Place:
        """Take the columns of a posting."""
        return Place(f"{table}.cluster", f'{table}."user"', f"{table}.day", f"{table}.job_id")


@dataclass(frozen=True)
class Members:
    """Who is let through."""

    spans: tuple[tuple[Any, ...], ...]
    """Cluster, person, first and last day of those who belong to one of the units asked for."""
    all: tuple[tuple[Any, ...], ...] | None = None
    """The same of whoever belongs to any; None where those who belong to none were not asked for."""

    def condition(self, statement: Statement, place: Place) -> str:
        """Give the condition that a row belongs to one of them."""
        parts = [_among(self.spans, statement, place)]
        if self.all is not None:
            held = f"{place.job} IS NOT NULL AND {place.job} <> '{UNSEEN}'"
            parts.append(f"({held} AND NOT {_among(self.all, statement, place)})")
        return f"({' OR '.join(parts)})"


def _among(found: tuple[tuple[Any, ...], ...], statement: Statement, place: Place) -> str:
    if not found:
        return "false"
    columns = ("cluster", "person", "first_day", "last_day")
    unnested = ", ".join(
        f"unnest({statement.bind(list(values))}) AS {name}"
        for name, values in zip(columns, zip(*found, strict=True), strict=True)
    )
    return (
        f"EXISTS (SELECT 1 FROM (SELECT {unnested}) m WHERE m.cluster = {place.cluster} "
        f"AND m.person = {place.user} AND {place.day} BETWEEN m.first_day AND m.last_day)"
    )


def members(scope: Scope, unit: Unit, asked: Sequence[str]) -> Members:
    """Give who belongs to some units; an unknown one is an error that names the nearest."""
    statement = Statement()
    text = f"WITH {spans(unit, scope, statement)} SELECT * FROM {unit}_days"
    rows = [tuple(row.values()) for row in scope.query(text, statement).to_pylist()] if scope.clusters else []
    known = sorted({row[2] for row in rows})
    told = [scope.people.told(name) for name in known]
    for name in asked:
        if name not in known and name != UNMAPPED:
            raise UsageError(f"There is no {unit} {name!r} in identities{nearest(name, [*told, UNMAPPED])}")
    some = tuple((*row[:2], *row[3:]) for row in rows if row[2] in asked)
    every = tuple((*row[:2], *row[3:]) for row in rows)
    return Members(some, every if UNMAPPED in asked else None)


def condition(statement: Statement, column: str, values: Sequence[object], table: str, place: Place) -> str:
    """Give the condition of one filter, over a row of `table`."""
    if not values:
        return "false"
    first = values[0]
    if isinstance(first, Members):
        return first.condition(statement, place)
    return statement.one_of(f"{table}.{quoted(column)}", values)


def of_nobody(units: Sequence[str]) -> list[str]:
    """Say how to see who stands behind `(unmapped)` in some units."""
    return [
        f"{UNMAPPED} is what users held whose {unit} nobody says: `paydown usage --by user --{unit} '{UNMAPPED}'` "
        "lists them by hours, `paydown ingest identities` says who belongs where."
        for unit in units
    ]
