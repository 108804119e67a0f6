"""The oracle's samples and whole-job figures (docs/spec/ledger.md, 3.1, 3.2 and 3.5)."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.ledger.brute_hold import device_order

from paydown.model.facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ledger.brute_hold import Allocation, Node
    from tests.ledger.brute_time import Row

    from paydown.ledger.settings import LedgerSettings

QUIET_SIGNALS = ("gpu_util", "gr_engine_active", "sm_active")


def half_up(figure: float) -> int:
    """Round to the nearest whole number, halves up, in double (3.1)."""
    return math.floor(figure + 0.5)


def ppm(ratio: float) -> int:
    """Give a ratio in whole parts per million (3.1)."""
    return half_up(ratio * 1_000_000)


@dataclass(frozen=True)
class Sample:
    """A sample that carries a believed figure for a TRES, with the time that it holds (3.2)."""

    device: str | None
    label: str | None
    start: int
    end: int
    signal: str
    figure: int
    """ppm for gpu, else the amount."""
    quiet: bool = False
    """Whether it is quiet (3.6); gpu only."""

    def holds(self, moment: int) -> bool:
        """Tell whether it covers the moment."""
        return self.start <= moment < self.end


class Carried:
    """Which measured figures a row carries, believed or not."""

    def __init__(self, table: str, row: Row) -> None:
        mask = row.get("_rejected") or 0
        names = FACTS[table].measured
        self.rejected = {name for i, name in enumerate(names) if mask >> i & 1}
        self.believed = {name: row[name] for name in names if row.get(name) is not None and name not in self.rejected}

    def carries(self, column: str) -> bool:
        """Tell whether the row had a figure in that column."""
        return column in self.rejected or column in self.believed


def gpu_signal(carried: Carried, settings: LedgerSettings) -> str | None:
    """Give the first of the configured order whose figure is believed, else the first that was carried (3.1)."""
    believed = [name for name in settings.gpu_signals if f"{name}_ratio" in carried.believed]
    present = [name for name in settings.gpu_signals if carried.carries(f"{name}_ratio")]
    return next(iter(believed + present), None)


def signal_column(table: str, tres: str, carried: Carried, settings: LedgerSettings) -> tuple[str, str] | None:
    """Give the signal of a TRES that a sample carries and its column (3.1); None where it carries none."""
    if tres == "gpu":
        signal = gpu_signal(carried, settings)
        return None if signal is None else (signal, f"{signal}_ratio")
    name = "cpu_used_milli" if tres == "cpu" else "memory_used_mib"
    return (name, name) if carried.carries(name) else None


def quiet(carried: Carried, settings: LedgerSettings) -> bool:
    """Tell whether every activity ratio that a GPU sample carries (and that is believed) is small enough (3.6)."""
    ratios = [carried.believed[f"{name}_ratio"] for name in QUIET_SIGNALS if f"{name}_ratio" in carried.believed]
    return bool(ratios) and all(ppm(ratio) <= ppm(settings.inactive_ratio) for ratio in ratios)


def unlisted_mig_parent(node: Node, device: str, moment: int) -> bool:
    """Tell whether the node's devices have slices of this device but not the device itself (3.2)."""
    inventory = node.inventory(moment)
    names = (inventory.devices if inventory else None) or {}
    return device not in names and any(name.startswith(f"{device}/") for name in names)


def samples(
    rows: list[Row], table: str, tres: str, node: Node, settings: LedgerSettings
) -> tuple[list[Sample], list[Sample]]:
    """Give a node's samples of one TRES: those that may count, and those of unlisted MIG parents (3.2).

    `rows` are all samples of the table on the node.
    """
    groups: dict[str | None, list[tuple[Row, Carried, tuple[str, str]]]] = {}
    for row in rows:
        carried = Carried(table, row)
        signal = signal_column(table, tres, carried, settings)
        if signal is not None:
            group = row["gpu"] if table == "gpu_samples" else row["job_id"]
            groups.setdefault(group, []).append((row, carried, signal))
    good: list[Sample] = []
    parents: list[Sample] = []
    for group, carriers in groups.items():
        starts = sorted(row["start"] for row, _, _ in carriers)
        for row, carried, (name, column) in carriers:
            if column not in carried.believed or row["duration_ms"] <= 0:
                continue
            start = row["start"]
            duration = min(row["duration_ms"], settings.max_duration_ms)
            end, later = start + duration, bisect_right(starts, start)
            if later < len(starts):
                gap = starts[later] - start
                if 2 * gap <= 3 * duration and gap - duration <= settings.max_gap_ms:
                    end = starts[later]
            figure = ppm(carried.believed[column]) if tres == "gpu" else carried.believed[column]
            device = group if table == "gpu_samples" else None
            is_quiet = tres == "gpu" and quiet(carried, settings)
            sample = Sample(device, row["job_id"], start, end, name, figure, is_quiet)
            hidden = device is not None and unlisted_mig_parent(node, device, start)
            (parents if hidden else good).append(sample)
    return sorted(good, key=lambda s: s.start), sorted(parents, key=lambda s: s.start)


def find_devices(allocation: Allocation, gpu_samples: list[Sample], usage: list[Row]) -> list[str]:
    """Give the devices of an allocation that does not say them (1.4, rule 2)."""
    first: dict[str, int] = {}
    for sample in gpu_samples:  # in order of start
        if sample.label == allocation.job_id and allocation.start <= sample.start < allocation.end:
            first.setdefault(str(sample.device), sample.start)
    if first:
        return sorted(first, key=lambda name: (first[name], device_order(name)))
    named = {
        row["gpu"]
        for row in usage
        if (row["job_id"], row["attempt"], row["node"]) == (allocation.job_id, allocation.attempt, allocation.node)
        and row["gpu"] is not None
    }
    return sorted(named, key=device_order)


@dataclass(frozen=True)
class Figure:
    """A whole-job figure (3.5)."""

    signal: str
    scope: str
    """`gpu`, `node` or `job`."""
    value: float
    basis: str
    """`job-mean` or `peak`."""


def usage_signals(tres: str, settings: LedgerSettings) -> list[str]:
    """Give the signals of job_usage rows that speak of a TRES, in order (3.1)."""
    if tres == "gpu":
        return list(settings.gpu_signals)
    return [{"gpu_memory": "gpu_memory_used_mib", "cpu": "cpu_used_milli", "memory": "memory_used_mib"}[tres]]


def figure_for(rows: list[Row], node: str, device: str | None, tres: str, settings: LedgerSettings) -> Figure | None:
    """Give the figure that speaks of an attempt's device on a node (cpu, memory: of the node) (3.1, 3.5).

    `rows` are the job_usage rows of the attempt.
    """
    scopes: list[tuple[str, Callable[[Row], bool]]] = [
        ("gpu", lambda row: row["node"] == node and device is not None and row["gpu"] == device),
        ("node", lambda row: row["node"] == node and row["gpu"] is None),
        ("job", lambda row: row["node"] is None and row["gpu"] is None),
    ]
    for signal in usage_signals(tres, settings):
        for scope, matches in scopes:
            for row in rows:
                if row["signal"] == signal and matches(row):
                    if row["mean"] is not None:
                        return Figure(signal, scope, row["mean"], "job-mean")
                    if row["max"] is not None:
                        return Figure(signal, scope, row["max"], "peak")
    return None


def any_figure(rows: list[Row], node: str, tres: str, settings: LedgerSettings) -> bool:
    """Tell whether the attempt has any figure of the TRES that is about this node or the whole job (3.5)."""
    named = {row["gpu"] for row in rows if row["node"] == node} if tres in {"gpu", "gpu_memory"} else set()
    return any(figure_for(rows, node, device, tres, settings) for device in {None} | named)
