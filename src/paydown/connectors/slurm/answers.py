"""Answers of sacct as one table of text, as things stood at the end of the window that was asked for.

Jobs come without their steps, those that ended with them. What happened after the window's end is taken back: a job
that ended later was still running then. So each window says what was known at its end, whenever it is asked for.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.slurm.asked import in_utc
from paydown.dialects.slurm_accounting.lines import Dump
from paydown.dialects.slurm_accounting.texts import column
from paydown.dialects.slurm_accounting.whole_lines import SEPARATOR, whole_lines
from paydown.errors import SourceError
from paydown.model.batch import LINE

if TYPE_CHECKING:
    from paydown.model.batch import Reject

ORIGIN = "sacct"
"""What rejects of accounting name."""

_TIME = r"^\d{4}-"
_KEY = ("JobID", "Submit", "Start", "End")


def table_of(answer: bytes, rejects: list[Reject]) -> pa.Table:
    """Read one answer as text; lines that cannot be read become rejects."""
    if not answer.startswith((b"JobID", b"NTasks")):
        said = answer[:200].decode(errors="replace")
        raise SourceError(f"sacct answered with something else than a table of jobs, which begins: {said!r}.")
    dump = Dump(ORIGIN, io.BytesIO(whole_lines(answer)), delimiter=SEPARATOR)
    found = pa.concat_tables(dump.pieces())
    rejects += dump.rejects
    return found


def together(jobs: pa.Table, ended: pa.Table) -> pa.Table:
    """Put both answers together; of a row that is in both, that with its steps stands."""
    known = pc.is_in(_keys(jobs), value_set=_keys(ended))
    return pa.concat_tables([jobs.filter(pc.invert(known)), ended], promote_options="default").combine_chunks()


def _keys(rows: pa.Table) -> pa.Array:
    return pc.binary_join_element_wise(*(column(rows, name).fill_null("") for name in _KEY), SEPARATOR)


def as_of(rows: pa.Table, ms: int) -> pa.Table:
    """Take back what happened after an instant, and leave out jobs that were not submitted by then."""
    at = in_utc(ms)
    rows = rows.filter(pc.invert(pc.and_(_are_jobs(rows), _after(rows, "Submit", at))))
    jobs = _are_jobs(rows)
    unstarted = pc.and_(jobs, _after(rows, "Start", at))
    running = pc.and_(jobs, _after(rows, "End", at))
    still = pc.or_(running, unstarted)
    if not pc.any(still, min_count=0).as_py():
        return rows
    changes = {
        "State": pc.if_else(unstarted, "PENDING", pc.if_else(running, "RUNNING", column(rows, "State"))),
        "Start": pc.if_else(unstarted, "Unknown", column(rows, "Start")),
        "NodeList": pc.if_else(unstarted, "None assigned", column(rows, "NodeList")),
        "AllocTRES": pc.if_else(unstarted, None, column(rows, "AllocTRES")),
        "End": pc.if_else(still, "Unknown", column(rows, "End")),
        "ExitCode": pc.if_else(still, "0:0", column(rows, "ExitCode")),
    }
    for name in changes.keys() & set(rows.column_names):
        rows = rows.set_column(rows.column_names.index(name), name, changes[name])
    return rows


def _are_jobs(rows: pa.Table) -> pa.Array:
    """Say which rows are of jobs; `24_[0-9%2...]` of a list that is cut off is one."""
    ids = column(rows, "JobID")
    return pc.or_(pc.invert(pc.match_substring(ids, ".")), pc.match_substring(ids, "["))


def _after(rows: pa.Table, name: str, at: str) -> pa.Array:
    values = column(rows, name)
    return pc.and_(pc.match_substring_regex(values, _TIME), pc.greater(values, at)).fill_null(False)  # noqa: FBT003


def rows_of(found: list[dict[str, str]]) -> pa.Table:
    """Make rows of sacct of what another answer says of jobs."""
    names = sorted({name for row in found for name in row})
    columns = {name: pa.array([row.get(name) for row in found], pa.string()) for name in names}
    return pa.table({**columns, LINE: pa.array([None] * len(found), pa.int64())})
