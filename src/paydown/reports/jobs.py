"""Jobs with what they asked for, held and used, and the debt of each, the largest first.

## How to read it

One row for each attempt of a job that waited, ran or held something in the window. Hours of holding, use and debt are
those of the window, from the ledger; request, wait and times are the job's own. An efficiency is used / allocated: what
was not observed counts as not used, so it is a lower bound, and `observed_share` says how far below it may lie. Where
nothing of a TRES is observed, its efficiency is null, not zero. `gpus`, `cpus` and `memory_gib` are null where the
source does not track them.

Jobs are sorted by their debt in GPU-hours (where it is not known, by what it may be at most), then in core-hours: by
hours, never by counts.

## Examples

```
paydown jobs --from yesterday --to today
paydown jobs --user ada --state FAILED --limit 50
paydown jobs --account physics --name 'train*' --sort -gpu_efficiency --format csv
```

## Caveats

With --team or --department a job belongs, whole, where its user belonged on the UTC day of its start.
The window of the ledger's hours is widened to the five-minute grid. Allocations that no jobs row explains have a null
state. What a node says is held and no job explains is in `paydown ledger` under the holder `(unseen)`, not here.

Of a cluster that is not posted and of which accounting alone is known (no inventory, no samples, figures for whole
jobs), hours and efficiencies are worked out on the spot, as posting would do it: a dump needs no posting to be asked
about its jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from paydown.errors import UsageError
from paydown.model.facts import JOB_STATES
from paydown.model.nearest import suggestion
from paydown.reports.interface import Answer, Need, Report
from paydown.reports.parts.answers import answer
from paydown.reports.parts.filters import filters_of
from paydown.reports.parts.job_figures import COLUMNS, job_rows
from paydown.reports.parts.known import known
from paydown.reports.parts.parameters import Parameters
from paydown.reports.parts.scope import scope_of
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot


class JobsQuestion(Parameters):
    """Which jobs are asked for."""

    node: tuple[str, ...] = Field((), description="Only jobs that held something on these nodes.")
    job_id: tuple[str, ...] = Field((), description="Only these jobs.")
    array_id: tuple[str, ...] = Field((), description="Only tasks of these arrays.")
    name: str | None = Field(None, description="Only jobs of this name; * and ? stand for any text and any letter.")
    state: tuple[str, ...] = Field((), description="Only jobs in these states, in Slurm's words (FAILED, RUNNING ...).")
    kind: tuple[str, ...] = Field((), description="Only jobs of these kinds: batch, interactive, service.")
    qos: tuple[str, ...] = Field((), description="Only jobs of these qualities of service.")


def run(snapshot: Snapshot, asked: JobsQuestion) -> Answer:
    """List jobs, the largest debt first."""
    scope = scope_of(snapshot, asked)
    filters = filters_of(scope, asked)
    if asked.job_id:
        filters["job_id"] = asked.job_id
    if asked.node:
        filters["node"] = asked.node
    statement = Statement()
    found = job_rows(
        scope, filters, _conditions(statement, asked), statement, limit=None if asked.sort else asked.limit
    )
    beside = known(scope, filters, (), unposted=found.unposted)
    coverage = {**beside.coverage, "rows": found.total}
    return answer("jobs", scope, asked, COLUMNS, found.rows, coverage=coverage, notes=[*scope.notes, *beside.notes])


def _conditions(statement: Statement, asked: JobsQuestion) -> list[str]:
    """Give what is asked of the jobs row beyond what the ledger has."""
    several = {"array_id": asked.array_id, "kind": asked.kind, "qos": asked.qos}
    found = [statement.one_of(f"e.{name}", values) for name, values in several.items() if values]
    if asked.state:
        found.append(statement.one_of("e.state", [_state(state) for state in asked.state]))
    if asked.name is not None:
        found.append(f"e.name GLOB {statement.bind(asked.name.replace('[', '[[]'))}")
    return found


def _state(said: str) -> str:
    """Give a state in Slurm's spelling; states are a closed set, so an unknown one is an error."""
    state = said.upper()
    if state not in JOB_STATES:
        raise UsageError(f"--state {said} is no state of a job{suggestion(state, JOB_STATES)}")
    return state


REPORT = Report(
    name="jobs",
    question="Which jobs hold what they do not use, what did they ask for, and how much of it is known?",
    parameters=JobsQuestion,
    needs=(
        Need(
            "jobs", "Names, states, requests and waits are null; only holders of allocations are listed.", required=True
        ),
        Need("allocations", "Nodes, GPUs, CPUs and memory held are null."),
        Need("daily", "Hours, efficiencies and debt are null, unless accounting alone is known: no day is posted."),
        Need("entries", "In windows that do not begin and end at midnight UTC, hours and debt are null."),
        Need("gpu_samples", "The efficiency of GPUs is null, unless job_usage has it."),
        Need("host_samples", "The efficiency of CPUs and memory is null, unless job_usage has it."),
        Need("identities", "Person keys stand in place of names."),
    ),
    run=run,
)
