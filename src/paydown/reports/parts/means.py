"""Means over time: what each figure of the ledger was on average over the time for which it is stated.

What is posted outside that time (a job that held something before accounting begins) is left out of a mean. Each
cluster is divided by its own stated time, and the means of several are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paydown.model.entries import ALLOCATED, OVERCOMMITTED, UNALLOCATED
from paydown.model.units import MS_PER_HOUR
from paydown.model.window import Window
from paydown.reports.parts.balance import hours, summed_of
from paydown.reports.parts.cuts import CUTS, Cut
from paydown.reports.parts.joins import fine
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.statement import Statement, quoted
from paydown.reports.parts.times import CATEGORIES, Times

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.scope import Scope

_SUMS = {
    **{name: f"category = '{name}'" for name in ("reported", *UNALLOCATED, *ALLOCATED, OVERCOMMITTED)},
    "lost": "category = 'used' AND detail = 'lost'",
}
_TOGETHER = {"not_held": UNALLOCATED, "allocated": ALLOCATED, "debt": ("inactive", "underused")}
_OF_CAPACITY = (*CATEGORIES["capacity"], "not_held")

MEANS = """{inside},
of_each AS (
    SELECT {keys}, t.cluster AS of_cluster, t.capacity_ms, t.allocation_ms, {sums}
    FROM inside c JOIN cell_times t ON {on} GROUP BY ALL
),
averages AS (SELECT {plain}, {averages} FROM of_each GROUP BY {plain})"""


def by_cluster(scope: Scope, cuts: Sequence[Cut]) -> tuple[Cut, ...]:
    """Give the cuts by which cells must be apart for means to be had of them: where there are several, by cluster."""
    more = len(scope.clusters) > 1 and not any(cut.name == "cluster" for cut in cuts)
    return (*cuts, CUTS["cluster"]) if more else tuple(cuts)


def means(scope: Scope, statement: Statement, cuts: Sequence[Cut], filters: Filters, known: Times) -> str:
    """Give the named subquery `averages` by cuts and TRES: the mean of each figure, null where it is not stated.

    The statement has `found_cells` already (`balance`), cut by `by_cluster`. What a figure's own balance does not know
    is for the caller to leave out: a category of which nothing is posted is zero here.
    """
    apart = by_cluster(scope, cuts)
    statement.tables["cell_times"] = known.table
    keys = [quoted(name) for name in dict.fromkeys([*(cut.name for cut in cuts), "tres"])]
    on = ["t.cluster = c.cluster"] if any(cut.name == "cluster" for cut in apart) else []
    on += [f"t.cell = c.{quoted(known.cells.name)}"] if known.cells.name else []
    return MEANS.format(
        inside=_inside(scope, statement, apart, filters, known),
        keys=", ".join(f"c.{key}" for key in keys),
        sums=", ".join(f"coalesce(sum(amount) FILTER (WHERE {of}), 0) AS {name}" for name, of in _SUMS.items()),
        on=" AND ".join(on) or "true",
        plain=", ".join(keys),
        averages=", ".join(_average(name) for name in (*_SUMS, *_TOGETHER)),
    )


def joined_means(cuts: Sequence[Cut], rows: str) -> str:
    """Give the join that brings the means `m` to each of `rows`."""
    keys = [quoted(name) for name in dict.fromkeys([*(cut.name for cut in cuts), "tres"])]
    return f"LEFT JOIN averages m ON {' AND '.join(f'm.{key} IS NOT DISTINCT FROM {rows}.{key}' for key in keys)}"


def _average(name: str) -> str:
    amount = " + ".join(_TOGETHER.get(name, (name,)))
    length = "capacity_ms" if name in _OF_CAPACITY else "allocation_ms"
    return f"sum({hours(amount)} / ({length} / {float(MS_PER_HOUR)})) AS {name}"


def _inside(scope: Scope, statement: Statement, cuts: Sequence[Cut], filters: Filters, known: Times) -> str:
    if not known.outside:
        return "inside AS (SELECT * FROM found_cells)"
    statement.tables["outside_cells"] = outside(scope, cuts, filters, known)
    less = "SELECT * REPLACE (-amount AS amount) FROM outside_cells"
    return f"inside AS (SELECT * FROM found_cells UNION ALL BY NAME {less})"


def outside(scope: Scope, cuts: Sequence[Cut], filters: Filters, known: Times) -> pa.Table:
    """Sum by the same cuts what is posted outside the stated time of cells that are stated in part."""
    statement = Statement()
    parts = [
        postings(
            statement, window, {**filters, "cluster": (name,), "category": CATEGORIES[kind]}, fine=fine(scope, cuts)
        )
        for name, kind, window in known.outside
    ]
    windows = [window for _, _, window in known.outside]
    hull = Window(min(each.start_ms for each in windows), max(each.end_ms for each in windows))
    text = summed_of(scope, statement, cuts, "\n    UNION ALL\n".join(parts))
    found: pa.Table = scope.query(f"{text}\nSELECT * FROM cells", statement, hull)
    return found
