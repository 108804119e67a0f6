"""Samples of GPUs, a day at a time: who is on each device, what it does, and what an exporter would say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from paydown.connectors.synthetic.cluster import LANES, Cluster, generator
from paydown.connectors.synthetic.life import hour_of_day
from paydown.model.units import MS_PER_DAY, MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.connectors.synthetic.life import Ints, Lives, Singles, Spans

Columns = dict[str, npt.NDArray[np.generic]]

_KEY_BITS = 42
"""Milliseconds since the epoch need 41 bits until 2039; a device's index goes above."""
_IDLE_MIB, _CONTEXT_MIB = 4, 480
_IDLE_W, _FULL_W = 62.0, 640.0
_JITTER_MS = 1_500
_MARGIN_MS = 2_000


@dataclass
class Readings:
    """What devices did at given times, the parts of all who share them added up."""

    use: Singles
    sm: Singles
    tensor: Singles
    dram: Singles
    memory: Singles
    """Share of the device's memory."""
    busy: npt.NDArray[np.bool_]
    """Whether anybody has a process there."""
    which: Ints
    """The attempt on the first lane; -1: none."""


def scrape_times(cluster: Cluster, nodes: list[int], day: int, interval_s: int, seed: int) -> Ints:
    """Give the beginnings of the samples of some nodes on a day (node by tick): a grid, a phase, and some jitter."""
    step = interval_s * MS_PER_SECOND
    ticks = np.arange(MS_PER_DAY // step, dtype=np.int64) * step
    phase = generator(seed, 5).integers(_MARGIN_MS, step - _MARGIN_MS, len(cluster.nodes))[nodes]
    jitter = generator(seed, 6, day, nodes[0]).integers(-_JITTER_MS, _JITTER_MS, (len(nodes), len(ticks)))
    return np.asarray(cluster.start_ms + day * MS_PER_DAY + ticks + phase[:, None] + jitter)


def read(lives: Lives, spans: Spans, device: Ints, time: Ints, noise: Singles, devices: int) -> Readings:
    """Read devices (indexes in the cluster) at given times; noise in [-1, 1) sways each reading."""
    found = _lane(lives, spans, device, time, noise)
    for lane in range(1, LANES):
        shared = np.zeros(devices, np.bool_)
        shared[spans.slot[spans.slot // devices == lane] - lane * devices] = True
        here = np.flatnonzero(shared[device])
        if len(here):
            _add(found, here, _lane(lives, spans, device[here] + lane * devices, time[here], noise[here]))
    return found


def _add(found: Readings, here: Ints, more: Readings) -> None:
    for name in ("use", "sm", "tensor", "dram", "memory"):
        total = getattr(found, name)
        total[here] = np.minimum(total[here] + getattr(more, name), 1.0)
    found.busy[here] |= more.busy


def _lane(lives: Lives, spans: Spans, slot: Ints, time: Ints, noise: Singles) -> Readings:
    at = _holder(spans, slot, time)
    here = np.flatnonzero(at >= 0)
    at = at[here]
    which = spans.which[at]
    figures = {name: lives.figures[name][which] for name in ("sway", "sm", "tensor", "dram", "memory")}
    level = spans.level[at] * (1 + figures["sway"] * noise[here])
    diurnal = np.flatnonzero(lives.diurnal[which])
    level[diurnal] *= hour_of_day(time[here[diurnal]])
    use = np.where(lives.active(which, time[here]), np.clip(level, 0, 1), 0).astype(np.float32) * spans.share[at]
    sm = use * figures["sm"]
    return Readings(
        _spread(use, here, len(slot)),
        _spread(sm, here, len(slot)),
        _spread(sm * figures["tensor"], here, len(slot)),
        _spread(use * figures["dram"], here, len(slot)),
        _spread(figures["memory"] * spans.share[at], here, len(slot)),
        _whose(which, here, len(slot)) >= 0,
        _whose(which, here, len(slot)),
    )


def _holder(spans: Spans, slot: Ints, time: Ints) -> Ints:
    """Find the span that covers each (slot, time); -1: none does."""
    if not len(spans.slot):
        return np.full(len(slot), -1, np.int64)
    keys = (spans.slot << _KEY_BITS) | spans.start
    at = np.searchsorted(keys, (slot << _KEY_BITS) | time, side="right") - 1
    near = np.maximum(at, 0)
    covered = (at >= 0) & (spans.slot[near] == slot) & (time < spans.end[near])
    return np.where(covered, at, -1)


def _spread(values: Singles, here: Ints, size: int) -> Singles:
    found = np.zeros(size, np.float32)
    found[here] = values
    return found


def _whose(which: Ints, here: Ints, size: int) -> Ints:
    found = np.full(size, -1, np.int64)
    found[here] = which
    return found


def columns(readings: Readings, memory_mib: Ints, noise: Singles, signals: str) -> Columns:
    """Turn readings into what an exporter says: `gpu_util` in whole percent (any kernel ran), ratios in thousandths."""
    use = readings.use
    util = np.where(use > 0, np.minimum(use * np.float32(1.08) + np.float32(0.02) * (1 + noise), 1), 0)
    found: Columns = {
        "gpu_util_ratio": np.rint(util.astype(np.float64) * 100) / 100,
        "gr_engine_active_ratio": _thousandths(use),
    }
    if signals != "use":
        power = _IDLE_W + (_FULL_W - _IDLE_W) * (0.25 * use + 0.75 * readings.sm)
        held = np.maximum(readings.memory * memory_mib, np.where(readings.busy & (use > 0), _CONTEXT_MIB, _IDLE_MIB))
        found |= {"memory_used_mib": held.astype(np.int64), "power_w": np.rint(power.astype(np.float64))}
    if signals == "all":
        found |= {
            "sm_active_ratio": _thousandths(readings.sm),
            "tensor_active_ratio": _thousandths(readings.tensor),
            "dram_active_ratio": _thousandths(readings.dram),
        }
    return found


def _thousandths(values: Singles) -> npt.NDArray[np.float64]:
    return np.rint(values.astype(np.float64) * 1_000) / 1_000
