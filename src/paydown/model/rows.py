"""Rows as a source gives them, made into rows of a fact table; what cannot be believed becomes a reject.

docs/spec/ledger.md, section 3.2, and facts.md: a bad figure makes its field null, a bad key rejects the row. A sample
that was carried but not believed stays as a ghost, because it still ends the sample before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.errors import InputError
from paydown.model.batch import LINE, Reject
from paydown.model.cells import SENTENCES, Cells, Fault, cast, nulled, ratios
from paydown.model.facts import RATIO_SIGNALS
from paydown.model.instants import booleans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paydown.model.schema import Table

REJECTED = "_rejected"
"""An extra int32 column of samples: bit i is set where the i-th measured column was carried but not believed."""

WITH_REJECTED = ("gpu_samples", "host_samples")
"""The tables that have it."""

KEPT_REJECTS = 1_000
"""How many rejects of one column and reason are kept one by one for each batch; the rest are folded into one."""

ROW_TEXT = 1_000
"""How much of a rejected row is kept, in characters."""

PERSONAL = frozenset({
    "user", "users", "name", "person", "by", "subject", "labels", "template", "meta_data", "hpc_user",
    "jobname", "submitline", "comment", "admincomment", "systemcomment", "extra", "container",
    "workdir", "stdin", "stdout", "stderr",
})  # fmt: skip
"""Columns, in lower case, that may name a person or a job: rejects do not repeat them, so that people can be forgotten.

The last two lines are fields of sacct: a working directory holds its owner's name as often as not.
"""

HIDDEN = "*"
"""What stands in their place."""

_HARMLESS = re.compile(r"[-+0-9.:;_TZ\[\]%]*")
"""What a cell of a broken line may hold and be shown: ids of jobs, figures and times."""

_CELL_TEXT = 200
_DROPPING = ("nul-byte",)


@dataclass(frozen=True)
class Clean:
    """What is believed of a batch, and what is not."""

    rows: pa.Table
    """Schema `table.arrow`, then `_rejected` (tables of `WITH_REJECTED`), then `_line` where the batch had it."""
    rejects: list[Reject]
    """Every row or field that is not believed, with its line."""


@dataclass(frozen=True)
class _Loss:
    """Rows that lose a field, or are lost whole, for one reason."""

    column: str
    fault: Fault
    whole: bool


def normalise(table: Table, rows: pa.Table, origin: str) -> Clean:
    """Cast rows (text or near types) to the table's schema, and say what of them cannot be believed.

    Unknown and missing columns are an `InputError`. An empty text is a missing value.
    """
    _check_columns(table, rows.column_names, origin)
    cells = {name: _cells(table, rows, name, origin) for name in table.names}
    if table.name == "job_usage":
        cells |= _usage(cells)
    losses = [*_of_fields(table, cells), *_of_rows(table, cells)]
    ghosts = _Ghosts(table, rows, cells)
    lost, counted = _count(losses, len(rows), ghosts.known)
    clean = _assemble(table, rows, cells, ghosts, lost)
    return Clean(clean, list(_rejects(table, rows, cells, counted, origin)))


def suggestion(word: str, known: tuple[str, ...]) -> str:
    """Give `; did you mean X?` where a known word is near, else an empty text."""
    near = get_close_matches(word.lower(), known, 1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _check_columns(table: Table, names: list[str], origin: str) -> None:
    extra = (REJECTED, LINE) if table.name in WITH_REJECTED else (LINE,)
    for name in names:
        if name not in table.names and name not in extra:
            raise InputError(
                f"{origin}: the table `{table.name}` has no column `{name}`{suggestion(name, table.names)}"
                f" Its columns are {', '.join(table.names)}."
            )
    missing = [c.name for c in table.columns if not c.null and c.name not in names]
    if missing:
        raise InputError(f"{origin}: the table `{table.name}` needs the column(s) {', '.join(missing)}: add them.")


def _cells(table: Table, rows: pa.Table, name: str, origin: str) -> Cells:
    """Cast one column."""
    column = table.by_name[name]
    values = rows[name].combine_chunks() if name in rows.column_names else pa.nulls(len(rows))
    cells = cast(column, values)
    if cells is None:
        raise InputError(
            f"{origin}: the column `{name}` is of type {values.type}, which is no {column.kind}: convert it."
        )
    return cells


def _usage(cells: dict[str, Cells]) -> dict[str, Cells]:
    """Hold the figures of job_usage to [0, 1] where their signal is a ratio."""
    is_ratio = booleans(pc.is_in(cells["signal"].values, pa.array(RATIO_SIGNALS)))
    held: dict[str, Cells] = {}
    for name in ("mean", "max"):
        bounded = ratios(cells[name].values, [], is_ratio)
        held[name] = Cells(bounded.values, (*cells[name].faults, *bounded.faults))
    return held


def _of_fields(table: Table, cells: dict[str, Cells]) -> Iterator[_Loss]:
    """Give the faults of single fields; of one that must be there, the row is lost with it."""
    for column in table.columns:
        found = cells[column.name]
        for fault in found.faults:
            yield _Loss(column.name, fault, not column.null or fault.reason in _DROPPING)
        if not column.null and found.values.null_count:
            bad = booleans(found.values.is_null()) & ~_any(found.faults, len(found.values))
            yield _Loss(column.name, Fault("bad-key" if column.name in table.key else "missing", bad), whole=True)


def _of_rows(table: Table, cells: dict[str, Cells]) -> Iterator[_Loss]:
    """Give the rows that are lost for what their fields say together."""
    if "duration_ms" in cells:
        bad = booleans(pc.less_equal(cells["duration_ms"].values, 0))
        yield _Loss("duration_ms", Fault("non-positive-duration", bad), whole=True)
    if "start" in cells and "end" in cells:
        bad = booleans(pc.less(cells["end"].values, cells["start"].values))
        yield _Loss("end", Fault("end-before-start", bad), whole=True)
    figures = ("mean", "max") if table.name == "job_usage" else table.measured
    if figures and all(cells[name].values.null_count for name in figures):
        empty = [booleans(cells[name].values.is_null()) for name in figures]
        yield _Loss("", Fault("nothing-left", np.logical_and.reduce(empty)), whole=True)


def _any(faults: tuple[Fault, ...], length: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.logical_or.reduce([np.zeros(length, np.bool_), *(fault.where for fault in faults)])
    return found


class _Ghosts:
    """Samples that were carried and are not believed."""

    def __init__(self, table: Table, rows: pa.Table, cells: dict[str, Cells]) -> None:
        self.table = table
        self.cells = cells
        self.wanted = table.name in WITH_REJECTED
        self.before = self._given(rows)
        self.known = self._known()
        """Rows that were made ghosts by an earlier pass (a store's export): no news, and no reject again."""

    def _given(self, rows: pa.Table) -> NDArray[np.int32]:
        if not self.wanted or REJECTED not in rows.column_names:
            return np.zeros(len(rows), np.int32)
        mask = rows[REJECTED].combine_chunks().cast(pa.int32()).fill_null(0)
        given: NDArray[np.int32] = mask.to_numpy(zero_copy_only=False)
        return given

    def _known(self) -> NDArray[np.bool_]:
        if not self.wanted:
            return np.zeros(len(self.before), np.bool_)
        known: NDArray[np.bool_] = (self.before != 0) & booleans(pc.equal(self.cells["duration_ms"].values, 0))
        return known

    def refused(self) -> NDArray[np.int32]:
        """Give the bits of the fields that were not believed."""
        bits = self.before.copy()
        for at, name in enumerate(self.table.measured):
            for fault in self.cells[name].faults:
                bits |= fault.where.astype(np.int32) << at
        return bits

    def carried(self) -> NDArray[np.int32]:
        """Give the bits of the fields that the source gave, believed or not."""
        bits = self.refused()
        for at, name in enumerate(self.table.measured):
            bits |= booleans(self.cells[name].values.is_valid()).astype(np.int32) << at
        return bits

    def keyed(self) -> NDArray[np.bool_]:
        """Say which rows have an identity."""
        needed = [name for name in self.table.key if not self.table.by_name[name].null]
        faults = [fault.where for name in needed for fault in self.cells[name].faults]
        nul = [f.where for name in self.table.key for f in self.cells[name].faults if f.reason in _DROPPING]
        missing = [booleans(self.cells[name].values.is_null()) for name in needed]
        keyed: NDArray[np.bool_] = ~np.logical_or.reduce([*faults, *nul, *missing])
        return keyed


def _count(losses: list[_Loss], length: int, known: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], list[_Loss]]:
    """Give which rows are lost, and the losses to count: one for each lost row, and fields of kept rows."""
    lost = np.zeros(length, np.bool_)
    whole, fields = [], []
    for loss in (loss for loss in losses if loss.whole and loss.fault.reason != "nothing-left"):
        fresh = loss.fault.where & ~lost & ~known
        lost |= loss.fault.where
        whole.append(_Loss(loss.column, Fault(loss.fault.reason, fresh), whole=True))
    fields = [_Loss(x.column, Fault(x.fault.reason, x.fault.where & ~lost), whole=False) for x in losses if not x.whole]
    for loss in (loss for loss in losses if loss.fault.reason == "nothing-left"):
        whole.append(_Loss("", Fault("nothing-left", loss.fault.where & ~lost), whole=True))
        lost |= loss.fault.where
    return lost, [loss for loss in (*whole, *fields) if loss.fault.where.any()]


def _assemble(
    table: Table, rows: pa.Table, cells: dict[str, Cells], ghosts: _Ghosts, lost: NDArray[np.bool_]
) -> pa.Table:
    """Put the believed columns together, leave out lost rows, keep ghosts."""
    columns = {name: cells[name].values for name in table.names}
    kept = ~lost
    if ghosts.wanted:
        bits = ghosts.refused()
        if lost.any():
            bits = np.where(lost, ghosts.carried(), bits)
            kept |= ghosts.keyed() & (bits != 0)
            columns |= {name: nulled(columns[name], lost) for name in table.measured}
            columns["duration_ms"] = pc.if_else(pa.array(lost), 0, columns["duration_ms"])
        columns[REJECTED] = pa.array(bits, pa.int32())
    if LINE in rows.column_names:
        columns[LINE] = rows[LINE].combine_chunks()
    fields = [*table.arrow, *(pa.field(name, columns[name].type) for name in list(columns)[len(table.names) :])]
    if kept.all():
        return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields))
    chosen = [column.filter(pa.array(kept)) for column in columns.values()]
    return pa.Table.from_arrays(chosen, schema=pa.schema(fields))


def _rejects(
    table: Table, rows: pa.Table, cells: dict[str, Cells], counted: list[_Loss], origin: str
) -> Iterator[Reject]:
    """Write each loss down, the first thousand of a kind one by one."""
    for loss in counted:
        at = np.flatnonzero(loss.fault.where)
        for index in at[:KEPT_REJECTS].tolist():
            yield _reject(table, rows, cells, loss, origin, index)
        if len(at) > KEPT_REJECTS:
            rest = len(at) - KEPT_REJECTS
            detail = f"{rest} more like it: {loss.column} {SENTENCES[loss.fault.reason]}".replace(":  ", ": ")
            yield Reject(table.name, origin, None, loss.fault.reason, detail, "", rest, _cluster(cells, int(at[-1])))


def _reject(table: Table, rows: pa.Table, cells: dict[str, Cells], loss: _Loss, origin: str, index: int) -> Reject:
    line = rows[LINE][index].as_py() if LINE in rows.column_names else None
    detail = SENTENCES[loss.fault.reason]
    if loss.column:
        value = _value(rows, loss.column, index) if loss.column in rows.column_names else None
        said = "" if value is None else f" ({_told(loss.column, value)})"
        detail = f"{loss.column}{said} {detail}"
    return Reject(
        table.name, origin, line, loss.fault.reason, detail, row_text(rows, index), cluster=_cluster(cells, index)
    )


def row_text(rows: pa.Table, index: int) -> str:
    """Give a row as it was read, `column=value` with spaces between, at most `ROW_TEXT` characters, without names."""
    given = ((name, _value(rows, name, index)) for name in rows.column_names if name not in (LINE, REJECTED))
    return " ".join(f"{name}={_told(name, value)}" for name, value in given if value is not None)[:ROW_TEXT]


def line_text(cells: list[str], delimiter: str) -> str:
    """Give a broken line, at most `ROW_TEXT` characters, without names.

    Which column a cell of it belongs to cannot be told: a job's name may have held the delimiter or the end of a line,
    and a line that is cut off may have begun anywhere. So nothing of it is shown that could be a name.
    """
    shown = (cell if _HARMLESS.fullmatch(cell) else HIDDEN for cell in cells)
    return delimiter.join(shown)[:ROW_TEXT]


def _told(column: str, value: object) -> str:
    return HIDDEN if column.lower() in PERSONAL else _shown(value)


def _value(rows: pa.Table, name: str, index: int) -> object:
    """Give a cell; text as bytes, since it may be none."""
    cell = rows[name][index]
    cell = cell.value if pa.types.is_dictionary(cell.type) else cell
    if pa.types.is_string(cell.type):
        return cell.cast(pa.binary()).as_py()
    try:
        return cell.as_py()
    except (OverflowError, ValueError):
        # Arrow's times reach beyond the years 1 to 9999 of Python's, and its nanoseconds below them.
        return f"{cell.value} ({cell.type})"


def _shown(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text[:_CELL_TEXT].replace("\0", "\\0")


def _cluster(cells: dict[str, Cells], index: int) -> str | None:
    name: str | None = cells["cluster"].values[index].as_py() if "cluster" in cells else None
    return name
