"""Jobs that should be there and are not: those whose end accounting learnt of late, and those that were lost.

One that the store has as running or waiting, and that no window shows, is asked for by its id, all such jobs in one
call. If accounting does not know it either, or says that it runs while the controller knows no such job, it is taken,
after a while, to have ended when it was last known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.texts import column
from paydown.model.batch import Batch
from paydown.model.instants import INSTANT
from paydown.model.units import MS_PER_MINUTE

if TYPE_CHECKING:
    from paydown.dialects.slurm_control.queue import Queued

PATIENCE_MS = 10 * MS_PER_MINUTE
"""For how long a job is missed before it is taken to have ended."""

MOST_ASKED = 500
"""How many jobs are asked for by id in one round; the rest in the next."""

_HOLDING = ("RUNNING", "SUSPENDED")


def unknown_to_controller(rows: pa.Table, queue: Collection[Queued]) -> frozenset[str]:
    """Give the ids of jobs that accounting calls running and the controller does not have (runaway jobs)."""
    running = pc.and_(
        pc.is_in(column(rows, "State"), value_set=pa.array(_HOLDING)),
        pc.equal(column(rows, "End").fill_null("Unknown"), "Unknown"),
    )
    return frozenset(column(rows, "JobID").filter(running).to_pylist()) - {job.job for job in queue}


def still_missing(
    absent: Collection[str], before: Mapping[str, int], last_ms: int, at: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Give the jobs that are to be missed further, and those to be ended, each with when it was last known."""
    since = {job: before.get(job, last_ms) for job in absent}
    over = {job: ms for job, ms in since.items() if job in before and at - ms >= PATIENCE_MS}
    return {job: ms for job, ms in since.items() if job not in over}, over


def ended_rows(over: Mapping[str, int], stored: Mapping[str, pa.Table]) -> Iterator[Batch]:
    """Yield rows of the store with the end of these jobs, which is that of when they were last known."""
    for table, rows in stored.items() if over else ():
        ours = pc.and_(pc.is_in(rows["job_id"], value_set=pa.array(sorted(over), pa.string())), rows["end"].is_null())
        found = rows.filter(ours)
        ends = [over[job] for job in found["job_id"].to_pylist()]
        begun = [found[name].cast(pa.int64()).to_pylist() for name in ("submit", "start") if name in found.column_names]
        ends = [max(end, *(ms or 0 for ms in times)) for end, *times in zip(ends, *begun, strict=True)]
        at = found.column_names.index("end")
        yield Batch(table, found.set_column(at, "end", pa.array(ends, pa.int64()).cast(INSTANT)), "sacct")
