"""Capacity, allocation and use over time: the grey, the yellow and the green, and every category between them.

How much capacity there was, how much of it was held and how much of that was used, bucket by bucket, and where the
gaps went: idle, blocked, down and planned_down between capacity and allocation; inactive, underused and unobserved
between allocation and use.

## How to read it

One row for each bucket, cut and TRES. `capacity`, `allocated`, `used` and the categories are means over the part of
the bucket for which they are stated, in whole GPUs, cores or GiB; the columns that end in `_hours` are sums over all of
it. Capacity and what nobody held are stated where sources vouch for capacity and for allocation both, what is held and
used where they vouch for allocation (in whole five minutes, but for the last ones at the latest horizon): so a curve
falls at no end for want of time, and what a job held before accounting begins is in the sums and in no mean. Of several
clusters each is divided by its own time, and the means are added. Buckets are 5 minutes up to a day, 1 hour up to 31
days, else a day of the time zone; --bucket sets another.

The picture: `capacity` in grey, `allocated` in yellow, `used` in green, on one axis from zero.

## Examples

```
paydown timeline --from yesterday --to today
paydown timeline --tres gpu --tres cpu --bucket 1d --timezone Europe/Berlin
paydown timeline --by partition --from 2024-05-01 --to 2024-05-08
```

## Caveats

Capacity and what nobody holds are null where no inventory states them, all means where no source states what is held,
and a note says of how many buckets; zero only where a source says so. A cluster that is not stated in a bucket is not
in its mean. Use is at least `used` and at most `used` + `unobserved`. Cut or filtered by what only holders have,
capacity is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from paydown.reports.interface import Answer, Need, Report
from paydown.reports.parts.answers import answer
from paydown.reports.parts.curve import COLUMNS, Step, buckets, columns, curve, step_of
from paydown.reports.parts.cuts import CUTS, SHARED, Cut, chosen, overlaps
from paydown.reports.parts.filters import GONE, OF_HOLDERS, headline_tres, ledger_filters
from paydown.reports.parts.known import known
from paydown.reports.parts.parameters import LedgerParameters
from paydown.reports.parts.pictures import FROM_THE_AXIS, UNITS, Curves
from paydown.reports.parts.scope import scope_of
from paydown.reports.parts.slots import slots

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot

__all__ = ["COLUMNS", "REPORT", "TimelineQuestion", "run"]


class TimelineQuestion(LedgerParameters):
    """What the timeline can be asked."""

    bucket: Step = Field("auto", description="The length of a bucket; auto chooses by the length of the window.")


def run(snapshot: Snapshot, asked: TimelineQuestion) -> Answer:
    """Give the curves and what lies between them."""
    scope = scope_of(snapshot, asked)
    filters = ledger_filters(scope, asked)
    tres = headline_tres(scope, filters, asked.tres)
    cuts = chosen(asked.by, [name for name in SHARED if not CUTS[name].unit])
    filters["tres"] = tres
    made = slots(scope, step_of(scope.window, asked.bucket))
    looked = buckets(scope, cuts, filters, made.step)
    beside = known(scope, filters, tres, None if overlaps(cuts) else looked)
    rows = curve(scope, cuts, filters, made, looked)
    held_alone = any(cut.holder for cut in cuts) or bool(OF_HOLDERS & set(filters))
    notes = [
        *scope.notes,
        *beside.notes,
        *([GONE] * held_alone),
        *overlaps(cuts),
        f"Buckets of {made.step}; means are over the time for which capacity, or what is held, is stated.",
        *made.times.notes(),
    ]
    return answer(
        "timeline",
        scope,
        asked,
        columns(cuts, exact=asked.exact),
        rows,
        coverage=beside.coverage,
        notes=notes,
        pictures=[picture(cuts)],
    )


def picture(cuts: Sequence[Cut]) -> Curves:
    """Draw the three curves and what lies between them, apart for each TRES and cut."""
    return Curves(
        told="Capacity, allocation and utilization over time, and what lies between them.",
        unit=UNITS,
        each=(*(cut.name for cut in cuts if cut.name != "tres"), "tres"),
        time="bucket",
        end="bucket_end",
        lines=("capacity", "allocated", "used"),
        areas=FROM_THE_AXIS,
    )


REPORT = Report(
    name="timeline",
    question="How much capacity was there over time, how much was held, how much used, and where did the gaps go?",
    parameters=TimelineQuestion,
    needs=(
        Need("entries", "Buckets shorter than a day cannot be shown.", required=True),
        Need("daily", "Buckets of a day cannot be shown.", required=True),
        Need("hourly", "Hours are summed from the entries, which takes longer."),
        Need("nodes", "Capacity and what nobody holds are null."),
        Need("allocations", "What is held is not known."),
        Need("gpu_samples", "The use of GPUs is unobserved, unless job_usage has it."),
        Need("host_samples", "The use of CPUs and memory is unobserved, unless job_usage has it."),
        Need("node_states", "Capacity that was down is counted as idle."),
        Need("sources", "A bucket without postings is null: whether nothing was held is not known."),
    ),
    run=run,
)
