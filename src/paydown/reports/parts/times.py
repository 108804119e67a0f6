"""The cells of a cut by time, and for how long capacity and what is held are stated in each: what means divide by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from paydown.model.entries import ALLOCATED, OVERCOMMITTED, UNALLOCATED
from paydown.model.units import BUCKET_MS
from paydown.model.window import EPOCH_DAY, Window
from paydown.reports.parts.calendar import begin, days_between, span
from paydown.reports.parts.vouched import KINDS, Ints, Vouched

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.cuts import Cut
    from paydown.reports.parts.scope import Scope

CATEGORIES = {"capacity": ("reported", *UNALLOCATED), "allocation": (*ALLOCATED, OVERCOMMITTED)}
"""What is stated over the time of each of `KINDS`."""

_FINEST = ("bucket", "day", "week", "month")

_SAID = {"capacity": "capacity", "allocation": "what is held"}


@dataclass(frozen=True)
class Cells:
    """The cells of a cut by time within a window, in order."""

    name: str
    """The column that tells them apart; "": there is one, the whole window."""
    keys: pa.Array
    start: Ints
    end: Ints
    unit: str = ""
    """What a cell is called: bucket, day, week, month."""


@dataclass(frozen=True)
class Times:
    """For how long each cell is stated, cluster by cluster."""

    cells: Cells
    known: Mapping[str, Mapping[str, Vouched]]
    """The stated time by cluster and kind."""
    table: pa.Table
    """By `cell` and `cluster`: `capacity_ms` and `allocation_ms`, null where it is none of the cell."""
    outside: tuple[tuple[str, str, Window], ...]
    """Cluster, kind and window of what lies outside this time in cells that are stated in part."""

    @property
    def stated(self) -> npt.NDArray[np.bool_]:
        """Say of each cell whether what is held is stated over some of it in every cluster."""
        found = [each["allocation"].within(self.cells.start, self.cells.end) > 0 for each in self.known.values()]
        return np.all(found, axis=0) if found else np.zeros(len(self.cells.start), dtype=np.bool_)

    def notes(self, means: str = "means") -> list[str]:
        """Say in how many cells a cluster's means are not known, where a source states them at some other time."""
        said = []
        count = len(self.cells.start)
        then = f"these {means} leave it out there" if len(self.known) > 1 else f"these {means} are null there"
        for kind in KINDS:
            for cluster, known in self.known.items():
                lacking = int((known[kind].within(self.cells.start, self.cells.end) == 0).sum())
                if lacking and len(known[kind].start):
                    where = f"In {lacking:,} of {count:,} {self.cells.unit}s" if self.cells.name else "In this window"
                    said.append(f"{where} no source of {cluster} states {_SAID[kind]}: {then}.")
        return said


def finest(cuts: Sequence[Cut]) -> Cut | None:
    """Give the cut with the shortest cells; the cells of the other cuts by time follow from it."""
    return min((cut for cut in cuts if cut.unit), key=lambda cut: _FINEST.index(cut.unit), default=None)


def cells_of(scope: Scope, cuts: Sequence[Cut]) -> Cells:
    """Give the cells of the finest cut by time; without one the window is the only cell."""
    import pyarrow as pa

    cut = finest(cuts)
    within = scope.window
    if cut is None:
        return Cells("", pa.nulls(1, pa.int64()), np.array([within.start_ms]), np.array([within.end_ms]))
    if cut.unit == "bucket":
        starts = np.arange(within.start_ms, within.end_ms, BUCKET_MS, dtype=np.int64)
        return Cells(cut.name, pa.array(starts), starts, starts + BUCKET_MS, cut.unit)
    first = list(dict.fromkeys(begin(day, cut.unit) for day in days_between(within, scope.zone)))
    spans = [span(day, cut.unit, scope.zone) for day in first]
    keys = pa.array([(day - EPOCH_DAY).days for day in first], pa.int32()).cast(pa.date32())
    start = np.array([max(each.start_ms, within.start_ms) for each in spans], dtype=np.int64)
    end = np.array([min(each.end_ms, within.end_ms) for each in spans], dtype=np.int64)
    return Cells(cut.name, keys, start, end, cut.unit)


def times(cells: Cells, known: Mapping[str, Mapping[str, Vouched]]) -> Times:
    """Give for how long each cell is stated, of what is known of each cluster."""
    import pyarrow as pa

    lengths = {kind: [each[kind].within(cells.start, cells.end) for each in known.values()] for kind in KINDS}
    count = len(cells.start)
    columns = {
        "cell": pa.concat_arrays([cells.keys] * len(known)) if known else cells.keys[:0],
        "cluster": pa.array(np.repeat(np.array(list(known), dtype=object), count), pa.string()),
    }
    columns |= {f"{kind}_ms": _null_for_none(np.concatenate([*found, []])) for kind, found in lengths.items()}
    outside = [
        (cluster, kind, window)
        for at, (cluster, each) in enumerate(known.items())
        for kind in KINDS
        for window in _outside(cells, each[kind], lengths[kind][at], kind)
    ]
    return Times(cells, known, pa.table(columns), tuple(outside))


def _null_for_none(found: Ints) -> pa.Array:
    import pyarrow as pa

    return pa.array(found.astype(np.int64), mask=found == 0)


def _outside(cells: Cells, known: Vouched, stated: Ints, kind: str) -> list[Window]:
    """Give what of cells that are stated in part is posted and not stated: of capacity in the cut buckets alone."""
    parts = np.flatnonzero((stated > 0) & (stated < cells.end - cells.start))
    windows = [Window(int(cells.start[at]), int(cells.end[at])) for at in parts]
    if kind == "capacity":
        return [cut for cut in known.cut if any(w.start_ms <= cut.start_ms < w.end_ms for w in windows)]
    return [_on_grid(gap) for window in windows for gap in known.gaps(window)]


def _on_grid(gap: Window) -> Window:
    """Give the whole buckets of a gap; only the horizon may lie within one, and beyond it nothing is posted."""
    return Window(gap.start_ms, -(-gap.end_ms // BUCKET_MS) * BUCKET_MS)
