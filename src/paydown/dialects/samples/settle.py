"""From readings to samples: how long each lasts, which zeros are believed, and batches of rows.

Both are decided on what lies together: readings are held back up to a million rows over all files, then settled; what
comes later follows what was decided, and decides for devices and models that were not seen before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.samples.frames import Frame, constant
from paydown.dialects.samples.spacing import Devices
from paydown.dialects.samples.zeros import Zeros
from paydown.errors import InputError
from paydown.model.batch import LINE, Batch, Reject, Vouch
from paydown.model.instants import booleans
from paydown.model.units import MS_PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

HELD_ROWS = 1_000_000
"""How many readings are held back before their spacing and zeros are decided."""


class Settler:
    """Takes frames of readings, gives batches of samples."""

    def __init__(
        self, source: str, cluster: str | None, *, interval_ms: int | None = None, believe_zeros: bool = False
    ) -> None:
        self.source = source
        self.cluster = cluster
        self.interval_ms = interval_ms
        self.devices = Devices()
        self.zeros = Zeros(believed=believe_zeros)
        self.clusters: dict[str, None] = {}
        self.notes: dict[str, None] = {}
        self._held: list[Frame] = []
        self._assumed = False
        self._lengthless: Counter[tuple[str, str]] = Counter()

    def take(self, frame: Frame) -> Iterator[Batch]:
        """Take a frame; give what can be settled."""
        if len(frame):
            self._held.append(frame)
        if sum(map(len, self._held)) >= HELD_ROWS:
            yield from self._settle()

    def finish(self) -> Iterator[Batch | Reject | Vouch]:
        """Give the rest, what is not believed, and what it all vouches for."""
        yield from self.rest()
        yield from self._vouches()

    def rest(self) -> Iterator[Batch | Reject]:
        """Give what is held back, and what is not believed since this was last asked."""
        yield from self._settle()
        yield from self.zeros.rejects(self.cluster)
        for (table, origin), count in self._lengthless.items():
            detail = "a single reading of its device does not say how long it lasts: give --interval"
            yield Reject(table, origin, None, "unknown-duration", detail, "", count, self.cluster)
        self._lengthless.clear()

    def _settle(self) -> Iterator[Batch]:
        frames = [(frame, self.devices.ids(frame)) for frame in self._held]
        self._held = []
        if self.interval_ms is None:
            self.devices.learn((frame, ids) for frame, ids in frames if frame.duration is None)
        for frame, _ in frames:
            self.zeros.look(frame)
        for frame, ids in frames:
            yield self._batch(frame, self._lengths(frame, ids))

    def _lengths(self, frame: Frame, ids: NDArray[np.int64]) -> pa.Array:
        """Say how long each reading lasts, in ms; null where nothing tells it."""
        if frame.duration is not None:
            return frame.duration
        if self.interval_ms is not None:
            return pa.array(np.full(len(frame), self.interval_ms, np.int64))
        self._assumed = True
        lengths = self.devices.lengths(ids)
        return pa.array(lengths, mask=lengths == 0)

    def _batch(self, frame: Frame, lengths: pa.Array) -> Batch:
        lost = self.zeros.settle(frame)
        columns = self._columns(frame, lengths)
        rows = pa.table({name: values for name, values in columns.items() if values is not None})
        kept = self._kept(frame, lengths, lost)
        return Batch(frame.table, rows if kept.all() else rows.filter(pa.array(kept)), frame.origin)

    def _columns(self, frame: Frame, lengths: pa.Array) -> dict[str, pa.Array | None]:
        seconds = pc.divide(lengths.cast(pa.float64()), float(MS_PER_SECOND))
        frame.figures.update((name, pc.multiply(rate, seconds)) for name, rate in frame.rates.items())
        start = frame.at if frame.begins else pc.subtract(frame.at, lengths)
        return {
            "cluster": self._cluster(frame),
            "node": frame.node,
            "gpu": frame.gpu,
            "job_id": frame.job,
            "start": start,
            "duration_ms": lengths,
            **{name: _with_garbage(frame, name) for name in frame.figures},
            LINE: frame.lines,
        }

    def _cluster(self, frame: Frame) -> pa.Array:
        if self.cluster is not None:
            self.clusters[self.cluster] = None
            return constant(self.cluster, len(frame))
        if frame.cluster is None:
            raise InputError(f"{frame.origin}: nothing says which cluster this is of: name it with --cluster NAME.")
        self.clusters.update((name, None) for name in pc.unique(frame.cluster).to_pylist() if name)
        return frame.cluster

    def _kept(self, frame: Frame, lengths: pa.Array, lost: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Leave out rows that last nobody knows how long, and those that held doubtful zeros alone."""
        lengthless = booleans(lengths.is_null()) & (frame.duration is None)
        if lengthless.any():
            self._lengthless[frame.table, frame.origin] += int(lengthless.sum())
        kept: NDArray[np.bool_] = ~lengthless
        if lost.any():
            some = np.logical_or.reduce([booleans(values.is_valid()) for values in frame.figures.values()])
            kept &= some | ~lost
        return kept

    def _vouches(self) -> Iterator[Vouch]:
        notes = list(self.notes)
        told = self.devices.told()
        if self._assumed and told:
            notes.insert(0, f"Assumed that a sample lasts as long as the median spacing of its device: {told}.")
        for cluster in self.clusters:
            yield Vouch(cluster, self.source, ("use",), note=" ".join(notes) or None)


def _with_garbage(frame: Frame, name: str) -> pa.Array:
    """Give a column, as text where some cells are no numbers: the rejects then show what stood there."""
    text = frame.garbage.get(name)
    return frame.figures[name] if text is None else pc.coalesce(text, frame.figures[name].cast(pa.string()))
