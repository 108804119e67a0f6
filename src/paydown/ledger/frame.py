"""The frame of one posting: the day, with enough time around it that nothing at its borders is cut off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from paydown.ledger.columns import instants
from paydown.ledger.intervals import Ints, empty, union
from paydown.ledger.settings import LedgerSettings
from paydown.model.units import BUCKET_MS, MS_PER_DAY

FOREVER = (1 << 62) - 1
"""An instant after all others; stands for an end that is not known."""


@dataclass(frozen=True)
class Frame:
    """One cluster, one day. Times inside the ledger are ms since `origin`, cut to [0, length)."""

    cluster: str
    day: int
    """The UTC day's number (0 is 1970-01-01)."""
    halo: int
    """How much of the days before and after is looked at, in ms, a whole number of buckets."""
    settings: LedgerSettings

    @property
    def origin(self) -> int:
        """The epoch milliseconds of time 0."""
        return self.day * MS_PER_DAY - self.halo

    @property
    def length(self) -> int:
        """How long the frame is, in ms."""
        return MS_PER_DAY + 2 * self.halo

    @property
    def first(self) -> int:
        """Where the day begins in the frame."""
        return self.halo

    @property
    def last(self) -> int:
        """Where the day ends in the frame (exclusive)."""
        return self.halo + MS_PER_DAY

    def inside(self, ms: Ints) -> Ints:
        """Translate epoch ms into the frame, cutting at its borders."""
        return np.clip(ms - self.origin, 0, self.length)


def halo_for(settings: LedgerSettings, longest_ms: int) -> int:
    """Give how far a frame must reach around its day.

    A sample reaches at most 3/2 of its duration (L3.2), and whether a quiet run counts is decided within one
    inactivity span (L3.6).

    Args:
        settings: The ledger's settings.
        longest_ms: The longest believed duration among the samples concerned.
    """
    reach = settings.inactivity_span_ms + 2 * min(longest_ms, settings.max_duration_ms) + BUCKET_MS
    return -(-reach // BUCKET_MS) * BUCKET_MS


@dataclass(frozen=True)
class Horizons:
    """What a cluster's sources vouch for (L1.2), in epoch ms; intervals are sorted and disjoint."""

    capacity_end: int
    allocation_end: int
    end: int
    stated: tuple[Ints, Ints]
    """Starts and ends of stated time."""
    allocation: tuple[Ints, Ints]
    """Starts and ends of the time covered by allocation."""
    wait: tuple[Ints, Ints]
    """Starts and ends of the time covered by wait."""

    @staticmethod
    def of(sources: pa.Table) -> Horizons:
        """Work out the horizons from a cluster's `sources` rows."""
        start, end = instants(sources, "covers_from", 0), instants(sources, "covers_to", 0)
        supports = [set((text or "").split(";")) for text in sources.column("supports").to_pylist()]
        latest = int(end.max()) if len(end) else 0

        def cover(capability: str) -> tuple[Ints, Ints, int]:
            chosen = np.array([capability in each for each in supports], dtype=bool)
            _, low, high = union(np.zeros(int(chosen.sum()), dtype=np.int64), start[chosen], end[chosen])
            return low, high, int(end[chosen].max()) if bool(chosen.any()) else latest

        capacity_low, capacity_high, capacity_end = cover("capacity")
        allocation_low, allocation_high, allocation_end = cover("allocation")
        wait_low, wait_high, _ = cover("wait")
        stated = _common(capacity_low, capacity_high, allocation_low, allocation_high)
        return Horizons(
            capacity_end, allocation_end, latest, stated, (allocation_low, allocation_high), (wait_low, wait_high)
        )


def _common(low: Ints, high: Ints, other_low: Ints, other_high: Ints) -> tuple[Ints, Ints]:
    """Intersect two lists of sorted, disjoint intervals."""
    pairs = [
        (max(a, c), min(b, d))
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
        for c, d in zip(other_low.tolist(), other_high.tolist(), strict=True)
        if max(a, c) < min(b, d)
    ]
    if not pairs:
        return empty(), empty()
    array = np.array(pairs, dtype=np.int64)
    return array[:, 0], array[:, 1]
