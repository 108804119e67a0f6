"""What becomes of a row that comes in: the rules of versions (docs/facts.md, Natural keys), as a pure function.

For rows of one natural key, in the order in which they come:

- the same row again changes nothing;
- a later version of a row that is still open replaces it;
- an open row never replaces a closed one, and changes nothing;
- a different version of a closed row is a conflict: the stored row stays.

A table whose rows cannot be open takes every row as closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.store.order import groups, order, same

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from paydown.model.schema import Table

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

INSERTED, REPLACED, UNCHANGED, CONFLICT = 0, 1, 2, 3
"""What became of a row."""


@dataclass(frozen=True)
class Judged:
    """What becomes of rows that come in."""

    verdicts: NDArray[np.int8]
    """One of INSERTED, REPLACED, UNCHANGED, CONFLICT for each of them, in their order."""
    kept: Ints
    """The numbers of those that stand in the end (the last version of each key that was taken)."""
    gone: Ints
    """The numbers of the stored rows that are replaced by them."""


def judge(table: Table, stored: pa.Table, incoming: pa.Table) -> Judged:
    """Judge rows against the stored rows of the same keys (each key at most once among the stored)."""
    names = table.names
    rows = pa.concat_tables([stored.select(names), incoming.select(names)])
    known, total = stored.num_rows, rows.num_rows
    if not total:
        empty = np.zeros(0, np.int64)
        return Judged(empty.astype(np.int8), empty, empty)
    group = groups(rows, table.key)
    by_key = order([group])
    first = np.append(np.True_, np.diff(group[by_key]) != 0)
    verdicts = _verdicts(table, rows, by_key, first)
    taken = (verdicts <= REPLACED) & (by_key >= known)
    kept = _last_taken(first, taken)
    heads = by_key[np.maximum.accumulate(np.where(first, np.arange(total), 0))[kept]]
    result = np.empty(total, np.int8)
    result[by_key] = verdicts
    return Judged(result[known:], np.sort(by_key[kept] - known), np.sort(heads[heads < known]))


def _verdicts(table: Table, rows: pa.Table, by_key: Ints, first: Flags) -> NDArray[np.int8]:
    """Judge each row, in the order of keys, against the version of its key that stands before it."""
    at = np.arange(len(by_key))
    closed = rows.column(table.closes).is_valid().to_numpy()[by_key] if table.closes else np.ones(len(by_key), np.bool_)
    starts = np.flatnonzero(first)
    closing = np.minimum.reduceat(np.where(closed, at, len(at)), starts)
    closing = np.repeat(closing, np.diff(np.append(starts, len(at))))
    after = at > closing
    standing = np.where(after, closing, np.where(first, at, at - 1))
    asked = np.flatnonzero(~first)
    equal = np.ones(len(at), np.bool_)
    equal[asked] = same(rows, by_key[asked], by_key[standing[asked]], table.names)
    verdict = np.where(equal, UNCHANGED, REPLACED)
    verdict = np.where(after & ~equal, np.where(closed, CONFLICT, UNCHANGED), verdict)
    return np.where(first, INSERTED, verdict).astype(np.int8)


def _last_taken(first: Flags, taken: Flags) -> Ints:
    """Give for each key that took a row the place of the last that it took."""
    places = np.asarray(np.flatnonzero(taken), np.int64)
    key = np.cumsum(first)[places]
    last = np.append(np.diff(key) != 0, np.True_)[: len(places)]
    return np.asarray(places[last], np.int64)


def judge_closed(stored: Ints, incoming: Ints, equal: Callable[[Ints, Ints], Flags]) -> NDArray[np.int8]:
    """Judge rows of a table whose rows are all closed, by numbers that stand for their keys.

    `stored` are the keys of the stored rows in ascending order, each once; `incoming` those that come in, in ascending
    order, equal ones as they came. `equal(i, j)` compares rows, numbered through the stored and then the incoming.
    """
    known = len(stored)
    at = np.arange(len(incoming))
    place = np.searchsorted(stored, incoming)
    hit = np.zeros(len(incoming), np.bool_)
    inside = place < known
    hit[inside] = stored[place[inside]] == incoming[inside]
    first = np.append(np.True_, incoming[1:] != incoming[:-1])[: len(incoming)]
    leader = np.maximum.accumulate(np.where(first, at, 0))
    standing = np.where(hit, place, known + leader)
    verdicts = np.full(len(incoming), INSERTED, np.int8)
    asked = np.flatnonzero(hit | ~first)
    if len(asked):
        verdicts[asked] = np.where(equal(known + asked, standing[asked]), UNCHANGED, CONFLICT)
    return verdicts
