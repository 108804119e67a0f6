"""Curves over time: what the categories of the ledger were on average in each bucket, and in hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from paydown.model.units import MS_PER_DAY, TRES
from paydown.model.window import Window
from paydown.reports.interface import OutColumn
from paydown.reports.parts.balance import balance, cells, exactly, hours
from paydown.reports.parts.cuts import CUTS, Cut
from paydown.reports.parts.means import by_cluster, joined_means, means
from paydown.reports.parts.postings import Filters
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.slots import Slots, slot_cut
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

Step = Literal["auto", "5min", "1h", "1d"]
"""The length of a bucket; `auto` is chosen by the length of the window."""

FINEST_UP_TO_MS = MS_PER_DAY
"""Up to which length of the window `auto` is five minutes."""

HOURLY_UP_TO_MS = 31 * MS_PER_DAY
"""Up to which length of the window `auto` is an hour; beyond it is a day."""

FIGURES = (
    "reported", "allocated", "used", "not_held", "idle", "blocked", "down", "planned_down", "inactive", "underused",
    "unobserved", "lost", "overcommitted",
)  # fmt: skip
"""The amounts shown, in the order of the columns; `reported` is shown as capacity."""

HELD = ("allocated", "used", "inactive", "underused", "unobserved", "lost", "overcommitted")
"""What is zero in a bucket without postings over which a source states what is held."""

_FILLED = ", ".join(
    f"CASE WHEN nothing THEN 0 ELSE {column} END AS {column}" for name in HELD for column in (name, f"{name}_mean")
)

FILLED = f"""every AS (
    SELECT s.slot, t.tres, b.* EXCLUDE (slot, tres), b.tres IS NULL AND s.stated AND p.tres IS NOT NULL AS nothing
    FROM slots s CROSS JOIN (SELECT unnest({{tres}}) AS tres) t
    LEFT JOIN (SELECT DISTINCT tres FROM found_cells) p ON p.tres = t.tres
    LEFT JOIN meant b ON b.slot = s.slot AND b.tres = t.tres
),
rows AS (SELECT * REPLACE ({_FILLED}) FROM every)"""
"""Every bucket of the window, whether anything was posted in it or not."""

SQL = """{balance},
{averages},
meant AS (SELECT b.*, {known_means} FROM balance b {joined}),
{rows}
SELECT s.start_ms AS bucket, s.end_ms AS bucket_end, {keys}
    {means},
    {sums},
    {amounts}
FROM rows r JOIN slots s ON s.slot = r.slot
ORDER BY {order}
"""


def step_of(window: Window, asked: Step) -> str:
    """Give the length of a bucket."""
    if asked != "auto":
        return asked
    length = window.length_ms
    return "5min" if length <= FINEST_UP_TO_MS else "1h" if length <= HOURLY_UP_TO_MS else "1d"


def buckets(scope: Scope, cuts: Sequence[Cut], filters: Filters, step: str) -> pa.Table:
    """Sum the ledger by buckets and some cuts, and where there are several clusters by cluster."""
    return cells(scope, by_cluster(scope, [slot_cut(step), *cuts]), filters)


def curve(scope: Scope, cuts: Sequence[Cut], filters: Filters, made: Slots, looked: pa.Table) -> pa.Table:
    """Give a row for each bucket, cut and TRES of the filters, of the cells that `buckets` gives.

    Without cuts every bucket has a row: nothing posted there is nothing held, of a TRES of which anything is posted in
    the window, and where a source states what is held; it is not known otherwise.
    """
    statement = Statement()
    statement.tables["slots"] = made.table
    names = [quoted(cut.name) for cut in cuts if cut.name != "tres"]
    tres = statement.bind([name for name in TRES if name in filters["tres"]])
    apart = [slot_cut(made.step), *cuts]
    text = SQL.format(
        balance=balance(statement, apart, looked),
        averages=means(scope, statement, apart, filters, made.times),
        known_means=", ".join(f"CASE WHEN b.{name} IS NOT NULL THEN m.{name} END AS {name}_mean" for name in FIGURES),
        joined=joined_means(apart, "b"),
        rows="rows AS (SELECT * FROM meant)" if names else FILLED.format(tres=tres),
        keys="".join(f"{name}, " for name in [*names, "tres"]),
        means=",\n    ".join(f"{name}_mean AS {name}" for name in FIGURES),
        sums=",\n    ".join(f"{hours(name)} AS {name}_hours" for name in FIGURES),
        amounts=",\n    ".join(f"{exactly(name)} AS {name}_amount" for name in FIGURES),
        order=", ".join(["s.start_ms", f"list_position({tres}, tres)", *(f"{name} NULLS LAST" for name in names)]),
    )
    found = scope.query(text, statement)
    return found.rename_columns({"reported": "capacity", "reported_hours": "capacity_hours"})


_ROLES = {
    "capacity": "capacity",
    "allocated": "allocation",
    "used": "utilization",
    "inactive": "debt",
    "underused": "debt",
}
_SAYS = {
    "capacity": "The capacity that the inventory lists, down included",
    "allocated": "What was held",
    "used": "What was used",
    "not_held": "What nobody held: idle + blocked + down + planned_down",
    "idle": "Not held, and nobody who may use it waited",
    "blocked": "Not held while jobs that may use it waited",
    "down": "Not held: the node was down",
    "planned_down": "Not held: drained or in maintenance",
    "inactive": "Held, and quiet for at least the inactivity span",
    "underused": "Held and active, the part above the use",
    "unobserved": "Held, and no sample covers it",
    "lost": "The part of the use by attempts that failed, were preempted or requeued",
    "overcommitted": "Held beyond the capacity; in no other category",
}


_MINOR = {"lost", "overcommitted", "down", "planned_down", "idle", "blocked"}


def _mean(name: str) -> OutColumn:
    says = f"{_SAYS[name]}; mean over the time for which it is stated."
    return OutColumn(name, "GPUs, cores or GiB", says, _ROLES.get(name, "number"), name in _MINOR)


def _sum(name: str) -> OutColumn:
    return OutColumn(
        f"{name}_hours", "GPU-hours, core-hours or GiB-hours", f"{_SAYS[name]}; sum.", "number", minor=True
    )


COLUMNS = (
    OutColumn("bucket", "UTC", "The start of the bucket.", "instant"),
    OutColumn("bucket_end", "UTC", "Its end.", "instant", minor=True),
    *(_mean(name) for name in _SAYS),
    *(_sum(name) for name in _SAYS),
)
"""The bucket, before the cuts and the TRES, and the figures after them."""


def columns(cuts: Sequence[Cut], *, exact: bool) -> list[OutColumn]:
    """Give the columns of a curve: bucket, cuts, TRES, means, sums, and with `exact` the integers behind them."""
    keys = [cut.column for cut in dict.fromkeys([*cuts, CUTS["tres"]])]
    return [*COLUMNS[:2], *keys, *COLUMNS[2:], *(_amounts() if exact else ())]


def _amounts() -> list[OutColumn]:
    unit = "milli-GPU x ms, milli-CPU x ms or MiB x ms"
    return [
        OutColumn(f"{name}_amount", unit, f"{name} as the exact integer of the ledger.", "number", minor=True)
        for name in FIGURES
    ]
