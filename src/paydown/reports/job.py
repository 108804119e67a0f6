"""One job whole: what it asked for and held, what it did with it, its debt, and what is not known of it and why.

## How to read it

The first table has a row for each attempt, with the columns of `paydown jobs`. Then follow:

- `job.allocations`: on which nodes and devices it was, from when to when, with what;
- `job.ledger`: where every hour that it held went, by TRES, category and detail;
- `job.phases`: its quiet runs that count as inactive, with the phase that each is: `never_used`, `startup` before the
  first activity, `gap`, `tail` after the last;
- `job.devices`: what the samples say of it on each device: how many there are, when it was first and last active;
- `job.unknown`: what is not known, from when to when, and why;
- `job.timeline`: what it held and used over time.

Hours are of the window (without --from and --to: of all that is known); a job that still runs goes up to the horizon.

## Examples

```
paydown job 4711
paydown job 4711_3 --cluster alex --format json
paydown job 4711 --attempt 1 --bucket 5min
```

## Caveats

Phases rest on samples that count for the job (docs/spec/ledger.md, section 3.6). Where only a mean over the whole job
is known there are no phases; the ledger's line `inactive/never_used` then says that the mean was exactly zero.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from paydown.errors import UsageError
from paydown.model.units import TRES
from paydown.model.window import Window, to_ms
from paydown.reports.interface import Answer, Need, Report
from paydown.reports.parts.answers import answer, table
from paydown.reports.parts.curve import COLUMNS as CURVE
from paydown.reports.parts.curve import Step, buckets, curve, step_of
from paydown.reports.parts.cuts import CUTS
from paydown.reports.parts.filters import filters_of
from paydown.reports.parts.job_figures import COLUMNS, job_rows
from paydown.reports.parts.job_life import allocations, devices, lines, phases, unknown
from paydown.reports.parts.known import Known, known
from paydown.reports.parts.parameters import Parameters
from paydown.reports.parts.postings import Filters
from paydown.reports.parts.scope import Scope, scope_of
from paydown.reports.parts.slots import slots
from paydown.reports.parts.vouched import anything

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paydown.store.snapshot import Snapshot

__all__ = ["COLUMNS", "REPORT", "JobQuestion", "run"]


class JobQuestion(Parameters):
    """Which job is asked for."""

    job_id: str = Field(description="The job: 4711, array task 4711_3.", json_schema_extra={"argument": True})
    attempt: int | None = Field(None, ge=0, description="Only this attempt; 0 is the first start.")
    bucket: Step = Field("auto", description="The length of a bucket of its timeline.")


def run(snapshot: Snapshot, asked: JobQuestion) -> Answer:
    """Say all that is known of one job, and what is not."""
    scope = scope_of(snapshot, asked)
    filters: dict[str, Sequence[object]] = {**filters_of(scope, asked), "job_id": (asked.job_id,)}
    if asked.attempt is not None:
        filters["attempt"] = (asked.attempt,)
    figures = job_rows(scope, filters)
    rows = figures.rows
    if not rows.num_rows:
        raise UsageError(f"There is no job {asked.job_id!r} in this window; paydown jobs lists those there are.")
    attempts = rows.to_pylist()
    life = replace(scope, asked=_life(scope, attempts))
    beside = known(life, filters, (), unposted=figures.unposted)
    found = answer("job", life, asked, COLUMNS, rows, coverage=beside.coverage, notes=[*scope.notes, *beside.notes])
    more = (
        lines(life, filters),
        phases(life, filters),
        unknown(life, filters, attempts),
        allocations(life, filters),
        devices(life, filters),
        _timeline(life, filters, asked.bucket, beside),
    )
    return replace(found, more=more)


def _life(scope: Scope, attempts: Sequence[dict[str, Any]]) -> Window:
    """Give the part of the window in which the job waited or held something."""
    begins = [to_ms(row[name]) for row in attempts for name in ("submit", "start") if row[name] is not None]
    ends = [scope.asked.end_ms if row["end"] is None else to_ms(row["end"]) for row in attempts]
    start = max(scope.asked.start_ms, min(begins, default=scope.asked.start_ms))
    return Window(
        min(start, scope.asked.end_ms), max(min(start, scope.asked.end_ms), min(scope.asked.end_ms, max(ends)))
    )


SHOWN = ("bucket", "bucket_end", "allocated", "used", "inactive", "underused", "unobserved")
"""What of a curve says something of one job."""


def _timeline(scope: Scope, filters: Filters, bucket: Step, beside: Known) -> Answer:
    tracked = [name for name in TRES if name in beside.totals]
    step = step_of(scope.window, bucket)
    filters = {**filters, "tres": tracked}
    rows = curve(scope, (), filters, slots(scope, step, anything(scope)), buckets(scope, (), filters, step))
    first, *rest = [column for column in CURVE if column.name in SHOWN]
    return table("job.timeline", scope, [first, CUTS["tres"].column, *rest], rows)


REPORT = Report(
    name="job",
    question="What did one job ask for, hold and use, when was it quiet, and what is not known of it and why?",
    parameters=JobQuestion,
    needs=(
        Need("jobs", "Name, state, request and wait are null.", required=True),
        Need("allocations", "Where it was is not known."),
        Need("daily", "Its use, debt and coverage are null: no day is posted."),
        Need("entries", "Its timeline, and when it was not observed, are not known."),
        Need("runs", "Its quiet phases are not known."),
        Need("summaries", "Which phase a quiet run is, and what samples say of each device, is not known."),
        Need("gpu_samples", "The use of GPUs is unobserved, unless job_usage has it."),
        Need("host_samples", "The use of CPUs and memory is unobserved, unless job_usage has it."),
        Need("identities", "A person key stands in place of the name."),
    ),
    run=run,
)
