"""Dumps of sacct as tables of text: which columns they have, lines that a job's name broke, pieces of whole jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.texts import decoded
from paydown.errors import InputError
from paydown.model.batch import LINE, Reject
from paydown.model.delimited import BrokenLine, Dialect, Source, header_of, open_text, read_delimited
from paydown.model.instants import booleans
from paydown.model.rows import line_text, suggestion

FIELDS = [
    "Account",
    "AdminComment",
    "AllocCPUS",
    "AllocNodes",
    "AllocTRES",
    "AssocID",
    "AveCPU",
    "AveCPUFreq",
    "AveDiskRead",
    "AveDiskWrite",
    "AvePages",
    "AveRSS",
    "AveVMSize",
    "BlockID",
    "Cluster",
    "Comment",
    "Constraints",
    "ConsumedEnergy",
    "ConsumedEnergyRaw",
    "Container",
    "CPUTime",
    "CPUTimeRAW",
    "DBIndex",
    "DerivedExitCode",
    "Elapsed",
    "ElapsedRaw",
    "Eligible",
    "End",
    "ExitCode",
    "Extra",
    "FailedNode",
    "Flags",
    "GID",
    "Group",
    "JobID",
    "JobIDRaw",
    "JobName",
    "Layout",
    "Licenses",
    "LicensesAlloc",
    "MaxDiskRead",
    "MaxDiskReadNode",
    "MaxDiskReadTask",
    "MaxDiskWrite",
    "MaxDiskWriteNode",
    "MaxDiskWriteTask",
    "MaxPages",
    "MaxPagesNode",
    "MaxPagesTask",
    "MaxRSS",
    "MaxRSSNode",
    "MaxRSSTask",
    "MaxVMSize",
    "MaxVMSizeNode",
    "MaxVMSizeTask",
    "McsLabel",
    "MinCPU",
    "MinCPUNode",
    "MinCPUTask",
    "NCPUS",
    "NNodes",
    "NodeList",
    "NTasks",
    "Partition",
    "Planned",
    "PlannedCPU",
    "PlannedCPURAW",
    "Priority",
    "QOS",
    "QOSREQ",
    "QOSRAW",
    "Reason",
    "ReqCPUFreq",
    "ReqCPUFreqGov",
    "ReqCPUFreqMax",
    "ReqCPUFreqMin",
    "ReqCPUS",
    "ReqMem",
    "ReqNodes",
    "ReqReservation",
    "ReqTRES",
    "Reservation",
    "ReservationId",
    "Reserved",
    "ResvCPU",
    "ResvCPURAW",
    "Restarts",
    "SLUID",
    "Start",
    "State",
    "StdErr",
    "StdIn",
    "StdOut",
    "Submit",
    "SubmitLine",
    "Suspended",
    "SystemComment",
    "SystemCPU",
    "Timelimit",
    "TimelimitRaw",
    "TotalCPU",
    "TRESUsageInAve",
    "TRESUsageInMax",
    "TRESUsageInMaxNode",
    "TRESUsageInMaxTask",
    "TRESUsageInMin",
    "TRESUsageInMinNode",
    "TRESUsageInMinTask",
    "TRESUsageInTot",
    "TRESUsageOutAve",
    "TRESUsageOutMax",
    "TRESUsageOutMaxNode",
    "TRESUsageOutMaxTask",
    "TRESUsageOutMin",
    "TRESUsageOutMinNode",
    "TRESUsageOutMinTask",
    "TRESUsageOutTot",
    "UID",
    "User",
    "UserCPU",
    "WCKey",
    "WCKeyID",
    "WorkDir",
    "AllocGRES",
    "ReqGRES",
]
"""The fields that sacct has, or had (sacct --helpformat of 16.05 to 24.11)."""

USED = [
    "Account",
    "AdminComment",
    "AllocCPUS",
    "AllocGRES",
    "AllocTRES",
    "AveCPU",
    "AveRSS",
    "Cluster",
    "Comment",
    "Constraints",
    "Elapsed",
    "ElapsedRaw",
    "Eligible",
    "End",
    "ExitCode",
    "JobID",
    "JobIDRaw",
    "JobName",
    "MaxRSS",
    "NCPUS",
    "NNodes",
    "NTasks",
    "NodeList",
    "Partition",
    "Priority",
    "QOS",
    "Reason",
    "ReqCPUS",
    "ReqGRES",
    "ReqMem",
    "ReqNodes",
    "ReqTRES",
    "Restarts",
    "Start",
    "State",
    "Submit",
    "SubmitLine",
    "Timelimit",
    "TimelimitRaw",
    "TotalCPU",
    "TRESUsageInAve",
    "TRESUsageInMax",
    "TRESUsageInTot",
    "User",
    "WCKey",
]
"""The fields that are read."""

BLOCK = 1 << 22
"""Bytes read at once; a longer line cannot be read."""

TRAILING = "_end"
"""The empty cell after the last delimiter of `sacct -p`."""

_JOB = re.compile(r"[0-9]*")
_BY_LOWER = {name.lower(): name for name in FIELDS}
_NEEDED = ("JobID", "State")


class Dump:
    """One file of sacct output, or one answer: `columns` where it has no header, as --format of sacct names them."""

    def __init__(
        self, path: str, stream: IO[bytes] | None = None, *, columns: str | None = None, delimiter: str = "|"
    ) -> None:
        self.path = path
        self.dialect = Dialect(delimiter, quoted=False, block=BLOCK)
        self.source = open_text(path, stream)
        self.columns = self._columns(columns)
        self.wanted = [name for name in self.columns if name in USED]
        self.rejects: list[Reject] = []
        self._mended: list[tuple[int, list[str]]] = []

    def pieces(self) -> Iterator[pa.Table]:
        """Yield tables of the wanted columns and `_line`, each of whole jobs; fills `rejects` on the way.

        What fits into one block is one piece, so that there the rows of a job need not lie together.
        """
        held = self._empty()
        for table in read_delimited(self.source, self.columns, self.dialect, self._broken, self.wanted):
            cut = _last_job(held)
            if cut:
                yield held.slice(0, cut)
            held = pa.concat_tables([held.slice(cut), self._with_mended(table)]).combine_chunks()
        yield pa.concat_tables([held, self._with_mended(self._empty())]).combine_chunks()

    def _columns(self, given: str | None) -> list[str]:
        """Find out which columns the dump has: from its header, else as given."""
        first = header_of(self.source, self.dialect)
        named = [_BY_LOWER.get(name.lower(), name) for name in first]
        if "JobID" in named:
            columns = [*named[:-1], TRAILING] if named[-1] == "" else named
        elif given:
            columns = _given(given)
            columns += [TRAILING] * (len(first) == len(columns) + 1 and first[-1] == "")
            self.source = _from_the_start(self.source)
        else:
            raise InputError(
                f"{self.path}: the first line names no JobID, so this is no `sacct -P` with its header. "
                "Dump it with the header, or say what the columns are: --columns JobID,User,Start,..."
            )
        missing = [name for name in _NEEDED if name not in columns]
        if missing:
            raise InputError(f"{self.path} has no column {', '.join(missing)}: add it to --format of sacct.")
        return columns

    def _broken(self, line: BrokenLine) -> None:
        """Mend a line that a `|` in the job's name broke where that can be told, else reject it."""
        cells = line.text.rstrip("\r").split(self.dialect.delimiter)
        trailing = self.columns[-1] == TRAILING
        last = self.columns[-2] if trailing else self.columns[-1]
        if len(cells) > len(self.columns) and last == "JobName":
            at = len(self.columns) - 1 - trailing
            name = self.dialect.delimiter.join(cells[at : len(cells) - trailing])
            self._mended.append((line.line, [*cells[:at], name, *[""] * trailing]))
            return
        why = "a cell holds the delimiter (a job's name can: ask for JobName as the last column)"
        detail = why if line.cells > line.expected else "the line is cut off"
        detail = f"the line has {line.cells} cells, not {line.expected}: {detail}"
        text = line_text(cells, self.dialect.delimiter)
        self.rejects.append(Reject("jobs", self.path, line.line, "broken-line", detail, text))

    def _empty(self) -> pa.Table:
        return pa.schema([*((name, pa.string()) for name in self.wanted), (LINE, pa.int64())]).empty_table()

    def _with_mended(self, table: pa.Table) -> pa.Table:
        """Put mended lines back in their place."""
        if not self._mended:
            return table
        rows = [dict(zip(self.columns, (cell or None for cell in cells), strict=True)) for _, cells in self._mended]
        mended = pa.Table.from_pylist(rows, self._empty().schema.remove(len(self.wanted)))
        mended = mended.append_column(LINE, pa.array([line for line, _ in self._mended], pa.int64()))
        self._mended = []
        return pa.concat_tables([table, mended]).sort_by(LINE)


def _given(text: str) -> list[str]:
    """Read a list of columns as a person gives it."""
    columns = []
    for word in text.replace(",", " ").split():
        name = _BY_LOWER.get(word.partition("%")[0].lower())
        if name is None:
            raise InputError(f"--columns: sacct has no field `{word}`{suggestion(word, tuple(FIELDS))}")
        columns.append(name)
    return columns


def _from_the_start(source: Source) -> Source:
    """Take the first line as a row."""
    return replace(source, rest=source.head + b"\n" + source.rest, lines=source.lines - 1)


def _last_job(rows: pa.Table) -> int:
    """Find where the last job of a table begins: all rows of a job, and all tasks of an array, lie together."""
    if not len(rows):
        return 0
    last = _JOB.match(decoded(rows["JobID"].chunk(0)[-1:])[0])
    other = ~booleans(pc.starts_with(rows["JobID"].chunk(0), pattern=last[0] if last else ""))
    before = np.flatnonzero(other)
    return int(before[-1]) + 1 if len(before) else 0
