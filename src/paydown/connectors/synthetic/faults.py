"""What goes wrong with the telemetry: nodes without any, lost scrapes, exporters that hang, GPUs that are lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from paydown.connectors.synthetic.cluster import Cluster, generator
from paydown.model.units import MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.connectors.synthetic.life import Ints
    from paydown.connectors.synthetic.outages import Outage
    from paydown.connectors.synthetic.signals import Columns

LOST = 0.002
"""The share of single scrapes that are lost."""
_HANGS_PER_NODE_DAY = 0.08
_FALLS_PER_NODE_DAY = 0.02
_GONE = ("down", "maintenance", "absent")


@dataclass(frozen=True)
class Gap:
    """A time in which a node, or one device of it, is not measured."""

    node: int
    device: int
    """The device's index on its node; -1: all, and the host too."""
    start_ms: int
    end_ms: int


def gaps(cluster: Cluster, outages: list[Outage], seed: int, *, faults: bool) -> list[Gap]:
    """List the times without measurements."""
    found = [
        Gap(o.node, -1, cluster.start_ms + o.start * MS_PER_SECOND, cluster.start_ms + o.end * MS_PER_SECOND)
        for o in outages
        if o.kind in _GONE
    ]
    found += [Gap(node, -1, cluster.start_ms, cluster.end_ms) for node in cluster.of_role("dark")]
    return found + (_hangs(cluster, seed) if faults else [])


def _hangs(cluster: Cluster, seed: int) -> list[Gap]:
    """Let exporters hang for 10 to 150 minutes, and devices be lost for hours."""
    rng = generator(seed, 7)
    found = []
    for rate, low, high, single in (
        (_HANGS_PER_NODE_DAY, 10, 150, False),
        (_FALLS_PER_NODE_DAY, 120, 600, True),
    ):
        for _ in range(int(rng.poisson(rate * len(cluster.nodes) * cluster.days))):
            node = int(rng.integers(0, len(cluster.nodes)))
            device = int(rng.integers(0, max(len(cluster.nodes[node].devices), 1))) if single else -1
            start = int(rng.integers(cluster.start_ms, cluster.end_ms))
            found.append(Gap(node, device, start, start + int(rng.integers(low, high)) * MS_PER_MINUTE))
    return found


def measured(gaps: list[Gap], nodes: list[int], devices: list[int], times: Ints) -> npt.NDArray[np.bool_]:
    """Tell which samples exist: one row for each of the nodes' devices in order, one column for each tick."""
    first = np.concatenate([[0], np.cumsum(devices)])
    kept = np.ones((int(first[-1]), times.shape[1]), np.bool_)
    at = {node: i for i, node in enumerate(nodes)}
    for gap in gaps:
        i = at.get(gap.node)
        if i is not None and gap.start_ms < times[i, -1] and gap.end_ms > times[i, 0]:
            lost = (times[i] >= gap.start_ms) & (times[i] < gap.end_ms)
            rows = (
                slice(first[i], first[i + 1])
                if gap.device < 0
                else slice(first[i] + gap.device, first[i] + gap.device + 1)
            )
            kept[rows] &= ~lost
    return kept


@dataclass(frozen=True)
class Outsider:
    """Use of a device by nobody that the scheduler knows."""

    device: int
    start_ms: int
    end_ms: int
    level: float


def outsiders(cluster: Cluster, bases: Ints) -> list[Outsider]:
    """Let somebody use the last device of each `outside` node, for six hours every third day."""
    return [
        Outsider(int(bases[node + 1]) - 1, start, start + 6 * MS_PER_HOUR, 0.55)
        for node in cluster.of_role("outside")
        for start in range(cluster.start_ms + 2 * MS_PER_HOUR, cluster.end_ms - 6 * MS_PER_HOUR, 72 * MS_PER_HOUR)
    ]


BAD_CELLS = (
    ("gr_engine_active_ratio", float("nan"), "not-a-number"),
    ("gr_engine_active_ratio", 1.7, "out-of-range"),
    ("gpu_util_ratio", float("inf"), "not-a-number"),
    ("gpu_util_ratio", -0.4, "out-of-range"),
    ("memory_used_mib", -5, "negative"),
    ("duration_ms", 0, "non-positive-duration"),
)
"""What is planted once in every day's samples: a column, its value, and the reason of the reject that it becomes."""
_SLIGHT = 1.004
"""A ratio that is above one by less than the tolerance: to be clipped, not rejected."""
_DUPLICATES = 3


def spoil(columns: Columns, seed: int, day: int) -> dict[str, int]:
    """Plant cells that cannot be believed, in place and in the first half of the rows; give how many of each reason."""
    rng = generator(seed, 8, day)
    size = len(columns["duration_ms"])
    found: dict[str, int] = {}
    if size < 10 * len(BAD_CELLS):
        return found
    at = rng.choice(size // 2, len(BAD_CELLS) + 1, replace=False)
    for row, (name, value, reason) in zip(at, BAD_CELLS, strict=False):
        if name in columns:
            columns[name][row] = value
            found[reason] = found.get(reason, 0) + 1
    columns["gpu_util_ratio"][at[-1]] = _SLIGHT
    return found


def doubled(size: int, seed: int, day: int) -> Ints:
    """Give the order of rows in which a few of the second half come twice, one after the other."""
    again = generator(seed, 9, day).integers(size // 2, size, _DUPLICATES if size else 0)
    return np.sort(np.concatenate([np.arange(size), again]))
