"""The computational debt of clusters: what is paid for and does not compute, in hours, equivalent GPUs and shares.

Where the capacity goes that does not end in computation, never as one ratio alone:

- **not held**: nobody held it (idle, blocked, down, planned_down), as hours and as a share of the capacity reported;
- **inactive** (hard debt): held, and quiet for at least the inactivity span;
- **underused** (soft debt): held and active, below full use;
- **lost**: used, by attempts that failed, were preempted or requeued; part of used, not of debt;
- **unobserved**: held, and no sample says what it did. Never debt and never use: the truth lies between
  `debt_hours` and `debt_max_hours`.

Computational debt is inactive + underused of GPUs and CPUs (docs/spec/ledger.md, section 2).

## How to read it

One row for each cut and TRES (without --tres: gpu, or cpu where no GPU is known), the largest debt first: rankings are
by hours, never by counts of jobs. Where no debt is known, the most unobserved comes first. `debt_equivalent` is how
many whole GPUs (cores) the debt would be over the time for which what is held is stated, `not_held_equivalent` what is
not held over the time for which capacity is stated (see [timeline](timeline.md)); of several clusters each counts by
its own time. Shares of debt are of what was held, weighted by hours.
The change compares with the window of the same length before; it is null where no source covers all of that. By day,
week or month it compares with the cell before.

## Examples

```
paydown debt
paydown debt --by account --from 2024-05-01 --to 2024-06-01
paydown debt --by user --by partition --limit 20
paydown debt --by week --tres gpu --tres cpu --timezone Europe/Berlin
```

## Caveats

Where nothing of what was held is observed, use and debt are null, and `debt_max_hours` is all that was held. Where that
is so because nothing says which job held which of the measured devices (pooled), a note says how that can be mended.
Without an inventory (table nodes) what is not held is null, never zero, and a note says so. Cut or filtered by what
only holders have (account, team, user, job ...), what is not held is null as well: nobody held it. Memory held and not
used is shown as underused; it is no part of the headline, so `debt_hours` of memories is null. What a job held before
accounting begins is in the hours and in no equivalent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paydown.model.units import TRES
from paydown.reports.interface import Answer, Need, Report
from paydown.reports.parts.answers import answer
from paydown.reports.parts.balance import IS_INDEBTED, balance, cells, exactly, hours
from paydown.reports.parts.cuts import SHARED, Cut, chosen, overlaps
from paydown.reports.parts.debt_columns import COLUMNS, columns
from paydown.reports.parts.debt_headline import headline
from paydown.reports.parts.earlier import Earlier, earlier
from paydown.reports.parts.filters import GONE, OF_HOLDERS, headline_tres, ledger_filters
from paydown.reports.parts.known import known
from paydown.reports.parts.means import by_cluster, joined_means, means
from paydown.reports.parts.parameters import LedgerParameters
from paydown.reports.parts.pictures import FROM_THE_AXIS, HOURS, Bars
from paydown.reports.parts.pooled import pooled
from paydown.reports.parts.scope import Scope, scope_of
from paydown.reports.parts.statement import Statement, quoted
from paydown.reports.parts.times import Times, cells_of, times
from paydown.reports.parts.vouched import vouched

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.postings import Filters
    from paydown.store.snapshot import Snapshot

SQL = """{balance},
debts AS (SELECT *, CASE WHEN {indebted} THEN inactive + underused END AS debt FROM balance),
compared AS (SELECT d.*, {before} AS debt_before FROM debts d {join}),
{averages},
averaged AS (
    SELECT r.*, CASE WHEN r.debt IS NOT NULL THEN m.debt END AS debt_equivalent,
        CASE WHEN r.not_held IS NOT NULL THEN m.not_held END AS not_held_equivalent
    FROM compared r {averages_of}
)
SELECT {keys},
    {figures},
    {debt} AS debt_hours,
    {debt_max} AS debt_max_hours,
    debt_equivalent,
    not_held_equivalent,
    CAST(not_held AS DOUBLE) / nullif(reported, 0) AS not_held_share,
    CAST({held_of_capacity} AS DOUBLE) / nullif(reported, 0) AS allocated_share,
    CAST(used AS DOUBLE) / nullif(allocated, 0) AS used_share,
    CAST(lost AS DOUBLE) / nullif(allocated, 0) AS lost_share,
    CAST(inactive AS DOUBLE) / nullif(allocated, 0) AS inactive_share,
    CAST(underused AS DOUBLE) / nullif(allocated, 0) AS underused_share,
    CAST(debt AS DOUBLE) / nullif(allocated, 0) AS debt_share,
    1 - CAST(unobserved AS DOUBLE) / nullif(allocated, 0) AS observed_share,
    {debt_before} AS debt_before_hours,
    {debt_change} AS debt_change_hours,
    {amounts}
FROM averaged
ORDER BY {order}
"""

HELD_OF_CAPACITY = "CASE WHEN allocated IS NOT NULL THEN least(allocated, reported - not_held) END"
"""What was held of the capacity, without what was held where no capacity is stated."""

FIGURES = (
    "reported", "not_held", "idle", "blocked", "down", "planned_down", "allocated", "used", "lost", "inactive",
    "underused", "unobserved",
)  # fmt: skip
"""The amounts shown in hours, in the order of the columns."""


def run(snapshot: Snapshot, asked: LedgerParameters) -> Answer:
    """Work out the debt by the cuts asked for."""
    scope = scope_of(snapshot, asked)
    filters = ledger_filters(scope, asked)
    tres = headline_tres(scope, filters, asked.tres)
    cuts = chosen(asked.by, SHARED)
    filters["tres"] = tres
    stated = times(cells_of(scope, cuts), vouched(scope))
    looked = cells(scope, by_cluster(scope, cuts), filters)
    beside = known(scope, filters, tres, None if overlaps(cuts) else looked)
    compared = earlier(scope, cuts, filters)
    rows = _rows(scope, cuts, filters, (stated, looked), compared)
    held_alone = any(cut.holder for cut in cuts) or bool(OF_HOLDERS & set(filters))
    notes = [*scope.notes, *beside.notes, *compared.notes, *([GONE] * held_alone), *overlaps(cuts)]
    notes += stated.notes("equivalents")
    notes += [] if overlaps(cuts) else pooled(looked, beside.totals)
    found = answer(
        "debt",
        scope,
        asked,
        columns(cuts, exact=asked.exact),
        rows,
        coverage=beside.coverage,
        notes=notes,
        pictures=[picture(cuts)],
    )
    return headline(found, [beside.totals[name] for name in tres if name in beside.totals])


def picture(cuts: Sequence[Cut]) -> Bars:
    """Draw where the capacity of each cut went, used first."""
    return Bars(
        told="Where the hours went: used, held and not used (yellow), not held (grey).",
        unit=HOURS,
        each=("tres",),
        label=tuple(cut.name for cut in cuts if cut.name != "tres") or ("tres",),
        parts=tuple(f"{name}_hours" for name in FROM_THE_AXIS),
    )


def _rows(
    scope: Scope, cuts: Sequence[Cut], filters: Filters, found: tuple[Times, pa.Table], compared: Earlier
) -> pa.Table:
    stated, looked = found
    statement = Statement()
    keys = ", ".join(quoted(name) for name in dict.fromkeys([*(cut.name for cut in cuts), "tres"]))
    text = SQL.format(
        balance=balance(statement, cuts, looked),
        indebted=IS_INDEBTED,
        held_of_capacity=HELD_OF_CAPACITY,
        before=compared.sql,
        join=compared.join,
        keys=keys,
        figures=",\n    ".join(f"{hours(name)} AS {name}_hours" for name in FIGURES),
        amounts=",\n    ".join(f"{exactly(name)} AS {name}_amount" for name in (*FIGURES, "debt")),
        debt=hours("debt"),
        debt_max=hours(f"CASE WHEN {IS_INDEBTED} THEN coalesce(debt, 0) + unobserved END"),
        not_held=hours("not_held"),
        debt_before=hours("debt_before"),
        debt_change=hours("debt - debt_before"),
        averages=means(scope, statement, cuts, filters, stated),
        averages_of=joined_means(cuts, "r"),
        order=_order(cuts),
    )
    statement.tables.update(compared.tables)
    return scope.query(text, statement)


def _order(cuts: Sequence[Cut]) -> str:
    times = [f"{quoted(cut.name)}" for cut in cuts if cut.unit]
    rest = [f"{quoted(cut.name)} NULLS LAST" for cut in cuts if not cut.unit]
    place = f"list_position([{', '.join(repr(name) for name in TRES)}], tres)"
    return ", ".join([*times, place, "debt DESC NULLS LAST", "unobserved DESC NULLS LAST", *rest])


__all__ = ["COLUMNS", "REPORT", "run"]

REPORT = Report(
    name="debt",
    question="How much is paid for and does not compute: not held, inactive, underused, lost, and not known?",
    parameters=LedgerParameters,
    needs=(
        Need("daily", "There is nothing to show: no day is posted.", required=True),
        Need(
            "entries", "Windows that do not begin and end at midnight UTC, and buckets, cannot be shown.", required=True
        ),
        Need(
            "nodes", "What nobody holds (not_held, idle, blocked, down, planned_down) is null: capacity is not known."
        ),
        Need("allocations", "What is held, and with it the debt, is not known."),
        Need(
            "gpu_samples", "What is held of GPUs is unobserved, unless job_usage has it: debt has no lower bound but 0."
        ),
        Need("host_samples", "What is held of CPUs and memory is unobserved, unless job_usage has it."),
        Need(
            "jobs", "Used by attempts that failed (lost) cannot be told from the rest; job name, state, kind are null."
        ),
        Need("node_states", "Capacity that was down is counted as idle."),
        Need("identities", "Person keys stand in place of names, and everybody is (unmapped)."),
        Need("sources", "Whether the window before is covered is not known, so no change is given."),
    ),
    run=run,
)
