"""Order and identity of rows by several columns: numbers that compare as the values do, nulls first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_NULL = np.iinfo(np.int64).min


def codes(column: pa.ChunkedArray) -> Ints:
    """Give whole numbers that compare as the column's values do; equal where the values are (null is a value)."""
    if pa.types.is_string(column.type) or pa.types.is_dictionary(column.type):
        return _text_codes(column)
    if pa.types.is_floating(column.type):
        return _rank_codes(column)
    kind = pa.int32() if pa.types.is_date32(column.type) else pa.int64()
    numbers = column.cast(kind).cast(pa.int64())
    return pc.fill_null(numbers, _NULL).to_numpy() if numbers.null_count else numbers.to_numpy()


def _text_codes(column: pa.ChunkedArray) -> Ints:
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    joined = coded.unify_dictionaries().combine_chunks()
    joined = joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined
    words = joined.dictionary
    ranks = np.empty(len(words) + 1, np.int64)
    ranks[pc.sort_indices(words).to_numpy()] = np.arange(len(words))
    ranks[-1] = _NULL
    return ranks[pc.fill_null(joined.indices, len(words)).to_numpy()]


def _rank_codes(column: pa.ChunkedArray) -> Ints:
    missing = column.is_null().to_numpy()
    numbers = pc.fill_null(column, 0.0).to_numpy()
    ranks = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    return np.where(missing, _NULL, ranks)


def ascending(keys: Sequence[Ints]) -> tuple[bool, bool]:
    """Tell whether rows lie in ascending order of the keys, and whether no two neighbours are equal."""
    if not keys or len(keys[0]) < 2:  # noqa: PLR2004 (two neighbours)
        return True, True
    equal = np.ones(len(keys[0]) - 1, np.bool_)
    for key in keys:
        if np.any(equal & (key[1:] < key[:-1])):
            return False, False
        equal &= key[1:] == key[:-1]
    return True, not equal.any()


def order(keys: Sequence[Ints]) -> Ints:
    """Give the row numbers in ascending order of the keys, equal ones in their order."""
    return np.lexsort(tuple(reversed(keys))).astype(np.int64)


def sort(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Give the rows in ascending order of the columns; rows that lie so already are not copied."""
    keys = [codes(rows.column(name)) for name in names]
    return rows if ascending(keys)[0] else rows.take(pa.array(order(keys)))


def groups(rows: pa.Table, names: Sequence[str]) -> Ints:
    """Number the rows by their values in the columns: equal numbers where all are equal, null being a value."""
    total = np.zeros(rows.num_rows, np.int64)
    for name in names:
        dense = np.unique(codes(rows.column(name)), return_inverse=True)[1].astype(np.int64)
        total = np.unique(total * (int(dense.max(initial=0)) + 1) + dense, return_inverse=True)[1].astype(np.int64)
    return total


def same(rows: pa.Table, left: Ints, right: Ints, names: Sequence[str]) -> Flags:
    """Tell for each pair of row numbers whether the rows are equal in all the columns, null being a value."""
    equal = np.ones(len(left), np.bool_)
    lefts, rights = pa.array(left), pa.array(right)
    for name in names:
        column = rows.column(name)
        equal &= _same(column.take(lefts), column.take(rights))
    return equal


def _same(left: pa.ChunkedArray, right: pa.ChunkedArray) -> Flags:
    equal = pc.fill_null(pc.equal(left, right), fill_value=False).to_numpy()
    if left.null_count or right.null_count:
        equal = equal | (left.is_null().to_numpy() & right.is_null().to_numpy())
    return equal
