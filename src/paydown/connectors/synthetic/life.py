"""The life of every attempt that ran: what its pattern makes of it, in figures that are cheap to evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from paydown.connectors.synthetic.cluster import Cluster, generator
from paydown.connectors.synthetic.patterns import INDEX, PATTERNS
from paydown.model.units import MILLI, MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.connectors.synthetic.record import Attempts, Places
    from paydown.connectors.synthetic.workload import Workload

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Singles = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]

_RANGES = (
    "level",
    "startup",
    "tail",
    "period_s",
    "stall",
    "duty",
    "unused",
    "sm",
    "tensor",
    "dram",
    "memory",
    "cpu",
    "host_memory",
)
_BURST_MS = 1_200_000
_IDLE_BURST_MS = 240_000


@dataclass(frozen=True)
class Lives:
    """One entry for each attempt of the record; where it never ran, start and end are equal. Times in ms."""

    job: Ints
    attempt: Ints
    family: Ints
    pattern: Ints
    start: Ints
    end: Ints
    """Its end, or the end of the simulation where it runs on."""
    active_from: Ints
    active_to: Ints
    period: Ints
    """0: it does not stall."""
    stall: Ints
    """The quiet end of each period, in ms."""
    burst: Ints
    """How long its bursts are; 0: it works all the time."""
    figures: dict[str, Singles]
    """The value drawn from each range of its pattern, and `sway`, `cpu_quiet`, `spread`."""
    diurnal: Flags

    def active(self, which: Ints, time: Ints) -> Flags:
        """Tell whether attempts are at work at given times (both arrays of equal length)."""
        found = (time >= self.active_from[which]) & (time < self.active_to[which])
        age = time - self.active_from[which]
        period = self.period[which]
        stalls = np.flatnonzero(period)
        found[stalls] &= age[stalls] % period[stalls] < (period - self.stall[which])[stalls]
        burst = self.burst[which]
        bursty = np.flatnonzero(burst)
        if len(bursty):
            slot = age[bursty] // burst[bursty]
            found[bursty] &= chance(which[bursty], slot) < self.figures["duty"][which[bursty]]
        return found

    def mean(self) -> Singles:
        """Give the share of its time in which each attempt is at work, as its pattern says it."""
        length = np.maximum(self.end - self.start, 1)
        span = (self.active_to - self.active_from) / length
        stalled = self.stall / np.maximum(self.period, 1)
        return np.asarray(span * (1 - stalled) * np.where(self.burst > 0, self.figures["duty"], 1), np.float32)


def chance(which: Ints, slot: Ints) -> Singles:
    """Give a number in [0, 1) that depends on two figures alone, so that any part of a month can be made by itself."""
    mixed = which.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= slot.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray((mixed >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24))


def hour_of_day(time: Ints) -> Singles:
    """Give the load of a public service at given times: 1 in the afternoon, 0.1 at night."""
    phase = (time % 86_400_000).astype(np.float32) * np.float32(2 * np.pi / 86_400_000)
    return np.asarray(np.float32(0.55) + np.float32(0.45) * np.cos(phase - np.float32(2 * np.pi * 15 / 24)))


def live(cluster: Cluster, work: Workload, done: Attempts, seed: int) -> Lives:
    """Draw what every attempt does with what it holds."""
    rng = generator(seed, 4)
    family = work.family[done.job]
    pattern = np.array([f.pattern for f in work.families])[family]
    start, end = _spans_ms(cluster, done)
    figures = {name: _drawn(rng, name, pattern) for name in _RANGES}
    for name in ("sway", "cpu_quiet", "spread"):
        figures[name] = np.array([getattr(p, name) for p in PATTERNS], np.float32)[pattern]
    _serial(figures, pattern, np.array([f.cpus for f in work.families])[family])
    length = end - start
    period = (figures["period_s"] * MS_PER_SECOND).astype(np.int64)
    bursty = figures["duty"] < 1
    idle_service = pattern == INDEX["idle-service"]
    return Lives(
        done.job,
        done.attempt,
        family,
        pattern,
        start,
        end,
        start + (length * figures["startup"]).astype(np.int64),
        end - (length * figures["tail"]).astype(np.int64),
        period,
        (period * figures["stall"]).astype(np.int64),
        np.where(bursty, np.where(idle_service, _IDLE_BURST_MS, _BURST_MS), 0),
        figures,
        np.array([p.diurnal for p in PATTERNS])[pattern],
    )


def _drawn(rng: np.random.Generator, name: str, pattern: Ints) -> Singles:
    low = np.array([getattr(p, name)[0] for p in PATTERNS], np.float32)[pattern]
    high = np.array([getattr(p, name)[1] for p in PATTERNS], np.float32)[pattern]
    return low + (high - low) * rng.random(len(pattern), dtype=np.float32)


def _serial(figures: dict[str, Singles], pattern: Ints, cpus: Ints) -> None:
    """Make CPU patterns' level that of their cores; a serial program uses one of them."""
    first_cpu = INDEX["cpu-steady"]
    on_cpu = pattern >= first_cpu
    figures["cpu"] = np.where(on_cpu, figures["level"], figures["cpu"])
    serial = pattern == INDEX["serial"]
    figures["cpu"][serial] /= cpus[serial]


def _spans_ms(cluster: Cluster, done: Attempts) -> tuple[Ints, Ints]:
    """Give start and end of each attempt in ms since the epoch, cut at the end of the simulation."""
    ran = done.start >= 0
    until = (cluster.end_ms - cluster.start_ms) // MS_PER_SECOND
    end = np.where(done.end < 0, until, np.minimum(done.end, until))
    begin = cluster.start_ms + np.where(ran, done.start, 0) * MS_PER_SECOND
    return begin, np.where(ran, cluster.start_ms + end * MS_PER_SECOND, begin)


@dataclass(frozen=True)
class Spans:
    """One entry for each (attempt, device) of all that ran, in the order of (lane, device, start)."""

    which: Ints
    slot: Ints
    """lane x devices of the cluster + the device's index in the cluster."""
    start: Ints
    end: Ints
    share: Singles
    """How much of the device it holds."""
    level: Singles
    """Its use while its job is active; zero for a device that is not used at all."""

    def during(self, start: int, end: int) -> Spans:
        """Give those that touch a time, in the same order."""
        here = np.flatnonzero((self.start < end) & (self.end > start))
        return Spans(
            self.which[here], self.slot[here], self.start[here], self.end[here], self.share[here], self.level[here]
        )


def device_bases(cluster: Cluster) -> Ints:
    """Give the index of each node's first device in the cluster, and the number of all devices at the end."""
    return np.concatenate([[0], np.cumsum([len(node.devices) for node in cluster.nodes])]).astype(np.int64)


def spans(cluster: Cluster, work: Workload, lives: Lives, held: Places) -> Spans:
    """Spread the places over their devices."""
    bases = device_bases(cluster)
    bits = [(held.mask >> bit & 1).astype(np.bool_) for bit in range(max(len(n.devices) for n in cluster.nodes))]
    row, bit = np.nonzero(np.stack([np.zeros(len(held.mask), np.bool_), *bits], axis=1)[:, 1:])
    which, device = held.which[row], bases[held.node[row]] + bit
    slot = held.lane[row] * bases[-1] + device
    milli = np.array([f.milli for f in work.families])[lives.family[which]]
    sizes = np.array([d.milli for node in cluster.nodes for d in node.devices] or [MILLI])
    share = (milli / np.maximum(sizes[device], 1)).astype(np.float32)
    rank = _rank(which)
    level = _level(lives, which, rank, np.bincount(which, minlength=len(lives.job))[which])
    order = np.lexsort((lives.start[which], slot))
    return Spans(
        which[order], slot[order], lives.start[which][order], lives.end[which][order], share[order], level[order]
    )


def _rank(which: Ints) -> Ints:
    """Number the devices of each attempt, whose rows lie together."""
    first = np.flatnonzero(np.diff(which, prepend=-1))
    return np.arange(len(which)) - np.repeat(first, np.diff(np.append(first, len(which))))


def _level(lives: Lives, which: Ints, rank: Ints, count: Ints) -> Singles:
    """Give each device's use: falling from device to device where the pattern says so, none for the unused ones."""
    level = lives.figures["level"][which] * (1 - lives.figures["spread"][which] * rank / np.maximum(count - 1, 1))
    unused = np.ceil(lives.figures["unused"][which] * count)
    spared = np.minimum(unused, count - 1)
    return np.where(rank >= count - spared, 0.0, level).astype(np.float32)
