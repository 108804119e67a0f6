"""What is known: tables and time spans, what sources vouch for, the share observed per node and signal, gaps, rejects.

## How to read it

The first table has a row for each cluster and table that holds anything: how many rows, and from when to when they
reach. Then follow:

- `coverage.sources`: what each ingest vouches for, and up to when (the horizon);
- `coverage.use`: for each node and TRES, by which signal and on which basis its use is known, and how much is not, as
  hours and as a share of what was held (from the ledger);
- `coverage.signals`: for each node and measured quantity, how many samples carry it and what time they describe;
- `coverage.gaps`: stretches of at least five minutes in which all that was held of a TRES of a node is unobserved, the
  longest first;
- `coverage.days`: which days are posted, with which settings, and which have facts that are not posted yet;
- `coverage.rejects`: rows and fields that could not be believed, by source, table and reason, with an example.

## Examples

```
paydown coverage
paydown coverage --cluster alex --from yesterday --to today
paydown coverage --no-signals --format json
```

## Caveats

A share is of what was held, weighted by hours; where nothing was held it is null. `described_hours` adds up the
durations that samples declare: overlapping samples count twice there, never in the ledger. Rejects are of all time:
a row that could not be read has no time to be counted by.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from paydown.reports.interface import Answer, Need, Report
from paydown.reports.parts.answers import answer
from paydown.reports.parts.coverage_samples import signals
from paydown.reports.parts.coverage_store import COLUMNS, days, rejects, sources, tables
from paydown.reports.parts.coverage_use import gaps, use
from paydown.reports.parts.filters import filters_of
from paydown.reports.parts.known import known
from paydown.reports.parts.parameters import Parameters
from paydown.reports.parts.scope import scope_of

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot

__all__ = ["COLUMNS", "REPORT", "CoverageQuestion", "run"]


class CoverageQuestion(Parameters):
    """What is asked of coverage."""

    node: tuple[str, ...] = Field((), description="Only these nodes, in the tables by node.")
    signals: bool = Field(True, description="Say which samples there are, in coverage.signals.")
    gaps: bool = Field(True, description="List the gaps, in coverage.gaps.")


def run(snapshot: Snapshot, asked: CoverageQuestion) -> Answer:
    """Say what is known."""
    scope = scope_of(snapshot, asked)
    filters = filters_of(scope, asked)
    if asked.node:
        filters["node"] = asked.node
    beside = known(scope, filters, ())
    rows = tables(scope)
    found = answer(
        "coverage", scope, asked, COLUMNS, rows, coverage=beside.coverage, notes=[*scope.notes, *beside.notes]
    )
    looked = (signals(scope, asked.node),) if asked.signals else ()
    missed = (gaps(scope, filters),) if asked.gaps else ()
    more = (sources(scope), use(scope, filters), *looked, *missed, days(scope), rejects(scope))
    return replace(found, more=more)


REPORT = Report(
    name="coverage",
    question="What is known: which tables and times, what share of what was held, where are gaps and rejects?",
    parameters=CoverageQuestion,
    needs=(
        Need("sources", "What sources vouch for, and up to when, is not known."),
        Need("daily", "What share of what was held is observed is not known: no day is posted."),
        Need("entries", "Gaps are not known."),
        Need("gaps", "Gaps are looked for in the entries, which takes longer."),
        Need("posted", "Which days are posted is not known."),
        Need("allocations", "What is held, of which a share could be observed, is not known."),
        Need("gpu_samples", "Which signals of GPUs are there is not known."),
        Need("host_samples", "Which signals of hosts are there is not known."),
    ),
    run=run,
)
