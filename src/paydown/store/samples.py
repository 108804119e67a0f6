"""Taking measurements into the tables that have a folder for each day: mostly new rows, in great numbers.

A batch is checked by comparing neighbours: rows in the order of the table, without equal keys, of a range of keys
that no file of the day touches, are written as they lie. Everything else is judged row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.batch import LINE
from paydown.store import order, parts, rules, upsert
from paydown.store.tables import conform, stored

if TYPE_CHECKING:
    from paydown.model.schema import Table
    from paydown.store.delta import DataFile
    from paydown.store.staging import Staged


def take(staged: Staged, rows: pa.Table) -> upsert.Upserted:
    """Take rows into a table partitioned by day."""
    table = staged.table
    incoming = coded(conform(table.name, rows))
    if LINE in rows.column_names:
        incoming = incoming.append_column(LINE, rows.column(LINE))
    taken = [_part(staged, part, own) for part, own in parts.split(table, incoming)]
    fresh = sum(piece.inserted for piece in taken)
    refused = [piece.conflicts for piece in taken if piece.conflicts is not None]
    # No slice of the rows: it would hold their memory for as long as somebody keeps it.
    conflicts = pa.concat_tables(refused) if refused else stored(table.name).empty_table()
    unchanged = rows.num_rows - fresh - conflicts.num_rows
    return upsert.Upserted(fresh, 0, unchanged, conflicts, spans=_spans(table, taken))


@dataclass(frozen=True)
class _Taken:
    part: tuple[str, ...]
    inserted: int
    first: int = 0
    last: int = 0
    conflicts: pa.Table | None = None


def _part(staged: Staged, part: tuple[str, ...], own: pa.Table) -> _Taken:
    """Take rows of one cluster and day."""
    table = staged.table
    names = list(dict.fromkeys((*table.sort, *(name for name in table.key if name not in table.partition))))
    keys = [numbers(own.column(name)) for name in names]
    ascending, unique = order.ascending(keys)
    if not ascending:
        turned = order.order(keys)
        own, keys = own.take(pa.array(turned)), [key[turned] for key in keys]
        unique = order.ascending(keys)[1]
    conflicts = None
    files = [file for file in staged.files.values() if file.part == part and overlapping(table, file, own, names)]
    if files or not unique:
        own, conflicts = _judged(staged, files, own, names)
    if not own.num_rows:
        return _Taken(part, 0, conflicts=conflicts)
    staged.add_sorted(part, own.drop_columns(LINE) if LINE in own.column_names else own)
    return _Taken(part, own.num_rows, *_extent(table, own), conflicts)


def _judged(staged: Staged, files: list[DataFile], own: pa.Table, names: list[str]) -> tuple[pa.Table, pa.Table | None]:
    """Give the rows that are new, in their order, and those that contradict what is stored or came before them."""
    plain = own.drop_columns(LINE) if LINE in own.column_names else own
    held = [coded(staged.read([file], dictionaries=True)) for file in files]
    both = coded(pa.concat_tables([*held, plain]).unify_dictionaries())
    keys = order.joint([numbers(both.column(name)) for name in names])
    known = both.num_rows - own.num_rows
    turned = None if order.ascending([keys[:known]])[0] else np.argsort(keys[:known], kind="stable")
    stored = keys[:known] if turned is None else keys[turned]

    def equal(left: order.Ints, right: order.Ints) -> order.Flags:
        if turned is not None:
            right = np.where(right < known, turned[np.minimum(right, known - 1)], right)
        return order.same(both, left, right, [name for name in both.column_names if name not in names])

    verdicts = rules.judge_closed(stored, keys[known:], equal)
    conflicts = own.filter(pa.array(verdicts == rules.CONFLICT))
    conflicts = upsert.refused(conflicts, conform(staged.table.name, conflicts)) if conflicts.num_rows else None
    return own.filter(pa.array(verdicts == rules.INSERTED)), conflicts


def coded(rows: pa.Table) -> pa.Table:
    """Encode the text columns by sorted dictionaries, so that their numbers compare as the texts do."""
    for at, each in enumerate(rows.schema):
        if pa.types.is_string(each.type) or pa.types.is_dictionary(each.type):
            rows = rows.set_column(at, each.name, _sorted_dictionary(rows.column(each.name)))
    return rows


def _sorted_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    coded_already = pa.types.is_dictionary(column.type)
    joined = (column.unify_dictionaries() if coded_already else column).combine_chunks()
    joined = joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined
    joined = joined if coded_already else joined.dictionary_encode()
    turned = pc.sort_indices(joined.dictionary)
    if order.ascending([turned.to_numpy()])[0]:
        return joined
    ranks = np.empty(len(turned), np.int32)
    ranks[turned.to_numpy()] = np.arange(len(turned), dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(ranks).take(joined.indices), joined.dictionary.take(turned))


def numbers(column: pa.ChunkedArray) -> order.Ints:
    """Give numbers that compare as the values of a column of `coded` rows do, nulls first."""
    if not pa.types.is_dictionary(column.type):
        return order.codes(column)
    indices = pa.chunked_array([chunk.indices for chunk in column.chunks], column.type.index_type)
    return np.asarray((pc.fill_null(indices, -1) if indices.null_count else indices).to_numpy(), np.int64)


def overlapping(table: Table, file: DataFile, own: pa.Table, names: list[str]) -> bool:
    """Tell whether a file can hold a key of the rows, by the ranges of each column of the key."""
    for name in names:
        if name not in file.low or own.column(name).null_count or file.nulls.get(name, 1):
            continue
        least, most = _range(own.column(name), instant=table.by_name[name].kind == "instant")
        if most < file.low[name] or file.high[name] < least:
            return False
    return True


def _range(column: pa.ChunkedArray, *, instant: bool) -> tuple[str | int, str | int]:
    if pa.types.is_dictionary(column.type):
        indices = numbers(column)
        words = column.chunk(0).dictionary
        return words[int(indices.min())].as_py(), words[int(indices.max())].as_py()
    bounds = pc.min_max(column.cast(pa.int64()) if instant else column)
    return bounds["min"].as_py(), bounds["max"].as_py()


def _extent(table: Table, own: pa.Table) -> tuple[int, int]:
    start = own.column(table.by[0]).cast(pa.int64()).to_numpy()
    lasts = own.column("duration_ms").to_numpy() if "duration_ms" in own.column_names else 0
    return int(start.min()), int((start + lasts).max())


def _spans(table: Table, taken: list[_Taken]) -> pa.Table:
    fresh = [piece for piece in taken if piece.inserted]
    cluster, day = table.partition.index("cluster"), table.partition.index("day")
    instant = pa.timestamp("ms", "UTC")
    return pa.table(
        {
            "cluster": pa.array([piece.part[cluster] for piece in fresh], pa.string()),
            "day": pa.array([date.fromisoformat(piece.part[day]) for piece in fresh], pa.date32()),
            "first": pa.array([piece.first for piece in fresh], pa.int64()).cast(instant),
            "last": pa.array([piece.last for piece in fresh], pa.int64()).cast(instant),
        }
    )
