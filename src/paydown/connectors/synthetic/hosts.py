"""The `host_samples` of a day (a cgroup's cores and memory, for each job on each node), and figures per job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.connectors.synthetic.arrow import codes, instants, rows
from paydown.connectors.synthetic.cluster import Cluster, generator
from paydown.connectors.synthetic.faults import LOST
from paydown.connectors.synthetic.life import chance
from paydown.connectors.synthetic.patterns import INDEX
from paydown.model.units import MILLI, MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.connectors.synthetic.faults import Gap
    from paydown.connectors.synthetic.life import Flags, Ints, Lives, Singles
    from paydown.connectors.synthetic.record import Places
    from paydown.connectors.synthetic.settings import SyntheticSettings
    from paydown.connectors.synthetic.workload import Workload

_RAMP_MS = 10 * MS_PER_MINUTE
_SWAY = 0.06
_FAST_BYTES, _SLOW_BYTES, _DUMP_BYTES = 900_000_000, 30_000_000, 1_500_000_000
"""Bytes a second: a job that waits for its input, any other one, and one that writes a checkpoint."""


@dataclass
class Hosts:
    """Makes days of host samples."""

    cluster: Cluster
    settings: SyntheticSettings
    work: Workload
    lives: Lives
    held: Places
    """In the order of node, job id as text, and start."""
    gaps: list[Gap]
    job_ids: list[str]

    @property
    def _step(self) -> int:
        return self.settings.host_interval * MS_PER_SECOND

    def day(self, day: int) -> pa.Table | None:
        """Make the samples of the day of this number; None where there are none."""
        begin = self.cluster.start_ms + day * MS_PER_DAY
        place, time = self._grid(begin)
        node = self.held.node[place]
        kept = self._measured(node, time, begin)
        place, node, time = place[kept], node[kept], time[kept]
        if not len(place):
            return None
        return rows(
            "host_samples",
            self.cluster.name,
            {
                "node": codes([n.name for n in self.cluster.nodes], node),
                "job_id": self._labels(place),
                "start": instants(time),
                "duration_ms": np.full(len(place), self._step),
                **self._figures(place, time),
            },
            len(place),
        )

    def _grid(self, begin: int) -> tuple[Ints, Ints]:
        """Give (place, beginning) of each sample that begins on the day while the place is held."""
        lives, which, step = self.lives, self.held.which, self._step
        phase = generator(self.settings.seed, 11).integers(0, step, len(self.cluster.nodes))[self.held.node]
        start = np.maximum(lives.start[which], begin)
        end = np.minimum(lives.end[which], begin + MS_PER_DAY)
        first = -(-(start - begin - phase) // step)
        count = np.maximum(-(-(end - begin - phase) // step) - first, 0)
        place = np.repeat(np.arange(len(which)), count)
        tick = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count) + first[place]
        return place, begin + phase[place] + tick * step

    def _measured(self, node: Ints, time: Ints, begin: int) -> Flags:
        kept = np.ones(len(node), np.bool_)
        for gap in self.gaps:
            if gap.device < 0 and gap.start_ms < begin + MS_PER_DAY and gap.end_ms > begin:
                kept &= (node != gap.node) | (time < gap.start_ms) | (time >= gap.end_ms)
        if self.settings.faults:
            kept &= chance(node, time // self._step) >= LOST
        return kept

    def _labels(self, place: Ints) -> pa.Array:
        present, code = np.unique(self.held.which[place], return_inverse=True)
        return codes([self.job_ids[i] for i in present], code)

    def _figures(self, place: Ints, time: Ints) -> dict[str, Ints]:
        """Give cores and memory used, and bytes where everything is asked for."""
        lives, which = self.lives, self.held.which[place]
        active = lives.active(which, time + self._step // 2)
        noise = 1 + np.float32(_SWAY) * (chance(place, time) - np.float32(0.5))
        share = np.minimum(np.where(active, lives.figures["cpu"][which], lives.figures["cpu_quiet"][which]) * noise, 1)
        share[spared(lives, self.held)[place]] = 0
        ramp = 1 - np.exp(-(time - lives.start[which] + self._step) / _RAMP_MS)
        family = lives.family[which]
        cpus = np.array([f.cpus for f in self.work.families])[family] * MILLI
        memory = np.array([f.memory_mib for f in self.work.families])[family]
        found = {
            "cpu_used_milli": np.rint(share * cpus).astype(np.int64),
            "memory_used_mib": np.rint(lives.figures["host_memory"][which] * ramp * memory).astype(np.int64),
        }
        return found | (self._bytes(which, time, active, noise) if self.settings.signals == "all" else {})

    def _bytes(self, which: Ints, time: Ints, active: Flags, noise: Singles) -> dict[str, Ints]:
        """Let a job that waits for input read much, and one that stalls write its checkpoint."""
        pattern = self.lives.pattern[which]
        rate = np.where(pattern == INDEX["input-bound"], _FAST_BYTES, _SLOW_BYTES) * active
        dumps = (pattern == INDEX["checkpoints"]) & ~active & (time >= self.lives.active_from[which])
        seconds = self.settings.host_interval
        return {
            "read_bytes": (rate * noise * seconds).astype(np.int64),
            "write_bytes": (np.where(dumps, _DUMP_BYTES, _SLOW_BYTES // 10) * noise * seconds).astype(np.int64),
        }


def spared(lives: Lives, held: Places) -> Flags:
    """Tell which places do nothing: the other nodes of jobs that use one alone."""
    return np.asarray((held.part > 0) & (lives.pattern[held.which] == INDEX["zero-node"]))


def by_text(lives: Lives, held: Places, rank: Ints) -> Places:
    """Order places by node, rank of the job's id, and start: the order of the store's files."""
    return held.ordered(np.lexsort((lives.start[held.which], rank[lives.job[held.which]], held.node)))


def usage(cluster: Cluster, work: Workload, lives: Lives, held: Places, job_ids: list[str], short_ms: int) -> pa.Table:
    """Give the figures per job of accounting: of jobs on nodes without telemetry, and of jobs too short to sample."""
    dark = np.array([n.role == "dark" for n in cluster.nodes])[held.node]
    ended = lives.end[held.which] < cluster.end_ms
    known = np.array([f.role == "" for f in work.families])[lives.family[held.which]]
    short = lives.end[held.which] - lives.start[held.which] < short_ms
    found: list[tuple[int, int, str, float | None, float | None]] = []
    shares = lives.mean()
    for row in np.flatnonzero((dark | short) & ended & known & (lives.end > lives.start)[held.which]):
        active = float(shares[held.which[row]])
        found += _usage_of(cluster, work, lives, held, active, int(row), gpu=bool(dark[row]))
    which = np.array([r[0] for r in found], np.int64)
    node = np.array([r[1] for r in found], np.int64)
    return rows(
        "job_usage",
        cluster.name,
        {
            "job_id": codes(job_ids, which),
            "attempt": lives.attempt[which],
            "node": codes([n.name for n in cluster.nodes], node),
            "signal": [r[2] for r in found],
            "mean": [r[3] for r in found],
            "max": [r[4] for r in found],
            "source": pa.repeat("accounting", len(found)),
        },
        len(found),
    )


def _usage_of(
    cluster: Cluster, work: Workload, lives: Lives, held: Places, active: float, row: int, *, gpu: bool
) -> list[tuple[int, int, str, float | None, float | None]]:
    which, node = int(held.which[row]), int(held.node[row])
    family = work.families[int(lives.family[which])]
    cores = active * float(lives.figures["cpu"][which]) * family.cpus * MILLI
    memory = float(lives.figures["host_memory"][which]) * family.memory_mib
    found: list[tuple[int, int, str, float | None, float | None]] = [
        (which, node, "cpu_used_milli", round(cores, 1), None),
        (which, node, "memory_used_mib", None, round(memory, 1)),
    ]
    if gpu and family.count:
        use = active * float(lives.figures["level"][which])
        mib = cluster.nodes[node].gpu_memory_mib or 0
        peak = float(lives.figures["memory"][which]) * mib * family.count * family.milli / MILLI
        found.append((which, node, "gpu_util", round(use, 4), None))
        found.append((which, node, "gpu_memory_used_mib", None, round(peak, 1)))
    return found
