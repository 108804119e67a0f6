"""Whose use a sample is, and how much of it (L3.3, L3.4): samples joined with holdings give pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paydown.ledger.columns import NONE
from paydown.ledger.holdings import Holdings
from paydown.ledger.intervals import (
    Bools,
    Ints,
    elementary,
    empty,
    expand,
    in_order,
    keyed,
    numbered,
    overlaps,
    starts_of_groups,
)
from paydown.ledger.samples import Coverage
from paydown.model.units import PPM


@dataclass(frozen=True)
class Pieces:
    """Parts of holdings over which one sample (or whole-job figure) says what was used; sorted by (slot, start)."""

    slot: Ints
    """Code of the (allocation, device) or (allocation, node) that it belongs to."""
    holding: Ints
    """Row of the holdings."""
    sample: Ints
    """Row of the coverage."""
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.slot)

    def pick(self, rows: Ints | Bools, start: Ints | None = None, end: Ints | None = None) -> Pieces:
        """Choose rows, with other times where given."""
        low = self.start[rows] if start is None else start
        high = self.end[rows] if end is None else end
        return Pieces(self.slot[rows], self.holding[rows], self.sample[rows], low, high)


def slots(holdings: Holdings) -> Ints:
    """Give the slot of each holding: one for each (allocation, device), in the order of device, then allocation."""
    if not len(holdings):
        return empty()
    key = keyed(holdings.device + 1, holdings.alloc)
    _, which = np.unique(key, return_inverse=True)
    return which.reshape(-1).astype(np.int64)


def device_pieces(holdings: Holdings, coverage: Coverage, job: Ints) -> Pieces:
    """Join device samples with what is held of the device; `job` gives the job code of each allocation."""
    known = np.flatnonzero(holdings.device != NONE)
    held = holdings.pick(known)
    first = starts_of_groups(held.device, held.start)
    if not len(first):
        return Pieces(empty(), empty(), empty(), empty(), empty())
    sample, group, start, end = overlaps(
        coverage.entity, coverage.start, coverage.end, held.device[first], held.start[first], held.end[first]
    )
    count = np.diff(np.append(first, len(held)))
    row = first[group]
    if bool((count > 1).any()):
        copy, number = expand(count[group])
        row, sample, start, end = row[copy] + number, sample[copy], start[copy], end[copy]
    label = coverage.label[sample]
    if bool((label != NONE).any()):
        mine = (label == NONE) | (label == job[held.alloc[row]])
        row, sample, start, end = row[mine], sample[mine], start[mine], end[mine]
    return _settled(Pieces(slots(holdings)[known[row]], known[row], sample, start, end), holdings, coverage)


def host_pieces(holdings: Holdings, coverage: Coverage, job: Ints, alone: tuple[Ints, Ints, Ints]) -> Pieces:
    """Join host samples with what is held of the node; `alone` tells where one allocation only is on a node."""
    labelled, unlabelled = coverage.label != NONE, coverage.label == NONE
    parts = [
        join_by_node(holdings, coverage, np.flatnonzero(labelled), job),
        join_by_node(_while_alone(holdings, alone), coverage, np.flatnonzero(unlabelled), None),
    ]
    slot = slots(holdings)
    both = [Pieces(slot[holding], holding, sample, start, end) for holding, sample, start, end in parts if len(holding)]
    if not both:
        return Pieces(empty(), empty(), empty(), empty(), empty())
    return _settled(_joined(both), holdings, coverage)


def _joined(parts: Sequence[Pieces]) -> Pieces:
    return Pieces(*(np.concatenate([getattr(part, name) for part in parts]) for name in Pieces.__dataclass_fields__))


def _while_alone(holdings: Holdings, alone: tuple[Ints, Ints, Ints]) -> tuple[Ints, Ints, Ints, Ints]:
    """Give (node, row, start, end) of the holdings over the time in which they are alone on their node."""
    row, _, start, end = overlaps(holdings.node, holdings.start, holdings.end, *alone)
    return holdings.node[row], row, start, end


def join_by_node(
    held: Holdings | tuple[Ints, Ints, Ints, Ints], coverage: Coverage, chosen: Ints, job: Ints | None
) -> tuple[Ints, Ints, Ints, Ints]:
    """Join chosen samples with holdings of the same node (and job, where given)."""
    if isinstance(held, Holdings):
        node, row, start, end = held.node, np.arange(len(held), dtype=np.int64), held.start, held.end
        job_of = job[held.alloc] if job is not None else np.zeros(len(held), dtype=np.int64)
    else:
        node, row, start, end = held
        job_of = np.zeros(len(row), dtype=np.int64)
    label = coverage.label[chosen] if job is not None else np.zeros(len(chosen), dtype=np.int64)
    width = int(max(label.max(initial=0), job_of.max(initial=0))) + 1
    wanted, offered = coverage.entity[chosen] * width + label, node * width + job_of
    # (node, job) pairs are too many for a key: number those that occur.
    number = numbered(np.concatenate([offered, wanted]))
    offered, wanted = number[: len(offered)], number[len(offered) :]
    at, low, high = elementary(offered, start, end)
    order = in_order(offered[at], low)
    if order is not None:
        at, low, high = at[order], low[order], high[order]
    first = starts_of_groups(offered[at], low)
    if not len(first):
        return empty(), empty(), empty(), empty()
    sample, group, begin, finish = overlaps(
        wanted, coverage.start[chosen], coverage.end[chosen], offered[at][first], low[first], high[first]
    )
    copy, number = expand(np.diff(np.append(first, len(at)))[group])
    return row[at[first[group][copy] + number]], chosen[sample[copy]], begin[copy], finish[copy]


def _settled(pieces: Pieces, holdings: Holdings, coverage: Coverage) -> Pieces:
    """Sort pieces; let labelled samples prevail over unlabelled ones; glue what no rule cuts (L3.3, L4)."""
    order = in_order(pieces.slot, pieces.start)
    pieces = pieces if order is None else pieces.pick(order)
    crossing = (pieces.slot[1:] == pieces.slot[:-1]) & (pieces.start[1:] < pieces.end[:-1])
    if bool(crossing.any()):
        pieces = _prevailing(pieces, coverage)
    return _glued(pieces, holdings)


def _prevailing(pieces: Pieces, coverage: Coverage) -> Pieces:
    at, start, end = elementary(pieces.slot, pieces.start, pieces.end)
    cut = pieces.pick(at, start, end)
    order = np.lexsort((coverage.label[cut.sample] == NONE, cut.start, cut.slot))
    cut = cut.pick(order)
    return cut.pick(starts_of_groups(cut.slot, cut.start))


def _glued(pieces: Pieces, holdings: Holdings) -> Pieces:
    """Join touching pieces of one sample between which nothing that they rest on changes."""
    if len(pieces) < 2:  # noqa: PLR2004 - two make a pair
        return pieces
    a, b = pieces.holding[:-1], pieces.holding[1:]
    follows = (
        (pieces.slot[1:] == pieces.slot[:-1])
        & (pieces.sample[1:] == pieces.sample[:-1])
        & (pieces.start[1:] == pieces.end[:-1])
    )
    if not bool(follows.any()):
        return pieces
    for column in (holdings.before, holdings.kept, holdings.total, holdings.size):
        follows &= column[a] == column[b]
    first = np.flatnonzero(np.concatenate([[True], ~follows]))
    last = np.append(first[1:] - 1, len(pieces) - 1)
    return pieces.pick(first, pieces.start[first], pieces.end[last])


def holder_ppm(pieces: Pieces, holdings: Holdings, coverage: Coverage) -> Ints:
    """Give the ratio of each piece for its holder (L3.4, gpu)."""
    figure = coverage.figure[pieces.sample]
    size, row = holdings.size[pieces.holding], pieces.holding
    over = np.where(coverage.label[pieces.sample] == NONE, holdings.total[row], holdings.before[row])
    if bool(np.all(over == size)):
        return np.minimum(figure, PPM)
    ratio: Ints = np.minimum(figure * size // np.maximum(over, 1), PPM)
    return ratio


def holder_amount(pieces: Pieces, holdings: Holdings, coverage: Coverage) -> Ints:
    """Give what each piece's holder uses, in the unit of the figure (L3.4, gpu_memory, cpu and memory)."""
    figure, row = coverage.figure[pieces.sample], pieces.holding
    own, every = holdings.size[row], holdings.total[row]
    shared = (coverage.label[pieces.sample] == NONE) & (every != own)
    if bool(shared.any()):
        figure = np.where(shared, figure * own // np.maximum(every, 1), figure)
    return np.minimum(figure, holdings.before[row])


def used_of_ratio(kept: Ints, length: Ints, ratio: Ints) -> Ints:
    """Give round(kept x length x ratio) in integers, halves up (L3.4)."""
    return (2 * kept * length * ratio + PPM) // (2 * PPM)


def used_of_amount(before: Ints, kept: Ints, length: Ints, amount: Ints) -> Ints:
    """Give amount x length, or its part where over-allocation was taken off (L3.4)."""
    whole = amount * length
    reduced = kept != before
    if not bool(reduced.any()):
        return whole
    safe = np.maximum(before, 1)
    # whole x kept may pass 64 bits on a large node: split off the quotient first.
    quotient, rest = whole // safe, whole % safe
    part = quotient * kept + (2 * rest * kept + safe) // (2 * safe)
    return np.where(reduced, part, whole)


def amount_ppm(amount: Ints, held: Ints) -> Ints:
    """Give amount / held in ppm, halves up (L3.6)."""
    safe = np.maximum(held, 1)
    ratio: Ints = (2 * amount * PPM + safe) // (2 * safe)
    return ratio


def inactive(pieces: Pieces, quiet: Bools, span_ms: int) -> Bools:
    """Tell which pieces lie in a quiet run of at least the span (L3.6)."""
    result = np.zeros(len(pieces), dtype=bool)
    row = np.flatnonzero(quiet)
    if not len(row):
        return result
    fresh = np.ones(len(row), dtype=bool)
    before, after = row[:-1], row[1:]
    fresh[1:] = (
        (after != before + 1)
        | (pieces.slot[after] != pieces.slot[before])
        | (pieces.start[after] != pieces.end[before])
    )
    first = np.flatnonzero(fresh)
    last = np.append(first[1:] - 1, len(row) - 1)
    long = pieces.end[row[last]] - pieces.start[row[first]] >= span_ms
    result[row] = np.repeat(long, last - first + 1)
    return result
