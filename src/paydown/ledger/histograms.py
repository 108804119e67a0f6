"""How measured ratios are distributed, by device, hour and holder (L7): what reports read in place of the samples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pyarrow as pa

from paydown.ledger.attribution import Pieces, device_pieces
from paydown.ledger.book import Holders
from paydown.ledger.columns import NONE
from paydown.ledger.doubts import without_parents
from paydown.ledger.frame import Frame
from paydown.ledger.holdings import Holdings
from paydown.ledger.intervals import Bools, Ints, in_order, starts_of_groups
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
def bin_of_ppm() -> Ints:
    """Give the bin of every ratio in ppm, 0 .. 10^6."""
    edges = np.array(HISTOGRAM_EDGES, dtype=np.int64) * (PPM // 100)
    return np.searchsorted(edges, np.arange(PPM + 1))


@dataclass(frozen=True)
class _Rows:
    """Rows of the table as arrays."""

    signal: Ints
    counted: Ints
    device: Ints
    hour: Ints
    holder: Ints
    """NONE: none; SEVERAL: several."""
    sums: Ints
    """samples, ppm_ms and the bins, a row each."""

    def merged(self) -> _Rows:
        """Sum the rows of equal keys, and sort them by key."""
        keys = (self.signal, self.device, self.hour, self.counted, self.holder)
        order = in_order(*keys)
        keys = keys if order is None else tuple(key[order] for key in keys)  # type: ignore[assignment]
        sums = self.sums if order is None else self.sums[order]
        first = starts_of_groups(*keys)
        if len(first) < len(sums):
            sums = np.add.reduceat(sums, first, axis=0)
        signal, device, hour, counted, holder = (key[first] for key in keys)
        return _Rows(signal, counted, device, hour, holder, sums)


@dataclass
class Histograms:
    """Collects the histograms of a day, some nodes at a time."""

    frame: Frame
    inv: Inventory
    allocs: Allocations
    holders: Holders
    until: int
    """The horizon in the frame: nothing holds time beyond it."""
    parts: list[_Rows] = field(default_factory=list)

    def add(self, rows: Samples, gpu: Holdings, cover: Coverage, pieces: Pieces) -> None:
        """Add what samples of some nodes carry.

        Args:
            rows: The samples.
            gpu: What is held of the devices of these nodes.
            cover: Which time they hold by the signal that counts as use.
            pieces: What of it counts for whom.
        """
        known = _holder_of(cover, gpu, pieces, self.holders)
        found = [self._of_signal(rows, gpu, cover, known, name) for name in HISTOGRAM_SIGNALS]
        parts = [part for several in found for part in several]
        if parts:
            names = ("signal", "counted", "device", "hour", "holder", "sums")
            self.parts.append(_Rows(*(np.concatenate([getattr(p, n) for p in parts]) for n in names)).merged())

    def _of_signal(self, rows: Samples, gpu: Holdings, cover: Coverage, holder: Ints, name: str) -> list[_Rows]:
        column = "memory_used_mib" if name == MEMORY else f"{name}_ratio"
        if not rows.has(column):
            return []
        order = self.frame.settings.gpu_signals
        whole = len(cover) == len(rows.entity)
        if whole and name in order and not bool((cover.signal != order.index(name)).any()):
            figure = cover.figure
        else:
            figure = self._of_memory(rows) if name == MEMORY else rows.ratio(column)
        if whole and bool((figure != NONE).all()):
            # The same samples make the same chain: who holds them is known.
            found = replace(cover, figure=figure)
        else:
            found = coverage_of(
                self.frame, rows, figure, rows.carried(column, GPU_SAMPLES), first_carried(rows, order), order
            )
            found = without_parents(self.frame, self.inv, found, None)
            pieces = device_pieces(gpu, found, self.allocs.job)
            holder = _holder_of(found, gpu, pieces, self.holders)
        counted = found.signal == (order.index(name) if name in order else NONE)
        code = HISTOGRAM_SIGNALS.index(name)
        return [self._summed(found, holder, chosen, code, counts) for counts, chosen in _apart(counted)]

    def _of_memory(self, rows: Samples) -> Ints:
        """Give what each sample says is used of its device's memory, in ppm; NONE where either is not known."""
        inv = self.inv
        node = inv.device_node[rows.entity]
        if len(inv.step_node) == len(inv.nodes):
            sets = inv.set_code[node]
        else:
            sets = inv.set_code[inv.step_at(node, np.clip(rows.start, 0, self.frame.length - 1))]
        key, _, memory = inv.sizes
        used = rows.amount("memory_used_mib")
        if not len(key):
            return np.full(len(used), NONE, dtype=np.int64)
        wanted = sets * max(len(inv.device_names), 1) + rows.entity
        at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        size = np.where((key[at] == wanted) & (sets != NONE), memory[at], NONE)
        ratio = np.minimum(used * PPM // np.maximum(size, 1), PPM)
        return np.where((used == NONE) | (size <= 0), NONE, ratio)

    def _summed(self, cover: Coverage, holder: Ints, chosen: Bools | None, signal: int, counts: int) -> _Rows:
        """Sum samples by (device, hour, holder); those that begin outside the day, or beyond the horizon, not."""
        frame = self.frame
        if self.until < frame.last:
            early = cover.start < self.until
            chosen = early if chosen is None else chosen & early
        if chosen is not None:
            cover, holder = cover.pick(chosen), holder[chosen]
        hour = (cover.start - frame.first) // MS_PER_HOUR
        first = starts_of_groups(cover.entity, hour, holder)
        if not len(first):
            nothing = np.empty(0, dtype=np.int64)
            empty = np.empty((0, 2 + _BINS), dtype=np.int64)
            return _Rows(nothing, nothing, nothing, nothing, nothing, empty)
        length = np.minimum(cover.end, self.until) - cover.start
        size = np.diff(np.append(first, len(hour)))
        group = np.repeat(np.arange(0, len(first) * _BINS, _BINS), size)
        # Whole numbers far below 2^53: their sums in double are exact.
        bins = np.bincount(group + bin_of_ppm()[cover.figure], weights=length, minlength=len(first) * _BINS)
        sums = np.column_stack(
            [size, np.add.reduceat(cover.figure * length, first), bins.reshape(-1, _BINS).astype(np.int64)]
        )
        same = np.full(len(first), signal, dtype=np.int64)
        found = _Rows(same, same * 0 + counts, cover.entity[first], hour[first], holder[first], sums)
        today = (found.hour >= 0) & (found.hour < _HOURS)
        return found if bool(today.all()) else _pick(found, today)

    def table(self) -> pa.Table:
        """Give the day's histograms."""
        parts = [part for part in self.parts if len(part.signal)]
        if not parts:
            return HISTOGRAMS.arrow.empty_table()
        rows = _Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in _Rows.__dataclass_fields__))
        inv, holders = self.inv, self.holders
        nothing = np.zeros(len(rows.signal), dtype=np.int64)
        one = rows.holder >= 0
        place = np.where(one, rows.holder, len(holders.job))
        hour = self.frame.origin + self.frame.first + rows.hour * MS_PER_HOUR
        columns = {
            "cluster": coded_column(nothing, [self.frame.cluster]),
            "day": pa.array([date_of(self.frame.day)], pa.date32()).take(pa.array(nothing)),
            "node": coded_column(inv.device_node[rows.device], inv.nodes),
            "gpu": coded_column(rows.device, inv.device_names),
            "hour": pa.array(hour).cast(pa.timestamp("ms", "UTC")),
            "signal": coded_column(rows.signal, list(HISTOGRAM_SIGNALS)),
            "counted": pa.array(rows.counted != 0),
            "holders": coded_column(np.where(one, 1, np.where(rows.holder == SEVERAL, 2, 0)), _HOLDERS),
            "job_id": coded_column(np.append(holders.job, NONE)[place], holders.words),
            "attempt": pa.array(np.append(holders.attempt, 0)[place], mask=~one),
        }
        sums = dict(zip(("samples", "ppm_ms", *HISTOGRAM_BINS), rows.sums.T, strict=True))
        columns |= {name: pa.array(np.ascontiguousarray(values)) for name, values in sums.items()}
        return pa.table({name: columns[name] for name in HISTOGRAMS.names}).cast(HISTOGRAMS.arrow)


_HOLDERS = ["none", "one", "several"]


def _pick(rows: _Rows, chosen: Bools) -> _Rows:
    return _Rows(*(getattr(rows, name)[chosen] for name in _Rows.__dataclass_fields__))


def _apart(counted: Bools) -> list[tuple[int, Bools | None]]:
    """Give the rows that count as use and those that do not; None chooses all."""
    if bool(counted.all()):
        return [(1, None)]
    return [(1, counted), (0, ~counted)] if bool(counted.any()) else [(0, None)]


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
