"""The details of used and inactive, from stored runs, summaries and the jobs' states (L2, L3.6): no samples needed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.columns import NONE, counts, instants
from paydown.ledger.frame import FOREVER
from paydown.ledger.intervals import Ints, split_at_buckets
from paydown.ledger.jobs import Attempts, attempts, jobs_rows, text_column
from paydown.ledger.uses import GAP, NEVER_USED, PHASES, STARTUP, TAIL
from paydown.model.entries import ENTRIES, UNSEEN
from paydown.model.units import BUCKET_MS

_WHOSE = ["job_id", "attempt", "node", "tres", "gpu", "allocated_from"]


def merged(summaries: pa.Table) -> pa.Table:
    """Merge the summaries of several days: first and last activity of each allocation's device."""
    keyed = summaries.set_column(summaries.column_names.index("gpu"), "gpu", pc.fill_null(summaries.column("gpu"), ""))
    found = keyed.group_by(_WHOSE, use_threads=False).aggregate(
        [("samples", "sum"), ("first_sample", "min"), ("first_active", "min"), ("last_active", "max")]
    )
    return found.rename_columns([*_WHOSE, "samples", "first_sample", "first_active", "last_active"])


def refreshed(entries: pa.Table, runs: pa.Table, phases: pa.Table, jobs: pa.Table) -> pa.Table:
    """Give a posted day's entries with details as other days and the jobs' states have them now.

    Args:
        entries: The day's entries as posted.
        runs: The day's runs.
        phases: The merged summaries (`merged`) of all days of the allocations that have runs.
        jobs: Every jobs row of the holders, and of their jobs' other attempts.
    """
    known = attempts(jobs)
    kept = _renewed(entries, jobs, known)
    used = pc.equal(kept.column("category"), "used")
    detail = pc.replace_with_mask(
        kept.column("detail").combine_chunks(), used.combine_chunks(), known.details(kept.filter(used))
    )
    kept = kept.set_column(kept.column_names.index("detail"), ENTRIES.arrow.field("detail"), detail)
    return pa.concat_tables([kept, inactive_entries(runs, phases, jobs)])


def _renewed(entries: pa.Table, jobs: pa.Table, known: Attempts) -> pa.Table:
    """Leave out what runs give, and say anew who the holders are."""
    by_runs = pc.and_(
        pc.equal(entries.column("category"), "inactive"),
        pc.is_in(entries.column("basis"), pa.array(["sampled", "shared"])),
    )
    kept = entries.filter(pc.invert(pc.fill_null(by_runs, False)))  # noqa: FBT003 - pyarrow's own order
    rows = jobs_rows(kept, known)
    held = pc.and_(pc.is_valid(kept.column("job_id")), pc.not_equal(kept.column("job_id"), UNSEEN))
    held = pc.fill_null(held, False)  # noqa: FBT003 - pyarrow's own order
    columns = {name: kept.column(name) for name in ENTRIES.names}
    for name in ("partition", "user", "account"):
        columns[name] = pc.if_else(held, _of_jobs(jobs, name, rows), kept.column(name))
    return pa.table([columns[name] for name in ENTRIES.names], schema=ENTRIES.arrow)


def _of_jobs(jobs: pa.Table, name: str, rows: Ints) -> pa.Array:
    if not jobs.num_rows:
        return pa.nulls(len(rows), pa.string())
    return jobs.column(name).combine_chunks().take(pa.array(rows, mask=rows == NONE))


def phase_of(runs: pa.Table, phases: pa.Table) -> Ints:
    """Give the phase of each run, as a code: never_used, startup, gap, tail (L3.6)."""
    keyed = runs.set_column(runs.column_names.index("gpu"), "gpu", pc.fill_null(runs.column("gpu"), ""))
    keyed = keyed.append_column("row", pa.array(np.arange(len(runs)))).select([*_WHOSE, "row", "start"])
    joined = keyed.join(phases.select([*_WHOSE, "first_active", "last_active"]), keys=_WHOSE, join_type="left outer")
    joined = joined.sort_by("row")
    start = instants(joined, "start", 0)
    first, last = instants(joined, "first_active", FOREVER), instants(joined, "last_active", NONE)
    phase = np.where(start < first, STARTUP, np.where(start > last, TAIL, GAP))
    return np.where(first == FOREVER, NEVER_USED, phase)


def inactive_entries(runs: pa.Table, phases: pa.Table, jobs: pa.Table) -> pa.Table:
    """Make the inactive entries of a day's runs."""
    start, end = instants(runs, "start", 0), instants(runs, "end", 0)
    row, bucket, low, high = split_at_buckets(start, end, BUCKET_MS)
    taken = runs.select(["cluster", "day", "job_id", "attempt", "node", "tres", "basis", "signal"]).take(pa.array(row))
    taken = (
        taken.append_column("bucket", pa.array(bucket * BUCKET_MS).cast(pa.timestamp("ms", "UTC")))
        .append_column("detail", text_column(phase_of(runs, phases)[row], list(PHASES)))
        .append_column("amount", pa.array(counts(runs, "milli")[row] * (high - low)))
    )
    keys = [name for name in taken.column_names if name != "amount"]
    summed = taken.group_by(keys, use_threads=False).aggregate([("amount", "sum")])
    rows = jobs_rows(summed, attempts(jobs))
    columns = {name: summed.column(name) for name in keys} | {
        "amount": summed.column("amount_sum"),
        "category": text_column(np.zeros(len(summed), dtype=np.int64), ["inactive"]),
    }
    for name in ("partition", "user", "account"):
        columns[name] = _of_jobs(jobs, name, rows)
    return pa.table([columns[name] for name in ENTRIES.names], schema=ENTRIES.arrow)
