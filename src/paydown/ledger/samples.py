"""Samples as coverage: which time each one speaks for, and what it says (L3.1, L3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from paydown.ledger.columns import NONE, counts, instants, ppm, ratios_ppm, recode, texts
from paydown.ledger.frame import Frame
from paydown.ledger.intervals import SPAN, Bools, Ints, Order, empty, in_order, keyed, starts_of_groups
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


@dataclass(frozen=True)
class _Sorted:
    """A sample table seen in the order of (entity, [label,] start)."""

    table: pa.Table
    order: Order
    """The rows of the table in that order; None where they lie so."""
    entity: Ints
    label: Ints
    start: Ints
    """In the frame's time, not cut: samples may begin before it."""
    duration: Ints
    rejected: Ints | None

    def put(self, column: Ints) -> Ints:
        """Put a column of the table in order."""
        return column if self.order is None else column[self.order]

    def carried(self, name: str, schema: Table) -> Bools:
        """Tell which rows carried a measured column whose figure was not believed."""
        if self.rejected is None:
            return np.zeros(len(self.entity), dtype=bool)
        bit = 1 << schema.measured.index(name)
        carried: Bools = (self.rejected & bit) != 0
        return carried


def _sorted(frame: Frame, table: pa.Table, entity: Ints, label: Ints, *, by_label: bool) -> _Sorted:
    start = instants(table, "start", 0) - frame.origin
    keys = (entity * (int(label.max(initial=0)) + 2) + label, start) if by_label else (entity, start)
    # Day after day the rows lie in order: a sort that finds runs has little to do.
    order = in_order(keyed(keys[0], np.maximum(start, -SPAN // 4) + SPAN // 4))
    duration = counts(table, "duration_ms")
    if order is not None:
        entity, label, start, duration = entity[order], label[order], start[order], duration[order]
    rejected = None
    if "_rejected" in table.column_names:
        mask = counts(table, "_rejected")
        rejected = (mask if order is None else mask[order]) if bool((mask > 0).any()) else None
    return _Sorted(table, order, entity, label, start, duration, rejected)


def _cover(frame: Frame, rows: _Sorted, present: Bools, carried: Bools, *, by_label: bool) -> tuple[Ints, Ints, Ints]:
    """Give (row, start, end) of the samples that cover time, from those that carry a signal (L3.2)."""
    in_chain = np.flatnonzero(present | carried) if not bool(present.all()) else None
    entity, start = rows.entity, rows.start
    label, duration = rows.label, rows.duration
    if in_chain is not None:
        entity, start, label, duration = entity[in_chain], start[in_chain], label[in_chain], duration[in_chain]
    believed = np.minimum(duration, frame.settings.max_duration_ms)
    step = _to_next(entity, label if by_label else None, start)
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


def _gpu_rows(frame: Frame, inv: Inventory, table: pa.Table, jobs: dict[str, int]) -> _Sorted:
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


def recode_labels(codes: Ints, words: list[str], jobs: dict[str, int]) -> Ints:
    """Give the job codes of labels; a label of a job that holds nothing here gets a code of its own."""
    for word in words:
        jobs.setdefault(word, len(jobs))
    return recode(codes, words, jobs)


def gpu_coverage(frame: Frame, inv: Inventory, table: pa.Table, jobs: dict[str, int]) -> tuple[Coverage, Coverage]:
    """Read gpu_samples: give the coverage for gpu and for gpu_memory. `jobs` learns the labels that it lacks."""
    rows = _gpu_rows(frame, inv, table, jobs)
    figures = {
        name: rows.put(ratios_ppm(rows.table, f"{name}_ratio")) for name in {*ACTIVITY, *frame.settings.gpu_signals}
    }
    limit = ppm(frame.settings.inactive_ratio)
    busiest = np.full(len(rows.entity), NONE, dtype=np.int64)
    for name in ACTIVITY:
        np.maximum(busiest, figures[name], out=busiest)
    quiet = (busiest != NONE) & (busiest <= limit)
    figure, signal = _first_carried(figures, frame.settings.gpu_signals)
    carried = np.zeros(len(figure), dtype=bool)
    for name in frame.settings.gpu_signals:
        carried |= rows.carried(f"{name}_ratio", GPU_SAMPLES)
    row, start, end = _cover(frame, rows, figure != NONE, carried, by_label=False)
    gpu = Coverage(
        rows.entity[row], rows.label[row], start, end, figure[row], quiet[row], signal[row], frame.settings.gpu_signals
    )
    return gpu, _amount(frame, rows, "memory_used_mib", GPU_SAMPLES, by_label=False)


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


def _amount(frame: Frame, rows: _Sorted, name: str, schema: Table, *, by_label: bool) -> Coverage:
    figure = rows.put(counts(rows.table, name))
    row, start, end = _cover(frame, rows, figure != NONE, rows.carried(name, schema), by_label=by_label)
    nothing = np.zeros(len(row), dtype=np.int64)
    return Coverage(rows.entity[row], rows.label[row], start, end, figure[row], nothing != 0, nothing, (name,))


def host_coverage(
    frame: Frame, nodes: dict[str, int], table: pa.Table, jobs: dict[str, int]
) -> tuple[Coverage, Coverage]:
    """Read host_samples: give the coverage for cpu and for memory."""
    codes, words = texts(table, "node")
    label_codes, labels = texts(table, "job_id")
    label = recode_labels(label_codes, labels, jobs)
    rows = _sorted(frame, table, recode(codes, words, nodes), label, by_label=True)
    return (
        _amount(frame, rows, "cpu_used_milli", HOST_SAMPLES, by_label=True),
        _amount(frame, rows, "memory_used_mib", HOST_SAMPLES, by_label=True),
    )
