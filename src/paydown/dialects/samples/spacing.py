"""How long a reading lasts where nothing says it: the median spacing of its device's readings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from paydown.dialects.samples.answers import Series
from paydown.dialects.samples.frames import Frame, codes, words
from paydown.model.instants import EARLIEST_MS, LATEST_MS
from paydown.model.units import MS_PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_TIME_BITS = 43
"""Bits that hold every instant that is believed, in ms."""

_ROUNDED_FROM_MS = 2_000
"""From this spacing on it is rounded to whole seconds: clocks jitter, and a dump of another day should agree."""

_TENTH_MS = 100

_SURE_GAPS = 3
"""From how many gaps on a target's own spacing is believed: fewer may be those around a loss."""


class Devices:
    """Numbers for devices (hosts: for node and label), the same in every batch, and the spacing of each."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str | None, str | None], int] = {}
        self._spacing: Ints = np.zeros(0, np.int64)

    def ids(self, frame: Frame) -> Ints:
        """Number the device of each reading."""
        other = frame.gpu if frame.gpu is not None else frame.job
        nodes, others = [None, *words(frame.node)], [None, *(words(other) if other is not None else ())]
        pairs = codes(frame.node, len(frame)) * len(others) + codes(other, len(frame))
        table = np.zeros(len(nodes) * len(others), np.int64)
        for pair in np.flatnonzero(np.bincount(pairs)).tolist():
            name = (frame.table, nodes[pair // len(others)], others[pair % len(others)])
            table[pair] = self._ids.setdefault(name, len(self._ids))
        self._spacing = np.pad(self._spacing, (0, len(self._ids) - len(self._spacing)))
        ids: Ints = table[pairs]
        return ids

    def learn(self, frames: Iterable[tuple[Frame, Ints]]) -> None:
        """Work out the spacing of devices of which it is not known yet."""
        parts = [keys for frame, ids in frames if (keys := self._keys(frame, ids)) is not None]
        if not parts:
            return
        keys = np.sort(np.concatenate(parts))
        gaps = np.diff(keys)
        same = (keys[1:] >> _TIME_BITS == keys[:-1] >> _TIME_BITS) & (gaps > 0)
        # Sorted by device, then gap: the middle of each device's stretch is its median.
        by_gap = np.sort((keys[1:][same] >> _TIME_BITS << _TIME_BITS) | gaps[same])
        device, first, count = _stretches(by_gap >> _TIME_BITS)
        middle = by_gap[first + (count - 1) // 2] & ((1 << _TIME_BITS) - 1)
        self._spacing[device] = _rounded(middle)

    def _keys(self, frame: Frame, ids: Ints) -> Ints | None:
        """Give device and moment of readings as one number, where the spacing is not known yet."""
        at = frame.at.fill_null(-1).to_numpy(zero_copy_only=False)
        wanted = (self._spacing[ids] == 0) & (at >= EARLIEST_MS) & (at < LATEST_MS)
        return (ids[wanted] << _TIME_BITS) | at[wanted] if wanted.any() else None

    def lengths(self, ids: Ints) -> Ints:
        """Give the spacing of each reading's device in ms; of one that has none, the usual one; 0: there is none."""
        found = self._spacing[ids]
        some = self._spacing[self._spacing > 0]
        usual = int(np.sort(some)[(len(some) - 1) // 2]) if len(some) else 0
        lengths: Ints = np.where(found > 0, found, usual)
        return lengths

    def told(self) -> str:
        """Say which spacings there were, the most frequent first."""
        spacings, counts = np.unique(self._spacing[self._spacing > 0], return_counts=True)
        most = np.argsort(-counts, kind="stable")[:3]
        return ", ".join(
            f"{spacings[i] / MS_PER_SECOND:g} s ({counts[i]:,} device{'s' if counts[i] > 1 else ''})" for i in most
        )


def _stretches(ascending: Ints) -> tuple[Ints, Ints, Ints]:
    """Give the distinct numbers of a sorted array, where each begins, and how often it is there."""
    first = np.flatnonzero(np.diff(ascending, prepend=-1))
    return ascending[first], first, np.diff(first, append=len(ascending))


def _rounded(ms: Ints) -> Ints:
    seconds = (ms + MS_PER_SECOND // 2) // MS_PER_SECOND * MS_PER_SECOND
    tenths = np.maximum((ms + _TENTH_MS // 2) // _TENTH_MS * _TENTH_MS, 1)
    rounded: Ints = np.where(ms >= _ROUNDED_FROM_MS, seconds, np.where(ms >= _TENTH_MS, tenths, ms))
    return rounded


Spaced = tuple[Series, int]
"""A series, and how far its readings are apart in ms."""


class Targets:
    """How far apart the readings of scraped targets are: by themselves, else as those of their scrape job."""

    def __init__(self, jobs: Mapping[str, int] | None = None) -> None:
        self.jobs: dict[str, int] = dict(jobs or {})
        """By the label `job`, in ms, as last seen."""

    def spaced(self, series: Iterable[Series]) -> tuple[list[Spaced], list[Series]]:
        """Give each series with its spacing, and those apart of which nothing tells it."""
        by_target: dict[tuple[str, str], list[Series]] = {}
        for each in series:
            by_target.setdefault((each.labels.get("job", ""), each.labels.get("instance", "")), []).append(each)
        own = {target: _own_spacing(found) for target, found in by_target.items()}
        for job in {job for job, _ in own}:
            seen = sorted(ms for (of, _), (ms, _) in own.items() if of == job and ms)
            if seen:
                self.jobs[job] = seen[(len(seen) - 1) // 2]
        known = {
            target: ms if gaps >= _SURE_GAPS else self.jobs.get(target[0], 0) for target, (ms, gaps) in own.items()
        }
        spaced = [(each, known[target]) for target, found in by_target.items() if known[target] for each in found]
        return spaced, [each for target, found in by_target.items() if not known[target] for each in found]


def _own_spacing(series: list[Series]) -> tuple[int, int]:
    """Give the median spacing of the fullest series of a target, rounded, and of how many gaps; 0: there are none."""
    fullest = max(series, key=lambda each: len(each.at))
    gaps = np.diff(fullest.at)
    gaps = np.sort(gaps[gaps > 0])
    return (int(_rounded(gaps[(len(gaps) - 1) // 2])) if len(gaps) else 0), len(gaps)
