"""What the store adds to the model's tables: every table by name, and the physical columns of its files."""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa

from paydown.errors import StoreError
from paydown.model.entries import DERIVED, META
from paydown.model.facts import FACTS
from paydown.model.schema import Table

TABLES: dict[str, Table] = {**FACTS, **DERIVED, **META}
"""Every table that a store can hold, by name."""

REJECTED = "_rejected"
"""The extra column of measured tables with ghosts: a bit for each measured column that was not believed."""

WITH_REJECTED = frozenset({"gpu_samples", "host_samples"})
"""The tables that have the extra column."""


def table_of(name: str) -> Table:
    """Give a table by name; `StoreError` where there is none."""
    if name not in TABLES:
        raise StoreError(f"there is no table {name!r}; tables are {', '.join(sorted(TABLES))}.")
    return TABLES[name]


@lru_cache
def stored(name: str) -> pa.Schema:
    """Give the columns that can be asked of a table: those of the model, and `_rejected` where it has it."""
    schema = table_of(name).arrow
    return schema.append(pa.field(REJECTED, pa.int32())) if name in WITH_REJECTED else schema


@lru_cache
def physical(name: str) -> pa.Schema:
    """Give the columns as they lie in the files: instants in microseconds (Delta knows no others), partitions too."""
    fields = [pa.field(each.name, _physical(each.type)) for each in stored(name)]
    table = table_of(name)
    known = {each.name for each in fields}
    extra = {"day": pa.date32()}
    fields += [pa.field(part, extra.get(part, pa.string())) for part in table.partition if part not in known]
    return pa.schema(fields)


def _physical(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("us", "UTC") if pa.types.is_timestamp(kind) else kind


def conform(name: str, rows: pa.Table) -> pa.Table:
    """Give the rows the stored columns in order: missing nullable ones null, `_rejected` 0, others dropped."""
    columns = [_column(rows, each) for each in stored(name)]
    return pa.Table.from_arrays(columns, schema=stored(name))


def _column(rows: pa.Table, wanted: pa.Field) -> pa.ChunkedArray | pa.Array:
    if wanted.name in rows.column_names:
        column = rows.column(wanted.name)
        column = column if column.type == wanted.type else column.cast(wanted.type)
    elif wanted.name == REJECTED:
        column = pa.repeat(pa.scalar(0, wanted.type), rows.num_rows)
    else:
        column = pa.nulls(rows.num_rows, wanted.type)
    if column.null_count and not wanted.nullable:
        raise StoreError(f"column {wanted.name} has rows without a value, which it must have.")
    return column
