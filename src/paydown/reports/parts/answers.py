"""From what the store gives to an answer: columns in order, names for keys, sorted and cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paydown.errors import UsageError
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.members import UNITS, UNMAPPED, of_nobody
from paydown.reports.parts.pictures import Picture
from paydown.reports.parts.scope import Scope, nearest

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.parameters import Parameters


def shaped(rows: pa.Table, columns: Sequence[OutColumn], scope: Scope) -> pa.Table:
    """Bring rows into the order of their columns: instants out of ms, users' names in place of keys."""
    import pyarrow as pa

    shown = [_shown(rows.column(column.name), column, scope) for column in columns]
    return pa.table(shown, names=[column.name for column in columns])


def _shown(values: pa.ChunkedArray, column: OutColumn, scope: Scope) -> pa.ChunkedArray:
    import pyarrow as pa

    if column.role == "instant" and pa.types.is_integer(values.type):
        return values.cast(pa.timestamp("ms", "UTC"))
    return scope.people.column(column.name, values)


def ordered(rows: pa.Table, asked: Parameters) -> pa.Table:
    """Sort as asked (else leave the report's own order) and keep as many rows as asked; null comes last."""
    import pyarrow.compute as pc

    if asked.sort:
        name = asked.sort.removeprefix("-")
        if name not in rows.column_names:
            raise UsageError(f"--sort {asked.sort} is not a column here{nearest(name, rows.column_names)}")
        order = "descending" if asked.sort.startswith("-") else "ascending"
        rows = rows.take(pc.sort_indices(rows, sort_keys=[(name, order)]))
    return rows.slice(0, asked.limit) if asked.limit else rows


def answer(
    name: str,
    scope: Scope,
    asked: Parameters,
    columns: Sequence[OutColumn],
    rows: pa.Table,
    *,
    coverage: dict[str, Any] | None = None,
    notes: Sequence[str] = (),
    pictures: Sequence[Picture] = (),
) -> Answer:
    """Make the answer of a report on the ledger's grid."""
    shown = shaped(rows, columns, scope)
    known = {"rows": shown.num_rows, **(coverage or {})}
    said = tuple(dict.fromkeys([*notes, *of_nobody(_unmapped(shown))]))
    return Answer(name, scope.window, tuple(columns), ordered(shown, asked), known, said, pictures=tuple(pictures))


def _unmapped(rows: pa.Table) -> list[str]:
    """Give the units by which rows are cut and of which some holders have none."""
    import pyarrow.compute as pc

    cut = [unit for unit in UNITS if unit in rows.column_names]
    return [unit for unit in cut if pc.any(pc.equal(rows[unit], UNMAPPED), min_count=0).as_py()]


def table(name: str, scope: Scope, columns: Sequence[OutColumn], rows: pa.Table) -> Answer:
    """Make a further table of an answer, whole and in its own order."""
    return Answer(name, scope.window, tuple(columns), shaped(rows, columns, scope))
