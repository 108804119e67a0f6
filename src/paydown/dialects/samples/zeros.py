"""Zeros that may not have been measured: of a signal that the files never show above zero for a GPU model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from paydown.dialects.samples.frames import Frame, codes, words
from paydown.model.batch import Reject
from paydown.model.cells import nulled
from paydown.model.instants import booleans

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Zeros:
    """Which signals have been above zero, by GPU model, and how many zeros are not believed."""

    def __init__(self, *, believed: bool) -> None:
        self._believed = believed
        self.proven: set[tuple[str, str, str | None]] = set()
        """Table, column and model of what has been above zero."""
        self._refused: Counter[tuple[str, str, str, str | None]] = Counter()

    def look(self, frame: Frame) -> None:
        """Note what is above zero."""
        if self._believed:
            return
        names = _models(frame)
        for column in frame.doubted:
            if any((frame.table, column, name) not in self.proven for name in names):
                above = booleans(pc.greater(frame.figures[column], 0))
                found = np.bincount(codes(frame.model, len(frame))[above])
                self.proven |= {(frame.table, column, names[code]) for code in np.flatnonzero(found).tolist()}

    def settle(self, frame: Frame) -> NDArray[np.bool_]:
        """Null what is not believed of a frame, and count it; give the rows that lost a figure."""
        lost = np.zeros(len(frame), np.bool_)
        if self._believed:
            return lost
        names = _models(frame)
        for column in sorted(frame.doubted):
            for code, name in enumerate(names):
                if (frame.table, column, name) not in self.proven:
                    lost |= self._refuse(frame, column, code, name)
        return lost

    def _refuse(self, frame: Frame, column: str, code: int, name: str | None) -> NDArray[np.bool_]:
        zero: NDArray[np.bool_] = booleans(pc.equal(frame.figures[column], 0)) & (
            codes(frame.model, len(frame)) == code
        )
        if zero.any():
            frame.figures[column] = nulled(frame.figures[column], zero)
            self._refused[frame.origin, frame.table, column, name] += int(zero.sum())
        return zero

    def rejects(self, cluster: str | None) -> Iterator[Reject]:
        """Tell how many zeros were not believed since this was last asked, by file, signal and model."""
        for (origin, table, column, model), count in self._refused.items():
            of = f"of {model} " if model else ""
            detail = f"{column} {of}is never above zero here, so its zeros may not have been measured"
            yield Reject(table, origin, None, "unproven-zero", detail, "", count, cluster)
        self._refused.clear()


def _models(frame: Frame) -> list[str | None]:
    """Give the models of a frame in the order of their codes, the missing one first."""
    if frame.model is None:
        return [None]
    return [None, *words(frame.model)]
