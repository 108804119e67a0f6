"""What each allocation holds of each device and node, before and after over-allocation is taken off (L1.4 to L1.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from paydown.ledger.columns import NONE, device_order, split_evenly
from paydown.ledger.frame import Frame
from paydown.ledger.intervals import (
    Bools,
    Ints,
    complement,
    covered,
    elementary,
    empty,
    expand,
    in_order,
    kept_within,
    overlaps,
    starts_of_groups,
    total,
)
from paydown.ledger.inventory import Inventory
from paydown.ledger.jobs import Allocations
from paydown.model.units import MILLI

Resolved = Mapping[tuple[str, int, str, int], Sequence[tuple[str, int]]]
"""(job_id, attempt, node, start in epoch ms) of an allocation that names no devices to its (device, milli) (L1.4)."""


@dataclass(frozen=True)
class Holdings:
    """Rows of one TRES: an allocation on a device (or node) over a time in which nothing changes.

    Rows of one device are cut at each other's borders: two of them are of the same time, or disjoint.
    """

    alloc: Ints
    """Row of the allocations."""
    device: Ints
    """Device code; NONE: no known device, or a TRES without devices."""
    node: Ints
    start: Ints
    end: Ints
    before: Ints
    """What is held before over-allocation is taken off: h of the specification."""
    kept: Ints
    """What stays: h'."""
    total: Ints
    """The sum of the milli h over the holders of the device: S; for cpu and memory equal to `size`."""
    size: Ints
    """For gpu the device's milli: D; for gpu_memory the holder's own milli-GPU h; else equal to `total`."""
    holders: Ints
    """How many hold the device."""
    step: Ints
    """The step of the inventory."""

    def __len__(self) -> int:
        return len(self.alloc)

    def pick(self, rows: Ints | Bools, start: Ints | None = None, end: Ints | None = None) -> Holdings:
        """Choose rows, with other times where given."""
        values = {name: getattr(self, name)[rows] for name in self.__dataclass_fields__}
        if start is not None and end is not None:
            values |= {"start": start, "end": end}
        return Holdings(**values)

    def on_nodes(self, first: int, last: int) -> Holdings:
        """Choose the rows of nodes first .. last-1."""
        return self.pick((self.node >= first) & (self.node < last))

    def ordered(self) -> Holdings:
        """Sort by (device, start, allocation)."""
        order = in_order(self.device, self.start, self.alloc)
        return self if order is None else self.pick(order)


def _plain(alloc: Ints, device: Ints, node: Ints, start: Ints, end: Ints, held: Ints, step: Ints) -> Holdings:
    one = np.ones(len(alloc), dtype=np.int64)
    return Holdings(alloc, device, node, start, end, held, held, held, held, one, step)


def joined(parts: Sequence[Holdings]) -> Holdings:
    """Put rows one after another."""
    return Holdings(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in Holdings.__dataclass_fields__}
    )


def gpu_holdings(frame: Frame, inv: Inventory, allocs: Allocations, resolved: Resolved) -> Holdings:
    """Work out who holds which device, and what has no known device."""
    named = np.flatnonzero((allocs.gpu > 0) & (allocs.gpus != NONE))
    unnamed = np.flatnonzero((allocs.gpu > 0) & (allocs.gpus == NONE))
    rows = joined([_of_named(inv, allocs, named), *_of_unnamed(frame, inv, allocs, unnamed, resolved)])
    rows = _cut_at_steps(inv, rows.pick(rows.before > 0))
    known = rows.device != NONE
    rows = joined([_fit_to_devices(inv, rows.pick(known)), rows.pick(~known)])
    low, high, step = inv.step_start, inv.step_end, inv.gpu
    tracked = step != NONE
    return fit_to_nodes(
        frame, inv, rows, (inv.step_node[tracked], low[tracked], high[tracked], step[tracked])
    ).ordered()


def _cut_at_steps(inv: Inventory, rows: Holdings) -> Holdings:
    at, step, start, end = inv.steps_of(rows.node, rows.start, rows.end)
    return replace(rows.pick(at, start, end), step=step)


def _of_named(inv: Inventory, allocs: Allocations, chosen: Ints) -> Holdings:
    """Rule 1: split gpu_milli over the named devices, in proportion to the milli that they have at the moment."""
    at, step, start, end = inv.steps_of(allocs.node[chosen], allocs.start[chosen], allocs.end[chosen])
    row = chosen[at]
    lists = _device_lists(inv, allocs.gpu_texts)
    sizes = np.array([len(each) for each in lists], dtype=np.int64)
    offset = np.cumsum(sizes) - sizes
    text = allocs.gpus[row]
    copy, number = expand(sizes[text] if len(text) else empty())
    names = np.concatenate([empty(), *lists])[offset[text[copy]] + number]
    device = inv.devices_by_name[allocs.node[row][copy], names]
    shares = _named_shares(inv, step[copy], device, allocs.gpu[row], copy)
    return _plain(row[copy], device, allocs.node[row][copy], start[copy], end[copy], shares, step[copy])


def _device_lists(inv: Inventory, texts: list[str]) -> list[Ints]:
    """Give the codes of the devices' names in each text, in index order."""
    split = [sorted({name for name in text.split(";") if name}, key=device_order) for text in texts]
    return [np.array([inv.device_words[name] for name in names], dtype=np.int64) for names in split]


def _named_shares(inv: Inventory, step: Ints, device: Ints, milli: Ints, owner: Ints) -> Ints:
    """Split what each owner holds over its devices, in proportion to their milli, by largest remainder."""
    size = sizes_in(inv, inv.set_code[step], device)[0]
    first = starts_of_groups(owner)
    whole = np.add.reduceat(size, first) if len(first) else empty()
    share = np.where(np.repeat(whole == milli[owner[first]], np.diff(np.append(first, len(owner)))), size, NONE)
    for group in np.flatnonzero(whole != milli[owner[first]]).tolist():
        rows = slice(first[group], first[group + 1] if group + 1 < len(first) else len(owner))
        share[rows] = split_evenly(int(milli[owner[first[group]]]), size[rows])
    return share


def sizes_in(inv: Inventory, set_code: Ints, device: Ints) -> tuple[Ints, Ints, Bools]:
    """Give (milli, memory in MiB or NONE, listed) of devices in device sets; unlisted ones are whole GPUs (L1.3)."""
    key, milli, memory = inv.sizes
    if not len(key):
        return np.full(len(device), MILLI), np.full(len(device), NONE), np.zeros(len(device), dtype=bool)
    wanted = set_code * max(len(inv.device_names), 1) + device
    at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    listed = (key[at] == wanted) & (set_code != NONE)
    return np.where(listed, milli[at], MILLI), np.where(listed, memory[at], NONE), listed


def _of_unnamed(frame: Frame, inv: Inventory, allocs: Allocations, chosen: Ints, resolved: Resolved) -> list[Holdings]:
    """Rules 2 to 4: devices by labelled samples, by being alone on the node, or none."""
    sole = _sole(frame, inv, allocs, chosen)
    outside = complement(sole.alloc, sole.start, sole.end, len(allocs.gpu), frame.length)
    at, _, start, end = overlaps(chosen, allocs.start[chosen], allocs.end[chosen], *outside)
    return [*_all_devices(inv, sole), *_resolved(inv, allocs, chosen[at], start, end, resolved)]


def _sole(frame: Frame, inv: Inventory, allocs: Allocations, chosen: Ints) -> Holdings:
    """Rule 3: the moments at which an allocation is alone with all GPUs of its node."""
    holds = allocs.gpu > 0
    count = covered(allocs.node[holds], allocs.start[holds], allocs.end[holds], len(inv.nodes))
    alone = count.where(count.values == 1, frame.length)
    at, _, start, end = overlaps(allocs.node[chosen], allocs.start[chosen], allocs.end[chosen], *alone)
    row = chosen[at]
    part, step, start, end = inv.steps_of(allocs.node[row], start, end)
    row = row[part]
    enough = (inv.gpu[step] > 0) & (allocs.gpu[row] >= inv.gpu[step])
    row, step, start, end = row[enough], step[enough], start[enough], end[enough]
    order = np.lexsort((start, row))
    row, step, start, end = row[order], step[order], start[order], end[order]
    return _plain(row, np.full(len(row), NONE), allocs.node[row], start, end, allocs.gpu[row], step)


def _all_devices(inv: Inventory, sole: Holdings) -> list[Holdings]:
    sets = inv.set_code[sole.step]
    sizes = np.array([len(each.devices) for each in inv.sets], dtype=np.int64)
    copy, number = expand(sizes[sets] if len(sets) else empty())
    offset = np.cumsum(sizes) - sizes
    place = offset[sets[copy]] + number if len(copy) else empty()
    devices = np.concatenate([each.devices for each in inv.sets] or [empty()])[place]
    milli = np.concatenate([each.milli for each in inv.sets] or [empty()])[place]
    every = sole.pick(copy)
    more = sole.before - inv.gpu[sole.step] if len(sole) else empty()
    rest = sole.pick(more > 0)
    return [
        replace(every, device=devices, before=milli, kept=milli, total=milli),
        replace(rest, before=more[more > 0], kept=more[more > 0], total=more[more > 0]),
    ]


def _resolved(
    inv: Inventory, allocs: Allocations, row: Ints, start: Ints, end: Ints, resolved: Resolved
) -> list[Holdings]:
    """Rules 2 and 4, outside the moments of rule 3."""
    devices: list[tuple[int, int, int]] = []
    left = allocs.gpu[row].copy()
    for place, each in enumerate(row.tolist()):
        on = int(allocs.node[each])
        key = (allocs.jobs[allocs.job[each]], int(allocs.attempt[each]), inv.nodes[on], int(allocs.began[each]))
        for gpu, part in resolved.get(key, ()):
            devices.append((place, inv.device_index[on, gpu], part))
            left[place] -= part
    found = np.array(devices, dtype=np.int64).reshape(len(devices), 3)
    at, some = found[:, 0], left > 0
    zero = np.zeros(len(row), dtype=np.int64)
    node = allocs.node[row]
    return [
        _plain(row[at], found[:, 1], node[at], start[at], end[at], found[:, 2], zero[at]),
        _plain(row[some], zero[some] + NONE, node[some], start[some], end[some], left[some], zero[some]),
    ]


def _fit_to_devices(inv: Inventory, rows: Holdings) -> Holdings:
    """Take off what exceeds a device, the latest allocations first (L1.6), and note who shares it."""
    at, start, end = elementary(rows.device, rows.start, rows.end)
    rows = rows.pick(at, start, end).ordered()
    size, _, listed = sizes_in(inv, inv.set_code[rows.step], rows.device)
    groups = starts_of_groups(rows.device, rows.start)
    if not len(groups):
        return rows
    length = np.diff(np.append(groups, len(rows)))
    held = np.repeat(np.add.reduceat(rows.before, groups), length)
    number = np.repeat(np.arange(len(groups), dtype=np.int64), length)
    kept = kept_within(np.where(listed, size, NONE), rows.before, number)
    return replace(rows, size=size, total=held, holders=np.repeat(length, length), kept=kept)


def fit_to_nodes(frame: Frame, inv: Inventory, rows: Holdings, capacity: tuple[Ints, Ints, Ints, Ints]) -> Holdings:
    """Take off what exceeds a node (L1.6); `capacity` holds (node, start, end, figure), sorted and disjoint."""
    node, start, end, figure = capacity
    held = total(rows.node, rows.start, rows.end, rows.kept, len(inv.nodes))
    who, low, high, level = held.intervals(frame.length)
    at, step, _, _ = overlaps(who, low, high, node, start, end)
    crowded = np.unique(who[at][level[at] > figure[step]])
    if not len(crowded):
        return rows
    affected = np.isin(rows.node, crowded)
    return joined([rows.pick(~affected), _take_off(rows.pick(affected), capacity)])


def _take_off(rows: Holdings, capacity: tuple[Ints, Ints, Ints, Ints]) -> Holdings:
    node, start, end, figure = capacity
    at, step, low, high = overlaps(rows.node, rows.start, rows.end, node, start, end)
    bounds = np.concatenate([rows.node, rows.node[at]])
    part, low, high = elementary(bounds, np.concatenate([rows.start, low]), np.concatenate([rows.end, high]))
    whole = part < len(rows)
    rows = rows.pick(part[whole], low[whole], high[whole])
    limit = np.full(len(rows), NONE, dtype=np.int64)
    inside, step, _, _ = overlaps(rows.node, rows.start, rows.end, node, start, end)
    limit[inside] = figure[step]
    unknown_last = np.where(rows.device == NONE, np.iinfo(np.int64).max, rows.device)
    order = np.lexsort((unknown_last, rows.alloc, rows.start, rows.node))
    rows, limit = rows.pick(order), limit[order]
    groups = starts_of_groups(rows.node, rows.start)
    length = np.diff(np.append(groups, len(rows)))
    return replace(rows, kept=kept_within(limit, rows.kept, np.repeat(np.arange(len(groups)), length)))


def memory_of(frame: Frame, inv: Inventory, gpu: Holdings) -> Holdings:
    """Give the device memory that goes with GPUs held (L1.5); rows without a figure are left out."""
    if not len(gpu):
        return gpu
    known = gpu.device != NONE
    size, memory, _ = sizes_in(inv, inv.set_code[gpu.step], np.maximum(gpu.device, 0))
    weights = np.array([each.with_memory for each in inv.sets] or [(0, 0)], dtype=np.int64)
    set_code = inv.set_code[gpu.step]
    of_set = weights[np.maximum(set_code, 0)]
    size = np.where(known, size, of_set[:, 0])
    memory = np.where(known, memory, np.where((set_code != NONE) & (of_set[:, 0] > 0), of_set[:, 1], NONE))
    some = memory != NONE
    rows, size, memory = gpu.pick(some), size[some], memory[some]
    held, kept = rows.before * memory // size, rows.kept * memory // size
    rows = replace(rows, before=held, kept=kept, size=rows.before)
    tracked = inv.gpu_memory != NONE
    capacity = (inv.step_node[tracked], inv.step_start[tracked], inv.step_end[tracked], inv.gpu_memory[tracked])
    return fit_to_nodes(frame, inv, rows, capacity).ordered()


def host_holdings(frame: Frame, inv: Inventory, allocs: Allocations, tres: str) -> Holdings:
    """Work out who holds a node's CPUs or memory (`tres` is cpu or memory)."""
    held = allocs.cpu if tres == "cpu" else allocs.memory
    row = np.flatnonzero(held != NONE)
    rows = _plain(
        row,
        np.full(len(row), NONE),
        allocs.node[row],
        allocs.start[row],
        allocs.end[row],
        held[row],
        np.zeros_like(row),
    )
    return fit_to_nodes(frame, inv, rows, tracked_capacity(frame, inv, allocs, tres))


def tracked_capacity(frame: Frame, inv: Inventory, allocs: Allocations, tres: str) -> tuple[Ints, Ints, Ints, Ints]:
    """Give (node, start, end, capacity) where a TRES is tracked (L1.9), sorted and disjoint."""
    figure = inv.capacity(tres)
    some = figure != NONE
    node, start, end, figure = inv.step_node[some], inv.step_start[some], inv.step_end[some], figure[some]
    if tres not in ("cpu", "memory"):
        return node, start, end, figure
    silent = (allocs.cpu if tres == "cpu" else allocs.memory) == NONE
    if not bool(silent.any()):
        return node, start, end, figure
    unknown = covered(allocs.node[silent], allocs.start[silent], allocs.end[silent], len(inv.nodes))
    at, _, low, high = overlaps(node, start, end, *unknown.where(unknown.values == 0, frame.length))
    return node[at], low, high, figure[at]
