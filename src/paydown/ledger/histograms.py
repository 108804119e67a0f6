"""How measured ratios are distributed, by device, hour and holder (L7): what reports read in place of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from paydown.ledger.attribution import Pieces, device_pieces
from paydown.ledger.book import Holders
from paydown.ledger.columns import NONE
from paydown.ledger.doubts import without_parents
from paydown.ledger.frame import FOREVER, Frame
from paydown.ledger.holdings import Holdings
from paydown.ledger.intervals import Ints, expand, in_order, keyed, starts_of_groups
from paydown.ledger.inventory import Inventory
from paydown.ledger.jobs import Allocations, coded_column
from paydown.ledger.samples import Coverage, Samples, coverage_of, first_carried
from paydown.model.entries import HISTOGRAM_BINS, HISTOGRAM_EDGES, HISTOGRAM_SIGNALS, HISTOGRAMS
from paydown.model.facts import GPU_SAMPLES
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR, PPM
from paydown.model.window import date_of

SEVERAL = -2
"""Stands for the holder of samples that count for several allocations."""

MEMORY = "memory_used"

_BINS = len(HISTOGRAM_BINS)
_HOURS = MS_PER_DAY // MS_PER_HOUR


@cache
def bin_of_ppm() -> npt.NDArray[np.uint8]:
    """Give the bin of every ratio in ppm, 0 .. 10^6: a byte each, so that the table stays in a processor's cache."""
    edges = np.array(HISTOGRAM_EDGES, dtype=np.int64) * (PPM // 100)
    return np.searchsorted(edges, np.arange(PPM + 1)).astype(np.uint8)


@dataclass(frozen=True)
class _Rows:
    """Rows of one signal, as arrays, sorted by (device, hour, holder)."""

    device: Ints
    hour: Ints
    holder: Ints
    """NONE: none; SEVERAL: several."""
    counted: Ints
    sums: Ints
    """samples and ppm_ms: a column for each row of the table."""
    bins: npt.NDArray[np.integer[Any]]
    """ms by bin: a column for each row of the table."""


class _Groups:
    """Samples in groups of one device, hour of the day and holder; what begins outside the day is in none."""

    def __init__(self, frame: Frame, cover: Coverage, holder: Ints, until: int) -> None:
        hour = (cover.start - frame.first) // MS_PER_HOUR
        self.first = starts_of_groups(cover.entity, hour, holder)
        device, hours, who = cover.entity[self.first], hour[self.first], holder[self.first] - SEVERAL
        width = int(who.max(initial=0)) + 1
        key = np.where((hours >= 0) & (hours < _HOURS), (device * _HOURS + hours) * width + who, FOREVER)
        key, self.group = np.unique(key, return_inverse=True)
        self.count = len(key) - bool(len(key) and key[-1] == FOREVER)
        place, who = np.divmod(key[: self.count], width)
        self.device, self.hour = np.divmod(place, _HOURS)
        self.holder = who + SEVERAL
        self.size = np.diff(np.append(self.first, len(hour)))
        self.group_of = np.repeat(self.group, self.size)
        self.length = np.minimum(cover.end, until) - cover.start
        # Whole numbers far below 2^53: their sums in double are exact.
        self.weight = self.length.astype(np.float64)

    def rows(self, figure: Ints, *, counted: bool) -> _Rows:
        """Sum what the samples say."""
        count, width = self.count, self.count + 1
        sums = np.zeros((2, count), dtype=np.int64)
        bins = np.multiply(bin_of_ppm()[figure], width, dtype=np.int64) + self.group_of
        binned = np.bincount(bins, weights=self.weight, minlength=_BINS * width).reshape(_BINS, width)[:, :count]
        if len(self.first):
            for at, values in ((0, self.size), (1, np.add.reduceat(figure * self.length, self.first))):
                all_of = np.zeros(width, dtype=np.int64)
                np.add.at(all_of, self.group, values)
                sums[at] = all_of[:count]
        which = np.full(count, counted, dtype=np.int64)
        # What samples of one hour hold fits 32 bits unless they are many days long: half the memory of a day.
        small = binned.max(initial=0) < 1 << 31
        return _Rows(
            self.device,
            self.hour,
            self.holder,
            which,
            sums,
            binned.astype(np.int32) if small else binned.astype(np.int64),
        )


@dataclass
class Histograms:
    """Collects the histograms of a day, some nodes at a time."""

    frame: Frame
    inv: Inventory
    allocs: Allocations
    holders: Holders
    until: int
    """The horizon in the frame: nothing holds time beyond it."""
    parts: dict[str, list[_Rows]] = field(default_factory=lambda: {name: [] for name in HISTOGRAM_SIGNALS})
    """By signal."""

    def add(self, rows: Samples, gpu: Holdings, cover: Coverage, pieces: Pieces) -> None:
        """Add what samples of some nodes carry.

        Args:
            rows: The samples.
            gpu: What is held of the devices of these nodes.
            cover: Which time they hold by the signal that counts as use.
            pieces: What of it counts for whom.
        """
        part = _Part(self, rows, gpu, cover, pieces)
        for name, rows_of in self.parts.items():
            rows_of.extend(part.of_signal(name))

    def memory_of(self, rows: Samples) -> Ints:
        """Give the memory of the device of each sample when it begins, NONE where it is not known."""
        device, start, memory = self.memories
        moment = np.clip(rows.start, 0, self.frame.length - 1)
        at = np.searchsorted(keyed(rows.entity, moment), keyed(device, start))
        return np.repeat(memory, np.diff(np.append(at, len(moment))))

    @cached_property
    def memories(self) -> tuple[Ints, Ints, Ints]:
        """The memory of each device from each start of a step of its node on: (device, start, MiB or NONE)."""
        inv = self.inv
        every = np.arange(len(inv.nodes) + 1)
        first = np.searchsorted(inv.device_node, every)
        step, number = expand(np.diff(first)[inv.step_node])
        device = first[inv.step_node[step]] + number
        key, _, memory = inv.sizes
        wanted = inv.set_code[step] * max(len(inv.device_names), 1) + device
        at = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
        there = (inv.set_code[step] != NONE) & (np.append(key, NONE)[at] == wanted)
        found = np.where(there, np.append(memory, NONE)[at], NONE)
        order = np.lexsort((inv.step_start[step], device))
        return device[order], inv.step_start[step][order], found[order]

    def table(self) -> pa.Table:
        """Give the day's histograms, in the order of the table."""
        inv, holders = self.inv, self.holders
        found = self._everything()
        device, hour, holder, counted, signal = found.keys
        nothing = np.zeros(len(device), dtype=np.int64)
        one = holder >= 0
        place = np.where(one, holder, len(holders.job))
        begin = self.frame.origin + self.frame.first + hour * MS_PER_HOUR
        columns = {
            "cluster": coded_column(nothing, [self.frame.cluster]),
            "day": pa.array([date_of(self.frame.day)], pa.date32()).take(pa.array(nothing)),
            "node": coded_column(inv.device_node[device], inv.nodes),
            "gpu": coded_column(device, inv.device_names),
            "hour": pa.array(begin).cast(pa.timestamp("ms", "UTC")),
            "signal": coded_column(signal, list(HISTOGRAM_SIGNALS)),
            "counted": pa.array(counted != 0),
            "holders": coded_column(np.where(one, 1, np.where(holder == SEVERAL, 2, 0)), _HOLDERS),
            "job_id": coded_column(np.append(holders.job, NONE)[place], holders.words),
            "attempt": pa.array(np.append(holders.attempt, 0)[place], mask=~one),
        }
        columns |= {name: pa.array(each) for name, each in zip(_SUMS, found.sums, strict=True)}
        return pa.table({name: columns[name] for name in HISTOGRAMS.names})

    def _everything(self) -> _Everything:
        """Give all rows in the order of the table, and keep none."""
        parts = [part for found in self.parts.values() for part in found]
        sizes = [sum(len(part.device) for part in found) for found in self.parts.values()]
        signal = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
        names = ("device", "hour", "holder", "counted")
        columns = [np.concatenate([_EMPTY, *(getattr(part, name) for part in parts)]) for name in names]
        sums = [*(_stacked([part.sums for part in parts], 2)), *(_stacked([part.bins for part in parts], _BINS))]
        self.parts.clear()
        keys = [*columns, signal]
        order = in_order(signal, self._device_order()[keys[0]], keys[1])
        return (
            _Everything(keys, sums)
            if order is None
            else _Everything([each[order] for each in keys], [each[order] for each in sums])
        )

    def _device_order(self) -> Ints:
        """Give the place of each device by (node, name)."""
        places = np.empty(len(self.inv.device_names), dtype=np.int64)
        order = np.lexsort((_alphabetical(self.inv.device_names), self.inv.device_node))
        places[order] = np.arange(len(order))
        return places


@dataclass(frozen=True)
class _Everything:
    """All rows of a day."""

    keys: list[Ints]
    """device, hour, holder, counted, signal."""
    sums: list[npt.NDArray[np.integer[Any]]]
    """samples, ppm_ms and the bins."""


def _stacked(parts: Sequence[npt.NDArray[np.integer[Any]]], height: int) -> npt.NDArray[np.integer[Any]]:
    return np.concatenate([np.empty((height, 0), dtype=np.int32), *parts], axis=1)


class _Part:
    """The samples of some nodes."""

    def __init__(self, whole: Histograms, rows: Samples, gpu: Holdings, cover: Coverage, pieces: Pieces) -> None:
        self.whole, self.rows, self.gpu, self.cover, self.pieces = whole, rows, gpu, cover, pieces
        self.order = whole.frame.settings.gpu_signals
        self.every = len(cover) == len(rows.entity)
        """Whether every sample holds time by the signal that counts as use."""

    @cached_property
    def groups(self) -> _Groups:
        """The groups of the samples that hold time by the signal that counts as use."""
        holder = _holder_of(self.cover, self.gpu, self.pieces, self.whole.holders)
        return _Groups(self.whole.frame, self.cover, holder, self.whole.until)

    @cached_property
    def leading(self) -> str:
        """The signal that counts as use for all of them; empty where it is not one."""
        return next((name for code, name in enumerate(self.order) if bool((self.cover.signal == code).all())), "")

    def of_signal(self, name: str) -> list[_Rows]:
        """Give the rows of one signal."""
        column = "memory_used_mib" if name == MEMORY else f"{name}_ratio"
        if not self.rows.has(column):
            return []
        alike = self.every and bool(self.leading) and self._before_horizon()
        figure = self.cover.figure if alike and name == self.leading else self._figure(name, column)
        if not bool((figure != NONE).any()):
            return []
        if alike and bool((figure != NONE).all()):
            # The same samples make the same chain: who holds them is known.
            return [self.groups.rows(figure, counted=name == self.leading)]
        return self._apart(name, column, figure)

    def _before_horizon(self) -> bool:
        return self.whole.until >= self.whole.frame.last

    def _figure(self, name: str, column: str) -> Ints:
        if name != MEMORY:
            return self.rows.ratio(column)
        used, size = self.rows.amount(column), self.whole.memory_of(self.rows)
        # In double: the quotient of whole numbers below 2^53 never rounds up to the next one.
        ratio = np.minimum(np.floor(used * float(PPM) / np.maximum(size, 1)), PPM).astype(np.int64)
        known = (used != NONE) & (size > 0)
        return ratio if bool(known.all()) else np.where(known, ratio, NONE)

    def _apart(self, name: str, column: str, figure: Ints) -> list[_Rows]:
        """Give the rows of a signal that other samples carry than those that count as use."""
        whole, frame = self.whole, self.whole.frame
        carried = self.rows.carried(column, GPU_SAMPLES)
        cover = coverage_of(frame, self.rows, figure, carried, first_carried(self.rows, self.order), self.order)
        cover = without_parents(frame, whole.inv, cover, None)
        holder = _holder_of(cover, self.gpu, device_pieces(self.gpu, cover, whole.allocs.job), whole.holders)
        counts = cover.signal == (self.order.index(name) if name in self.order else NONE)
        found = []
        for counted in (True, False):
            chosen = (counts == counted) & (cover.start < whole.until)
            some = cover.pick(chosen)
            groups = _Groups(frame, some, holder[chosen], whole.until)
            found.append(groups.rows(some.figure, counted=counted))
        return found


_HOLDERS = ["none", "one", "several"]
_EMPTY = np.empty(0, dtype=np.int64)
_SUMS = ("samples", "ppm_ms", *HISTOGRAM_BINS)


def _alphabetical(names: Sequence[str]) -> Ints:
    """Give the place of each text among all, in order."""
    place = {name: at for at, name in enumerate(sorted(set(names)))}
    return np.array([place[name] for name in names], dtype=np.int64)


def _holder_of(cover: Coverage, held: Holdings, pieces: Pieces, holders: Holders) -> Ints:
    """Give who holds each sample: whom it first counts for, NONE for nobody, SEVERAL where it counts for more."""
    holder = np.full(len(cover), NONE, dtype=np.int64)
    who = holders.of_alloc[held.alloc[pieces.holding]]
    holder[pieces.sample] = who
    count = np.bincount(pieces.sample, minlength=len(cover))
    if bool((count > 1).any()):
        many = np.flatnonzero(count[pieces.sample] > 1)
        sample, start = pieces.sample[many], pieces.start[many]
        order = np.lexsort((start, sample))
        sample, start, who = sample[order], start[order], who[many][order]
        first = starts_of_groups(sample)
        size = np.diff(np.append(first, len(sample)))
        at_once = np.add.reduceat((start == np.repeat(start[first], size)).astype(np.int64), first)
        holder[sample[first]] = np.where(at_once == 1, who[first], SEVERAL)
    return holder
