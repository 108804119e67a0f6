"""The jobs of one window, from answers of sacct and the queue to rows of facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.slurm.answers import ORIGIN, as_of
from paydown.connectors.slurm.attempts import Known, coming_again, numbered
from paydown.connectors.slurm.kept import Held, settled, told_anew
from paydown.dialects.slurm_accounting.allocations import allocation_rows
from paydown.dialects.slurm_accounting.jobs import job_rows
from paydown.dialects.slurm_accounting.jobstats import summary_rows
from paydown.dialects.slurm_accounting.records import Doubts, Records, read_records
from paydown.dialects.slurm_accounting.usage import Zeros, usage_rows
from paydown.model.batch import Batch, Reject

_UTC = ZoneInfo("UTC")


@dataclass
class Jobs:
    """What one window says of jobs."""

    cluster: str
    kinds: Mapping[str, str]
    known: Known
    held: Held
    zeros: Zeros
    again: dict[str, int]
    """Jobs that may come again, as of the end of the window once it is read."""
    settle: tuple[int, int]
    """Figures of steps are taken of jobs that ended after the first and up to the second instant."""
    doubts: Doubts = field(default_factory=Doubts)
    there: set[str] = field(default_factory=set)
    """The ids of the jobs that were told of."""
    running: set[str] = field(default_factory=set)
    """Those that are running, or wait, as far as accounting knows."""

    def items(self, rows: pa.Table, ms: int, lost: frozenset[str] = frozenset()) -> Iterator[Batch | Reject]:
        """Yield rows of facts, as things stood at an instant; of what is `lost` nothing is said."""
        records, rejects = read_records(as_of(rows, ms), ORIGIN, self.cluster, _UTC, self.doubts)
        yield from rejects
        records = numbered(records, self.known, self.again)
        self.again = coming_again(records, self.known, self.again)
        jobs, left_out = job_rows(records, ORIGIN, self.doubts, self.kinds)
        yield from left_out
        self.there |= set(jobs["job_id"].to_pylist())
        open_ones = jobs.filter(jobs["end"].is_null())
        self.running |= set(open_ones["job_id"].to_pylist())
        yield Batch("jobs", _without(told_anew(jobs, self.known), lost), ORIGIN)
        allocations, unread = allocation_rows(records, ORIGIN, self.doubts)
        yield from unread
        yield Batch("allocations", _without(self.held.applied(allocations), lost), ORIGIN)
        yield from self._figures(records)

    def _figures(self, records: Records) -> Iterator[Batch | Reject]:
        ready = chosen(records, settled(records, self.known, *self.settle))
        yield from usage_rows(ready, ORIGIN, self.zeros)
        yield from summary_rows(ready, ORIGIN, self.doubts)


def _without(rows: pa.Table, lost: frozenset[str]) -> pa.Table:
    """Leave out open rows of jobs."""
    if not lost:
        return rows
    gone = pc.and_(pc.is_in(rows["job_id"], value_set=pa.array(sorted(lost), pa.string())), rows["end"].is_null())
    return rows.filter(pc.invert(gone))


def chosen(records: Records, which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Records:
    """Give some of the attempts with their steps."""
    at = pa.array(np.flatnonzero(which))
    place = np.cumsum(which) - 1
    steps = np.flatnonzero(which[records.parent]) if len(records.parent) else np.zeros(0, np.int64)
    return replace(
        records,
        rows=records.rows.take(at),
        cluster=records.cluster.take(at),
        job=records.job.take(at),
        attempt=records.attempt[which],
        state=records.state.take(at),
        ms={name: values.take(at) for name, values in records.ms.items()},
        held=records.held[which],
        steps=records.steps.take(pa.array(steps)),
        parent=place[records.parent[steps]],
    )
