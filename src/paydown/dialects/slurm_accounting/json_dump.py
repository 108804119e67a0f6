"""Dumps of `sacct --json` (or of slurmrestd's `/slurmdb/*/jobs`), read job by job into the same rows as `sacct -P`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from paydown.dialects.slurm_accounting.document import Document
from paydown.dialects.slurm_accounting.json_rows import Row, is_job, rows_of
from paydown.dialects.slurm_accounting.shapes import text
from paydown.errors import InputError
from paydown.model.batch import LINE, Reject

if TYPE_CHECKING:
    from paydown.dialects.slurm_accounting.records import Doubts

COLUMNS = (
    "JobID", "Cluster", "Account", "User", "JobName", "Partition", "QOS", "WCKey", "Constraints", "Submit", "Eligible",
    "Start", "End", "Elapsed", "Timelimit", "TimelimitRaw", "TotalCPU", "State", "ExitCode", "Reason", "Priority",
    "Restarts", "NNodes", "NCPUS", "ReqCPUS", "ReqMem", "ReqTRES", "AllocTRES", "NodeList", "SubmitLine",
    "AdminComment", "Comment", "AveCPU", "AveRSS", "MaxRSS", "NTasks", "TRESUsageInTot", "TRESUsageInAve",
    "TRESUsageInMax",
)  # fmt: skip
"""The fields of sacct that are made of it."""

PIECE = 20_000
"""Rows of one piece."""

_SCHEMA = pa.schema([*((name, pa.string()) for name in COLUMNS), (LINE, pa.int64())])


class JsonDump:
    """One file of sacct output in JSON."""

    wanted = COLUMNS

    def __init__(self, path: str, stream: IO[bytes], doubts: Doubts) -> None:
        self.path = path
        self.rejects: list[Reject] = []
        self._document = Document(path, stream)
        self._doubts = doubts
        self._jobs = 0

    def pieces(self) -> Iterator[pa.Table]:
        """Yield tables of rows as text and `_line`, the steps with their job; fills `rejects` on the way."""
        rows: list[Row] = []
        for line, job in self._document.elements("jobs"):
            rows += self._rows(line, job)
            if len(rows) >= PIECE:
                yield _table(rows)
                rows = []
        self._end()
        yield _table(rows)

    def _rows(self, line: int, job: Any) -> list[Row]:
        self._jobs += 1
        if not is_job(job):
            if self._jobs == 1 and isinstance(job, dict) and "job_state" in job:
                raise InputError(f"{self.path} is JSON of squeue or scontrol, not of accounting: use `sacct --json`.")
            self.rejects.append(Reject("jobs", self.path, line, "bad-job", "the element is no job of accounting", ""))
            return []
        rows = list(rows_of(job))
        for row in rows:
            row[LINE] = line
        return rows

    def _end(self) -> None:
        """Say what Slurm said beside the jobs; no jobs and an error are no dump."""
        document = self._document
        if not document.found:
            raise InputError(f"{self.path}: is JSON without jobs: make it with `sacct --json`.")
        told = document.beside.get("errors")
        errors = [said for error in (told if isinstance(told, list) else ()) if (said := _said(error))]
        if errors and not self._jobs:
            raise InputError(f"{self.path} holds no jobs but an error of Slurm: {errors[0]}")
        for error in errors:
            self._doubts.add(f"Slurm told of an error in the dump: {error.replace('{', '(').replace('}', ')')}", 1)


def _said(error: Any) -> str | None:
    """Give the words of one of Slurm's errors."""
    if not isinstance(error, dict):
        return text(error)
    return text(error.get("description")) or text(error.get("error"))


def _table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pydict({name: [row.get(name) for row in rows] for name in _SCHEMA.names}, _SCHEMA)
