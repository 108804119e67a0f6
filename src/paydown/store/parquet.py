"""Writing and reading the data files: layout from the table, statistics into the log."""

from __future__ import annotations

import time
import uuid
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from paydown.errors import StoreError
from paydown.store import delta
from paydown.store.delta import DataFile, location
from paydown.store.files import files as at
from paydown.store.tables import physical, stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from paydown.model.schema import Table

_LONGEST = 200
"""Longer texts are not kept as a file's least or greatest value."""


def write(uri: str, table: Table, part: tuple[str, ...], rows: pa.Table) -> DataFile:
    """Write rows of one partition, in their order, as one file; nobody sees it until it is committed."""
    path = f"{part[-1] if len(part) > 1 else 'all'}/{uuid.uuid4().hex}.parquet"
    rows = _with_partition(table, part, rows)
    ascending = [name for name in ("start", "bucket") if name in rows.column_names]
    # Of what no row carries that much is told, so that it is not read.
    bare = [name for name in rows.column_names if rows.column(name).null_count == rows.num_rows]
    length = ["duration_ms"] if "duration_ms" in rows.column_names else []
    told = [*dict.fromkeys((*_told(table), *length, *bare))]
    met: list[pq.FileMetaData] = []
    with delta.created(uri, path) as sink:
        writer = pq.ParquetWriter(
            sink, _whole(table, rows.schema), compression="zstd",
            coerce_timestamps="us", store_schema=False, metadata_collector=met, write_statistics=told,
            use_dictionary=[name for name in rows.column_names if name not in (*ascending, *_counted(table))],
            column_encoding=dict.fromkeys(ascending, "DELTA_BINARY_PACKED"),
        )  # fmt: skip
        try:
            # A row group at a time, so that numbers kept in fewer bits are never all there in 64.
            for first in range(0, max(rows.num_rows, 1), table.row_group):
                writer.write_table(rows.slice(first, table.row_group).cast(writer.schema), table.row_group)
            writer.close()
        finally:
            # After an error its closing would raise another, in place of the first or when it is collected.
            writer.is_open = False
        size = sink.tell()
    low, high, nulls = _statistics(table, met[0])
    return DataFile(path, size, rows.num_rows, part, int(time.time() * 1000), low, high, nulls)


def _whole(table: Table, shape: pa.Schema) -> pa.Schema:
    """Give the types of a file: numbers kept in fewer bits as the table has them."""
    kinds = physical(table.name)
    return pa.schema([kinds.field(each.name) if pa.types.is_int32(each.type) else each for each in shape])


def _counted(table: Table) -> list[str]:
    """Give the columns of amounts of derived tables: they seldom repeat, so that a dictionary only costs."""
    return [column.name for column in table.columns if table.role == "derived" and column.name not in table.key]


def _told(table: Table) -> list[str]:
    """Give the columns whose bounds are kept: of derived tables those that order the rows, else the whole key."""
    key = () if table.role == "derived" else table.key
    return list(dict.fromkeys((*key, *table.sort, *table.by, *((table.closes,) if table.closes else ()))))


def _with_partition(table: Table, part: tuple[str, ...], rows: pa.Table) -> pa.Table:
    """Put the partition's values into the file too, so that any Parquet reader sees whole rows."""
    for name, value in zip(table.partition, part, strict=True):
        kind = physical(table.name).field(name).type
        constant = pa.scalar(date.fromisoformat(value) if pa.types.is_date(kind) else value, kind)
        column = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), rows.num_rows), pa.array([constant]))
        column = column if pa.types.is_string(kind) else pa.repeat(constant, rows.num_rows)
        at = rows.column_names.index(name) if name in rows.column_names else -1
        rows = rows.append_column(name, column) if at < 0 else rows.set_column(at, name, column)
    return rows


def _statistics(table: Table, met: pq.FileMetaData) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    names = {met.schema.column(i).name: i for i in range(met.num_columns)}
    for name in _told(table):
        groups = [met.row_group(g).column(names[name]).statistics for g in range(met.num_row_groups)]
        if any(group is None for group in groups):
            continue
        nulls[name] = sum(group.null_count for group in groups)
        bounds = [(_value(table, name, g.min_raw), _value(table, name, g.max_raw)) for g in groups if g.has_min_max]
        missing = sum(
            not group.has_min_max and group.null_count < group.num_values + group.null_count for group in groups
        )
        if bounds and not missing and all(v is not None for pair in bounds for v in pair):
            low[name], high[name] = min(pair[0] for pair in bounds), max(pair[1] for pair in bounds)
    return low, high, nulls


def _value(table: Table, name: str, raw: Any) -> Any:
    kind = table.by_name[name].kind
    if kind == "instant":
        return raw // 1000
    if kind == "text":
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        return text if len(text) <= _LONGEST else None
    if kind == "day":
        return date.fromordinal(date(1970, 1, 1).toordinal() + raw)
    return raw if kind == "int" else None


def read(
    uri: str, name: str, files: Sequence[DataFile], columns: Sequence[str] | None = None, *, dictionaries: bool = False
) -> pa.Table:
    """Read files whole, in the order given, with the types of the model (texts by dictionaries where asked)."""
    wanted = list(columns if columns is not None else stored(name).names)
    shape = schema(name, wanted, dictionaries=dictionaries)
    coded = [each.name for each in shape if pa.types.is_dictionary(each.type)]
    places = [location(uri, file) for file in files]
    sources = at(uri).sources(places, [file.size for file in files], wanted)
    tables = [_read(place, sources, wanted, coded) for place in places]
    if not tables:
        return shape.empty_table()
    return pa.concat_tables([typed(each, shape) for each in tables])


def carried(uri: str, files: Sequence[DataFile], columns: Sequence[str]) -> frozenset[str]:
    """Tell which columns have a value in any row of some files; a file that does not say may have one."""
    wanted, found = list(columns), set[str]()
    for file in files:
        met = _metadata(location(uri, file))
        names = {met.schema.column(i).name: i for i in range(met.num_columns)}
        for name in [each for each in wanted if each not in found and each in names]:
            groups = [met.row_group(g).column(names[name]) for g in range(met.num_row_groups)]
            counts = [None if g.statistics is None else g.statistics.num_values for g in groups]
            if any(count is None or count > 0 for count in counts):
                found.add(name)
    return frozenset(found)


def _metadata(place: str) -> pq.FileMetaData:
    try:
        with pq.ParquetFile(place) as file:
            return file.metadata
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(place, error) from error


def _unreadable(place: str, error: Exception) -> StoreError:
    return StoreError(f"cannot read {place}: {error}; `paydown store check` tells what is damaged.")


def schema(name: str, columns: Sequence[str], *, dictionaries: bool = False) -> pa.Schema:
    """Give the types of the model for some columns, texts by dictionaries where asked."""
    return pa.schema([_wanted(stored(name).field(each), dictionaries=dictionaries) for each in columns])


def _wanted(field: pa.Field, *, dictionaries: bool) -> pa.Field:
    if dictionaries and pa.types.is_string(field.type):
        return field.with_type(pa.dictionary(pa.int32(), pa.string()))
    return field


def _read(place: str, sources: Iterator[str | pa.NativeFile], columns: list[str], coded: list[str]) -> pa.Table:
    try:
        source = next(sources)
        with pq.ParquetFile(source, read_dictionary=coded, pre_buffer=not isinstance(source, str)) as file:
            return file.read(columns=columns, use_threads=False).select(columns)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(place, error) from error


def typed(rows: pa.Table, shape: pa.Schema) -> pa.Table:
    """Give columns the types of the model: instants in whole milliseconds."""
    return rows if rows.schema == shape else rows.cast(shape, safe=False)


def place_in_order(table: Table, file: DataFile) -> tuple[Any, ...]:
    """Give what sorts files by partition, and within it by their least values in the table's order."""
    least = tuple((1, file.low[name]) if name in file.low else (0, "") for name in table.sort)
    return (file.part, least, file.path)
