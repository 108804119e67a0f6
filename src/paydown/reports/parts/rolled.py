"""Of which days the roll-ups are posted, which reports read in place of entries (docs/spec/ledger.md, section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from paydown.model.entries import HOURLY, TOTALS
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR
from paydown.model.window import EPOCH_DAY, Window
from paydown.reports.parts.calendar import days_between, midnight
from paydown.reports.parts.cuts import Cut
from paydown.reports.parts.postings import Filters, Rolled
from paydown.reports.parts.scope import Scope

if TYPE_CHECKING:
    import pyarrow as pa

Day = tuple[str, int]
"""A cluster and the number of a UTC day."""


def days_of(scope: Scope, table: str, window: Window) -> set[Day]:
    """Give the days on which a derived table, one that is kept by day, has rows."""
    files = scope.snapshot.data_files(table, clusters=list(scope.clusters), window=window)
    return {(file.part[0], (date.fromisoformat(file.part[1]) - EPOCH_DAY).days) for file in files}


def rolled_days(scope: Scope, window: Window) -> set[Day]:
    """Give the days that have roll-ups: those that have rows in `hourly`, where every posted day has some."""
    return days_of(scope, HOURLY.name, window)


def all_rolled(scope: Scope, window: Window, table: str = "daily") -> bool:
    """Say whether every day of a window on which a table has rows has roll-ups."""
    return days_of(scope, table, window) <= rolled_days(scope, window)


def rolled(scope: Scope, filters: Filters, cuts: Iterable[Cut] = ()) -> Rolled:
    """Say which roll-ups of a scope's window tell apart all that some filters and cuts ask for."""
    needs = set(filters)
    hours = True
    for cut in cuts:
        if cut.join == "calendar":
            hours &= all(midnight(day, scope.zone) % MS_PER_HOUR == 0 for day in days_between(scope.window, scope.zone))
        elif cut.unit == "bucket":
            hours &= cut.hours
        else:
            needs.add(cut.name)
    needs -= {"cluster"}
    by_hour, by_day = (needs <= set(table.names) - {"day"} for table in (HOURLY, TOTALS))
    if not (by_hour or by_day) or not all_rolled(scope, scope.window):
        return Rolled()
    return Rolled(days=by_day, hours=by_hour and hours)


def inside(days: set[Day], window: Window) -> set[Day]:
    """Give those days that lie in a window as a whole."""
    return {
        (cluster, day)
        for cluster, day in days
        if window.start_ms <= day * MS_PER_DAY and (day + 1) * MS_PER_DAY <= window.end_ms
    }


def days_table(days: set[Day]) -> pa.Table:
    """Give days as a table of cluster and day."""
    import pyarrow as pa

    rows = sorted(days)
    return pa.table(
        {
            "cluster": pa.array([cluster for cluster, _ in rows], pa.string()),
            "day": pa.array([day for _, day in rows], pa.int32()).cast(pa.date32()),
        }
    )
