"""The accountant's view of the ledger: how much of each TRES stands in each category, cut by anything.

Where every unit of capacity went. The categories are a closed set (docs/spec/ledger.md, section 2). To the integer,
`reported = down + planned_down + idle + blocked + allocated`, and
`allocated = used + inactive + underused + unobserved`. The line `allocated` is the sum of its four parts;
`overcommitted` stands beside both.

## How to read it

One row for each cut, TRES and category. Different TRES are never added: they have different units. `hours` are
GPU-hours, core-hours or GiB-hours; with --exact, `amount` holds the exact integer in milli-GPU x ms, milli-CPU x ms or
MiB x ms. A category without a row was not posted for that cut: `paydown coverage` says whether that means nothing or
not known.

## Examples

```
paydown ledger
paydown ledger --by account --tres gpu --from 2024-05-01 --to 2024-06-01
paydown ledger --by day --by detail --category used --category inactive
paydown ledger --by job_id --account physics --exact --format json
```

## Caveats

The window is widened to the five-minute grid. By `partition`, what is held goes to the job's partition, what nobody
holds to all partitions of its node as one text. By `node_partition` a node counts in each of its partitions, so these
rows overlap and must not be totalled. With a filter or cut by what only holders have (account, user, job ...)
unallocated capacity stands in rows where that is null, or is filtered out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from paydown.model.entries import ALLOCATED, UNALLOCATED
from paydown.model.units import TRES
from paydown.reports.interface import Answer, Need, OutColumn, Report
from paydown.reports.parts.answers import answer
from paydown.reports.parts.balance import cells, exactly, hours, summed
from paydown.reports.parts.cuts import CUTS, Cut, chosen, overlaps
from paydown.reports.parts.filters import ledger_filters
from paydown.reports.parts.known import known
from paydown.reports.parts.parameters import LedgerParameters
from paydown.reports.parts.pictures import FROM_THE_AXIS, HOURS, Bars
from paydown.reports.parts.scope import Scope, scope_of
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.postings import Filters
    from paydown.store.snapshot import Snapshot

Category = Literal[
    "reported", "down", "planned_down", "idle", "blocked", "allocated", "used", "inactive", "underused", "unobserved",
    "overcommitted",
]  # fmt: skip

ORDER = ("reported", *UNALLOCATED, "allocated", *ALLOCATED, "overcommitted")
"""The order in which categories are shown: from the whole to its parts."""

LINES = """lines AS (
    SELECT * FROM cells
    UNION ALL BY NAME
    SELECT {plain}, 'allocated' AS category, sum(amount) AS amount FROM cells
    WHERE category IN ({allocated}) GROUP BY ALL
)
SELECT {keys}, {hours} AS hours{amount}{total} FROM {lines} ORDER BY {order}
"""
"""Of `cells` that are apart by the keys; `allocated` is no posted category, so that its rows are apart as well."""

FIRST = """(
    SELECT *, count(*) OVER () AS total FROM lines {where} ORDER BY {order} LIMIT {limit}
)"""


class LedgerQuestion(LedgerParameters):
    """What the ledger can be asked."""

    category: tuple[Category, ...] = Field((), description="Only these categories; allocated is the sum of its parts.")


def run(snapshot: Snapshot, asked: LedgerQuestion) -> Answer:
    """Sum the ledger by the cuts asked for, TRES and category."""
    scope = scope_of(snapshot, asked)
    cuts = chosen(["tres", "category", *asked.by], tuple(CUTS))
    shown = _shown(cuts)
    filters = ledger_filters(scope, asked)
    if asked.tres:
        filters["tres"] = asked.tres
    looked = None if overlaps(cuts) or CUTS["job_id"] in cuts else cells(scope, shown, filters)
    rows = _rows(scope, shown, filters, asked, looked)
    beside = known(scope, filters, asked.tres, looked)
    chosen_first = "total" in rows.column_names and rows.num_rows
    coverage = {**beside.coverage, "rows": rows.column("total")[0].as_py() if chosen_first else rows.num_rows}
    return answer(
        "ledger", scope, asked, _columns(shown, exact=asked.exact), rows, coverage=coverage,
        notes=[*scope.notes, *beside.notes, *overlaps(cuts)], pictures=[picture(shown)],
    )  # fmt: skip


def picture(cuts: Sequence[Cut]) -> Bars:
    """Draw the categories of each cut as one bar, used first."""
    apart = {"tres", "category", "detail"}
    return Bars(
        told="The categories of the ledger, each unit in one of them.",
        unit=HOURS,
        each=("tres",),
        label=tuple(cut.name for cut in cuts if cut.name not in apart) or ("tres",),
        parts=FROM_THE_AXIS,
        series="category",
        value="hours",
    )


def _shown(cuts: Sequence[Cut]) -> list[Cut]:
    """Put the cuts asked for first, TRES and category last."""
    last = ("tres", "category", "detail", "basis", "signal")
    return [*(cut for cut in cuts if cut.name not in last), *(CUTS[n] for n in last if CUTS[n] in cuts)]


def _rows(
    scope: Scope, cuts: Sequence[Cut], filters: Filters, asked: LedgerQuestion, looked: pa.Table | None
) -> pa.Table:
    """Cells that were looked up already are summed from there; by job there are too many to carry around."""
    statement = Statement()
    keys = ", ".join(quoted(cut.name) for cut in cuts)
    if looked is None:
        given = summed(scope, statement, cuts, filters, apart=[cut.name for cut in cuts])
    else:
        statement.tables["looked"] = looked
        given = f"WITH cells AS (SELECT {keys}, sum(amount) AS amount FROM looked GROUP BY ALL)"
    where = f"WHERE {statement.one_of('category', asked.category)}" if asked.category else ""
    order = ", ".join(_order(cut) for cut in cuts)
    # The first rows are chosen before they are made, unless they are to be sorted otherwise.
    first = FIRST.format(where=where, order=order, limit=asked.limit) if asked.limit and not asked.sort else ""
    text = LINES.format(
        keys=keys,
        plain=", ".join(quoted(cut.name) for cut in cuts if cut.name not in {"category", "detail"}),
        allocated=_listed(ALLOCATED),
        hours=hours("amount"),
        amount=f", {exactly('amount')} AS amount" if asked.exact else "",
        total=", total" if first else "",
        lines=first or f"lines {where}",
        order=order,
    )
    return scope.query(f"{given},\n{text}", statement, scope.window)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _order(cut: Cut) -> str:
    if cut.name in {"tres", "category"}:
        return f"list_position([{_listed(ORDER if cut.name == 'category' else tuple(TRES))}], {cut.name})"
    return f"{quoted(cut.name)} NULLS LAST"


COLUMNS = (
    OutColumn("hours", "GPU-hours, core-hours or GiB-hours", "How much, by the row's TRES.", "number"),
    OutColumn(
        "amount",
        " or ".join(dict.fromkeys(each.amount_unit for each in TRES.values())),
        "With --exact: how much, to the unit.",
        "number",
    ),
)
"""What stands after the cuts."""


def _columns(cuts: Sequence[Cut], *, exact: bool) -> list[OutColumn]:
    return [*(cut.column for cut in cuts), *COLUMNS[: 2 if exact else 1]]


REPORT = Report(
    name="ledger",
    question="How much of each TRES stands in each category of the ledger, by any cut?",
    parameters=LedgerQuestion,
    needs=(
        Need("daily", "There is nothing to show: no day is posted.", required=True),
        Need(
            "entries", "Windows that do not begin and end at midnight UTC, and buckets, cannot be shown.", required=True
        ),
        Need("nodes", "Capacity and what nobody holds (reported, idle, blocked, down, planned_down) are not known."),
        Need("allocations", "What is held is not known."),
        Need("gpu_samples", "The use of GPUs is unobserved, unless job_usage has it."),
        Need("host_samples", "The use of CPUs and memory is unobserved, unless job_usage has it."),
        Need("jobs", "Job name, state, kind, QOS and array are null."),
        Need("identities", "Person keys stand in place of names, and everybody is (unmapped)."),
    ),
    run=run,
)
