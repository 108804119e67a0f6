"""Jobs and allocations as arrays: who held which node, from when to when (L1.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from paydown.ledger.columns import NONE, counts, instants, recode, texts
from paydown.ledger.frame import FOREVER, Frame, Horizons
from paydown.ledger.intervals import Bools, Ints
from paydown.model.units import MS_PER_DAY

LOST_STATES = (
    "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED", "REVOKED", "REQUEUED",
)  # fmt: skip
"""States whose use is `lost` (L2)."""


@dataclass(frozen=True)
class Attempts:
    """The jobs rows, coded; row i is attempt i."""

    table: pa.Table
    """The rows, as they came."""
    index: dict[tuple[str, int], int]
    """(job_id, attempt) to row."""
    detail: list[str]
    """What the use of each attempt came to: `productive`, `lost` or `open` (L2)."""
    last: dict[str, int]
    """The last attempt of each job_id."""

    def details(self, table: pa.Table) -> pa.Array:
        """Give what the use of each (job_id, attempt) of a table came to, those without a jobs row included."""
        rows = jobs_rows(table, self)
        words = ("productive", "lost", "open")
        codes = np.array([words.index(each) for each in (*self.detail, "open")], dtype=np.int64)[rows]
        for row in np.flatnonzero(rows == NONE).tolist():
            job, attempt = table.column("job_id")[row].as_py(), table.column("attempt")[row].as_py()
            if attempt is not None and attempt < self.last.get(job, attempt):
                codes[row] = words.index("lost")
        return pa.array(words).take(pa.array(codes))


def attempts(jobs: pa.Table) -> Attempts:
    """Index jobs rows and say what their use came to."""
    ids, numbers = jobs.column("job_id").to_pylist(), jobs.column("attempt").to_pylist()
    last: dict[str, int] = {}
    for job, number in zip(ids, numbers, strict=True):
        last[job] = max(number, last.get(job, number))
    detail = [
        "lost" if state in LOST_STATES or number < last[job] else "productive" if state == "COMPLETED" else "open"
        for job, number, state in zip(ids, numbers, jobs.column("state").to_pylist(), strict=True)
    ]
    return Attempts(jobs, {key: row for row, key in enumerate(zip(ids, numbers, strict=True))}, detail, last)


@dataclass(frozen=True)
class Allocations:
    """Allocation rows that hold something in the frame, in the order of (start, job_id, attempt) (L1.6)."""

    job: Ints
    """Code of the job_id, in the order of the texts."""
    jobs: list[str]
    attempt: Ints
    row: Ints
    """The row of the jobs table of this attempt, NONE where there is none."""
    node: Ints
    start: Ints
    """Start and end in the frame."""
    end: Ints
    began: Ints
    """The start in ms since the epoch."""
    gpu: Ints
    """milli-GPU."""
    gpus: Ints
    """Code of the text of the devices, NONE where they are not known."""
    gpu_texts: list[str]
    cpu: Ints
    """milli-CPU, NONE where not tracked."""
    memory: Ints
    """MiB, NONE where not tracked."""
    beyond: Bools
    """Whether the attempt holds something outside the frame's day too."""

    def key(self, row: int) -> tuple[str, int]:
        """Give the (job_id, attempt) of a row."""
        return self.jobs[self.job[row]], int(self.attempt[row])


def effective_ends(table: pa.Table, jobs: Attempts, horizons: Horizons) -> Ints:
    """Give when each allocation row ends, in epoch ms (L1.4)."""
    end = instants(table, "end", FOREVER)
    end = np.where(end == FOREVER, horizons.allocation_end, end)
    job_end = np.append(instants(jobs.table, "end", FOREVER), FOREVER)
    end = np.minimum(end, job_end[jobs_rows(table, jobs)])
    start = instants(table, "start", 0)
    job, _ = texts(table, "job_id")
    node, _ = texts(table, "node")
    attempt = counts(table, "attempt")
    order = np.lexsort((start, node, attempt, job))
    same = (
        (job[order][1:] == job[order][:-1])
        & (attempt[order][1:] == attempt[order][:-1])
        & (node[order][1:] == node[order][:-1])
    )
    following = np.full(len(order), FOREVER, dtype=np.int64)
    following[order[:-1][same]] = start[order[1:][same]]
    effective: Ints = np.minimum(np.minimum(end, following), horizons.end)
    return effective


def jobs_rows(table: pa.Table, jobs: Attempts) -> Ints:
    """Give the jobs row of each (job_id, attempt) of a table, NONE where there is none."""
    job, words = texts(table, "job_id")
    attempt = counts(table, "attempt")
    width = int(attempt.max(initial=0)) + 2
    # Few attempts stand behind many rows: look each up once.
    distinct, which = np.unique(job * width + attempt + 1, return_inverse=True)
    found = [
        jobs.index.get((words[code], number - 1), NONE) if code >= 0 else NONE
        for code, number in zip(*(part.tolist() for part in np.divmod(distinct, width)), strict=True)
    ]
    rows: Ints = np.array(found, dtype=np.int64)[which.reshape(-1)]
    return rows


def allocations(frame: Frame, end: Ints, table: pa.Table, jobs: Attempts, nodes: dict[str, int]) -> Allocations:
    """Read the allocation rows that hold something in the frame; `end` is what `effective_ends` gives of the table."""
    start = instants(table, "start", 0)
    beyond = _beyond(frame, table, start, end)
    keep = (end > start) & (end > frame.origin) & (start < frame.origin + frame.length)
    table, start, end, beyond = table.filter(pa.array(keep)), start[keep], end[keep], beyond[keep]
    codes, words = texts(table, "job_id")
    ordered = sorted(words)
    job, attempt = recode(codes, words, {word: code for code, word in enumerate(ordered)}), counts(table, "attempt")
    order = np.lexsort((attempt, job, start))
    table, start, end, job, attempt = table.take(pa.array(order)), start[order], end[order], job[order], attempt[order]
    node, node_words = texts(table, "node")
    gpus, gpu_texts = texts(table, "gpus")
    return Allocations(
        job, ordered, attempt, jobs_rows(table, jobs), recode(node, node_words, nodes),
        frame.inside(start), frame.inside(end), start,
        counts(table, "gpu_milli"), gpus, gpu_texts, counts(table, "cpu_milli"), counts(table, "memory_mib"),
        beyond[order],
    )  # fmt: skip


def _beyond(frame: Frame, table: pa.Table, start: Ints, end: Ints) -> Bools:
    """Tell of each row whether any row of its attempt lies outside the frame's day."""
    job, attempt = texts(table, "job_id")[0], counts(table, "attempt")
    number = np.unique(job * (int(attempt.max(initial=0)) + 2) + attempt + 1, return_inverse=True)[1].reshape(-1)
    first = frame.origin + frame.first
    outside = (end > start) & ((start < first) | (end > first + MS_PER_DAY))
    found = np.zeros(len(number), dtype=bool)
    found[number[outside]] = True
    rows: Bools = found[number]
    return rows


def coded_column(values: npt.NDArray[np.int64], words: list[str]) -> pa.Array:
    """Give codes as a dictionary array, NONE as null."""
    return pa.DictionaryArray.from_arrays(
        pa.array(values.astype(np.int32), mask=values == NONE), pa.array(words, pa.string())
    )


def text_column(values: npt.NDArray[np.int64], words: list[str]) -> pa.Array:
    """Give codes back as text, NONE as null."""
    if not words:
        return pa.nulls(len(values), pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(values, mask=values == NONE), pa.array(words, pa.string())).cast(
        pa.string()
    )
