"""Queue waits: how long jobs waited until they started, by whom and for how much, and what was free meanwhile.

## How to read it

One row for each cut (without --by: for each partition). The wait is start - eligible: what a job waits for by its own
wish (a dependency, a begin time, a hold) is not counted. `since_submit_*` is start - submit, of all that.

- Means, quantiles (interpolated) and the largest are of the jobs that **started in the window**, each counting the
  same; with --counted ended, of those that ended in it and had started. `wait_gpu_mean_hours` weighs each by the GPUs
  that it asked for: what a GPU asked for waited.
- `pending` are the jobs that wait at the end of the window (where accounting ends within it: that waited then),
  `cancelled` those that ended in it without having started.
- `waited_hours` are the hours in the window that all of these waited, and `waited_gpu_hours` the same times the GPUs
  asked for. They add up over windows.

**What was free meanwhile.** Free is what the ledger calls idle or blocked: nobody held it, and the node was up. For
each job it is looked up on the nodes that the job may use (those of its partitions and of the GPU model that it asks
for), over the part of its wait that lies in the window: of GPUs where it asks for some, else of CPUs.

- `free_gpus_mean` (`free_cpus_mean` for jobs without GPUs) is how much that was on average, weighted by waiting time.
- `enough_free_share` is the part of the waited hours in which at least what the job asked for was free on all these
  nodes together, `fit_free_share` that in which it was so on as many nodes as the job asks for (one, where it does not
  say): a job of 8 GPUs on one node does not fit where eight nodes have one left each.
- `free_known_share` is the part of the waited hours of which all that is known.

The picture: the median, the 90th and the 95th percentile of each row.

## Examples

```
paydown wait
paydown wait --by size --from last-month --to this-month
paydown wait --by account --by req_gpu_model --sort -waited_gpu_hours
paydown wait --by week --partition gpu --timezone Europe/Berlin
```

## Caveats

Free and waiting is no proof of a fault. A job that waits beside free capacity may wait for a limit (QOS, quota), for a
reservation, for its turn (priorities; capacity that is kept for a larger job), or for CPUs and memory that the free
GPUs' nodes do not have left. Free capacity counts for every job that waits: shares of several jobs cannot be added.
What is free is a mean over five minutes, so gaps shorter than that are smeared. Of each node all GPU models that it
ever had count.

Where no source says when a job was eligible, its wait is not known (`eligible_unknown`), and only the time since its
submission is; meanwhile it waits since then. Jobs that start before they are eligible contradict themselves and have
no wait. Without an inventory what was free is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from paydown.model.units import MS_PER_HOUR
from paydown.reports.interface import Answer, Need, Report
from paydown.reports.parts.answers import answer
from paydown.reports.parts.cuts import Cut
from paydown.reports.parts.filters import filters_of
from paydown.reports.parts.meanwhile import meanwhile
from paydown.reports.parts.parameters import Parameters
from paydown.reports.parts.pictures import Bars
from paydown.reports.parts.scope import Scope, scope_of
from paydown.reports.parts.wait_cuts import columns_of, wait_cuts
from paydown.reports.parts.wait_rows import COLUMNS, wait_rows
from paydown.reports.parts.waits import unsupported, waits

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.store.snapshot import Snapshot

__all__ = ["COLUMNS", "REPORT", "WaitQuestion", "run"]


class WaitQuestion(Parameters):
    """What can be asked of waits."""

    by: tuple[str, ...] = Field(
        ("partition",), description="Cut by these columns: partition, account, size, req_gpu_model, user, week ..."
    )
    counted: Literal["started", "ended"] = Field(
        "started", description="Of which jobs the wait is told: those that started in the window, or ended in it."
    )
    free: bool = Field(True, description="Look up what was free meanwhile.")


def run(snapshot: Snapshot, asked: WaitQuestion) -> Answer:
    """Tell how long jobs waited."""
    scope = scope_of(snapshot, asked)
    cuts = wait_cuts(asked.by)
    jobs = waits(scope, filters_of(scope, asked), columns_of(cuts))
    jobs = meanwhile(scope, jobs) if asked.free else _without(jobs)
    rows, whole = wait_rows(scope, cuts, jobs, asked.counted)
    found = answer(
        "wait",
        scope,
        asked,
        [*(cut.column for cut in cuts), *COLUMNS],
        rows,
        coverage=_coverage(whole),
        notes=_notes(scope, whole, asked),
        pictures=pictures(cuts),
    )
    return replace(found, window=scope.asked, headline=_headline(whole))


def _without(jobs: pa.Table) -> pa.Table:
    import pyarrow as pa

    from paydown.reports.parts.meanwhile import FOUND

    for name in FOUND:
        jobs = jobs.append_column(name, pa.nulls(jobs.num_rows, pa.float64()))
    return jobs


def _coverage(whole: dict[str, Any]) -> dict[str, Any]:
    started = whole["jobs"]
    known = 1 - whole["eligible_unknown"] / started if started else None
    return {"eligible_known_share": known, "free_known_share": whole["free_known_share"]}


def _headline(whole: dict[str, Any]) -> tuple[str, ...]:
    jobs, pending = whole["jobs"], whole["pending"]
    if not jobs and not pending:
        return ()
    said = []
    if whole["wait_mean_hours"] is not None:
        said.append(
            f"{_counted(jobs)} waited {_long(whole['wait_mean_hours'])} on average, half of them at most "
            f"{_long(whole['wait_p50_hours'])}, one in ten {_long(whole['wait_p90_hours'])} or more; "
            f"{_counted(pending)} still waited at the end."
        )
    if whole["fit_free_share"] is not None:
        said.append(
            f"For {whole['enough_free_share']:.1%} of the hours that jobs waited, what they asked for was free on "
            f"nodes that they may use; for {whole['fit_free_share']:.1%} on as many nodes as they asked for."
        )
    return tuple(said)


def _long(hours: float) -> str:
    """Say a wait: seconds are told where hundredths of an hour would be nothing."""
    return f"{hours:,.2f} h" if hours >= 0.01 else f"{hours * MS_PER_HOUR / 1000:.0f} s"  # noqa: PLR2004 - the digits of hours


def _counted(jobs: int) -> str:
    return "1 job" if jobs == 1 else f"{jobs:,} jobs"


def _notes(scope: Scope, whole: dict[str, Any], asked: WaitQuestion) -> list[str]:
    notes = [scope.zone_note, *scope.stranger_notes, *unsupported(scope)]
    if scope.known is None:
        notes.append("Nothing is known of it: ingest facts first (paydown ingest SOURCE ...).")
    if whole["eligible_unknown"]:
        notes.append(
            f"Of {_counted(whole['eligible_unknown'])} no source says when they were eligible: their wait is not "
            "known, only the time since their submission."
        )
    if whole["contradicting"]:
        notes.append(f"{_counted(whole['contradicting'])} started before they were eligible; they have no wait.")
    if asked.free and whole["waited_hours"] and whole["free_known_share"] is None:
        notes.append(
            "What was free meanwhile is not known: it needs an inventory (table nodes), posted days, and sources that "
            "state capacity and allocation for whole five minutes of the wait."
        )
    return notes


def pictures(cuts: Sequence[Cut]) -> tuple[Bars, ...]:
    """Draw quantiles of the wait by each cut."""
    names = tuple(cut.name for cut in cuts)
    parts = ("wait_p50_hours", "wait_p90_hours", "wait_p95_hours")
    told = "How long jobs waited: median, 90th and 95th percentile."
    return (Bars(told=told, unit="hours", label=names, parts=parts, stacked=False),) if names else ()


REPORT = Report(
    name="wait",
    question="How long did jobs wait for their start, for how much, and what was free meanwhile?",
    parameters=WaitQuestion,
    needs=(
        Need("jobs", "There is nothing to show: waits are those of jobs.", required=True),
        Need("allocations", "Jobs that do not say what they ask for are of no size class."),
        Need("entries", "What was free meanwhile is null."),
        Need("free_capacity", "What was free meanwhile comes from the entries, which takes longer."),
        Need("daily", "What was free meanwhile is null."),
        Need("nodes", "What was free meanwhile is null: capacity is not known."),
        Need("sources", "Jobs that have not started wait up to the end of the window; what was free is null."),
        Need("identities", "Person keys stand in place of names, and everybody is (unmapped)."),
    ),
    run=run,
)
