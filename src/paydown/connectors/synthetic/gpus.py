"""The `gpu_samples` of a day, in the order in which they will lie in the store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.connectors.synthetic.arrow import codes, instants, rows
from paydown.connectors.synthetic.cluster import Cluster, generator
from paydown.connectors.synthetic.faults import LOST, Gap, Outsider, doubled, measured, spoil
from paydown.connectors.synthetic.life import device_bases
from paydown.connectors.synthetic.signals import columns, read, scrape_times
from paydown.model.units import MS_PER_DAY, MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.connectors.synthetic.life import Ints, Lives, Singles, Spans
    from paydown.connectors.synthetic.settings import SyntheticSettings

_BLOCK = 250_000
"""About how many rows are made at a time: bounds the memory of a day of a large cluster."""


@dataclass
class Gpus:
    """Makes days of samples."""

    cluster: Cluster
    settings: SyntheticSettings
    lives: Lives
    spans: Spans
    gaps: list[Gap]
    outsiders: list[Outsider]
    job_ids: list[str]
    """The id of each attempt's job."""
    rejects: Counter[str] = field(default_factory=Counter)
    """How many rejects were planted so far, by reason."""

    def day(self, day: int) -> pa.Table | None:
        """Make the samples of the day of this number; None where there are none."""
        start = self.cluster.start_ms + day * MS_PER_DAY
        here = self.spans.during(start, start + MS_PER_DAY)
        made = [self._block(here, nodes, day) for nodes in self._blocks()]
        return pa.concat_tables(made) if made else None

    def _blocks(self) -> list[list[int]]:
        nodes = self.cluster.gpu_nodes
        ticks = MS_PER_DAY // (self.settings.interval * MS_PER_SECOND)
        devices = sum(len(self.cluster.nodes[node].devices) for node in nodes)
        step = max(1, _BLOCK * len(nodes) // max(devices * ticks, 1))
        return [nodes[i : i + step] for i in range(0, len(nodes), step)]

    def _block(self, spans: Spans, nodes: list[int], day: int) -> pa.Table:
        rng = generator(self.settings.seed, 10, day, nodes[0])
        times = scrape_times(self.cluster, nodes, day, self.settings.interval, self.settings.seed)
        counts = [len(self.cluster.nodes[node].devices) for node in nodes]
        of_device = np.repeat(np.arange(len(nodes)), counts)
        kept = measured(self.gaps, nodes, counts, times)
        if self.settings.faults:
            kept &= (rng.random(times.shape, dtype=np.float32) >= LOST)[of_device]
        row, tick = np.nonzero(kept)
        local = np.concatenate(
            [np.arange(bases, bases + n) for bases, n in zip(self._bases[nodes], counts, strict=True)]
        )
        noise = rng.random(len(row), dtype=np.float32) * 2 - 1
        spoils = self.settings.faults and nodes[0] == self.cluster.gpu_nodes[0]
        if spoils:
            order = doubled(len(row), self.settings.seed, day)
            row, tick, noise = row[order], tick[order], noise[order]
        return self._table(spans, local[row], times[of_device[row], tick], noise, day if spoils else None)

    @property
    def _bases(self) -> Ints:
        return device_bases(self.cluster)

    def _table(self, spans: Spans, device: Ints, time: Ints, noise: Singles, spoiled: int | None) -> pa.Table:
        """Make a block; where the day's number is given, with that day's cells that cannot be believed."""
        middle = time + self.settings.interval * MS_PER_SECOND // 2
        readings = read(self.lives, spans, device, middle, noise, int(self._bases[-1]))
        self._outside(readings.use, device, middle)
        every = [d for node in self.cluster.nodes for d in node.devices]
        found = columns(readings, np.array([d.memory_mib for d in every])[device], noise, self.settings.signals)
        found["duration_ms"] = np.full(len(device), self.settings.interval * MS_PER_SECOND)
        if spoiled is not None:
            self.rejects.update(spoil(found, self.settings.seed, spoiled))
        return rows(
            "gpu_samples",
            self.cluster.name,
            {
                "node": codes([n.name for n in self.cluster.nodes], self._node_of[device]),
                "gpu": codes([d.name for d in every], device),
                "job_id": self._labels(device, readings.which),
                "start": instants(time),
                **self._without_mig(found, device),
            },
            len(device),
        )

    @property
    def _node_of(self) -> Ints:
        return np.repeat(np.arange(len(self.cluster.nodes)), np.diff(self._bases))

    def _outside(self, use: Singles, device: Ints, time: Ints) -> None:
        """Add what is done on devices without a job."""
        for other in self.outsiders:
            here = (device == other.device) & (time >= other.start_ms) & (time < other.end_ms) & (use == 0)
            use[here] = other.level

    def _labels(self, device: Ints, which: Ints) -> pa.Array:
        """Name the job where the node's exporter knows it."""
        named = np.array([n.role in ("labelled", "legacy-labelled") for n in self.cluster.nodes])[self._node_of[device]]
        named &= which >= 0
        if not named.any():
            return pa.nulls(len(device), pa.string())
        present, code = np.unique(which[named], return_inverse=True)
        found = np.full(len(device), -1, np.int64)
        found[named] = code
        return codes([self.job_ids[i] for i in present], found)

    def _without_mig(self, found: dict[str, np.ndarray], device: Ints) -> dict[str, pa.Array]:
        """Leave gpu_util out for MIG instances, which have none (source: DCGM, GPU_UTIL of MIG devices)."""
        sliced = np.array([n.role == "mig" for n in self.cluster.nodes])[self._node_of[device]]
        made = {name: pa.array(values) for name, values in found.items()}
        if sliced.any():
            made["gpu_util_ratio"] = pa.array(found["gpu_util_ratio"], mask=sliced)
        return made
