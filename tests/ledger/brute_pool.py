"""The oracle's side table: use of devices of unknown holder, or that nobody held (docs/spec/ledger.md, 3.7, 3.8)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tests.ledger.brute_hold import device_order, largest_remainder
from tests.ledger.brute_time import BUCKET, DAY, Horizons, covers, cut
from tests.ledger.brute_use import Piece, ratio_used, runs

if TYPE_CHECKING:
    from tests.ledger.brute_hold import Allocation, State
    from tests.ledger.brute_samples import Sample
    from tests.ledger.brute_time import Span
    from tests.ledger.brute_use import Index

    from paydown.ledger.settings import LedgerSettings


class Taken(NamedTuple):
    """How much of a device is pooled (or outside) over a stretch, by which sample."""

    start: int
    end: int
    milli: int
    device_milli: int
    sample: Sample


@dataclass
class Pool:
    """What is measured of one node but of no job."""

    shares: dict[int, list[tuple[Span, int]]] = field(default_factory=dict)
    """For each allocation (by id), how much of what it holds without a known device is pooled, when (3.7)."""
    taken: dict[tuple[str, str], list[Taken]] = field(default_factory=dict)
    """For each kind and device."""


def nobody_holds(state: State) -> list[str]:
    """Give the listed devices that no allocation holds as a known device, in device order."""
    devices = (state.inventory.devices if state.inventory else None) or {}
    return [name for name in devices if not state.holders(name)]


def pooled_span(
    pool: Pool, state: State, span: Span, by_sample: dict[str, Sample], dark: list[tuple[Allocation, int]]
) -> None:
    """Pool the devices that are sampled over a stretch among those who hold without a known device (3.7)."""
    assert state.inventory is not None
    names = sorted(by_sample, key=device_order)
    total = min(sum(state.inventory.device(name).milli for name in names), sum(milli for _, milli in dark))
    for (allocation, _), share in zip(dark, largest_remainder(total, [milli for _, milli in dark]), strict=True):
        pool.shares.setdefault(id(allocation), []).append((span, share))
    left = total
    for name in names:
        device_milli = state.inventory.device(name).milli
        milli = min(device_milli, left)
        left -= milli
        if milli:
            pool.taken.setdefault(("pooled", name), []).append(Taken(*span, milli, device_milli, by_sample[name]))


def pools(states: list[State], index: Index, figured: set[int], hz: Horizons) -> Pool:
    """Work out what is pooled and outside on one node; `figured`: allocations that whole-job figures count for."""
    pool = Pool()
    for state in states:
        if state.unseen["gpu"] or state.inventory is None:
            continue
        free = nobody_holds(state)
        full = state.total("gpu") == state.capacity("gpu")
        kept = zip(state.allocations, state.kept["gpu"], strict=True)
        dark = [(a, parts[None]) for a, parts in kept if parts.get(None) and id(a) not in figured]
        someone_dark = any(None in parts for parts in state.held["gpu"])
        whole = (state.start, state.end)
        borders = sorted({*whole, *(b for name in free for b in index.borders(name, (None,), whole))})
        for span in pairwise(borders):
            found = {name: index.at(name, None, span[0]) for name in free}
            by_sample = {name: sample for name, sample in found.items() if sample is not None}
            if full and dark and by_sample:
                pooled_span(pool, state, span, by_sample, dark)
            if not someone_dark and covers(hz.covered["allocation"], span[0]):
                for name, sample in by_sample.items():
                    milli = state.inventory.device(name).milli
                    pool.taken.setdefault(("outside", name), []).append(Taken(*span, milli, milli, sample))
    return pool


def pool_amounts(pool: Pool, settings: LedgerSettings) -> dict[tuple[int, str], Counter[str]]:
    """Give used, inactive and underused for each (day, kind) (3.7)."""
    result: dict[tuple[int, str], Counter[str]] = {}
    for (kind, _), several in pool.taken.items():
        joined: list[Taken] = []
        for taken in several:
            if joined and joined[-1].end == taken.start and joined[-1][2:] == taken[2:]:
                joined[-1] = joined[-1]._replace(end=taken.end)
            else:
                joined.append(taken)
        pieces = [
            Piece(
                a, b, t.milli, ratio_used(t.milli, t.sample.figure, b - a), t.sample.quiet, "sampled", t.sample.signal
            )
            for t in joined
            for a, b in cut((t.start, t.end), BUCKET)
        ]
        for piece, run in runs(pieces, settings.inactivity_span_ms):
            amounts = result.setdefault((piece.start // DAY, kind), Counter())
            if run is not None:
                amounts["inactive"] += piece.amount
            else:
                amounts["used"] += piece.used
                amounts["underused"] += piece.amount - piece.used
    return result
