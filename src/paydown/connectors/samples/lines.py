"""Lines of tables of text: broken ones, headers that come again, and a last line that was cut."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.batch import LINE, Reject
from paydown.model.delimited import BrokenLine, Dialect, Source, read_delimited
from paydown.model.rows import KEPT_REJECTS, ROW_TEXT, line_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINE_END = b"\n"


class Watch(io.RawIOBase):
    """A stream that knows the last byte that it gave."""

    def __init__(self, stream: IO[bytes], last: bytes) -> None:
        super().__init__()
        self.stream = stream
        self.last = last

    def read(self, size: int = -1) -> bytes:
        """Give at most `size` bytes."""
        found = self.stream.read(size)
        self.last = found[-1:] or self.last
        return found

    def close(self) -> None:
        """Close the stream."""
        self.stream.close()
        super().close()


def whole_lines(
    source: Source, header: list[str], dialect: Dialect, rejects: list[Reject], wanted: list[str] | None = None
) -> Iterator[pa.Table]:
    """Read a log that was written line by line: a last line without its end was cut, and is a reject.

    The readings of a program that was killed end in the middle of a figure, which then reads as another one.
    """
    watch = Watch(source.stream, source.rest[-1:] or _LINE_END)
    source = replace(source, stream=cast("IO[bytes]", watch))
    before: pa.Table | None = None
    for rows in table_lines(source, header, dialect, rejects, wanted):
        if before is not None:
            yield before
        before = rows
    last = max((reject.line or 0 for reject in rejects), default=0)
    if before is not None and watch.last != _LINE_END and len(before) and last < before[LINE][-1].as_py():
        rejects.append(_cut(source, before, header, dialect))
        before = before.slice(0, len(before) - 1)
    if before is not None:
        yield before


def _cut(source: Source, rows: pa.Table, header: list[str], dialect: Dialect) -> Reject:
    row = rows.slice(len(rows) - 1).to_pylist()[0]
    text = line_text([str(row.get(name) or "") for name in header], dialect.delimiter)
    detail = "the last line has no end: it may have been cut in the middle of a figure"
    return Reject("", source.name, row[LINE], "cut-line", detail, text)


def table_lines(
    source: Source, header: list[str], dialect: Dialect, rejects: list[Reject], wanted: list[str] | None = None
) -> Iterator[pa.Table]:
    """Read lines of a table without headers that come again; broken ones become rejects."""

    def broken(line: BrokenLine) -> None:
        detail = f"the line has {line.cells} cells, not {line.expected}"
        text = line_text(line.text.split(dialect.delimiter), dialect.delimiter)
        rejects.append(Reject("", source.name, line.line, "broken-line", detail, text))

    for rows in read_delimited(source, header, dialect, broken, wanted):
        yield _without_headers(rows)


def _without_headers(rows: pa.Table) -> pa.Table:
    """Leave out lines that repeat the header: of logs that were appended to."""
    name = rows.column_names[0]
    cells = pc.ascii_trim_whitespace(rows[name])
    again = pc.or_(pc.equal(cells, name), pc.starts_with(cells, f"{name} ["))
    return rows.filter(pc.invert(pc.fill_null(again, False))) if pc.any(again, min_count=0).as_py() else rows  # noqa: FBT003 -- Arrow's order


def bad_cells(
    table: str, origin: str, column: str, values: pa.Array, bad: NDArray[np.bool_], lines: Any
) -> list[Reject]:
    """Tell of cells that are no times, the first thousand one by one."""
    at = np.flatnonzero(bad)
    found = [
        Reject(table, origin, None if lines is None else lines[index].as_py(), "not-a-time",
               f"{column} ({_shown(values[index])}) is no time", "")
        for index in at[:KEPT_REJECTS].tolist()
    ]  # fmt: skip
    more = len(at) - KEPT_REJECTS
    if more > 0:
        found.append(Reject(table, origin, None, "not-a-time", f"{more} more like it: {column} is no time", "", more))
    return found


def _shown(cell: pa.Scalar) -> str:
    cell = cell.value if pa.types.is_dictionary(cell.type) else cell
    if not pa.types.is_string(cell.type):
        return str(cell)
    raw: bytes = cell.cast(pa.binary()).as_py()
    return raw.decode(errors="replace")[: ROW_TEXT // 10].replace("\0", "\\0")
