"""The ledger's categories side by side: one row for each cell and TRES, null where a category cannot be stated there.

`reported` and the unallocated categories exist only where an inventory and the allocations are both known
(docs/spec/ledger.md, section 1.2). A cell that has neither is not an empty cell: its figures are null, not zero. So
are use and debt where nothing of what was held is observed: they lie between zero and all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paydown.model.entries import ALLOCATED, UNALLOCATED
from paydown.model.units import TRES
from paydown.reports.parts.cuts import Cut
from paydown.reports.parts.joins import fine, joined, selected
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.rolled import rolled
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

INDEBTED = ("gpu", "cpu")
"""The TRES of which debt is counted (docs/spec/ledger.md, section 2)."""

IS_INDEBTED = f"tres IN ({', '.join(repr(name) for name in INDEBTED)})"
"""The same as a condition on a row."""

_NOT_FREE = ", ".join(f"'{name}'" for name in (*ALLOCATED, "overcommitted"))


MEASURED = ("used", "inactive", "underused", "lost")
"""What is not known of a cell of which nothing that was held is observed."""

_HELD = ("unobserved", "overcommitted")


def _any(names: Sequence[str]) -> str:
    return f"coalesce({', '.join(names)})"


def _total(names: Sequence[str]) -> str:
    return " + ".join(f"coalesce({name}, 0)" for name in names)


def _sums() -> str:
    plain = [
        f"sum(amount) FILTER (WHERE category = '{name}') AS {name}"
        for name in ("reported", *UNALLOCATED, *ALLOCATED, "overcommitted")
    ]
    return ", ".join([*plain, "sum(amount) FILTER (WHERE category = 'used' AND detail = 'lost') AS lost"])


BALANCE = f"""
sums AS (SELECT {{keys}}, {_sums()} FROM cells GROUP BY {{keys}}),
totals AS (
    SELECT *,
        CASE WHEN {_any(UNALLOCATED)} IS NOT NULL THEN {_total(UNALLOCATED)} END AS not_held_sum,
        CASE WHEN {_any(ALLOCATED)} IS NOT NULL THEN {_total(ALLOCATED)} END AS allocated_sum
    FROM sums
),
stated AS (
    SELECT *,
        reported IS NOT NULL AND (not_held_sum IS NOT NULL OR allocated_sum >= reported) AS free_known,
        not_held_sum IS NOT NULL OR allocated_sum IS NOT NULL AS held_known,
        CASE WHEN allocated_sum > 0 THEN allocated_sum > coalesce(unobserved, 0)
            ELSE not_held_sum IS NOT NULL OR allocated_sum IS NOT NULL END AS use_known
    FROM totals
),
balance AS (
    SELECT {{keys}}, reported,
        CASE WHEN free_known THEN coalesce(not_held_sum, 0) END AS not_held,
        {", ".join(f"CASE WHEN free_known THEN coalesce({name}, 0) END AS {name}" for name in UNALLOCATED)},
        CASE WHEN held_known THEN coalesce(allocated_sum, 0) END AS allocated,
        {", ".join(f"CASE WHEN use_known THEN coalesce({name}, 0) END AS {name}" for name in MEASURED)},
        {", ".join(f"CASE WHEN held_known THEN coalesce({name}, 0) END AS {name}" for name in _HELD)}
    FROM stated
)"""
"""From `cells` (keys, category, detail, amount) to one row for each key."""


_POSTED = ("tres", "category", "detail")
"""What cells are apart by unless something else is asked for."""


def summed(
    scope: Scope, statement: Statement, cuts: Sequence[Cut], filters: Filters, apart: Sequence[str] = _POSTED
) -> str:
    """Give the WITH clause of `cells`: a scope's postings summed by some cuts, and what else they are apart by."""
    source = postings(statement, scope.window, filters, fine=fine(scope, cuts), rolled=rolled(scope, filters, cuts))
    return summed_of(scope, statement, cuts, source, apart)


def summed_of(
    scope: Scope, statement: Statement, cuts: Sequence[Cut], source: str, apart: Sequence[str] = _POSTED
) -> str:
    """Give the WITH clause of `cells` of the postings that some SQL gives."""
    named, joins = joined(scope, statement, cuts)
    columns = ", ".join(
        [*selected(cut for cut in cuts if cut.name not in _POSTED), *(f"p.{name}" for name in _POSTED if name in apart)]
    )
    total = f"SELECT {columns}, {exactly('sum(p.amount)')} AS amount FROM postings p {joins} GROUP BY ALL"
    return "WITH " + ",\n".join([f"postings AS (\n{source}\n)", *named, f"cells AS (\n{total}\n)"])


def cells(scope: Scope, cuts: Sequence[Cut], filters: Filters) -> pa.Table:
    """Give the cells of a report, so that it looks at the ledger once; not for cuts with millions of cells."""
    statement = Statement()
    text = summed(scope, statement, cuts, filters)
    return scope.query(f"{text}\nSELECT * FROM cells", statement, scope.window)


def balance(statement: Statement, cuts: Sequence[Cut], found: pa.Table) -> str:
    """Give the WITH clause of a balance of cells by the same cuts; by what only holders have, of what is held alone."""
    statement.tables["found_cells"] = found
    held_only = any(cut.holder for cut in cuts)
    where = f" WHERE category IN ({_NOT_FREE})" if held_only else ""
    keys = ", ".join(quoted(name) for name in dict.fromkeys([*(cut.name for cut in cuts), "tres"]))
    return f"WITH cells AS (SELECT * FROM found_cells{where})," + BALANCE.format(keys=keys)


PER_HOUR = "CASE tres " + " ".join(f"WHEN '{tres.name}' THEN {tres.per_hour}" for tres in TRES.values()) + " END"
"""How many units of amount make one shown hour of a row's TRES."""


def hours(amount: str) -> str:
    """Give the SQL of an exact amount in hours, rounded once, at the end."""
    return f"CAST({amount} AS DOUBLE) / ({PER_HOUR})"


def exactly(amount: str) -> str:
    """Give the SQL of an exact amount as an integer of up to 38 digits."""
    return f"CAST({amount} AS DECIMAL(38, 0))"
