"""What is missing for which report, worked out from each report's own declaration of what it needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paydown.connectors.interface import Connector
    from paydown.reports.interface import Need, Report

MADE_UP = frozenset({"synthetic"})
"""Connectors that nobody is sent to for facts that are missing: what they bring is not about a real cluster."""


@dataclass(frozen=True)
class Missing:
    """A table that a report needs and that the store does not have."""

    report: str
    """The report."""
    need: Need
    """What it needs, and what it cannot say without it."""
    sources: tuple[str, ...]
    """The connectors that can bring the table; none for what posting makes."""


def missing(reports: Iterable[Report], present: Collection[str], connectors: Mapping[str, Connector]) -> list[Missing]:
    """Give what reports need and the store does not have, by report, what is required first."""
    return [
        Missing(report.name, need, _sources(need.table, connectors))
        for report in reports
        for need in sorted(report.needs, key=lambda need: not need.required)
        if need.table not in present
    ]


def _sources(table: str, connectors: Mapping[str, Connector]) -> tuple[str, ...]:
    return tuple(name for name, each in connectors.items() if table in each.tables and name not in MADE_UP)
