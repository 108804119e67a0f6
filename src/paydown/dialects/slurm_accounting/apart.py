"""Rows of one job that lie apart: sacct writes them in order of submission, and a requeued job is submitted again.

The attempts of a job can be told apart and numbered only where all its rows are seen together. Which jobs come again is
told by the states of the rows before the last one, so these are kept back, and read with the last piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.texts import column
from paydown.model.instants import booleans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

AGAIN = "^(REQUEUED|RESIZING|PREEMPTED|NODE_FAIL|BOOT_FAIL|REVOKED|RQ|RS|PR|NF|BF|RV)"
"""The states after which a job may start once more."""


def together(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield pieces of a dump, those rows last, as one piece with the last, whose jobs have others elsewhere."""
    again = pa.nulls(0, pa.string())
    later: list[pa.Table] = []
    waiting: pa.Table | None = None
    for piece in pieces:
        if waiting is not None:
            again = pc.unique(pa.concat_arrays([again, _coming_again(waiting)]))
            back = _rows_of(waiting, again)
            yield waiting.filter(pa.array(~back)) if back.any() else waiting
            later.append(waiting.filter(pa.array(back)))
        waiting = piece
    if waiting is not None:
        yield pa.concat_tables([waiting, *later]).combine_chunks() if later else waiting


def _coming_again(piece: pa.Table) -> pa.Array:
    """Give the ids of the jobs that may start once more, or have done so."""
    marked = booleans(pc.match_substring_regex(column(piece, "State"), AGAIN))
    marked |= booleans(pc.match_substring_regex(column(piece, "Restarts"), "^0*[1-9]"))
    return column(piece, "JobID").filter(pa.array(marked & _are_jobs(piece)))


def _are_jobs(piece: pa.Table) -> Flags:
    found: Flags = ~booleans(pc.match_substring(column(piece, "JobID"), "."))
    return found


def _rows_of(piece: pa.Table, jobs: pa.Array) -> Flags:
    """Say which rows are of these jobs; steps lie below the row of their job."""
    ours = booleans(pc.is_in(column(piece, "JobID"), jobs))
    above = np.cumsum(_are_jobs(piece)) - 1
    of_job = np.append(ours[_are_jobs(piece)], np.False_)
    found: Flags = of_job[above]
    return found
