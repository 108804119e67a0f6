"""The whole ledger of a set of facts, in memory: what the store's posting does day by day, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.book import daily_table
from paydown.ledger.columns import counts, instants
from paydown.ledger.day import DayTables, post_day
from paydown.ledger.details import inactive_entries, merged
from paydown.ledger.frame import Frame, Horizons, halo_for
from paydown.ledger.resolve import resolve
from paydown.ledger.rollups import NAMES, Lines, rollups
from paydown.ledger.settings import LedgerSettings
from paydown.ledger.world import Known, Sampled
from paydown.model.entries import DERIVED
from paydown.model.facts import FACTS
from paydown.model.units import MS_PER_DAY

READ = (
    "nodes", "devices", "node_states", "node_allocations", "reservations", "jobs", "allocations", "sources",
    "gpu_samples", "host_samples", "job_usage",
)  # fmt: skip
"""The fact tables that the ledger reads."""


def ledger(
    facts: Mapping[str, pa.Table], settings: LedgerSettings | None = None, days: Iterable[int] | None = None
) -> dict[str, pa.Table]:
    """Work out the ledger.

    Args:
        facts: Fact tables by name (missing ones are empty); sample tables may carry `_rejected`.
        settings: The ledger's settings; default: the defaults.
        days: The UTC days (0 is 1970-01-01) to give; default: all that any fact touches.

    Returns:
        The derived tables entries, daily, runs, summaries, pools, doubts, demand, histograms and roll-ups.
    """
    settings = settings or LedgerSettings()
    complete = {name: facts.get(name, FACTS[name].arrow.empty_table()) for name in READ}
    wanted = None if days is None else set(days)
    parts: dict[str, list[pa.Table]] = {name: [] for name in DERIVED if name != "posted"}
    for cluster in complete["sources"].column("cluster").unique().to_pylist():
        own = {name: table.filter(pc.equal(table.column("cluster"), cluster)) for name, table in complete.items()}
        for name, table in _cluster(cluster, own, settings, wanted).items():
            parts[name].append(table)
    return {name: pa.concat_tables([DERIVED[name].arrow.empty_table(), *tables]) for name, tables in parts.items()}


def _cluster(
    cluster: str, facts: dict[str, pa.Table], settings: LedgerSettings, wanted: set[int] | None
) -> dict[str, pa.Table]:
    days = _days(facts)
    halo = halo_for(settings, _longest(facts))
    known = Known(resolve(cluster, settings, facts))
    found = {day: post_day(Frame(cluster, day, halo, settings), facts, known) for day in days}
    sampled = sampled_of(pa.concat_tables([SUMMARY_SCHEMA, *(each.summaries for each in found.values())]))
    for day, each in found.items():
        if each.assumed & sampled:
            frame = Frame(cluster, day, halo, settings)
            found[day] = post_day(frame, facts, replace(known, sampled=sampled))
    phases = merged(pa.concat_tables([SUMMARY_SCHEMA, *(each.summaries for each in found.values())]))
    chosen = {day: each for day, each in found.items() if wanted is None or day in wanted}
    entries = {
        day: pa.concat_tables(
            [each.entries.cast(DERIVED["entries"].arrow), inactive_entries(each.open, phases, facts["jobs"])]
        )
        for day, each in chosen.items()
    }
    return _stacked(chosen, entries)


SUMMARY_SCHEMA = DERIVED["summaries"].arrow.empty_table()


def _none(name: str) -> pa.Table:
    return DERIVED[name].arrow.empty_table()


def _stacked(found: dict[int, DayTables], entries: dict[int, pa.Table]) -> dict[str, pa.Table]:
    tables = {
        name: pa.concat_tables(
            [getattr(each, name).cast(DERIVED[name].arrow) for each in found.values()] or [_none(name)]
        )
        for name in ("runs", "summaries", "pools", "doubts", "demand", "histograms")
    }
    tables["entries"] = pa.concat_tables([DERIVED["entries"].arrow.empty_table(), *entries.values()])
    tables["daily"] = daily_table(tables["entries"])
    sums = [rollups(Lines.of(day, rows)) for day, rows in entries.items()]
    return tables | {name: pa.concat_tables([_none(name), *(each[name] for each in sums)]) for name in NAMES}


def sampled_of(summaries: pa.Table) -> Sampled:
    """Give the (job_id, attempt, node, TRES) that have samples."""
    names = ("job_id", "attempt", "node", "tres")
    return frozenset(zip(*(summaries.column(name).to_pylist() for name in names), strict=True))


def _longest(facts: Mapping[str, pa.Table]) -> int:
    """Give the longest duration of any sample, in ms."""
    return max(int(counts(facts[name], "duration_ms").max(initial=0)) for name in ("gpu_samples", "host_samples"))


def _days(facts: Mapping[str, pa.Table]) -> range:
    """Give the days from the first instant of any fact to the horizon."""
    starts = [
        instants(facts[name], column, 1 << 62)
        for name, column in (
            ("nodes", "start"), ("allocations", "start"), ("jobs", "submit"), ("jobs", "eligible"),
            ("gpu_samples", "start"), ("host_samples", "start"), ("node_allocations", "start"),
        )
    ]  # fmt: skip
    first = min(int(column.min(initial=1 << 62)) for column in starts)
    last = Horizons.of(facts["sources"]).end
    return range(first // MS_PER_DAY, max(-(-last // MS_PER_DAY), first // MS_PER_DAY)) if first < last else range(0)
