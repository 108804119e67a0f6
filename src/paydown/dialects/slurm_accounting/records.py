"""Rows of a dump told apart: jobs and their attempts, steps and whose they are, rows that cannot be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.texts import by_distinct, column, said
from paydown.model.batch import LINE, Reject
from paydown.model.cells import has_byte
from paydown.model.instants import booleans, instants_of_text, local_instants, milliseconds
from paydown.model.rows import row_text
from paydown.model.slurm import parse_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Ints = NDArray[np.int64]

TIMES = ("Submit", "Eligible", "Start", "End")
"""The fields that are local times."""

SHARED_FIELDS = frozenset({"JobID", "TotalCPU", "Elapsed", "MaxRSS"})
"""The fields that are read of jobs and of steps."""

STEP_FIELDS = frozenset({"AveCPU", "AveRSS", "NTasks", "TRESUsageInAve", "TRESUsageInMax", "TRESUsageInTot"})
"""The fields that are read of steps alone."""

_JOB_ID = r"^[0-9]+(_([0-9]+|\[[^\]]*\]))?(\+[0-9]+)?(\..+)?$"
_FAR = 1 << 62


@dataclass
class Doubts:
    """What the reader of the figures should know, gathered over all files."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, sentence: str, count: int) -> None:
        """Count what a sentence is about; `{}` in it is the count."""
        if count:
            self.counts[sentence] = self.counts.get(sentence, 0) + count

    def notes(self) -> list[str]:
        """Give the sentences with their counts."""
        return [sentence.format(f"{count:,}") for sentence, count in self.counts.items()]


@dataclass
class Records:
    """The jobs of a piece of a dump, one row for each attempt, and their steps."""

    rows: pa.Table
    """The rows of the jobs as text."""
    cluster: pa.Array
    """Each row's cluster."""
    job: pa.Array
    """Each row's job id as text; of pending array tasks the id of all of them, `123_[5-9%2]`."""
    attempt: Ints
    state: pa.Array
    """The base state."""
    ms: dict[str, pa.Array]
    """Submit, Eligible, Start, End in ms since the epoch; Start is null where the job never got a node."""
    held: Flags
    """Whether the job got a node."""
    steps: pa.Table
    """The rows of the steps as text."""
    parent: Ints
    """For each step the row of its job."""

    def __len__(self) -> int:
        """Give the number of attempts."""
        return len(self.rows)


@dataclass
class _Sieve:
    """Takes rows out that cannot be believed, each for its first reason."""

    rows: pa.Table
    origin: str
    clusters: pa.Array
    rejects: list[Reject] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bad = np.zeros(len(self.rows), np.bool_)

    def out(self, where: Flags, reason: str, detail: str) -> None:
        """Take rows out."""
        for at in np.flatnonzero(where & ~self.bad).tolist():
            line, cluster = self.rows[LINE][at].as_py(), self.clusters[at].as_py()
            text = row_text(self.rows, at)
            self.rejects.append(Reject("jobs", self.origin, line, reason, detail, text, cluster=cluster))
        self.bad |= where

    def out_at(self, at: Ints, where: Flags, reason: str, detail: str) -> None:
        """Take some of the rows at these places out."""
        everywhere = np.zeros(len(self.bad), np.bool_)
        everywhere[at[where]] = True
        self.out(everywhere, reason, detail)


def read_records(
    piece: pa.Table, origin: str, cluster: str | None, zone: ZoneInfo, doubts: Doubts
) -> tuple[Records, list[Reject]]:
    """Tell the rows of a piece apart."""
    ids = column(piece, "JobID")
    tasks = pc.match_substring(ids, "[")  # pending: no steps, and `...` where the list is cut off
    is_step = booleans(pc.match_substring(ids, ".")) & ~booleans(tasks)
    clusters = _clusters(piece, cluster)
    sieve = _Sieve(piece, origin, clusters)
    sieve.out(_with_nul(piece), "nul-byte", "a cell holds a NUL byte")
    sieve.out(~booleans(pc.match_substring_regex(ids, _JOB_ID)), "bad-key", "JobID is no job id")
    base = pc.if_else(tasks, ids, pc.list_element(pc.split_pattern(ids.fill_null(""), ".", max_splits=1), 0))
    code = _codes(clusters, base)
    job_at = np.flatnonzero(~is_step)
    jobs = piece.select([name for name in piece.column_names if name not in STEP_FIELDS]).take(pa.array(job_at))
    state = by_distinct(column(jobs, "State"), parse_state, pa.string())
    sieve.out_at(job_at, booleans(state.is_null()), "unknown-value", "State is none that Slurm has")
    ms = _times(jobs, zone, sieve, job_at, doubts)
    held = _held(jobs, state)
    ms["Start"] = pc.if_else(pa.array(held), ms["Start"], None)
    sieve.out_at(job_at, booleans(pc.less(ms["End"], ms["Start"])), "end-before-start", "End lies before Start")
    kept, attempt = _attempts(jobs, code[job_at], ms, ~sieve.bad[job_at])
    steps, parent = _parents(code, is_step & ~sieve.bad, job_at, job_at[kept], sieve)
    every = len(kept) == len(jobs)
    take = pa.array(kept)
    step_columns = [name for name in piece.column_names if name in STEP_FIELDS or name in SHARED_FIELDS]
    records = Records(
        rows=jobs if every else jobs.take(take),
        cluster=clusters.take(pa.array(job_at[kept])),
        job=base.take(pa.array(job_at[kept])),
        attempt=attempt,
        state=state.take(take),
        ms={name: values.take(take) for name, values in ms.items()},
        held=held[kept],
        steps=piece.select(step_columns).take(pa.array(steps)),
        parent=parent,
    )
    return records, sieve.rejects


def _clusters(piece: pa.Table, given: str | None) -> pa.Array:
    """Name the cluster of each row: the one that the user gave, else the row's own."""
    if given is not None:
        return pa.repeat(given, len(piece))
    return column(piece, "Cluster")


def _with_nul(piece: pa.Table) -> Flags:
    found = np.zeros(len(piece), np.bool_)
    for name in piece.column_names:
        if name != LINE and has_byte(column(piece, name), 0):
            found |= booleans(pc.match_substring(column(piece, name), "\0"))
    return found


def _held(piece: pa.Table, state: pa.Array) -> Flags:
    """Say which jobs got a node: those with a node list; without that column, those that are not pending."""
    pending = booleans(pc.equal(state, "PENDING"))
    if "NodeList" not in piece.column_names:
        return ~pending
    return ~pending & booleans(said(column(piece, "NodeList")).is_valid())


def _times(jobs: pa.Table, zone: ZoneInfo, sieve: _Sieve, at: Ints, doubts: Doubts) -> dict[str, pa.Array]:
    """Read the local times of jobs as instants."""
    found: dict[str, pa.Array] = {}
    twice = np.zeros(len(jobs), np.bool_)
    for name in TIMES:
        text = said(column(jobs, name))
        ms, ambiguous, missing = _instants(text, zone)
        sieve.out_at(at, missing, "no-such-time", f"{name} is a time that the clock of {zone.key} never showed")
        bad = booleans(text.is_valid()) & booleans(ms.is_null()) & ~missing
        sieve.out_at(at, bad, "not-a-time", f"{name} is no time")
        twice |= ambiguous
        found[name] = ms
    doubts.add(
        f"{{}} jobs have a time in the hour that the clock of {zone.key} showed twice: the first was chosen.",
        int(twice.sum()),
    )
    return found


def _instants(text: pa.Array, zone: ZoneInfo) -> tuple[pa.Array, Flags, Flags]:
    """Read local times; epoch seconds and times with an offset (SLURM_TIME_FORMAT) are taken as they are."""
    never = np.zeros(len(text), np.bool_)
    try:
        local = milliseconds(text.cast(pa.timestamp("s")))
    except pa.ArrowInvalid:
        plain = booleans(pc.match_substring_regex(text, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$"))
        ms, twice, missing = _one_by_one(pc.if_else(pa.array(plain), text, None), zone)
        seconds = pc.match_substring_regex(text, "^[0-9]{1,11}$")
        epoch = pc.multiply(pc.if_else(seconds, text, None).cast(pa.int64()), 1000)
        other = pc.if_else(pc.or_(pa.array(plain), pc.fill_null(seconds, False)), None, text)  # noqa: FBT003 -- Arrow's order
        with_offset = pc.if_else(pc.match_substring_regex(other, r"(Z|[+-][0-9]{2}:?[0-9]{2})$"), other, None)
        return pc.coalesce(ms, epoch, instants_of_text(with_offset)), twice, missing
    found = local_instants(local, zone)
    return found.ms, found.ambiguous, found.missing if len(text) else never


def _one_by_one(text: pa.Array, zone: ZoneInfo) -> tuple[pa.Array, Flags, Flags]:
    """Read local times among which some may be none, such as the 30th of February."""
    found = local_instants(instants_of_text(text), zone)
    return found.ms, found.ambiguous, found.missing


def _codes(clusters: pa.Array, job: pa.Array) -> Ints:
    """Number the jobs: equal numbers are equal ids of one cluster."""
    if len(pc.unique(clusters)) > 1:
        job = pc.binary_join_element_wise(clusters.fill_null(""), job.fill_null(""), "/")
    found: Ints = job.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _attempts(jobs: pa.Table, code: Ints, ms: dict[str, pa.Array], good: Flags) -> tuple[Ints, Ints]:
    """Choose the row of each attempt, and number the attempts of a job in order of start.

    Rows of one submission and start are versions of one attempt, and so is a pending row of a submission that has
    started: the closed one, else the last one, stands.
    """
    at = np.flatnonzero(good)
    attempt = _restarts(jobs).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    order = at[np.argsort(code[at], kind="stable")]
    same = np.append(np.False_, np.diff(code[order]) == 0)[: len(order)]
    if not same.any():
        return at, attempt[at]
    times = {name: ms[name].fill_null(_FAR).to_numpy(zero_copy_only=False) for name in ("Submit", "Start", "End")}
    stands = good.copy()
    starts = np.flatnonzero(~same)
    ends = np.append(starts[1:], len(order))
    for first, end in zip(starts[ends - starts > 1].tolist(), ends[ends - starts > 1].tolist(), strict=True):
        group = order[first:end]
        rows = _versions(group.tolist(), times)
        stands[group] = False
        stands[rows] = True
        attempt[rows] = _numbers(attempt[rows].tolist())
    return np.flatnonzero(stands), attempt[stands]


def _versions(rows: list[int], times: dict[str, Ints]) -> list[int]:
    """Keep one row of each attempt, in order of start."""
    submit, start, end = (times[name] for name in ("Submit", "Start", "End"))
    chosen: dict[tuple[int, int], int] = {}
    for row in sorted(rows, key=lambda row: (end[row] == _FAR, -row), reverse=True):
        chosen[int(submit[row]), int(start[row])] = row
    started = {key[0] for key in chosen if key[1] != _FAR}
    kept = [row for key, row in chosen.items() if key[1] != _FAR or key[0] not in started]
    return sorted(kept, key=lambda row: (start[row], submit[row], row))


def _numbers(restarts: Sequence[int]) -> list[int]:
    """Number attempts by Slurm's own count of restarts where it tells them apart, else in order."""
    rising = all(first < second for first, second in pairwise(restarts))
    return list(restarts) if rising else list(range(len(restarts)))


def _restarts(piece: pa.Table) -> pa.Array:
    text = column(piece, "Restarts")
    return pc.if_else(pc.match_substring_regex(text, "^[0-9]{1,6}$"), text, None).cast(pa.int64())


def _parents(code: Ints, steps: Flags, jobs: Ints, kept: Ints, sieve: _Sieve) -> tuple[Ints, Ints]:
    """Find the job of each step: the row above it, else the last kept row of that id.

    Steps of a row that was dropped or not believed go with it.
    """
    places = np.flatnonzero(steps)
    above = jobs[np.maximum(np.searchsorted(jobs, places) - 1, 0)] if len(jobs) else places
    number = np.full(len(code) + 1, -1, np.int64)
    number[kept] = np.arange(len(kept))
    last = np.full(int(code.max(initial=0)) + 1, -1, np.int64)
    last[code[kept]] = np.arange(len(kept))
    there = np.zeros(len(last), np.bool_)
    there[code[jobs]] = True
    parent = np.where(code[above] == code[places], number[above], last[code[places]])
    orphan = np.zeros(len(code), np.bool_)
    orphan[places[~there[code[places]]]] = True
    sieve.out(orphan, "step-without-job", "the row of the step's job is not in the dump: leave out filters of rows")
    return places[parent >= 0], parent[parent >= 0]
