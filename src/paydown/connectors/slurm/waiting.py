"""Jobs of the controller's queue as rows of sacct: those that accounting does not show, and why others wait."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.slurm.answers import rows_of
from paydown.dialects.slurm_accounting.texts import column
from paydown.dialects.slurm_control.queue import Queued

_BETTER = ("Reason", "Priority", "Eligible")
"""What the controller knows of a waiting job at the moment, and accounting as it was submitted."""

HELD = frozenset({"JobHeldUser", "JobHeldAdmin", "JobHoldMaxRequeue"})
"""Reasons of jobs that somebody has to release."""


def with_queue(rows: pa.Table, queue: Iterable[Queued]) -> pa.Table:
    """Give rows of sacct with what the queue knows of jobs that wait, and with those that accounting leaves out."""
    waiting = {(job.job, job.fields["SubmitTime"]): _row(job) for job in queue if job.state == "PENDING"}
    if not waiting:
        return rows
    pending = pc.indices_nonzero(pc.equal(column(rows, "State"), "PENDING").fill_null(False)).to_pylist()  # noqa: FBT003
    ids, submits = (column(rows, name) for name in ("JobID", "Submit"))
    better: dict[int, dict[str, str]] = {}
    for at in pending:
        told = waiting.pop((ids[at].as_py(), submits[at].as_py()), None)
        if told:
            better[at] = told
    for name in _BETTER if better else ():
        values = column(rows, name).to_pylist()
        for at, told in better.items():
            values[at] = told.get(name, values[at])
        rows = _set(rows, name, pa.array(values, pa.string()))
    more = rows_of(list(waiting.values()))
    return pa.concat_tables([rows, more], promote_options="default").combine_chunks() if waiting else rows


def _set(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    if name in rows.column_names:
        return rows.set_column(rows.column_names.index(name), name, values)
    return rows.append_column(name, values)


def _row(job: Queued) -> dict[str, str]:
    """Give a waiting job as sacct would; one that is held is not eligible, whenever it was."""
    told = job.fields
    reason = _reason(told.get("Reason", ""))
    eligible = "Unknown" if reason in HELD else told.get("EligibleTime", "Unknown")
    return {
        "JobID": job.job, "JobName": job.name, "User": job.user, "State": "PENDING",
        "Account": told.get("Account", ""), "QOS": told.get("QOS", ""), "Partition": told["Partition"],
        "Submit": told["SubmitTime"], "Eligible": eligible, "Start": "Unknown",
        "End": "Unknown", "NodeList": "None assigned", "ReqTRES": told.get("ReqTRES", told.get("TRES", "")),
        "Timelimit": told.get("TimeLimit", ""), "Priority": told.get("Priority", ""), "ExitCode": "0:0",
        "Constraints": told.get("Features", ""), "Reason": reason, "Restarts": told.get("Restarts", ""),
    }  # fmt: skip


def _reason(text: str) -> str:
    """Write a reason as squeue does; scontrol has `_` for spaces.

    A job that was requeued and held says so in other words than one that was held.
    """
    if text.endswith(("requeued_in_held_state", "requeued_held")):
        return "JobHeldAdmin"
    return text.replace("_", " ") if text.startswith("Nodes_required") else text.replace(",_", ", ")
