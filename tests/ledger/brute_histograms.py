"""The oracle's histograms (docs/spec/ledger.md, section 5.1)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from typing import TYPE_CHECKING

from tests.ledger.brute_samples import Carried, Sample, gpu_signal, ppm, unlisted_mig_parent
from tests.ledger.brute_time import HOUR
from tests.ledger.brute_use import Index, holdings

if TYPE_CHECKING:
    from tests.ledger.brute_hold import Node, State
    from tests.ledger.brute_time import Row

    from paydown.ledger.settings import LedgerSettings

SIGNALS = ("gpu_util", "gr_engine_active", "sm_active", "sm_occupancy", "tensor_active", "dram_active", "memory_used")
EDGES = [0, 1, 2, 3, 4, 5, *range(10, 100, 5), 96, 97, 98, 99, 100]
"""In percent: exactly nothing, then up to each."""

Key = tuple[int, str, str, str, bool, str, str | None, int | None]
"""(hour_ms, node, gpu, signal, counted, holders, job_id, attempt)."""


def figure_of(name: str, carried: Carried, node: Node, row: Row) -> int | None:
    """Give the ratio of a signal in ppm; None where the sample does not carry it, or not believably."""
    if name != "memory_used":
        ratio = carried.believed.get(f"{name}_ratio")
        return None if ratio is None else ppm(ratio)
    used, inventory = carried.believed.get("memory_used_mib"), node.inventory(row["start"])
    memory = inventory.device(row["gpu"]).memory if inventory else None
    return None if used is None or not memory else min(used * 1_000_000 // memory, 1_000_000)


def samples_of(name: str, rows: list[Row], node: Node, settings: LedgerSettings) -> list[tuple[Sample, bool]]:
    """Give a node's samples of a signal with the time that they hold (3.2), and whether it is what counts as use."""
    column = "memory_used_mib" if name == "memory_used" else f"{name}_ratio"
    chains: dict[str, list[tuple[Row, Carried, int | None]]] = {}
    for row in rows:
        carried = Carried("gpu_samples", row)
        figure = figure_of(name, carried, node, row)
        if figure is not None or column in carried.rejected:
            chains.setdefault(row["gpu"], []).append((row, carried, figure))
    found = []
    for gpu, chain in chains.items():
        starts = sorted(row["start"] for row, _, _ in chain)
        for row, carried, figure in chain:
            start, duration = row["start"], min(row["duration_ms"], settings.max_duration_ms)
            if figure is None or duration <= 0 or unlisted_mig_parent(node, gpu, start):
                continue
            end, later = start + duration, bisect_right(starts, start)
            if later < len(starts):
                gap = starts[later] - start
                if 2 * gap <= 3 * duration and gap - duration <= settings.max_gap_ms:
                    end = starts[later]
            sample = Sample(gpu, row["job_id"], start, end, name, figure)
            found.append((sample, gpu_signal(carried, settings) == name))
    return found


def histograms(
    states: list[State], rows: list[Row], name: str, node: Node, settings: LedgerSettings, horizon: int
) -> Counter[tuple[Key, str]]:
    """Give the histograms of a node: what each row sums, by key and column."""
    sums: Counter[tuple[Key, str]] = Counter()
    for signal in SIGNALS:
        found = samples_of(signal, rows, node, settings)
        firsts: dict[int, dict[tuple[str, int], int]] = {}
        for holding in holdings(states, "gpu", Index([sample for sample, _ in found])):
            who = (holding.allocation.job_id, holding.allocation.attempt)
            for atom in holding.atoms:
                if atom.sample is not None:
                    first = firsts.setdefault(id(atom.sample), {})
                    first[who] = min(atom.start, first.get(who, atom.start))
        for sample, counted in found:
            if sample.start >= horizon:
                continue
            begun = firsts.get(id(sample), {})
            holders = [who for who, start in begun.items() if start == min(begun.values())]
            word = "none" if not holders else "one" if len(holders) == 1 else "several"
            job = holders[0] if len(holders) == 1 else (None, None)
            key = (sample.start // HOUR * HOUR, name, str(sample.device), signal, counted, word, *job)
            length = min(sample.end, horizon) - sample.start
            edge = EDGES[bisect_left([each * 10_000 for each in EDGES], sample.figure)]
            for column, value in (("samples", 1), ("ppm_ms", sample.figure * length), (f"to_{edge}_ms", length)):
                sums[key, column] += value
    return sums
