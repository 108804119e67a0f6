"""Jobs and allocations as arrays: who held which node, from when to when (L1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.columns import NONE, counts, instants, recode, texts
from paydown.ledger.frame import FOREVER, Frame, Horizons
from paydown.ledger.intervals import Bools, Ints
from paydown.model.units import MS_PER_DAY

LOST_STATES = (
    "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED", "REVOKED", "REQUEUED",
)  # fmt: skip
"""States whose use is `lost` (L2)."""

OUTCOMES = ("productive", "lost", "open")
"""What use came to (L2)."""


@dataclass(frozen=True)
class Attempts:
    """The jobs rows, coded; row i is attempt i."""

    table: pa.Table
    """The rows, as they came."""
    words: pa.Array
    """The distinct job_ids."""
    key: Ints
    """job code * width + attempt of the rows, in ascending order."""
    row: Ints
    """The row that each key is of."""
    width: int
    """More than any attempt's number."""
    detail: Ints
    """What the use of each attempt came to: a code of `OUTCOMES`."""
    last: Ints
    """The last attempt of each job_id."""

    def rows(self, job: Ints, words: list[str], attempt: Ints) -> Ints:
        """Give the jobs row of attempts, whose jobs are given as codes into `words`; NONE where there is none."""
        code = self.codes(words)[job]
        key = np.where((code != NONE) & (attempt >= 0) & (attempt < self.width), code * self.width + attempt, NONE)
        at = np.minimum(np.searchsorted(self.key, key), max(len(self.key) - 1, 0))
        if not len(self.key):
            return np.full(len(job), NONE, dtype=np.int64)
        return np.where(self.key[at] == key, self.row[at], NONE)

    def codes(self, words: list[str]) -> Ints:
        """Give the codes of job_ids, NONE for those without a jobs row, and NONE at the end."""
        found = pc.index_in(pa.array(words, pa.string()), self.words)
        return np.append(np.asarray(pc.fill_null(found, NONE).to_numpy(), dtype=np.int64), NONE)

    def outcomes(self, job: Ints, words: list[str], attempt: Ints) -> Ints:
        """Give what the use of attempts came to (L2), those without a jobs row included."""
        row = self.rows(job, words, attempt)
        earlier = attempt < np.append(self.last, NONE)[self.codes(words)[job]]
        without = np.where(earlier, OUTCOMES.index("lost"), OUTCOMES.index("open"))
        return np.where(row == NONE, without, np.append(self.detail, NONE)[row])

    def details(self, table: pa.Table) -> pa.Array:
        """Give what the use of each (job_id, attempt) of a table came to, as text."""
        job, words = texts(table, "job_id")
        return text_column(self.outcomes(job, words, counts(table, "attempt")), list(OUTCOMES))


def attempts(jobs: pa.Table) -> Attempts:
    """Index jobs rows and say what their use came to."""
    job, words = texts(jobs, "job_id")
    attempt = counts(jobs, "attempt")
    width = int(attempt.max(initial=0)) + 1
    last = np.full(len(words), NONE, dtype=np.int64)
    np.maximum.at(last, job, attempt)
    state, states = texts(jobs, "state")
    of_state = np.array([_outcome(word) for word in states], dtype=np.int64)
    detail = np.where(attempt < last[job], OUTCOMES.index("lost"), of_state[state] if len(states) else state)
    key = job * width + attempt
    order = np.argsort(key, kind="stable")
    return Attempts(jobs, pa.array(words, pa.string()), key[order], order, width, detail, last)


def _outcome(state: str) -> int:
    return OUTCOMES.index("lost" if state in LOST_STATES else "productive" if state == "COMPLETED" else "open")


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
    return jobs.rows(job, words, counts(table, "attempt"))


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


def coded_column(values: npt.NDArray[np.signedinteger[Any]], words: list[str]) -> pa.Array:
    """Give codes as a dictionary array, NONE as null."""
    codes = values.astype(np.int32) if values.itemsize > 4 else values  # noqa: PLR2004 - bytes
    missing = codes == NONE
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=missing if bool(missing.any()) else None), pa.array(words, pa.string())
    )


def text_column(values: npt.NDArray[np.int64], words: list[str]) -> pa.Array:
    """Give codes back as text, NONE as null."""
    if not words:
        return pa.nulls(len(values), pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(values, mask=values == NONE), pa.array(words, pa.string())).cast(
        pa.string()
    )
