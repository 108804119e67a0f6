"""For which time a cluster's capacity, and what is held there, are stated: what means divide by.

Both are taken in whole five-minute buckets, since that is how the ledger is kept. Only the last bucket may be a part:
it ends at the horizon, beyond which nothing is posted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from paydown.ledger.columns import instants
from paydown.ledger.frame import Horizons
from paydown.ledger.intervals import union
from paydown.model.units import BUCKET_MS
from paydown.model.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.scope import Scope

Ints = npt.NDArray[np.int64]

KINDS = ("capacity", "allocation")
"""Stated time of `docs/spec/ledger.md` section 1.2, for capacity and what nobody held; the time covered by allocation,
for what was held."""


@dataclass(frozen=True)
class Vouched:
    """Disjoint spans of time of one cluster, sorted, in ms since the epoch."""

    start: Ints
    end: Ints
    cut: tuple[Window, ...] = ()
    """The buckets that are stated in part and left out of the spans."""
    last: int = 0
    """The horizon: nothing is posted beyond it."""

    def within(self, start: Ints, end: Ints) -> Ints:
        """Give for how many ms each of some windows is stated."""
        before = np.concatenate([[0], np.cumsum(self.end - self.start)])

        last = np.concatenate([[0], self.end])

        def until(moment: Ints) -> Ints:
            at = np.searchsorted(self.start, moment, side="right")
            found: Ints = before[at] - np.maximum(last[at] - moment, 0)
            return found

        return until(end) - until(start)

    def gaps(self, window: Window) -> list[Window]:
        """Give what of a window is not stated, up to the horizon."""
        edges = [window.start_ms]
        for start, end in zip(self.start.tolist(), self.end.tolist(), strict=True):
            if end > window.start_ms and start < window.end_ms:
                edges += [start, end]
        edges.append(min(window.end_ms, self.last))
        return [Window(low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if low < high]


def vouched(scope: Scope) -> dict[str, dict[str, Vouched]]:
    """Give for each cluster the time of each of `KINDS`.

    Where no source of a cluster supports allocation all of them count (docs/spec/ledger.md, section 1.2); of a cluster
    without any source it is all the time of which anything is known.
    """
    rows: pa.Table = scope.snapshot.rows(
        "sources", columns=["cluster", "supports", "covers_from", "covers_to"], clusters=list(scope.clusters)
    )
    names = np.array(rows["cluster"].to_pylist(), dtype=object)
    return {name: _of_cluster(scope, rows.filter(names == name)) for name in scope.clusters}


def anything(scope: Scope) -> dict[str, dict[str, Vouched]]:
    """Give for each cluster all the time of which anything is known: of one job that is all that must be known."""
    return {name: dict.fromkeys(KINDS, _whole(scope)) for name in scope.clusters}


def _of_cluster(scope: Scope, sources: pa.Table) -> dict[str, Vouched]:
    if not sources.num_rows:
        return dict.fromkeys(KINDS, _whole(scope))
    horizons = Horizons.of(sources)
    low, high = horizons.allocation
    if not len(low):
        start, end = instants(sources, "covers_from", 0), instants(sources, "covers_to", 0)
        _, low, high = union(np.zeros(len(start), dtype=np.int64), start, end)
    return {
        "capacity": _in_buckets(*horizons.stated, horizons.end),
        "allocation": _in_buckets(low, high, horizons.end),
    }


def _whole(scope: Scope) -> Vouched:
    known = scope.known or Window(0, 0)
    return Vouched(np.array([known.start_ms]), np.array([known.end_ms]), last=known.end_ms)


def _in_buckets(low: Ints, high: Ints, last: int) -> Vouched:
    """Leave out buckets that are stated in part, but for the last one, which nothing is posted beyond."""
    first = -(-low // BUCKET_MS) * BUCKET_MS
    until = np.where(high == last, high, high // BUCKET_MS * BUCKET_MS)
    cut = sorted({*(first - BUCKET_MS)[first > low].tolist(), *until[until < high].tolist()})
    some = until > first
    return Vouched(first[some], until[some], tuple(Window(start, start + BUCKET_MS) for start in cut), last)
