"""The oracle's inventory and holdings: who holds what, when (docs/spec/ledger.md, 1.3 to 1.7 and 1.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.ledger.brute_time import Horizons, Row, Span, Stretch, elementary, stretches, succession

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL_TRES = ("gpu", "gpu_memory", "cpu", "memory")
Parts = dict[str | None, int]
"""How much of one TRES is held of each device; None: of no known device (cpu and memory: of the node)."""


def device_order(name: str) -> tuple[int, int, int, str]:
    """Order devices by index, then slice, as numbers; other names after, by code points (1.3)."""
    formed = re.fullmatch(r"([0-9]+)(?:/([0-9]+))?", name)
    if not formed:
        return (1, 0, 0, name)
    return (0, int(formed[1]), -1 if formed[2] is None else int(formed[2]), name)


def largest_remainder(total: int, weights: list[int]) -> list[int]:
    """Split a total in proportion to weights; what is left goes to the largest remainders, first come first (1.4)."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares


@dataclass(frozen=True)
class Device:
    """A device as the inventory has it at a moment."""

    milli: int
    memory: int | None
    model: str | None


UNLISTED = Device(1000, None, None)
"""What a device counts as that is not listed (1.3)."""


@dataclass(frozen=True)
class Inventory:
    """A listed node at a moment (1.3)."""

    row: Row
    devices: dict[str, Device] | None
    """In device order; None: neither devices rows nor a `gpus` figure."""

    def device(self, name: str) -> Device:
        """Give a device, listed or not."""
        return (self.devices or {}).get(name, UNLISTED)

    def with_memory(self) -> list[Device]:
        """Give the devices that have a memory figure."""
        return [device for device in (self.devices or {}).values() if device.memory is not None]

    def capacity(self, tres: str) -> int | None:
        """Give the capacity of a TRES; None where the inventory has no figure (1.1, 1.9)."""
        if tres == "gpu":
            return None if self.devices is None else sum(device.milli for device in self.devices.values())
        if tres == "gpu_memory":
            known = self.with_memory()
            return sum(device.memory or 0 for device in known) if known else None
        figure: int | None = self.row["cpus"] if tres == "cpu" else self.row["memory_mib"]
        return figure if figure is None or tres == "memory" else figure * 1000


@dataclass
class Allocation:
    """An allocation row with its real end (1.4)."""

    job_id: str
    attempt: int
    node: str
    start: int
    end: int
    gpu_milli: int
    gpus: list[str] | None
    figures: dict[str, int | None]
    """What it holds of cpu and memory; None: not tracked."""
    job: Row | None
    """The jobs row of its attempt."""
    found: list[str] = field(default_factory=list)
    """The devices of rule 2, in its order (1.4)."""

    @property
    def order(self) -> tuple[int, str, int]:
        """The order in which excess is taken, from the last (1.6)."""
        return (self.start, self.job_id, self.attempt)


def allocations(rows: list[Row], jobs: dict[tuple[str, int], Row], hz: Horizons) -> list[Allocation]:
    """Give each allocation row its end, without those that are empty then (1.4)."""
    groups: dict[tuple[str, int, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["job_id"], row["attempt"], row["node"]), []).append(row)
    result = []
    for (job_id, attempt, node), group in groups.items():
        job = jobs.get((job_id, attempt))
        for stretch in succession(group, hz.allocation, hz.end):
            job_end = job["end"] if job and job["end"] is not None else stretch.end
            end = min(stretch.end, job_end)
            row = stretch.row
            if stretch.start < end:
                names = None if row["gpus"] is None else [name for name in row["gpus"].split(";") if name]
                figures = {"cpu": row["cpu_milli"], "memory": row["memory_mib"]}
                result.append(
                    Allocation(job_id, attempt, node, stretch.start, end, row["gpu_milli"], names, figures, job)
                )
    return sorted(result, key=lambda allocation: allocation.order)


@dataclass
class Node:
    """What the facts say of one node, in stretches of time."""

    listed: list[Stretch]
    devices: dict[str, list[Stretch]]
    states: list[Stretch]
    said: list[Stretch]
    maintenance: list[Stretch]
    allocations: list[Allocation]

    def inventory(self, moment: int) -> Inventory | None:
        """Give the node's inventory at a moment; None where it is not listed (1.3)."""
        row = next((stretch.row for stretch in self.listed if stretch.holds(moment)), None)
        if row is None:
            return None
        rows = {name: s.row for name, several in self.devices.items() for s in several if s.holds(moment)}
        if rows:
            found = {n: Device(r["milli"], r["memory_mib"], r["gpu_model"]) for n, r in rows.items()}
            return Inventory(row, {name: found[name] for name in sorted(found, key=device_order)})
        if row["gpus"] is None:
            return Inventory(row, None)
        plain = Device(1000, row["gpu_memory_mib"], row["gpu_model"])
        return Inventory(row, {str(index): plain for index in range(row["gpus"])})

    def state(self, moment: int) -> str:
        """Give the node's state at a moment (section 2, Node state)."""
        precedence = {"down": 2, "planned_down": 1, "up": 0}
        covering = [(s.start, precedence[s.row["state"]], s.row["state"]) for s in self.states if s.holds(moment)]
        state = max(covering)[2] if covering else "up"
        reserved = any(stretch.holds(moment) for stretch in self.maintenance)
        return "planned_down" if state == "up" and reserved else state

    def borders(self) -> set[int]:
        """Give every moment at which any of this changes."""
        device_rows = [stretch for several in self.devices.values() for stretch in several]
        timed: list[Stretch | Allocation] = [*self.listed, *device_rows, *self.states, *self.said, *self.maintenance]
        timed += self.allocations
        return {border for thing in timed for border in (thing.start, thing.end)}


def nodes(facts: dict[str, list[Row]], found: list[Allocation], hz: Horizons) -> dict[str, Node]:
    """Gather what the facts of one cluster say of each node."""
    names = {row["node"] for table in ("nodes", "devices", "node_states", "node_allocations") for row in facts[table]}
    names |= {allocation.node for allocation in found}
    names |= {row["node"] for table in ("gpu_samples", "host_samples") for row in facts[table]}

    def of(table: str, name: str) -> list[Row]:
        return [row for row in facts[table] if row["node"] == name]

    def reserved(name: str) -> list[Row]:
        rows = [row for row in facts["reservations"] if row["kind"] == "maintenance"]
        return [row for row in rows if name in row["nodes"].split(";")]

    result = {}
    for name in sorted(names):
        gpus = {row["gpu"] for row in of("devices", name)}
        result[name] = Node(
            succession(of("nodes", name), hz.capacity, hz.end),
            {gpu: succession([r for r in of("devices", name) if r["gpu"] == gpu], hz.capacity, hz.end) for gpu in gpus},
            stretches(of("node_states", name), hz.capacity, hz.end),
            succession(of("node_allocations", name), hz.capacity, hz.end),
            stretches(reserved(name), hz.capacity, hz.end),
            [allocation for allocation in found if allocation.node == name],
        )
    return result


def up_to(total: int, names: list[str], inventory: Inventory | None) -> Parts:
    """Take devices in order, each with its whole milli, until the total is reached (1.4, rule 2)."""
    parts: Parts = {}
    for name in names:
        milli = UNLISTED.milli if inventory is None else inventory.device(name).milli
        parts[name] = min(milli, total - sum(parts.values()))
    return parts


def device_parts(
    allocation: Allocation, inventory: Inventory | None, at_start: Inventory | None, *, sole: bool
) -> Parts:
    """Give what an allocation holds of each device at a moment, before over-allocation (1.4)."""
    parts: Parts
    if allocation.gpus is not None:
        names = sorted(set(allocation.gpus), key=device_order)
        weights = [UNLISTED.milli if inventory is None else inventory.device(name).milli for name in names]
        parts = dict(zip(names, largest_remainder(allocation.gpu_milli, weights), strict=True))
    elif sole and inventory is not None:
        parts = {name: device.milli for name, device in (inventory.devices or {}).items()}
    else:
        parts = up_to(allocation.gpu_milli, allocation.found, at_start)
    parts[None] = allocation.gpu_milli - sum(parts.values())
    return {name: milli for name, milli in parts.items() if milli > 0}


def memory_parts(parts: Parts, inventory: Inventory | None) -> Parts:
    """Give the GPU memory that goes with what is held of devices (1.5)."""
    result: Parts = {}
    if inventory is None:
        return result
    known = inventory.with_memory()
    for name, milli in parts.items():
        if name is None:
            memory: int | None = sum(device.memory or 0 for device in known)
            whole = sum(device.milli for device in known)
        else:
            memory, whole = inventory.device(name).memory, inventory.device(name).milli
        if memory is not None and whole:
            result[name] = milli * memory // whole
    return result


@dataclass
class State:
    """One node over a stretch in which nothing changes but samples."""

    start: int
    end: int
    inventory: Inventory | None
    allocations: list[Allocation]
    """Those on the node, by (start, job_id, attempt)."""
    held: dict[str, list[Parts]]
    """For each TRES and allocation, what it holds before over-allocation; no parts: it does not track it."""
    kept: dict[str, list[Parts]]
    """What stays after over-allocation (1.6)."""
    unseen: dict[str, int]
    """What nobody visible holds (1.7)."""

    def all_track(self, tres: str) -> bool:
        """Tell whether every allocation here has a figure of the TRES (1.9)."""
        return all(a.figures.get(tres, 0) is not None for a in self.allocations)

    def capacity(self, tres: str) -> int | None:
        """Give the capacity, None where the node is not listed or has no figure."""
        return None if self.inventory is None else self.inventory.capacity(tres)

    def tracked(self, tres: str) -> bool:
        """Tell whether the TRES is tracked here (1.9)."""
        return self.capacity(tres) is not None and self.all_track(tres)

    def total(self, tres: str) -> int:
        """Give what all visible allocations hold after over-allocation."""
        return sum(sum(parts.values()) for parts in self.kept[tres])

    def holders(self, device: str) -> list[int]:
        """Give the milli that each holder of a device holds of it, before over-allocation (3.4)."""
        return [parts[device] for parts in self.held["gpu"] if device in parts]


def take(kept: list[Parts], capacity: int, only: str | None = None) -> None:
    """Take what exceeds the capacity, from the last allocation backwards (1.6); `only`: of one device."""

    def here(parts: Parts) -> list[str | None]:
        if only is not None:
            return [only] if only in parts else []
        named = sorted((name for name in parts if name is not None), key=device_order, reverse=True)
        return [*([None] if None in parts else []), *named]

    excess = sum(parts[name] for parts in kept for name in here(parts)) - capacity
    for parts in reversed(kept):
        for name in here(parts):
            taken = min(max(excess, 0), parts[name])
            parts[name] -= taken
            excess -= taken


def over_allocation(state: State) -> None:
    """Fill `kept`: what stays of each holding (1.6)."""
    for tres in ALL_TRES:
        state.kept[tres] = [dict(parts) for parts in state.held[tres]]
    if state.tracked("gpu") and state.inventory is not None:
        for name, device in (state.inventory.devices or {}).items():
            take(state.kept["gpu"], device.milli, only=name)
        take(state.kept["gpu"], state.capacity("gpu") or 0)
        state.kept["gpu_memory"] = [memory_parts(parts, state.inventory) for parts in state.kept["gpu"]]
    for tres in ("gpu_memory", "cpu", "memory"):
        if state.tracked(tres):
            take(state.kept[tres], state.capacity(tres) or 0)


def unseen(state: State, said: Row | None) -> dict[str, int]:
    """Give what the node says is allocated and nobody visible holds (1.7)."""
    result = dict.fromkeys(ALL_TRES, 0)
    if said is None:
        return result
    for tres, column in (("gpu", "gpu_milli"), ("cpu", "cpu_milli"), ("memory", "memory_mib")):
        figure, capacity = said[column], state.capacity(tres)
        if figure is not None and state.all_track(tres):
            possible = figure if capacity is None else min(figure, capacity)
            result[tres] = max(0, possible - state.total(tres))
    capacity = state.capacity("gpu_memory")
    if capacity is not None:
        memory = memory_parts({None: result["gpu"]}, state.inventory).get(None, 0)
        result["gpu_memory"] = max(0, min(memory, capacity - state.total("gpu_memory")))
    return result


def states(node: Node, more_borders: Iterable[int], horizon: int) -> list[State]:
    """Give a node's history as states, in order of time."""
    result = []
    spans: list[Span] = elementary(node.borders() | set(more_borders), horizon)
    for start, end in spans:
        inventory = node.inventory(start)
        here = [a for a in node.allocations if a.start <= start < a.end]
        capacity = None if inventory is None else inventory.capacity("gpu")
        with_gpus = [a for a in here if a.gpu_milli > 0]
        # Rule 3 of 1.4. That nothing is unseen follows: the one allocation holds all that the node could say.
        # A node of no capacity has no devices to hold: there rule 2 stays.
        sole = len(with_gpus) == 1 and bool(capacity) and with_gpus[0].gpu_milli >= (capacity or 0)
        gpu = [device_parts(a, inventory, node.inventory(a.start), sole=sole and a is with_gpus[0]) for a in here]
        held = {"gpu": gpu, "gpu_memory": [memory_parts(parts, inventory) for parts in gpu]}
        for tres in ("cpu", "memory"):
            figures = [a.figures[tres] for a in here]
            held[tres] = [{} if figure is None else {None: figure} for figure in figures]
        state = State(start, end, inventory, here, held, {}, {})
        over_allocation(state)
        said = next((stretch.row for stretch in node.said if stretch.holds(start)), None)
        state.unseen = unseen(state, said)
        result.append(state)
    return result
