"""The nodes that an inventory lists over a window: what each has, for how long, and in which state it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from paydown.ledger.columns import NONE
from paydown.ledger.frame import Frame, Horizons
from paydown.ledger.inventory import Inventory, inventory
from paydown.ledger.settings import LedgerSettings
from paydown.model.units import MILLI, MS_PER_DAY, TRES
from paydown.model.window import Window, to_ms

if TYPE_CHECKING:
    from paydown.reports.parts.scope import Scope

STATES = ("up", "planned_down", "down")
"""What a node can be; of states that begin at once the later of these wins (docs/spec/ledger.md, section 2)."""

Row = dict[str, Any]


@dataclass
class Node:
    """One node of an inventory over a window."""

    cluster: str
    node: str
    gpu_model: str | None
    """The model of its GPUs; None where it is not known or it has several."""
    pool: str | None
    partition: str | None
    """All its partitions, as one text."""
    gpus: float | None
    """How many GPUs it had when it was last listed; None where no inventory says."""
    listed: list[Window] = field(default_factory=list)
    """When it was listed."""
    capacity: dict[str, int | None] = field(default_factory=dict)
    """What it had of each TRES, amount x ms; None where that is not tracked."""
    spent: dict[str, int] = field(default_factory=dict)
    """How many ms of the time listed it was in each state."""
    state: str | None = None
    """The state at the end of the time listed."""
    reason: str | None = None
    devices: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """The devices by name, when it was last listed: milli and model."""

    @property
    def listed_ms(self) -> int:
        """How long it was listed."""
        return sum(span.length_ms for span in self.listed)


def fleet(scope: Scope, nodes: Sequence[str] = ()) -> list[Node]:
    """Give the nodes that are listed in a window, by cluster and name; `nodes` chooses some."""
    found = []
    for cluster in scope.clusters:
        tables = {
            name: scope.snapshot.rows(name, clusters=[cluster])
            for name in ("nodes", "devices", "node_states", "reservations", "sources")
        }
        horizons = Horizons.of(tables["sources"])
        window = Window(scope.window.start_ms, max(scope.window.start_ms, min(scope.window.end_ms, horizons.end)))
        rows = {name: _touching(tables[name].to_pylist(), window, horizons) for name in tables if name != "sources"}
        mine = _attributes(cluster, rows, nodes)
        frame = _frame(cluster, window)
        _measure(mine, window, inventory(frame, horizons, tables["nodes"], tables["devices"], sorted(mine), set()))
        states: dict[str, list[Row]] = {}
        for row in rows["node_states"]:
            states.setdefault(row["node"], []).append(row)
        kept = [row for row in rows["reservations"] if row["kind"] == "maintenance"]
        for node in mine.values():
            _states(node, states.get(node.node, []), [row for row in kept if node.node in row["nodes"].split(";")])
        found += [mine[name] for name in sorted(mine)]
    return found


def _frame(cluster: str, window: Window) -> Frame:
    """Give a frame that begins with the epoch and reaches beyond the window."""
    day = window.end_ms // MS_PER_DAY
    return Frame(cluster, day, day * MS_PER_DAY, LedgerSettings())


def _touching(rows: Iterable[Row], window: Window, horizons: Horizons) -> list[Row]:
    """Give the rows that touch a window, their start and end in ms (open ones to the horizon), by start."""
    found = []
    for row in rows:
        start = to_ms(row["start"])
        end = horizons.capacity_end if row["end"] is None else to_ms(row["end"])
        end = max(start, min(end, horizons.end))
        if start <= window.end_ms and (end > window.start_ms or row["end"] is None):
            found.append({**row, "start": start, "end": end})
    return sorted(found, key=lambda row: row["start"])


def _attributes(cluster: str, rows: Mapping[str, list[Row]], chosen: Sequence[str]) -> dict[str, Node]:
    """Make the nodes, with what their last rows say."""
    last = {row["node"]: row for row in rows["nodes"] if not chosen or row["node"] in chosen}
    devices: dict[str, dict[str, Row]] = {}
    for row in rows["devices"]:
        devices.setdefault(row["node"], {})[row["gpu"]] = row
    found = {}
    for name, row in last.items():
        own = [each for each in devices.get(name, {}).values() if each["end"] >= row["end"]]
        has = {each["gpu"]: (each["milli"], each["gpu_model"] or row["gpu_model"]) for each in own}
        has = has or {str(index): (MILLI, row["gpu_model"]) for index in range(row["gpus"] or 0)}
        models = {model for _, model in has.values()} or {row["gpu_model"]}
        gpus = None if not has and row["gpus"] is None else sum(milli for milli, _ in has.values()) / MILLI
        found[name] = Node(
            cluster, name, models.pop() if len(models) == 1 else None, row["pool"], row["partitions"] or None, gpus,
            devices=has,
        )  # fmt: skip
    return found


def _measure(nodes: Mapping[str, Node], window: Window, inv: Inventory) -> None:
    """Add up over the window for how long nodes were listed, and what they had."""
    low, high = np.maximum(inv.step_start, window.start_ms), np.minimum(inv.step_end, window.end_ms)
    for at in np.flatnonzero((inv.listed == 1) & (high > low)).tolist():
        node = nodes[inv.nodes[inv.step_node[at]]]
        span = Window(int(low[at]), int(high[at]))
        node.listed.append(span)
        for tres in TRES:
            figure = int(inv.capacity(tres)[at])
            if figure == NONE:
                node.capacity.setdefault(tres, None)
            else:
                node.capacity[tres] = (node.capacity.get(tres) or 0) + figure * span.length_ms


def _states(node: Node, states: Sequence[Row], kept: Sequence[Row]) -> None:
    """Say how long a node was in each state while it was listed, and which it was in last."""
    borders = {border for row in (*states, *kept) for border in (row["start"], row["end"])}
    node.spent = dict.fromkeys(STATES, 0)
    for span in node.listed:
        inner = sorted({span.start_ms, span.end_ms, *(b for b in borders if span.start_ms < b < span.end_ms)})
        for start, end in pairwise(inner):
            node.state, node.reason = _state(states, kept, start)
            node.spent[node.state] += end - start


def _state(states: Sequence[Row], maintenance: Sequence[Row], moment: int) -> tuple[str, str | None]:
    """Give the state at a moment and its reason."""
    covering = [row for row in states if row["start"] <= moment < row["end"]]
    row = max(covering, key=lambda row: (row["start"], STATES.index(row["state"])), default=None)
    state, reason = ("up", None) if row is None else (row["state"], row["reason"])
    reserved = next((each for each in maintenance if each["start"] <= moment < each["end"]), None)
    if state == "up" and reserved is not None:
        return "planned_down", f"maintenance: {reserved['name']}"
    return state, reason
