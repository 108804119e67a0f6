"""What each node has at each moment (L1.3): the inventory as a partition of the frame into steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from paydown.ledger.columns import NONE, counts, device_order, instants, recode, texts
from paydown.ledger.frame import FOREVER, Frame, Horizons
from paydown.ledger.intervals import Ints, overlaps
from paydown.model.units import MILLI


@dataclass(frozen=True)
class DeviceSet:
    """The devices of a node during a step, in index order."""

    devices: Ints
    """Device codes."""
    milli: Ints
    memory: Ints
    """MiB, NONE where there is no figure."""
    models: frozenset[str]
    """The GPU models among them."""
    parents: Ints
    """Codes of devices that are not listed although slices of them are."""

    @property
    def with_memory(self) -> tuple[int, int]:
        """Give the sums of milli and of memory of the devices that have a memory figure."""
        known = self.memory != NONE
        return int(self.milli[known].sum()), int(self.memory[known].sum())


@dataclass(frozen=True)
class Inventory:
    """Nodes, devices, and steps that partition the frame for every node; arrays are sorted by (node, start)."""

    nodes: list[str]
    device_node: Ints
    device_names: list[str]
    """Devices are coded in the order of (node, index, slice)."""
    device_index: dict[tuple[int, str], int]
    step_node: Ints
    step_start: Ints
    step_end: Ints
    listed: Ints
    """1 where a nodes row covers the step, else 0."""
    cpu: Ints
    """Capacity in milli-CPU, NONE where not tracked; the same for the next three."""
    memory: Ints
    gpu: Ints
    gpu_memory: Ints
    label: Ints
    """Code of the node's `partitions` text."""
    labels: list[str]
    pool: Ints
    """Code of the node's pool, NONE for none."""
    pools: list[str]
    set_code: Ints
    """Code of the device set, NONE where GPUs are not tracked."""
    sets: list[DeviceSet]
    models: list[frozenset[str]]
    """For each step, the GPU models that the node offers."""

    @cached_property
    def device_words(self) -> dict[str, int]:
        """Give a code for each device name that occurs on any node."""
        return {name: code for code, name in enumerate(sorted(set(self.device_names)))}

    @cached_property
    def devices_by_name(self) -> npt.NDArray[np.int64]:
        """Give the device by (node, code of its name; NONE at the end)."""
        devices = np.full((len(self.nodes), len(self.device_words) + 1), NONE, dtype=np.int64)
        for (node, name), device in self.device_index.items():
            devices[node, self.device_words[name]] = device
        return devices

    @cached_property
    def sizes(self) -> tuple[Ints, Ints, Ints]:
        """Give (device set x number of devices + device, sorted; milli; memory) of every listed device."""
        count = max(len(self.device_names), 1)
        parts = [np.stack([code * count + s.devices, s.milli, s.memory]) for code, s in enumerate(self.sets)]
        key, milli, memory = np.concatenate([np.empty((3, 0), dtype=np.int64), *parts], axis=1)
        order = np.argsort(key)
        return key[order], milli[order], memory[order]

    def capacity(self, tres: str) -> Ints:
        """Give the steps' capacity of a TRES, NONE where it is not tracked."""
        column: Ints = getattr(self, tres)
        return column

    def steps_of(self, node: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Cut intervals on nodes at the inventory's steps: gives (row, step, start, end)."""
        return overlaps(node, start, end, self.step_node, self.step_start, self.step_end)

    def step_at(self, node: Ints, time: Ints) -> Ints:
        """Give the step that covers each moment."""
        _, step, _, _ = self.steps_of(node, time, time + 1)
        return step


def _first_wins(rows: Iterable[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    """Group rows by key, the later start ending the earlier (L1.3)."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["start"]):
        group = groups[row[key]]
        if group:
            group[-1]["end"] = min(group[-1]["end"], row["start"])
        group.append(row)
    return groups


def _rows(table: pa.Table, horizon: int, end: int) -> list[dict[str, Any]]:
    """Give rows as dictionaries with start and end in ms since the epoch, not yet cut to the frame."""
    start = instants(table, "start", 0)
    stop = instants(table, "end", FOREVER)
    stop = np.minimum(np.where(stop == FOREVER, horizon, stop), end)
    rows: list[dict[str, Any]] = table.drop_columns(["start", "end"]).to_pylist()
    for row, low, high in zip(rows, start.tolist(), stop.tolist(), strict=True):
        row["start"], row["end"] = low, high
    return rows


def device_codes(pairs: Iterable[tuple[int, str]]) -> tuple[Ints, list[str], dict[tuple[int, str], int]]:
    """Code (node code, device name) pairs in the order of (node, index, slice)."""
    ordered = sorted(set(pairs), key=lambda pair: (pair[0], device_order(pair[1])))
    nodes = np.array([node for node, _ in ordered], dtype=np.int64)
    return nodes, [gpu for _, gpu in ordered], {pair: code for code, pair in enumerate(ordered)}


_STEP_COLUMNS = ("node", "start", "end", "listed", "cpu", "memory", "gpu", "gpu_memory", "label", "pool", "set")


@dataclass
class _Builder:
    """Collects the steps of all nodes."""

    device_index: dict[tuple[int, str], int]
    labels: dict[str, int]
    pools: dict[str, int]
    sets: dict[tuple[tuple[tuple[int, int, int], ...], frozenset[str]], int]
    set_list: list[DeviceSet]
    columns: dict[str, list[int]]
    models: list[frozenset[str]]

    def step(self, node: int, start: int, end: int, row: dict[str, Any] | None, devices: list[dict[str, Any]]) -> None:
        """Add one step of a node: listed with a row, else unlisted."""
        values = {"node": node, "start": start, "end": end, "listed": int(row is not None)}
        models: set[str] = set()
        if row is None:
            values |= dict.fromkeys(("cpu", "memory", "gpu", "gpu_memory", "label", "pool", "set"), NONE)
        else:
            held = self._devices(node, row, devices)
            values |= self._sizes(row, held)
            models = {row["gpu_model"]} if row["gpu_model"] else set()
            models |= self.set_list[held].models if held != NONE else set()
        for name, value in values.items():
            self.columns[name].append(value)
        self.models.append(frozenset(models))

    def _sizes(self, row: dict[str, Any], held: int) -> dict[str, int]:
        devices = self.set_list[held] if held != NONE else None
        memory = int(devices.with_memory[1]) if devices and bool((devices.memory != NONE).any()) else NONE
        pool = row["pool"]
        return {
            "cpu": NONE if row["cpus"] is None else row["cpus"] * MILLI,
            "memory": NONE if row["memory_mib"] is None else row["memory_mib"],
            "gpu": NONE if devices is None else int(devices.milli.sum()),
            "gpu_memory": memory,
            "label": self.labels.setdefault(row["partitions"] or "", len(self.labels)),
            "pool": NONE if pool is None else self.pools.setdefault(pool, len(self.pools)),
            "set": held,
        }

    def _devices(self, node: int, row: dict[str, Any], devices: list[dict[str, Any]]) -> int:
        if devices:
            found = [(d["gpu"], d["milli"], d["memory_mib"], d["gpu_model"]) for d in devices]
        elif row["gpus"] is not None:
            found = [(str(i), MILLI, row["gpu_memory_mib"], row["gpu_model"]) for i in range(row["gpus"])]
        else:
            return NONE
        found.sort(key=lambda device: device_order(device[0]))
        memory = [NONE if size is None else size for _, _, size, _ in found]
        codes = [self.device_index[node, gpu] for gpu, _, _, _ in found]
        key = tuple(zip(codes, (milli for _, milli, _, _ in found), memory, strict=True))
        models = frozenset(model for _, _, _, model in found if model)
        if (key, models) not in self.sets:
            self.sets[key, models] = len(self.set_list)
            self.set_list.append(_device_set(node, [gpu for gpu, _, _, _ in found], key, models, self.device_index))
        return self.sets[key, models]


def _device_set(
    node: int,
    names: list[str],
    key: tuple[tuple[int, int, int], ...],
    models: frozenset[str],
    index: dict[tuple[int, str], int],
) -> DeviceSet:
    sliced = {name.split("/")[0] for name in names if "/" in name} - set(names)
    parents = [index[node, name] for name in sliced if (node, name) in index]
    array = np.array(key, dtype=np.int64).reshape(len(key), 3)
    return DeviceSet(array[:, 0], array[:, 1], array[:, 2], models, np.array(sorted(parents), dtype=np.int64))


def named_devices(nodes: pa.Table, devices: pa.Table, index: dict[str, int]) -> set[tuple[int, str]]:
    """Give every (node code, device name) that the inventory names."""
    pairs = {
        (index[node], str(i))
        for node, gpus in zip(nodes.column("node").to_pylist(), nodes.column("gpus").to_pylist(), strict=True)
        if node in index
        for i in range(gpus or 0)
    }
    return pairs | {
        (index[node], gpu)
        for node, gpu in zip(devices.column("node").to_pylist(), devices.column("gpu").to_pylist(), strict=True)
        if node in index
    }


def inventory(
    frame: Frame,
    horizons: Horizons,
    nodes: pa.Table,
    devices: pa.Table,
    names: Sequence[str],
    pairs: set[tuple[int, str]],
) -> Inventory:
    """Work out the steps of every node of `names`; `pairs` are all (node code, device name) that anything names."""
    index = {name: code for code, name in enumerate(names)}
    device_node, device_names, device_index = device_codes(pairs | named_devices(nodes, devices, index))
    builder = _Builder(device_index, {}, {}, {}, [], {name: [] for name in _STEP_COLUMNS}, [])
    node_rows = _first_wins(_rows(nodes, horizons.capacity_end, horizons.end), "node")
    by_node: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(devices, horizons.capacity_end, horizons.end):
        by_node[row["node"]].append(row)
    for name, code in index.items():
        kept = [row for rows in _first_wins(by_node.get(name, ()), "gpu").values() for row in rows]
        _steps(builder, frame, code, node_rows.get(name, []), kept)
    columns = {name: np.array(values, dtype=np.int64) for name, values in builder.columns.items()}
    return Inventory(
        list(names), device_node, device_names, device_index,
        columns["node"], columns["start"], columns["end"], columns["listed"],
        columns["cpu"], columns["memory"], columns["gpu"], columns["gpu_memory"],
        columns["label"], list(builder.labels), columns["pool"], list(builder.pools),
        columns["set"], builder.set_list, builder.models,
    )  # fmt: skip


def _steps(
    builder: _Builder, frame: Frame, node: int, rows: list[dict[str, Any]], devices: list[dict[str, Any]]
) -> None:
    """Cut the frame at every border of a node's rows, and say what holds in between."""
    low, high = frame.origin, frame.origin + frame.length
    borders = {low, high}
    for row in (*rows, *devices):
        borders |= {instant for instant in (row["start"], row["end"]) if low < instant < high}
    ordered = sorted(borders)
    for start, end in pairwise(ordered):
        covering = next((row for row in rows if row["start"] <= start < row["end"]), None)
        here = [row for row in devices if row["start"] <= start < row["end"]]
        builder.step(node, start - low, end - low, covering, here)


def said(
    frame: Frame, horizons: Horizons, table: pa.Table, index: dict[str, int]
) -> tuple[Ints, Ints, Ints, dict[str, Ints]]:
    """Give what nodes say is allocated (L1.7): (node, start, end) and the figures by TRES, NONE for null."""
    codes, words = texts(table, "node")
    node = recode(codes, words, index)
    start = instants(table, "start", 0)
    end = instants(table, "end", FOREVER)
    end = np.minimum(np.where(end == FOREVER, horizons.capacity_end, end), horizons.end)
    order = np.lexsort((start, node))
    node, start, end = node[order], start[order], end[order]
    following = np.where(np.append(node[1:] == node[:-1], False), np.append(start[1:], 0), FOREVER)
    low, high = frame.inside(start), frame.inside(np.minimum(end, following))
    keep = (high > low) & (node != NONE)
    figures = {
        tres: counts(table, name)[order][keep]
        for tres, name in (("gpu", "gpu_milli"), ("cpu", "cpu_milli"), ("memory", "memory_mib"))
    }
    return node[keep], low[keep], high[keep], figures
