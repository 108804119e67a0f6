"""Samples as coverage: which time each one speaks for, and what it says (L3.1, L3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.columns import NONE, counts, instants, ppm, recode, texts
from paydown.ledger.frame import Frame
from paydown.ledger.intervals import SPAN, Bools, Ints, empty, in_order, keyed, starts_of_groups
from paydown.ledger.inventory import Inventory
from paydown.model.facts import GPU_SAMPLES, HOST_SAMPLES
from paydown.model.schema import Table
from paydown.model.units import PPM

ACTIVITY = ("gpu_util", "gr_engine_active", "sm_active")
"""The ratios that must all be low for a sample to be quiet (L3.6)."""


@dataclass(frozen=True)
class Coverage:
    """Samples of one TRES that cover some time, sorted by (entity, start)."""

    entity: Ints
    """Device code; of host samples the node code."""
    label: Ints
    """Code of the job that the sample is labelled with, NONE for none."""
    start: Ints
    end: Ints
    figure: Ints
    """ppm of a ratio, else the amount in the signal's unit."""
    quiet: Bools
    signal: Ints
    """Code into `signals`."""
    signals: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.entity)

    def pick(self, rows: Ints | Bools) -> Coverage:
        """Choose rows."""
        return Coverage(
            self.entity[rows],
            self.label[rows],
            self.start[rows],
            self.end[rows],
            self.figure[rows],
            self.quiet[rows],
            self.signal[rows],
            self.signals,
        )

    def at_nodes(self, node: Ints) -> Coverage:
        """Give the moments at which device samples begin, as samples of their nodes (`node` by device code)."""
        return Coverage(
            node[self.entity],
            self.label,
            self.start,
            self.start + 1,
            self.figure,
            self.quiet,
            self.signal,
            self.signals,
        )


PART_ROWS = 400_000
"""About how many samples are worked on at once: columns of them fit a processor's cache, and memory is used again."""


class _Columns:
    """The measured columns of a sample table as arrays, each read once."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._read: dict[str, npt.NDArray[Any]] = {}

    def has(self, name: str) -> bool:
        """Tell whether the table has a column and anything in it."""
        return name in self._table.column_names and self._table.column(name).null_count < self._table.num_rows

    def ratio(self, name: str) -> npt.NDArray[np.float64]:
        """Give a column of ratios, -1 for null."""
        if name not in self._read:
            column = self._table.column(name)
            self._read[name] = (pc.fill_null(column, -1.0) if column.null_count else column).to_numpy()
        return self._read[name]

    def amount(self, name: str) -> Ints:
        """Give a column of whole numbers, NONE for null."""
        if name not in self._read:
            self._read[name] = counts(self._table, name)
        return self._read[name]


@dataclass(frozen=True)
class Samples:
    """Rows of a sample table in the order of (entity, [label,] start)."""

    columns: _Columns
    place: Ints | slice
    """Where each row stands in the columns."""
    entity: Ints
    """Device code; of host samples the node code."""
    label: Ints
    start: Ints
    """In the frame's time, not cut: samples may begin before it."""
    duration: Ints
    rejected: Ints | None
    by_label: bool
    """Whether samples of other labels are other series (host samples), or the same (device samples)."""

    def ratio(self, name: str) -> Ints:
        """Give a column of ratios in ppm, NONE for null."""
        ratios = self.columns.ratio(name)[self.place]
        return np.maximum(np.floor(ratios * PPM + 0.5), NONE).astype(np.int64)

    def amount(self, name: str) -> Ints:
        """Give a column of whole numbers, NONE for null."""
        amounts: Ints = self.columns.amount(name)[self.place]
        return amounts

    def has(self, name: str) -> bool:
        """Tell whether a measured column was read and any row of the table carries it."""
        return self.columns.has(name)

    def carried(self, name: str, schema: Table) -> Bools:
        """Tell which rows carried a measured column whose figure was not believed."""
        if self.rejected is None:
            return np.zeros(len(self.entity), dtype=bool)
        bit = 1 << schema.measured.index(name)
        carried: Bools = (self.rejected & bit) != 0
        return carried

    def parts(self, node: Ints, count: int) -> Iterator[tuple[int, int, Samples]]:
        """Part the rows at nodes; gives (first node, node after the last, rows), over all of `count` nodes.

        Args:
            node: The node of each row, in order.
            count: How many nodes there are.
        """
        cuts = sorted({int(node[at]) for at in range(PART_ROWS, len(node), PART_ROWS)} - {0})
        for first, last in pairwise([0, *cuts, count]):
            low, high = np.searchsorted(node, [first, last]).tolist()
            yield first, last, self._slice(low, high)

    def _slice(self, low: int, high: int) -> Samples:
        place = slice(low, high) if isinstance(self.place, slice) else self.place[low:high]
        rejected = None if self.rejected is None else self.rejected[low:high]
        some = slice(low, high)
        return Samples(
            self.columns, place, self.entity[some], self.label[some], self.start[some], self.duration[some], rejected,
            self.by_label,
        )  # fmt: skip


def _sorted(frame: Frame, table: pa.Table, entity: Ints, label: Ints, *, by_label: bool) -> Samples:
    start = instants(table, "start", 0) - frame.origin
    series = entity
    if by_label:
        # (node, label) pairs are too many for a key: number those that occur, in order.
        pairs = entity * (int(label.max(initial=0)) + 2) + label
        series = np.unique(pairs, return_inverse=True)[1].reshape(-1).astype(np.int64)
    # Day after day the rows lie in order: a sort that finds runs has little to do.
    order = in_order(keyed(series, np.maximum(start, -SPAN // 4) + SPAN // 4))
    place = slice(None) if order is None else order.astype(np.int64)
    rejected = None
    if "_rejected" in table.column_names:
        mask = counts(table, "_rejected")
        rejected = mask[place] if bool((mask > 0).any()) else None
    duration = counts(table, "duration_ms")
    columns = _Columns(table)
    return Samples(columns, place, entity[place], label[place], start[place], duration[place], rejected, by_label)


def _cover(frame: Frame, rows: Samples, present: Bools, carried: Bools) -> tuple[Ints, Ints, Ints]:
    """Give (row, start, end) of the samples that cover time, from those that carry a signal (L3.2)."""
    in_chain = np.flatnonzero(present | carried) if not bool(present.all()) else None
    entity, start = rows.entity, rows.start
    label, duration = rows.label, rows.duration
    if in_chain is not None:
        entity, start, label, duration = entity[in_chain], start[in_chain], label[in_chain], duration[in_chain]
    believed = np.minimum(duration, frame.settings.max_duration_ms)
    step = _to_next(entity, label if rows.by_label else None, start)
    follows = (step > 0) & (2 * step <= 3 * believed) & (step - believed <= frame.settings.max_gap_ms)
    end = start + np.where(follows, step, believed)
    row = np.arange(len(start), dtype=np.int64) if in_chain is None else in_chain
    low, high = np.maximum(start, 0), np.minimum(end, frame.length)
    keep = (high > low) & (duration > 0)
    if in_chain is not None:
        keep &= present[in_chain]
    return (row, low, high) if bool(keep.all()) else (row[keep], low[keep], high[keep])


def _to_next(entity: Ints, label: Ints | None, start: Ints) -> Ints:
    """Give the time to the next later start in the chain, 0 where there is none."""
    if not len(start):
        return empty()
    step = np.zeros(len(start), dtype=np.int64)
    same = entity[1:] == entity[:-1]
    if label is not None:
        same &= label[1:] == label[:-1]
    step[:-1] = np.where(same, start[1:] - start[:-1], 0)
    if bool((same & (start[1:] == start[:-1])).any()):
        # Equal starts (of different labels) look past each other, to the next later start.
        first = starts_of_groups(entity, start)
        step = np.repeat(step[np.append(first[1:], len(start)) - 1], np.diff(np.append(first, len(start))))
    return step


def gpu_samples(frame: Frame, inv: Inventory, table: pa.Table, jobs: dict[str, int]) -> Samples:
    """Read gpu_samples; `jobs` learns the labels that it lacks."""
    node_codes, node_words = texts(table, "node")
    gpu_codes, gpu_words = texts(table, "gpu")
    nodes = {name: code for code, name in enumerate(inv.nodes)}
    width = len(gpu_words) + 1
    lookup = np.full((len(node_words) + 1) * width, NONE, dtype=np.int64)
    for at, node in enumerate(node_words):
        for gpu_at, gpu in enumerate(gpu_words):
            lookup[at * width + gpu_at] = inv.device_index.get((nodes.get(node, NONE), gpu), NONE)
    label_codes, words = texts(table, "job_id")
    device = lookup[node_codes * width + gpu_codes]
    return _sorted(frame, table, device, recode_labels(label_codes, words, jobs), by_label=False)


def host_samples(frame: Frame, nodes: dict[str, int], table: pa.Table, jobs: dict[str, int]) -> Samples:
    """Read host_samples; `jobs` learns the labels that it lacks."""
    codes, words = texts(table, "node")
    label_codes, labels = texts(table, "job_id")
    label = recode_labels(label_codes, labels, jobs)
    return _sorted(frame, table, recode(codes, words, nodes), label, by_label=True)


def recode_labels(codes: Ints, words: list[str], jobs: dict[str, int]) -> Ints:
    """Give the job codes of labels; a label of a job that holds nothing here gets a code of its own."""
    for word in words:
        jobs.setdefault(word, len(jobs))
    return recode(codes, words, jobs)


def gpu_coverage(frame: Frame, rows: Samples) -> tuple[Coverage, Coverage]:
    """Give the coverage of device samples for gpu and for gpu_memory."""
    signals = frame.settings.gpu_signals
    figures = {name: rows.ratio(f"{name}_ratio") for name in {*ACTIVITY, *signals}}
    busiest = figures[ACTIVITY[0]].copy()
    for name in ACTIVITY[1:]:
        np.maximum(busiest, figures[name], out=busiest)
    quiet = (busiest != NONE) & (busiest <= ppm(frame.settings.inactive_ratio))
    figure, signal = _first_carried(figures, signals)
    carried = np.zeros(len(figure), dtype=bool)
    for name in signals:
        carried |= rows.carried(f"{name}_ratio", GPU_SAMPLES)
    row, start, end = _cover(frame, rows, figure != NONE, carried)
    gpu = Coverage(rows.entity[row], rows.label[row], start, end, figure[row], quiet[row], signal[row], signals)
    return gpu, _amount(frame, rows, "memory_used_mib", GPU_SAMPLES)


def coverage_of(
    frame: Frame, rows: Samples, figure: Ints, carried: Bools, signal: Ints, signals: tuple[str, ...]
) -> Coverage:
    """Give the coverage of samples by one figure alone, NONE where they do not carry it (L3.2)."""
    row, start, end = _cover(frame, rows, figure != NONE, carried)
    quiet = np.zeros(len(row), dtype=bool)
    return Coverage(rows.entity[row], rows.label[row], start, end, figure[row], quiet, signal[row], signals)


def first_carried(rows: Samples, signals: tuple[str, ...]) -> Ints:
    """Give which of some signals, in this order, is the first that each row carries, as a code."""
    return _first_carried({name: rows.ratio(f"{name}_ratio") for name in signals}, signals)[1]


def _first_carried(figures: dict[str, Ints], order: tuple[str, ...]) -> tuple[Ints, Ints]:
    figure = figures[order[0]]
    signal = np.zeros(len(figure), dtype=np.int64)
    for code, name in enumerate(order[1:], start=1):
        missing = figure == NONE
        if not bool(missing.any()):
            break
        figure = np.where(missing, figures[name], figure)
        signal = np.where(missing, code, signal)
    return figure, signal


def _amount(frame: Frame, rows: Samples, name: str, schema: Table) -> Coverage:
    figure = rows.amount(name)
    row, start, end = _cover(frame, rows, figure != NONE, rows.carried(name, schema))
    nothing = np.zeros(len(row), dtype=np.int64)
    return Coverage(rows.entity[row], rows.label[row], start, end, figure[row], nothing != 0, nothing, (name,))


def host_coverage(frame: Frame, rows: Samples) -> tuple[Coverage, Coverage]:
    """Give the coverage of host samples for cpu and for memory."""
    return (
        _amount(frame, rows, "cpu_used_milli", HOST_SAMPLES),
        _amount(frame, rows, "memory_used_mib", HOST_SAMPLES),
    )
