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

_NULL = -1
_WIDEST = 1 << 62


def codes(column: pa.ChunkedArray) -> Ints:
    """Give whole numbers that compare as the column's values do; equal where the values are (null is a value)."""
    if pa.types.is_string(column.type) or pa.types.is_dictionary(column.type):
        return _text_codes(column)
    if pa.types.is_floating(column.type) or column.null_count:
        return _rank_codes(column)
    return np.asarray(_whole(column).to_numpy(), np.int64)


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64()).cast(pa.int64())


def _text_codes(column: pa.ChunkedArray) -> Ints:
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    joined = coded.unify_dictionaries().combine_chunks()
    joined = joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined
    words = joined.dictionary
    ranks = np.empty(len(words) + 1, np.int64)
    ranks[pc.sort_indices(words).to_numpy()] = np.arange(len(words))
    ranks[-1] = _NULL
    at = np.asarray(pc.fill_null(joined.indices, len(words)).to_numpy(), np.int64)
    return ranks[at]


def _rank_codes(column: pa.ChunkedArray) -> Ints:
    numbers = column if pa.types.is_floating(column.type) else _whole(column)
    missing = numbers.is_null().to_numpy()
    ranks = np.unique(pc.fill_null(numbers, 0).to_numpy(), return_inverse=True)[1].astype(np.int64)
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


def joint(keys: Sequence[Ints]) -> Ints:
    """Join the numbers of several columns into one for each row: it orders the rows as the columns do, in turn."""
    total = np.zeros(len(keys[0]) if keys else 0, np.int64)
    most = 1
    for key in keys:
        low = int(key.min(initial=0)) if len(key) else 0
        width = int(key.max(initial=0)) - low + 1
        if most * width > _WIDEST:
            total, most = _dense(total)
            if most * width > _WIDEST:
                key, width = _dense(key)  # noqa: PLW2901 (the same column, in fewer numbers)
                low = 0
        total = total * width + (key - low)
        most *= width
    return total


def _dense(numbers: Ints) -> tuple[Ints, int]:
    used, dense = np.unique(numbers, return_inverse=True)
    return dense.astype(np.int64), max(1, len(used))


def groups(rows: pa.Table, names: Sequence[str]) -> Ints:
    """Number the rows by their values in the columns: equal numbers where all are equal, null being a value."""
    return joint([codes(rows.column(name)) for name in names])


def same(rows: pa.Table, left: Ints, right: Ints, names: Sequence[str]) -> Flags:
    """Tell for each pair of row numbers whether the rows are equal in all the columns, null being a value."""
    equal = np.ones(len(left), np.bool_)
    for name in names:
        column = rows.column(name)
        if column.null_count < len(column):
            equal &= _same(_take(column, left), _take(column, right))
    return equal


def _take(column: pa.ChunkedArray, at: Ints) -> pa.ChunkedArray:
    """Take rows by number; a run of neighbours is not copied."""
    if len(at) and at[-1] - at[0] == len(at) - 1 and bool(np.all(at[1:] - at[:-1] == 1)):
        return column.slice(int(at[0]), len(at))
    return column.take(pa.array(at))


def _same(left: pa.ChunkedArray, right: pa.ChunkedArray) -> Flags:
    equal = pc.fill_null(pc.equal(left, right), fill_value=False).to_numpy()
    if left.null_count or right.null_count:
        equal = equal | (left.is_null().to_numpy() & right.is_null().to_numpy())
    if pa.types.is_floating(left.type) and not equal.all():
        nan = pc.and_(pc.is_nan(left), pc.is_nan(right))
        equal = equal | pc.fill_null(nan, fill_value=False).to_numpy()
    return np.asarray(equal, np.bool_)
