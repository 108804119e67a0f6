"""Samples as coverage: which time each one speaks for, and what it says (L3.1, L3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.columns import NONE, counts, instants, ppm, ratios
from paydown.ledger.frame import Frame
from paydown.ledger.intervals import SPAN, Bools, Ints, empty, in_order, keyed, numbered, starts_of_groups
from paydown.ledger.inventory import Inventory
from paydown.model.facts import GPU_SAMPLES, HOST_SAMPLES
from paydown.model.schema import Table

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


PART_ROWS = 200_000
"""About how many samples are worked on at once: columns of them fit a processor's cache, and memory is used again."""


class _Columns:
    """The measured columns of a sample table as arrays, each read once; NONE for null."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._read: dict[str, Ints] = {}

    def has(self, name: str) -> bool:
        """Tell whether the table has a column and anything in it."""
        if name not in self._table.column_names:
            return False
        if name.endswith("_ratio"):
            return bool((self.ratio(name) != NONE).any())
        return bool(self._table.column(name).null_count < self._table.num_rows)

    def ratio(self, name: str) -> Ints:
        """Give a column of ratios in ppm."""
        if name not in self._read:
            self._read[name] = ratios(self._table.column(name))
        return self._read[name]

    def amount(self, name: str) -> Ints:
        """Give a column of whole numbers."""
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
        figures: Ints = self.columns.ratio(name)[self.place]
        return figures

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


@dataclass(frozen=True)
class _Chunk:
    """Rows of one piece of a sample table, in the order of nodes, with what its texts stand for."""

    rows: pa.RecordBatch
    node: Ints
    """The node of each row."""
    words: Mapping[str, Ints]
    """For each text column: the code of each word of its dictionary, NONE at the end for null."""

    def codes(self, name: str, low: int, high: int) -> Ints:
        """Give the codes of a text column of some rows."""
        return self.words[name][_indices(self.rows.column(name).slice(low, high - low))]


def _indices(column: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Give the place of each text in the dictionary, -1 for null."""
    indices = column.indices
    places: npt.NDArray[np.int32] = (pc.fill_null(indices, NONE) if indices.null_count else indices).to_numpy()
    return places


@dataclass(frozen=True)
class SampleTable:
    """A sample table of a frame, to be read some nodes at a time."""

    frame: Frame
    chunks: list[_Chunk]
    devices: npt.NDArray[np.int64] | None
    """The device code by (node, code of the device's name); None for samples of nodes."""

    def parts(self, count: int) -> Iterator[tuple[int, int, Samples]]:
        """Give (first node, node after the last, rows) over all of `count` nodes, about PART_ROWS rows at a time."""
        rows = sum((np.bincount(chunk.node, minlength=count) for chunk in self.chunks), np.zeros(count, np.int64))
        so_far = np.cumsum(rows)
        wanted = np.arange(PART_ROWS, int(so_far[-1]) if count else 0, PART_ROWS)
        cuts = sorted(set((np.searchsorted(so_far, wanted) + 1).tolist()) - {count})
        for first, last in pairwise([0, *cuts, count]):
            yield first, last, self.of_nodes(first, last)

    def of_nodes(self, first: int, last: int) -> Samples:
        """Read the rows of nodes first .. last-1."""
        bounds = [(chunk, *np.searchsorted(chunk.node, [first, last]).tolist()) for chunk in self.chunks]
        some = [(chunk, low, high) for chunk, low, high in bounds if high > low] or bounds[:1]
        node = np.concatenate([chunk.node[low:high] for chunk, low, high in some])
        label = np.concatenate([chunk.codes("job_id", low, high) for chunk, low, high in some])
        entity = node
        if self.devices is not None:
            gpu = np.concatenate([chunk.codes("gpu", low, high) for chunk, low, high in some])
            entity = self.devices[node, gpu]
        table = pa.Table.from_batches([chunk.rows.slice(low, high - low) for chunk, low, high in some])
        return _sorted(self.frame, table, entity, label, by_label=self.devices is None)


def _chunks(table: pa.Table, codes: Mapping[str, pa.Array]) -> Iterator[_Chunk]:
    """Read the pieces of a table; `codes` gives for each text column the words in the order of their codes."""
    nothing = [column.combine_chunks() for column in table.schema.empty_table().columns]
    for batch in table.to_batches() or [pa.RecordBatch.from_arrays(nothing, schema=table.schema)]:
        rows, words = _coded(batch, codes)
        node = words["node"][_indices(rows.column("node"))]
        if bool(np.any(node[1:] < node[:-1])):
            order = np.argsort(node, kind="stable")
            rows, node = rows.take(pa.array(order)), node[order]
        yield _Chunk(rows, node, words)


def _coded(batch: pa.RecordBatch, codes: Mapping[str, pa.Array]) -> tuple[pa.RecordBatch, dict[str, Ints]]:
    words = {}
    for name, known in codes.items():
        column = batch.column(name)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
            batch = batch.set_column(batch.schema.get_field_index(name), name, column)
        words[name] = _found(column.dictionary, known)
    return batch, words


def _found(words: pa.Array, known: pa.Array) -> Ints:
    """Give the place of each word among the known ones, NONE where it is not, and NONE at the end."""
    places = pc.fill_null(pc.index_in(words, known), NONE).to_numpy()
    return np.append(places, NONE).astype(np.int64)


def _sorted(frame: Frame, table: pa.Table, entity: Ints, label: Ints, *, by_label: bool) -> Samples:
    start = instants(table, "start", 0) - frame.origin
    series = entity
    if by_label:
        # (node, label) pairs are too many for a key: number those that occur, in order.
        series = numbered(entity * (int(label.max(initial=0)) + 2) + label)
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


def gpu_samples(frame: Frame, inv: Inventory, table: pa.Table, jobs: dict[str, int]) -> SampleTable:
    """Read gpu_samples; `jobs` learns the labels that it lacks (of jobs that hold nothing here)."""
    return _table(frame, table, {"node": inv.nodes, "gpu": list(inv.device_words)}, jobs, inv.devices_by_name)


def host_samples(frame: Frame, nodes: Sequence[str], table: pa.Table, jobs: dict[str, int]) -> SampleTable:
    """Read host_samples; `jobs` learns the labels that it lacks."""
    return _table(frame, table, {"node": nodes}, jobs, None)


def _table(
    frame: Frame,
    table: pa.Table,
    names: Mapping[str, Sequence[str]],
    jobs: dict[str, int],
    devices: npt.NDArray[np.int64] | None,
) -> SampleTable:
    known = pa.array(list(jobs), pa.string())
    for chunk in table.column("job_id").chunks:
        # Of the next day only what begins near the frame is here, with the words of all of it.
        labels = (
            chunk.unique().dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk.unique()
        ).drop_null()
        for word in labels.filter(pc.invert(pc.is_in(labels, known))).to_pylist():
            jobs.setdefault(word, len(jobs))
    words = {name: pa.array(list(each), pa.string()) for name, each in {**names, "job_id": list(jobs)}.items()}
    return SampleTable(frame, list(_chunks(table, words)), devices)


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
