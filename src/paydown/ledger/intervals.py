"""Arithmetic on many intervals at once: the vectorised ground that the fast ledger stands on.

An interval belongs to an entity (a device, a node, a holder on a device), a small non-negative integer; times are
whole milliseconds since the frame's origin. `entity * SPAN + time` orders intervals of all entities in one array.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Order = npt.NDArray[np.intp] | None
"""Rows in order; None where they lie so already."""

SPAN = 1 << 43
"""More milliseconds than any frame is long (278 years), so that entities never meet."""


def empty() -> Ints:
    """Give an array of no integers."""
    return np.empty(0, dtype=np.int64)


def keyed(entity: Ints, time: Ints) -> Ints:
    """Give keys that sort by (entity, time)."""
    return entity * SPAN + time


def expand(counts: Ints) -> tuple[Ints, Ints]:
    """Repeat row i counts[i] times: give the row of each copy, and its number among the copies of that row."""
    rows = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    ends = np.cumsum(counts)
    return rows, np.arange(len(rows), dtype=np.int64) - np.repeat(ends - counts, counts)


def starts_of_groups(*keys: Ints) -> Ints:
    """Give the positions at which any key differs from the row before; the rows must be grouped by keys."""
    length = len(keys[0])
    if not length:
        return empty()
    changed = np.zeros(length, dtype=bool)
    changed[0] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed)


def in_order(*keys: Ints) -> Order:
    """Give the stable order that sorts by keys (first key foremost), or None where the rows lie so already."""
    if len(keys) == 1:
        return None if bool(np.all(keys[0][1:] >= keys[0][:-1])) else np.argsort(keys[0], kind="stable")
    undecided = np.ones(max(len(keys[0]) - 1, 0), dtype=bool)
    for key in keys:
        if bool(np.any(undecided & (key[1:] < key[:-1]))):
            return _order_of(keys)
        undecided &= key[1:] == key[:-1]
    return None


def _order_of(keys: tuple[Ints, ...]) -> npt.NDArray[np.intp]:
    """Give the stable order that sorts by keys; two that fit one number are sorted as one, which is far quicker."""
    if len(keys) == 2:  # noqa: PLR2004 - a pair
        first, second = keys
        width = int(second.max()) + 1
        if first.min() >= 0 and second.min() >= 0 and (int(first.max()) + 1) * width < 1 << 62:
            return np.argsort(first * width + second, kind="stable")
    return np.lexsort(keys[::-1])


def numbered(keys: Ints) -> Ints:
    """Number the keys that occur, in order; rows of one key mostly stand together, so that few need to be compared."""
    first = starts_of_groups(keys)
    if len(first) * 4 > len(keys):
        return np.unique(keys, return_inverse=True)[1].reshape(-1).astype(np.int64)
    number = np.unique(keys[first], return_inverse=True)[1].reshape(-1).astype(np.int64)
    return np.repeat(number, np.diff(np.append(first, len(keys))))


def elementary(entity: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """Cut every interval at all borders of its entity.

    Gives (row, start, end) of the parts; parts of one entity then are equal or disjoint. Empty intervals vanish.
    """
    low, high = keyed(entity, start), keyed(entity, end)
    borders = np.unique(np.concatenate([low, high]))
    first = np.searchsorted(borders, low)
    rows, number = expand(np.maximum(np.searchsorted(borders, high) - first, 0))
    at = first[rows] + number
    base = entity[rows] * SPAN
    return rows, borders[at] - base, borders[at + 1] - base if len(at) else empty()


def overlaps(
    entity: Ints, start: Ints, end: Ints, other: Ints, other_start: Ints, other_end: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Join intervals with the disjoint intervals of a second list, sorted by (entity, start), that they overlap.

    Gives (row, other row, start, end) of the common parts, in the order of the first list.
    """
    if not len(entity) or not len(other):
        return empty(), empty(), empty(), empty()
    low, high = keyed(entity, start), keyed(entity, end)
    if len(entity) > 4 * len(other) and bool(np.all(low[1:] >= high[:-1])):
        # Both lists are sorted and disjoint: seek the few among the many, which gives the same order.
        first = np.searchsorted(high, keyed(other, other_start), side="right")
        last = np.searchsorted(low, keyed(other, other_end), side="left")
        partner, number = expand(np.maximum(last - first, 0))
        rows = first[partner] + number
    else:
        first = np.searchsorted(keyed(other, other_end), low, side="right")
        last = np.searchsorted(keyed(other, other_start), high, side="left")
        rows, number = expand(np.maximum(last - first, 0))
        partner = first[rows] + number
    start, end = np.maximum(start[rows], other_start[partner]), np.minimum(end[rows], other_end[partner])
    keep = end > start
    if bool(np.all(keep)):
        return rows, partner, start, end
    return rows[keep], partner[keep], start[keep], end[keep]


def split_at_buckets(start: Ints, end: Ints, bucket_ms: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Cut intervals at the bucket grid: gives (row, bucket number, start, end)."""
    first = start // bucket_ms
    counts = np.maximum((end - 1) // bucket_ms - first + 1, 0) * (end > start)
    if bool(np.all(counts == 1)):
        return np.arange(len(start), dtype=np.int64), first, start, end
    rows, number = expand(counts)
    bucket = first[rows] + number
    edge = bucket * bucket_ms
    return rows, bucket, np.maximum(start[rows], edge), np.minimum(end[rows], edge + bucket_ms)


def union(entity: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """Merge overlapping and touching intervals of each entity; gives them sorted and disjoint."""
    some = end > start
    low, high = keyed(entity[some], start[some]), keyed(entity[some], end[some])
    order = np.argsort(low, kind="stable")
    low, high = low[order], high[order]
    if not len(low):
        return empty(), empty(), empty()
    reach = np.maximum.accumulate(high)
    fresh = np.concatenate([[True], low[1:] > reach[:-1]])
    at = np.flatnonzero(fresh)
    last = np.concatenate([at[1:] - 1, [len(low) - 1]])
    owner = low[at] // SPAN
    return owner, low[at] - owner * SPAN, reach[last] - owner * SPAN


def complement(entity: Ints, start: Ints, end: Ints, count: int, length: int) -> tuple[Ints, Ints, Ints]:
    """Give what sorted, disjoint intervals leave free of [0, length) for each of `count` entities."""
    every = np.arange(count, dtype=np.int64)
    low = np.concatenate([keyed(every, np.zeros(count, dtype=np.int64)), keyed(entity, end)])
    high = np.concatenate([keyed(entity, start), keyed(every, np.full(count, length, dtype=np.int64))])
    low.sort()
    high.sort()
    owner = low // SPAN
    keep = high > low
    return owner[keep], (low - owner * SPAN)[keep], (high - owner * SPAN)[keep]


@dataclass(frozen=True)
class Steps:
    """A function of (entity, time) that is constant between steps; before the first step it is the first value."""

    key: Ints
    """Sorted keys (entity * SPAN + time) at which a value begins; each entity has one at time 0."""
    values: Ints
    """The value from there on."""

    def at(self, entity: Ints, time: Ints) -> Ints:
        """Give the values at moments."""
        values: Ints = self.values[np.searchsorted(self.key, keyed(entity, time), side="right") - 1]
        return values

    def intervals(self, length: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Give (entity, start, end, value) of the steps, cut at `length`."""
        entity = self.key // SPAN
        start = self.key - entity * SPAN
        following = np.concatenate([self.key[1:], [(entity[-1] + 1) * SPAN if len(entity) else 0]])
        end = np.minimum(following - entity * SPAN, length)
        return entity, start, end, self.values

    def where(self, chosen: Bools, length: int) -> tuple[Ints, Ints, Ints]:
        """Give the merged intervals over which `chosen` (one truth a step) holds."""
        entity, start, end, _ = self.intervals(length)
        return union(entity[chosen], start[chosen], end[chosen])


def total(entity: Ints, start: Ints, end: Ints, weight: Ints, count: int) -> Steps:
    """Sum the weights of the intervals that cover each moment, for entities 0 .. count-1."""
    every = keyed(np.arange(count, dtype=np.int64), np.zeros(count, dtype=np.int64))
    key = np.concatenate([every, keyed(entity, start), keyed(entity, end)])
    change = np.concatenate([np.zeros(count, dtype=np.int64), weight, -weight])
    order = np.argsort(key, kind="stable")
    key, level = key[order], np.cumsum(change[order])
    last = np.concatenate([key[1:] != key[:-1], [True]]) if len(key) else np.empty(0, dtype=bool)
    return Steps(key[last], level[last])


def covered(entity: Ints, start: Ints, end: Ints, count: int) -> Steps:
    """Count the intervals that cover each moment."""
    return total(entity, start, end, np.ones(len(entity), dtype=np.int64), count)


def kept_within(limit: Ints, wanted: Ints, group: Ints) -> Ints:
    """Serve rows in order within each group until the group's limit is reached.

    `group` is grouped; `limit` repeats its group's figure, -1 for none. Gives how much of `wanted` each row keeps.
    """
    if not len(wanted):
        return wanted
    at = starts_of_groups(group)
    so_far = np.cumsum(wanted) - wanted
    before = so_far - np.repeat(so_far[at], np.diff(np.append(at, len(wanted))))
    kept: Ints = np.where(limit < 0, wanted, np.clip(limit - before, 0, wanted))
    return kept


def sum_by(amount: Ints, *keys: Ints) -> tuple[Ints, list[Ints]]:
    """Sum amounts over equal keys; gives the sums and the distinct keys, sorted by keys."""
    order = in_order(*keys)
    if order is not None:
        keys = tuple(key[order] for key in keys)
        amount = amount[order]
    at = starts_of_groups(*keys)
    if not len(at):
        return empty(), [empty() for _ in keys]
    return np.add.reduceat(amount, at), [key[at] for key in keys]
