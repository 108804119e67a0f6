"""The number of each attempt, the same whichever rows of a job a window shows.

A window may show the third start of a job alone. Rows are known again by job, submission and start, and new ones are
numbered after those that the store knows, or after the one that a mark names where the store is not asked so far back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.apart import AGAIN
from paydown.dialects.slurm_accounting.texts import column, whole_numbers

if TYPE_CHECKING:
    from paydown.dialects.slurm_accounting.records import Records

MOST_AGAIN = 10_000
"""How many jobs that may come again are remembered."""

_Submit = int | None


@dataclass(frozen=True)
class KnownRow:
    """A row of `jobs` that the store holds."""

    attempt: int
    start_ms: int | None
    end_ms: int | None


@dataclass
class Known:
    """The rows of `jobs` that the store holds of the time in question."""

    rows: dict[str, dict[_Submit, list[KnownRow]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    """By job and submission."""
    ends: dict[tuple[str, int], int | None] = field(default_factory=dict)
    """The end of each attempt; None: still open."""

    @staticmethod
    def of(stored: pa.Table) -> Known:
        """Take rows of the store."""
        known = Known()
        times = (stored[name].cast(pa.int64()).to_pylist() for name in ("submit", "start", "end"))
        ids = zip(stored["job_id"].to_pylist(), stored["attempt"].to_pylist(), strict=True)
        for (job, attempt), submit, start, end in zip(ids, *times, strict=True):
            known.rows[job][submit].append(KnownRow(attempt, start, end))
            known.ends[job, attempt] = end
        return known

    def open(self) -> list[tuple[str, int]]:
        """Give the attempts that have not ended."""
        return [about for about, end in self.ends.items() if end is None]

    def last(self, job: str) -> int:
        """Give the last attempt of a job; -1: none is known."""
        return max((row.attempt for rows in self.rows.get(job, {}).values() for row in rows), default=-1)

    def find(self, job: str, submit: _Submit, start: int | None) -> KnownRow | None:
        """Find the row that another one is a version of: of one submission, and of one start where both have begun."""
        rows = self.rows.get(job, {}).get(submit, [])
        same = [row for row in rows if row.start_ms == start]
        unlike = [row for row in rows if row.start_ms is None or start is None]
        return next(iter(same or unlike), None)


def numbered(records: Records, known: Known, again: Mapping[str, int]) -> Records:
    """Give the records with the numbers of their attempts."""
    jobs = records.job
    watched = pa.array([*known.rows, *again], pa.string())
    several = records.attempt > 0
    asked = np.flatnonzero(several | np.asarray(pc.is_in(jobs, value_set=watched)) | _repeated(jobs))
    if not len(asked):
        return records
    attempt = records.attempt.copy()
    groups: dict[str, list[int]] = defaultdict(list)
    for at, job in zip(asked.tolist(), jobs.take(pa.array(asked)).to_pylist(), strict=True):
        groups[job].append(at)
    restarts = whole_numbers(column(records.rows, "Restarts"))
    submit, start = (records.ms[name].to_pylist() for name in ("Submit", "Start"))
    for job, rows in groups.items():
        last = max(known.last(job), again.get(job, -1))
        for row in sorted(rows, key=lambda row: (submit[row] or 0, start[row] is None, start[row] or 0, row)):
            found = known.find(job, submit[row], start[row])
            told = restarts[row].as_py() or 0
            attempt[row] = found.attempt if found else max(told, last + 1)
            last = max(last, int(attempt[row]))
    return replace(records, attempt=attempt)


def _repeated(jobs: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    codes = jobs.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    several: np.ndarray[tuple[int], np.dtype[np.bool_]] = (np.bincount(codes + 1, minlength=1) > 1)[codes + 1]
    return several


def coming_again(records: Records, known: Known, again: Mapping[str, int]) -> dict[str, int]:
    """Give the jobs whose last attempt ended so that they may start once more, and the number of it."""
    found = dict(again)
    marked = np.asarray(pc.match_substring_regex(records.state, AGAIN).fill_null(False))  # noqa: FBT003
    for job, attempt, comes in _touched(records, again, marked):
        if attempt >= max(found.get(job, -1), known.last(job)):
            found.pop(job, None)
            if comes:
                found[job] = attempt
    return dict(list(found.items())[-MOST_AGAIN:])


def _touched(records: Records, again: Mapping[str, int], marked: np.ndarray) -> Iterable[tuple[str, int, bool]]:
    """Give the rows of jobs that come again, or did, in order of attempt."""
    ours = pc.is_in(
        records.job, value_set=pa.array([*again, *records.job.filter(pa.array(marked)).to_pylist()], pa.string())
    )
    at = np.flatnonzero(np.asarray(ours))
    rows = zip(
        records.job.take(pa.array(at)).to_pylist(), records.attempt[at].tolist(), marked[at].tolist(), strict=True
    )
    return sorted(rows, key=lambda row: row[1])
