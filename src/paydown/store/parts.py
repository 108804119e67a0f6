"""Which partition a row belongs to, and which partitions a question touches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.errors import StoreError
from paydown.model.units import MS_PER_DAY
from paydown.model.window import Window, date_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import NDArray

    from paydown.model.schema import Table
    from paydown.store.delta import DataFile

    Ints = NDArray[np.int64]

UNDATED = "0000-00"
"""The month of rows none of whose instants is known (a job neither submitted nor started, as far as we know)."""

_NO_DAY = -(1 << 30)
_NO_MONTH = -1_000_000


def split(table: Table, rows: pa.Table) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    """Give the rows of each partition, in their order, with the values of the partition's columns."""
    if not rows.num_rows:
        return
    codes, names = _codes(table, rows)
    if codes.min() == codes.max():
        yield names[int(codes[0])], rows
        return
    if np.any(np.diff(codes) < 0):
        order = np.argsort(codes, kind="stable")
        codes, rows = codes[order], rows.take(pa.array(order))
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    for first, last in pairwise(edges):
        yield names[int(codes[first])], rows.slice(first, last - first)


def _codes(table: Table, rows: pa.Table) -> tuple[Ints, list[tuple[str, ...]]]:
    """Number the partitions of the rows, in order, and name them."""
    numbers = [_part(table, part, rows) for part in table.partition]
    total = np.zeros(rows.num_rows, np.int64)
    for part in numbers:
        low = int(part.codes.min())
        total = total * (int(part.codes.max()) - low + 1) + (part.codes - low)
    if total.min() == total.max():
        return np.zeros(rows.num_rows, np.int64), [tuple(part.name(int(part.codes[0])) for part in numbers)]
    _, first, dense = np.unique(total, return_index=True, return_inverse=True)
    return dense.astype(np.int64), [tuple(part.name(int(part.codes[i])) for part in numbers) for i in first.tolist()]


@dataclass(frozen=True)
class _Part:
    """One column of the partition: a number for each row, and the name of a number."""

    codes: Ints
    name: Callable[[int], str]


def _part(table: Table, part: str, rows: pa.Table) -> _Part:
    if part == "day":
        return _Part(day_numbers(table, rows), lambda day: date_of(day).isoformat())
    if part == "month":
        days = day_numbers(table, rows)
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return _Part(np.where(days == _NO_DAY, _NO_MONTH, months), month_name)
    codes, values = _text_codes(rows.column(part))
    if "" in values:
        raise StoreError(f"a row has an empty {part}, which cannot be kept: Delta Lake takes an empty text for none.")
    return _Part(codes, values.__getitem__)


def _text_codes(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    joined = column.combine_chunks()
    joined = joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined
    coded = joined if pa.types.is_dictionary(joined.type) else joined.dictionary_encode()
    return coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist()


def day_numbers(table: Table, rows: pa.Table) -> Ints:
    """Give each row's day number: of its `day`, else of the first known instant of `by`."""
    if not table.by:
        return np.asarray(rows.column("day").cast(pa.int32()).to_numpy(), np.int64)
    first = pc.coalesce(*(rows.column(name).cast(pa.int64()) for name in table.by))
    return np.asarray(pc.fill_null(first, _NO_DAY * MS_PER_DAY).to_numpy() // MS_PER_DAY, np.int64)


def month_name(month: int) -> str:
    """Name a month by its number (0 is 1970-01): `2026-01`; `0000-00` where there is none."""
    if month == _NO_MONTH:
        return UNDATED
    return f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"


def touching(
    table: Table, files: list[DataFile], clusters: Collection[str] | None, window: Window | None
) -> list[DataFile]:
    """Give the files that can hold rows of these clusters that touch the window (others may be among them)."""
    if clusters is not None and "cluster" in table.partition:
        at = table.partition.index("cluster")
        wanted = set(clusters)
        files = [file for file in files if file.part[at] in wanted]
    if window is not None:
        files = [file for file in files if _touches(table, file, window)]
    return files


def _touches(table: Table, file: DataFile, window: Window) -> bool:
    if (
        table.closes
        and not file.nulls.get(table.closes, 1)
        and file.high.get(table.closes, window.end_ms) <= window.start_ms
    ):
        return False
    for part, value in zip(table.partition, file.part, strict=True):
        if part == "day" and not _first_day(window) <= value <= _last_day(window):
            return False
        if part == "month" and value != UNDATED:
            early = value < _first_day(window)[:7] and not table.closes
            if early or value > _last_day(window)[:7]:
                return False
    return True


def _first_day(window: Window) -> str:
    return date_of(window.start_ms // MS_PER_DAY).isoformat()


def _last_day(window: Window) -> str:
    last = max(window.end_ms - 1, window.start_ms)
    return date_of(last // MS_PER_DAY).isoformat()
