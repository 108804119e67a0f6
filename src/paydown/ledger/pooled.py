"""Measured use of devices whose holder is not known, or that nobody holds (L3.7, L3.8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paydown.ledger.attribution import Pieces, inactive, used_of_ratio
from paydown.ledger.capacity import NodeTime, atoms
from paydown.ledger.columns import NONE, split_evenly
from paydown.ledger.frame import Frame, Horizons
from paydown.ledger.holdings import Holdings, sizes_in
from paydown.ledger.intervals import (
    Bools,
    Ints,
    complement,
    covered,
    elementary,
    empty,
    in_order,
    kept_within,
    overlaps,
    split_at_buckets,
    starts_of_groups,
    sum_by,
    total,
    union,
)
from paydown.ledger.inventory import Inventory
from paydown.ledger.samples import Coverage
from paydown.model.units import BUCKET_MS


@dataclass(frozen=True)
class Loose:
    """Parts of unlabelled samples over which no allocation holds the device by name."""

    device: Ints
    node: Ints
    sample: Ints
    start: Ints
    end: Ints
    milli: Ints
    """What is taken of the device."""

    def pick(self, rows: Ints | Bools, start: Ints | None = None, end: Ints | None = None) -> Loose:
        """Choose rows, with other times where given."""
        low = self.start[rows] if start is None else start
        high = self.end[rows] if end is None else end
        return Loose(self.device[rows], self.node[rows], self.sample[rows], low, high, self.milli[rows])


def loose(frame: Frame, inv: Inventory, coverage: Coverage, gpu: Holdings) -> Loose:
    """Find what unlabelled samples say of listed devices while no allocation holds them as known devices."""
    known = gpu.device != NONE
    held = union(gpu.device[known], gpu.start[known], gpu.end[known])
    free = complement(*held, len(inv.device_names), frame.length)
    chosen = np.flatnonzero(coverage.label == NONE)
    at, _, start, end = overlaps(coverage.entity[chosen], coverage.start[chosen], coverage.end[chosen], *free)
    sample = chosen[at]
    device = coverage.entity[sample]
    part, step, start, end = inv.steps_of(inv.device_node[device], start, end)
    milli, _, listed = sizes_in(inv, inv.set_code[step], device[part])
    rows = Loose(device[part], inv.device_node[device[part]], sample[part], start, end, milli)
    return _glued(rows.pick(listed))


def _glued(rows: Loose) -> Loose:
    """Sort by (device, start) and join touching parts of one sample and size."""
    order = in_order(rows.device, rows.start)
    rows = rows if order is None else rows.pick(order)
    if not len(rows.device):
        return rows
    follows = (
        (rows.device[1:] == rows.device[:-1])
        & (rows.sample[1:] == rows.sample[:-1])
        & (rows.start[1:] == rows.end[:-1])
        & (rows.milli[1:] == rows.milli[:-1])
    )
    first = np.flatnonzero(np.concatenate([[True], ~follows]))
    last = np.append(first[1:] - 1, len(rows.device) - 1)
    return rows.pick(first, rows.start[first], rows.end[last])


@dataclass(frozen=True)
class NodeMoments:
    """Disjoint intervals of nodes, sorted, over which pooled or outside use can be stated."""

    pooled: tuple[Ints, Ints, Ints]
    outside: tuple[Ints, Ints, Ints]


def moments(frame: Frame, horizons: Horizons, inv: Inventory, gpu: Holdings, unseen: NodeTime) -> NodeMoments:
    """Find when a node is full and has holders without known devices, and when it has none and nothing is unseen."""
    count = len(inv.nodes)
    unknown = gpu.device == NONE
    held = total(gpu.node, gpu.start, gpu.end, gpu.kept, count)
    nameless = total(gpu.node[unknown], gpu.start[unknown], gpu.end[unknown], gpu.kept[unknown], count)
    some = covered(gpu.node[unknown], gpu.start[unknown], gpu.end[unknown], count)
    hidden = covered(unseen.node, unseen.start, unseen.end, count)
    stated = [frame.inside(edge) for edge in horizons.allocation]
    vouched = np.repeat(np.arange(count), len(stated[0]))
    cover = covered(vouched, np.tile(stated[0], count), np.tile(stated[1], count), count)
    node, low, high = atoms(
        frame, count, *(each.intervals(frame.length)[:3] for each in (held, some, hidden, cover)),
        (inv.step_node, inv.step_start, inv.step_end),
    )  # fmt: skip
    capacity = inv.gpu[inv.step_at(node, low)]
    seen = hidden.at(node, low) == 0
    full = seen & (capacity > 0) & (held.at(node, low) >= capacity) & (nameless.at(node, low) > 0)
    open_ = seen & (some.at(node, low) == 0) & (cover.at(node, low) > 0)
    return NodeMoments(union(node[full], low[full], high[full]), union(node[open_], low[open_], high[open_]))


def outside(rows: Loose, when: NodeMoments) -> Loose:
    """Choose what is used of devices that nobody holds (L3.8)."""
    at, _, start, end = overlaps(rows.node, rows.start, rows.end, *when.outside)
    return _glued(rows.pick(at, start, end))


@dataclass(frozen=True)
class Pool:
    """Pooled use of devices, and how much of it stands for each holder without known devices."""

    devices: Loose
    holding: Ints
    """Row of the gpu holdings."""
    start: Ints
    end: Ints
    milli: Ints
    """How much of the holding is pooled."""


def pool(rows: Loose, when: NodeMoments, gpu: Holdings, ruled: Bools) -> Pool:
    """Take devices in index order up to what is held without a known device, and split that over its holders (L3.7).

    Args:
        rows: What unlabelled samples say of devices that nobody holds by name.
        when: When it can be stated.
        gpu: What is held.
        ruled: Which holdings whole-job figures rule; they take no part.
    """
    at, _, start, end = overlaps(rows.node, rows.start, rows.end, *when.pooled)
    rows = rows.pick(at, start, end)
    unknown = np.flatnonzero((gpu.device == NONE) & ~ruled)
    if not len(rows.device) or not len(unknown):
        return Pool(rows.pick(empty()), empty(), empty(), empty(), empty())
    who = np.concatenate([rows.node, gpu.node[unknown]])
    low, high = np.concatenate([rows.start, gpu.start[unknown]]), np.concatenate([rows.end, gpu.end[unknown]])
    part, low, high = elementary(who, low, high)
    is_device = part < len(rows.device)
    cut = rows.pick(part[is_device], low[is_device], high[is_device])
    holder = unknown[part[~is_device] - len(rows.device)]
    h_low, h_high = low[~is_device], high[~is_device]
    order = np.lexsort((gpu.alloc[holder], h_low, gpu.node[holder]))
    holder, h_low, h_high = holder[order], h_low[order], h_high[order]
    first = starts_of_groups(gpu.node[holder], h_low)
    nameless = np.add.reduceat(gpu.kept[holder], first)
    group_node, group_low, group_high = gpu.node[holder][first], h_low[first], h_high[first]
    order = np.lexsort((cut.device, cut.start, cut.node))
    cut = cut.pick(order)
    at, group, _, _ = overlaps(cut.node, cut.start, cut.end, group_node, group_low, group_high)
    cut = cut.pick(at)
    taken = kept_within(nameless[group], cut.milli, group)
    cut = Loose(cut.device, cut.node, cut.sample, cut.start, cut.end, taken)
    size = np.bincount(group, minlength=len(first)).astype(np.int64)
    pooled = np.zeros(len(first), dtype=np.int64)
    at = np.flatnonzero(size)
    pooled[at] = np.add.reduceat(taken, starts_of_groups(group)) if len(group) else 0
    share = _shares(gpu, holder, first, nameless, pooled)
    some = share > 0
    return Pool(_glued(cut.pick(taken > 0)), holder[some], h_low[some], h_high[some], share[some])


def _shares(gpu: Holdings, holder: Ints, first: Ints, nameless: Ints, pooled: Ints) -> Ints:
    """Split each interval's pooled milli over its holders in proportion to what they hold (largest remainder)."""
    length = np.diff(np.append(first, len(holder)))
    share = np.where(np.repeat(pooled == nameless, length), gpu.kept[holder], 0)
    for group in np.flatnonzero((pooled > 0) & (pooled < nameless)).tolist():
        rows = slice(first[group], first[group] + length[group])
        share[rows] = split_evenly(int(pooled[group]), gpu.kept[holder[rows]])
    return share


def pool_amounts(frame: Frame, rows: Loose, coverage: Coverage) -> tuple[list[Ints], list[Ints]]:
    """Give ([node], [used, inactive, underused]) of the day, summed by node (L3.7)."""
    nothing = [empty(), empty(), empty()]
    if not len(rows.device):
        return [empty()], nothing
    pieces = Pieces(rows.device, np.arange(len(rows.device)), rows.sample, rows.start, rows.end)
    still = inactive(pieces, coverage.quiet[rows.sample], frame.settings.inactivity_span_ms)
    low, high = np.maximum(rows.start, frame.first), np.minimum(rows.end, frame.last)
    at, _, low, high = split_at_buckets(low, np.maximum(high, low), BUCKET_MS)
    whole = rows.milli[at] * (high - low)
    used = used_of_ratio(rows.milli[at], high - low, coverage.figure[rows.sample[at]])
    quiet = np.where(still[at], whole, 0)
    used = np.where(still[at], 0, used)
    node = rows.node[at]
    sums = [sum_by(each, node) for each in (used, quiet, whole - used - quiet)]
    return sums[0][1], [each for each, _ in sums]


def pooled_by_bucket(frame: Frame, found: Pool, gpu: Holdings) -> tuple[Ints, Ints, Ints]:
    """Give (allocation, bucket, milli-GPU x ms) that is pooled in the day."""
    low, high = np.maximum(found.start, frame.first), np.minimum(found.end, frame.last)
    at, bucket, low, high = split_at_buckets(low, np.maximum(high, low), BUCKET_MS)
    amount, (alloc, bucket) = sum_by(found.milli[at] * (high - low), gpu.alloc[found.holding[at]], bucket)
    return alloc, bucket, amount
