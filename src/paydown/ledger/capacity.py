"""What is not held (L2), and what is held by nobody whom the facts show (L1.7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paydown.ledger.columns import NONE
from paydown.ledger.frame import Frame, Horizons
from paydown.ledger.holdings import Holdings
from paydown.ledger.intervals import (
    SPAN,
    Ints,
    Steps,
    covered,
    empty,
    keyed,
    overlaps,
    total,
)
from paydown.ledger.inventory import Inventory

STATES = ("up", "planned_down", "down")
"""Node states; of rows that start together the later in this order wins (L2)."""


@dataclass(frozen=True)
class NodeTime:
    """An amount of one TRES on nodes over intervals, sorted by (node, start) and disjoint."""

    node: Ints
    start: Ints
    end: Ints
    amount: Ints

    @staticmethod
    def none() -> NodeTime:
        """Give no intervals."""
        return NodeTime(empty(), empty(), empty(), empty())


def atoms(frame: Frame, count: int, *borders: tuple[Ints, Ints, Ints]) -> tuple[Ints, Ints, Ints]:
    """Cut the frame of each of `count` nodes at all borders: gives (node, start, end)."""
    every = np.arange(count, dtype=np.int64)
    parts = [keyed(every, np.zeros(count, dtype=np.int64)), keyed(every, np.full(count, frame.length))]
    for node, start, end in borders:
        parts += [keyed(node, start), keyed(node, end)]
    key = np.unique(np.concatenate(parts))
    node, start = np.divmod(key, SPAN)
    inside = node[1:] == node[:-1]
    return node[:-1][inside], start[:-1][inside], start[1:][inside]


def unseen(
    frame: Frame,
    inv: Inventory,
    holdings: Holdings,
    said: tuple[Ints, Ints, Ints, Ints],
    capacity: tuple[Ints, Ints, Ints, Ints],
    silent: tuple[Ints, Ints, Ints],
) -> NodeTime:
    """Work out what a node says is allocated beyond what visible allocations hold (L1.7).

    Args:
        frame: The frame.
        inv: The inventory.
        holdings: What is held of the TRES.
        said: (node, start, end, figure), figure NONE where nothing is said.
        capacity: (node, start, end, figure) where the TRES is tracked.
        silent: (node, start, end), disjoint, in which a visible allocation does not track the TRES.
    """
    node, start, end, figure = said
    speaks = figure != NONE
    node, start, end, figure = node[speaks], start[speaks], end[speaks], figure[speaks]
    if not len(node):
        return NodeTime.none()
    held = total(holdings.node, holdings.start, holdings.end, holdings.kept, len(inv.nodes))
    steps = held.intervals(frame.length)
    who, low, high = atoms(frame, len(inv.nodes), (node, start, end), steps[:3], capacity[:3], silent)
    at, row, _, _ = overlaps(who, low, high, node, start, end)
    who, low, high, claimed = who[at], low[at], high[at], figure[row]
    limit = np.full(len(who), np.iinfo(np.int64).max, dtype=np.int64)
    at, row, _, _ = overlaps(who, low, high, *capacity[:3])
    limit[at] = capacity[3][row]
    amount = np.minimum(claimed, limit) - held.at(who, low)
    at, _, _, _ = overlaps(who, low, high, *silent)
    amount[at] = 0
    some = amount > 0
    return NodeTime(who[some], low[some], high[some], amount[some])


def unseen_memory(inv: Inventory, gpu: NodeTime, frame: Frame, memory: Holdings) -> NodeTime:
    """Give the device memory that goes with unseen GPUs, at most what is left of the node's (L1.5, L1.7)."""
    if not len(gpu.node):
        return gpu
    at, step, low, high = inv.steps_of(gpu.node, gpu.start, gpu.end)
    held = total(memory.node, memory.start, memory.end, memory.kept, len(inv.nodes))
    part, _, start, end, level = _levels(gpu.node[at], low, high, held, frame)
    step, milli = step[part], gpu.amount[at][part]
    weights = np.array([each.with_memory for each in inv.sets] or [(0, 0)], dtype=np.int64)[inv.set_code[step]]
    known = (inv.set_code[step] != NONE) & (weights[:, 0] > 0)
    amount = np.where(known, milli * weights[:, 1] // np.maximum(weights[:, 0], 1), 0)
    amount = np.minimum(amount, inv.gpu_memory[step] - level)
    some = known & (amount > 0)
    return NodeTime(gpu.node[at][part][some], start[some], end[some], amount[some])


def _levels(node: Ints, start: Ints, end: Ints, steps: Steps, frame: Frame) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    who, low, high, level = steps.intervals(frame.length)
    some = high > low
    row, at, begin, finish = overlaps(node, start, end, who[some], low[some], high[some])
    return row, at, begin, finish, level[some][at]


def node_state(frame: Frame, count: int, node: Ints, start: Ints, end: Ints, state: Ints) -> Steps:
    """Give the state of each node over time: the latest start wins, then the graver state (L2).

    Args:
        frame: The frame.
        count: How many nodes there are.
        node: The node of each row of states, maintenance reservations left out.
        start: Its start in the frame's source time (not cut), by which the latest is found.
        end: Its end.
        state: Its code in STATES.
    """
    low, high = frame.inside(start), frame.inside(end)
    who, begin, _ = atoms(frame, count, (node, low, high))
    value = np.zeros(len(who), dtype=np.int64)
    order = np.lexsort((state, start))
    for row in order.tolist():
        first = np.searchsorted(keyed(who, begin), keyed(node[row], low[row]))
        last = np.searchsorted(keyed(who, begin), keyed(node[row], high[row]))
        value[first:last] = state[row]
    return Steps(keyed(who, begin), value)


@dataclass(frozen=True)
class Unallocated:
    """Categories of one TRES by node over time: amounts per ms, and the step of the inventory that labels them."""

    step: Ints
    node: Ints
    start: Ints
    end: Ints
    category: Ints
    """Code into CATEGORIES; NONE: held within capacity, which is posted as what became of it."""
    amount: Ints


CATEGORIES = ("reported", "down", "planned_down", "idle", "blocked")


@dataclass(frozen=True)
class Mood:
    """What unallocated capacity is put down to."""

    state: Steps
    """The state of each node."""
    maintenance: tuple[Ints, Ints, Ints]
    """(node, start, end) of reservations for maintenance."""
    wanted: tuple[Ints, Ints, Ints]
    """(node, start, end) in which somebody who may use the node waits for the TRES."""


def stated_capacity(frame: Frame, horizons: Horizons, capacity: tuple[Ints, Ints, Ints, Ints]) -> NodeTime:
    """Cut (node, start, end, figure) to stated time (L1.2)."""
    node, start, end, figure = capacity
    low, high = (frame.inside(edge) for edge in horizons.stated)
    zero = np.zeros(max(len(node), len(low)), dtype=np.int64)
    at, _, start, end = overlaps(zero[: len(node)], start, end, zero[: len(low)], low, high)
    order = np.lexsort((start, node[at]))
    return NodeTime(node[at][order], start[order], end[order], figure[at][order])


def unallocated(
    frame: Frame, inv: Inventory, capacity: NodeTime, holdings: Holdings, extra: NodeTime, mood: Mood
) -> Unallocated:
    """Say what became of the capacity that nobody holds (L2).

    Args:
        frame: The frame.
        inv: The inventory.
        capacity: The capacity in stated time, where the TRES is tracked.
        holdings: What is held.
        extra: What is held unseen.
        mood: What is not held is put down to.
    """
    count = len(inv.nodes)
    held = total(
        np.concatenate([holdings.node, extra.node]),
        np.concatenate([holdings.start, extra.start]),
        np.concatenate([holdings.end, extra.end]),
        np.concatenate([holdings.kept, extra.amount]),
        count,
    )
    changes = (held.intervals(frame.length)[:3], mood.state.intervals(frame.length)[:3])
    steps = (inv.step_node, inv.step_start, inv.step_end)
    stated = (capacity.node, capacity.start, capacity.end)
    who, low, high = atoms(frame, count, stated, *changes, mood.maintenance, mood.wanted, steps)
    at, row, low, high = overlaps(who, low, high, *stated)
    who, size = who[at], capacity.amount[row]
    free = size - held.at(who, low)
    return _rows(inv.step_at(who, low), who, (low, high), size, free, _put_down_to(mood, count, who, low))


def _put_down_to(mood: Mood, count: int, node: Ints, time: Ints) -> Ints:
    """Give the category of what nobody holds."""
    queued = covered(*mood.wanted, count).at(node, time) > 0
    repaired = covered(*mood.maintenance, count).at(node, time) > 0
    state = np.maximum(mood.state.at(node, time), repaired.astype(np.int64))
    down, planned, blocked, idle = (CATEGORIES.index(name) for name in ("down", "planned_down", "blocked", "idle"))
    instead = np.where(queued, blocked, idle)
    return np.where(
        state == STATES.index("down"), down, np.where(state == STATES.index("planned_down"), planned, instead)
    )


def _rows(step: Ints, who: Ints, time: tuple[Ints, Ints], size: Ints, free: Ints, category: Ints) -> Unallocated:
    """Put capacity, what is free of it and what is held of it one after another."""
    some, taken = np.flatnonzero(free > 0), np.flatnonzero(size > free)
    row = np.concatenate([np.arange(len(who), dtype=np.int64), some, taken])
    codes = [np.zeros(len(who), dtype=np.int64), category[some], np.full(len(taken), NONE, dtype=np.int64)]
    amount = np.concatenate([size, free[some], (size - free)[taken]])
    return Unallocated(step[row], who[row], time[0][row], time[1][row], np.concatenate(codes), amount)
