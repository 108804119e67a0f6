"""Capacity, allocation and use over time: the grey, the yellow and the green, and every category between them.

## What it answers

How much capacity there was, how much of it was held and how much of that was used, bucket by bucket, and where the
gaps went: idle, blocked, down and planned_down between capacity and allocation; inactive, underused and unobserved
between allocation and use.

## How to read it

One row for each bucket, cut and TRES. `capacity`, `allocated`, `used` and the categories are means over the bucket's
time, in whole GPUs, cores or GiB (weighted by time); the columns that end in `_hours` are their sums. The mean of the
last bucket is over the part of it that is known (up to the horizon), so a curve does not fall at its end for want of
time. Buckets are 5 minutes up to a day, 1 hour up to 31 days, else a day of the time zone; --bucket sets another.

The picture: `capacity` in grey, `allocated` in yellow, `used` in green, on one axis from zero.

## Examples

```
paydown timeline --from yesterday --to today
paydown timeline --tres gpu --tres cpu --bucket 1d --timezone Europe/Berlin
paydown timeline --by partition --from 2024-05-01 --to 2024-05-08
```

## Caveats

Capacity and what nobody holds are null where no inventory states them, all figures where no source covers the bucket;
zero only where a source says so. Use is at least `used` and at most `used` + `unobserved`. Cut or filtered by what
only holders have, capacity is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from paydown.model.units import MS_PER_DAY, MS_PER_HOUR, TRES
from paydown.reports.interface import Answer, Need, OutColumn, Report
from paydown.reports.parts.answers import answer
from paydown.reports.parts.balance import balance, exactly, hours
from paydown.reports.parts.cuts import CUTS, SHARED, Cut, chosen
from paydown.reports.parts.filters import GONE, headline_tres, ledger_filters
from paydown.reports.parts.known import known
from paydown.reports.parts.parameters import LedgerParameters
from paydown.reports.parts.scope import Scope, scope_of
from paydown.reports.parts.slots import slot_cut, slots
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.postings import Filters
    from paydown.store.snapshot import Snapshot

Step = Literal["auto", "5min", "1h", "1d"]

FINEST_UP_TO_MS = MS_PER_DAY
HOURLY_UP_TO_MS = 31 * MS_PER_DAY

FIGURES = (
    "reported", "allocated", "used", "not_held", "idle", "blocked", "down", "planned_down", "inactive", "underused",
    "unobserved", "lost", "overcommitted",
)  # fmt: skip
"""The amounts shown, in the order of the columns; `reported` is shown as capacity."""

HELD = ("allocated", "used", "inactive", "underused", "unobserved", "lost", "overcommitted")
"""What is zero in a bucket without postings over which a source states what is held."""

_NOTHING = "b.tres IS NULL AND s.stated AND t.tres IN ({tracked})"

FILLED = f"""rows AS (
    SELECT s.slot, t.tres,
        {", ".join(f"CASE WHEN {_NOTHING} THEN 0 ELSE b.{name} END AS {name}" for name in HELD)},
        {", ".join(f"b.{name}" for name in FIGURES if name not in HELD)}
    FROM slots s CROSS JOIN (SELECT unnest({{tres}}) AS tres) t
    LEFT JOIN balance b ON b.slot = s.slot AND b.tres = t.tres
)"""
"""Every bucket of the window, whether anything was posted in it or not."""

SQL = """{balance},
{rows}
SELECT s.start_ms AS bucket, s.end_ms AS bucket_end, {keys}
    {means},
    {sums},
    {amounts}
FROM rows r JOIN slots s ON s.slot = r.slot
ORDER BY {order}
"""


class TimelineQuestion(LedgerParameters):
    """What the timeline can be asked."""

    bucket: Step = Field("auto", description="The length of a bucket; auto chooses by the length of the window.")


def run(snapshot: Snapshot, asked: TimelineQuestion) -> Answer:
    """Give the curves and what lies between them."""
    scope = scope_of(snapshot, asked)
    filters = ledger_filters(scope, asked)
    tres = headline_tres(scope, filters, asked.tres)
    cuts = chosen(asked.by, [name for name in SHARED if not CUTS[name].unit])
    beside = known(scope, filters, tres)
    step = _step(scope, asked.bucket)
    rows = _rows(scope, cuts, {**filters, "tres": tres}, step, [n for n in TRES if n in beside.totals])
    held_alone = any(cut.holder for cut in cuts) or bool({"account", "user"} & set(filters))
    notes = [*scope.notes, *beside.notes, *([GONE] * held_alone), f"Buckets of {step}; means are over the time known."]
    return answer(
        "timeline", scope, asked, _columns(cuts, exact=asked.exact), rows, coverage=beside.coverage, notes=notes
    )


def _step(scope: Scope, asked: Step) -> str:
    if asked != "auto":
        return asked
    length = scope.window.length_ms
    return "5min" if length <= FINEST_UP_TO_MS else "1h" if length <= HOURLY_UP_TO_MS else "1d"


def _filled(tres: str, tracked: Sequence[str]) -> str:
    """Nothing posted means nothing held only of a TRES of which something is: another may not be tracked at all."""
    return FILLED.format(tres=tres, tracked=", ".join(f"'{name}'" for name in tracked) or "NULL")


def _rows(scope: Scope, cuts: Sequence[Cut], filters: Filters, step: str, tracked: Sequence[str]) -> pa.Table:
    statement = Statement()
    statement.tables["slots"] = slots(scope, step)
    names = [quoted(cut.name) for cut in cuts if cut.name != "tres"]
    tres = statement.bind([name for name in TRES if name in filters["tres"]])
    text = SQL.format(
        balance=balance(scope, statement, [slot_cut(step), *cuts], filters),
        rows="rows AS (SELECT * FROM balance)" if names else _filled(tres, tracked),
        keys="".join(f"{name}, " for name in [*names, "tres"]),
        means=",\n    ".join(f"{hours(name)} / (known_ms / {float(MS_PER_HOUR)}) AS {name}" for name in FIGURES),
        sums=",\n    ".join(f"{hours(name)} AS {name}_hours" for name in FIGURES),
        amounts=",\n    ".join(f"{exactly(name)} AS {name}_amount" for name in FIGURES),
        order=", ".join(["s.start_ms", f"list_position({tres}, tres)", *(f"{name} NULLS LAST" for name in names)]),
    )
    found = scope.query(text, statement, scope.window)
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


def _columns(cuts: Sequence[Cut], *, exact: bool) -> list[OutColumn]:
    first = [
        OutColumn("bucket", "UTC", "The start of the bucket.", "instant"),
        OutColumn("bucket_end", "UTC", "Its end.", "instant", minor=True),
        *(cut.column for cut in dict.fromkeys([*cuts, CUTS["tres"]])),
    ]
    means = [
        OutColumn(
            name, "GPUs, cores or GiB", f"{says}; mean, weighted by time.", _ROLES.get(name, "number"), name in _MINOR
        )
        for name, says in _SAYS.items()
    ]
    sums = [
        OutColumn(f"{name}_hours", "GPU-hours, core-hours or GiB-hours", f"{says}; sum.", "number", minor=True)
        for name, says in _SAYS.items()
    ]
    return [*first, *means, *sums, *(_amounts() if exact else ())]


_MINOR = {"lost", "overcommitted", "down", "planned_down", "idle", "blocked"}


def _amounts() -> list[OutColumn]:
    unit = "milli-GPU x ms, milli-CPU x ms or MiB x ms"
    return [
        OutColumn(f"{name}_amount", unit, f"{name} as the exact integer of the ledger.", "number", minor=True)
        for name in FIGURES
    ]


REPORT = Report(
    name="timeline",
    question="How much capacity was there over time, how much was held, how much used, and where did the gaps go?",
    parameters=TimelineQuestion,
    needs=(
        Need("entries", "Buckets shorter than a day cannot be shown.", required=True),
        Need("daily", "Buckets of a day cannot be shown.", required=True),
        Need("nodes", "Capacity and what nobody holds are null."),
        Need("allocations", "What is held is not known."),
        Need("gpu_samples", "The use of GPUs is unobserved, unless job_usage has it."),
        Need("host_samples", "The use of CPUs and memory is unobserved, unless job_usage has it."),
        Need("node_states", "Capacity that was down is counted as idle."),
        Need("sources", "A bucket without postings is null: whether nothing was held is not known."),
    ),
    run=run,
)
