"""Delimited text (CSV, and Slurm's `|`) as batches of text columns with right line numbers.

Everything is read as text; what the cells mean is another's business. Compressed files are known by their first bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.errors import InputError
from paydown.model.batch import LINE
from paydown.model.cells import has_byte

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 1 << 23
"""Bytes parsed at once; a longer line cannot be read."""

_GZIP = b"\x1f\x8b"
_HEADER = 1 << 20
_BOM = b"\xef\xbb\xbf"
_LINE_END = 10


@dataclass(frozen=True)
class Dialect:
    """How a text is delimited."""

    delimiter: str = ","
    quoted: bool = True
    """Whether cells may be quoted with `"`; if so they may hold line ends."""
    block: int = BLOCK
    """Bytes parsed at once; a longer line cannot be read."""


@dataclass(frozen=True)
class BrokenLine:
    """A line with another number of cells than the first."""

    line: int
    """Its 1-based number."""
    cells: int
    """How many cells it has."""
    expected: int
    """How many it should have."""
    text: str
    """The line."""


@dataclass(frozen=True)
class Source:
    """An opened text: what remains after its first line was looked at."""

    name: str
    """The file's name for messages."""
    stream: IO[bytes]
    """Its bytes, unpacked."""
    head: bytes
    """The first line that is not blank, without its line end."""
    rest: bytes
    """Bytes already read that follow the first line."""
    lines: int
    """How many lines that were, blank ones before it included."""

    @property
    def first(self) -> str:
        """The first line as text."""
        return self.head.decode(errors="replace")


def open_bytes(path: str) -> IO[bytes]:
    """Open a file, or `-` for standard input, unpacking gzip by its first bytes."""
    if path == "-":
        return _unpacked(sys.stdin.buffer)
    try:
        return _unpacked(Path(path).open("rb"))
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}.") from error


def _unpacked(raw: Any) -> IO[bytes]:
    stream: Any = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw
    found: IO[bytes] = stream
    return found


def read_whole(path: str, most: int) -> bytes:
    """Give all bytes of a file, or of `-` for standard input, unpacked; more than `most` is an `InputError`."""
    with readable(path):
        found = open_bytes(path).read(most + 1)
    if len(found) > most:
        raise InputError(f"{path}: is larger than {most >> 20} MiB, unpacked: this is no such dump.")
    return found.removeprefix(_BOM)


def begins_json(path: str, stream: IO[bytes]) -> bool:
    """Say whether an opened file begins as a JSON object does, and take nothing from it."""
    with readable(path):
        first: bytes = stream.peek(_HEADER)[:_HEADER]  # type: ignore[attr-defined]  # files and gzip have it
    return first.removeprefix(_BOM).lstrip()[:1] == b"{"


def open_text(path: str, stream: IO[bytes] | None = None) -> Source:
    """Take the first line of a delimited file, opened already or not."""
    stream = open_bytes(path) if stream is None else stream
    lines = 0
    with readable(path):
        head = stream.read(_HEADER).removeprefix(_BOM)
    while head:
        line, end, head = head.partition(b"\n")
        lines += 1
        if line.strip():
            if not end and len(line) >= _HEADER - len(_BOM):
                raise InputError(f"{path}: its first line is longer than 1 MiB: this is no delimited text.")
            return Source(path, stream, line.rstrip(b"\r"), head, lines)
    raise InputError(f"{path}: the file is empty; its first line must name the columns.")


def header_of(source: Source, dialect: Dialect) -> list[str]:
    """Split the first line into column names."""
    if not dialect.quoted:
        return [name.strip() for name in source.first.split(dialect.delimiter)]
    cells = _quoted_cells(source.first, dialect.delimiter)
    if cells is None:
        raise InputError(f"{source.name}: the first line cannot be parted into names of columns: this is no such text.")
    return [name.strip() for name in cells]


def _quoted_cells(line: str, delimiter: str) -> list[str] | None:
    """Part one line; None where it cannot be, such as one with a carriage return inside."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return None


def read_delimited(
    source: Source,
    columns: list[str],
    dialect: Dialect,
    broken: Callable[[BrokenLine], None],
    wanted: list[str] | None = None,
) -> Iterator[pa.Table]:
    """Yield tables of the wanted columns (None: all) as text, and `_line`.

    Lines of which every wanted cell is empty are left out, broken ones are handed to `broken`.
    """
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise InputError(f"{source.name}: the column(s) {', '.join(doubled)} are there twice: keep one of each.")
    rest = _Rest(source, _Cells(dialect, len(columns)))
    if not rest.peek():
        return
    counter = _Lines(source.lines + 1, broken)
    shape = _Shape(columns, dialect, wanted or columns, counter)
    with readable(source.name):
        for rows in _streamed(rest, shape) if dialect.quoted else _by_blocks(rest, shape):
            yield counter.numbered(rows, _line_ends(rows) if dialect.quoted else np.zeros(len(rows), np.int64))
        counter.flush()


@dataclass(frozen=True)
class _Shape:
    """How Arrow is to read a text."""

    columns: list[str]
    dialect: Dialect
    wanted: list[str]
    counter: _Lines

    def options(self, block: int) -> dict[str, Any]:
        """Give Arrow's options."""
        from pyarrow import csv as arrow_csv

        return {
            "read_options": arrow_csv.ReadOptions(use_threads=False, block_size=block, column_names=self.columns),
            "parse_options": arrow_csv.ParseOptions(
                delimiter=self.dialect.delimiter,
                quote_char='"' if self.dialect.quoted else False,
                newlines_in_values=self.dialect.quoted,
                ignore_empty_lines=False,
                invalid_row_handler=self.counter.invalid,
            ),
            "convert_options": arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(self.wanted, pa.string()),
                include_columns=self.wanted,
                null_values=[""],
                strings_can_be_null=True,
            ),
        }


def _streamed(rest: _Rest, shape: _Shape) -> Iterator[pa.Table]:
    """Read text whose cells may hold line ends; Arrow reads up to 32 blocks ahead."""
    from pyarrow import csv as arrow_csv

    for batch in arrow_csv.open_csv(pa.PythonFile(rest, mode="r"), **shape.options(shape.dialect.block)):
        yield pa.Table.from_batches([batch])


def _by_blocks(rest: _Rest, shape: _Shape) -> Iterator[pa.Table]:
    """Read text in which every line end ends a row, a block at a time: no more than one is held."""
    from pyarrow import csv as arrow_csv

    for block in _whole_lines(rest, shape.dialect.block):
        refused = len(shape.counter.waiting)
        rows = arrow_csv.read_csv(pa.BufferReader(block), **shape.options(len(block)))
        shape.counter.read += len(rows) + len(shape.counter.waiting) - refused
        yield rows


def _whole_lines(rest: _Rest, size: int) -> Iterator[bytes]:
    """Read blocks that end with a line."""
    begun = b""
    while data := rest.read(size):
        end = data.rfind(b"\n") + 1
        if end:
            yield b"".join((begun, memoryview(data)[:end]))
            begun = data[end:]
        else:
            begun += data
        if len(begun) > size:
            raise _too_long(rest.source.name)
    if begun:
        yield begun


def _too_long(name: str) -> InputError:
    return InputError(f"{name}: a line is too long to be read (of many MiB): remove or cut it.")


class _Lines:
    """Counts lines: rows of a batch are numbered by the broken rows and line ends between them."""

    def __init__(self, first: int, broken: Callable[[BrokenLine], None]) -> None:
        self.row = 1
        self.read = 0
        """How many rows, broken ones among them, were read before those that Arrow counts now."""
        self.line = first
        self.broken = broken
        self.waiting: list[tuple[int, int, int, str]] = []

    def invalid(self, row: Any) -> str:
        """Note a broken row, as Arrow tells of it."""
        self.waiting.append((self.read + row.number, row.actual_columns, row.expected_columns, row.text))
        return "skip"

    def numbered(self, rows: pa.Table, ends: NDArray[np.int64]) -> pa.Table:
        """Give the rows, of which each holds so many line ends, their line numbers, and leave blank lines out."""
        if not len(rows):
            return rows.append_column(LINE, pa.array([], pa.int64()))
        gaps = np.array([number for number, *_ in self.waiting], np.int64)
        at = np.arange(self.row, self.row + len(rows), dtype=np.int64)
        at += np.searchsorted(gaps - np.arange(len(gaps)), at, side="right")
        starts = self._starts(at, gaps, ends)
        lines = starts[at - self.row]
        taken = int(np.searchsorted(gaps, at[-1]))
        self._tell(taken, starts)
        self.row, self.line = int(at[-1]) + 1, int(starts[-1])
        return _without_blank(rows.append_column(LINE, pa.array(lines, pa.int64())))

    def _starts(self, at: NDArray[np.int64], gaps: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the line on which each row up to the last good one starts, and one more."""
        heights = np.ones(int(at[-1]) - self.row + 2, np.int64)
        heights[0] = self.line
        heights[at - self.row + 1] += ends
        for number, _, _, text in self.waiting[: int(np.searchsorted(gaps, at[-1]))]:
            heights[number - self.row + 1] += text.count("\n")
        starts: NDArray[np.int64] = np.cumsum(heights)
        return starts

    def _tell(self, taken: int, starts: NDArray[np.int64]) -> None:
        """Hand over the broken rows that lie before the last good one."""
        for number, cells, expected, text in self.waiting[:taken]:
            self.broken(BrokenLine(int(starts[number - self.row]), cells, expected, text))
        del self.waiting[:taken]

    def flush(self) -> None:
        """Hand over the broken rows after the last good one."""
        line = self.line
        for number, cells, expected, text in self.waiting:
            self.broken(BrokenLine(line + number - self.row, cells, expected, text))
            line += text.count("\n")
        self.waiting = []


def _line_ends(rows: pa.Table) -> NDArray[np.int64]:
    """Count the line ends inside each row's cells."""
    ends = np.zeros(len(rows), np.int64)
    for column in rows.columns:
        if pa.types.is_string(column.type) and any(has_byte(part, _LINE_END) for part in column.chunks):
            ends += pc.fill_null(pc.count_substring(column, "\n"), 0).to_numpy().astype(np.int64)
    return ends


def _without_blank(rows: pa.Table) -> pa.Table:
    """Leave out rows of which every cell is empty."""
    if any(column.null_count == 0 for column in rows.columns[:-1]):
        return rows
    blank = np.logical_and.reduce([column.is_null().to_numpy() for column in rows.columns[:-1]])
    return rows.filter(pa.array(~blank)) if blank.any() else rows


@dataclass(frozen=True)
class _Cells:
    """Counts the cells of lines that are not UTF-8: Arrow cannot hand over such a line if it is broken as well."""

    dialect: Dialect
    expected: int

    def mended(self, lines: bytes, begun: bytes) -> bytes:
        """Give some lines with what is not UTF-8 replaced in those with another number of cells than the first.

        `begun` is what stands before them on the first one.
        """
        if _is_utf8(lines):
            return lines
        first, *rest = lines.split(b"\n")
        mended = [self._line(first, begun), *(self._line(line) for line in rest)]
        return b"\n".join(mended)

    def _line(self, line: bytes, begun: bytes = b"") -> bytes:
        if _is_utf8(line):
            return line
        text, delimiter = (begun + line).decode("latin-1"), self.dialect.delimiter
        cells = _quoted_cells(text, delimiter) if self.dialect.quoted else text.split(delimiter)
        return line if len(cells or ()) == self.expected else line.decode(errors="replace").encode()


def _is_utf8(data: bytes) -> bool:
    try:
        return data.isascii() or bool(data.decode())
    except UnicodeDecodeError:
        return False


class _Rest(io.RawIOBase):
    """What remains of a source: the bytes already read, then its stream."""

    def __init__(self, source: Source, cells: _Cells) -> None:
        super().__init__()
        self.kept = source.rest
        self.source = source
        self.cells = cells
        self.begun = b""
        """The beginning of a line that was given already."""
        self.mended = b""
        """Bytes that were looked through and not yet given."""
        self.tail = b""
        """The beginning of a line whose end is not read yet, once some bytes were not UTF-8."""

    def readable(self) -> bool:
        """Say that it can be read: Arrow asks."""
        return True

    def peek(self) -> bytes:
        """Give some bytes without taking them; none at the end."""
        if not self.kept:
            with readable(self.source.name):
                self.kept = self.source.stream.read(1 << 16)
        return self.kept

    def read(self, size: int = -1) -> bytes:
        """Give at most `size` bytes."""
        if not self.mended:
            data = self._plain(size)
            if not self.tail and _is_utf8(data):
                end = data.rfind(b"\n") + 1
                self.begun = data[end:] if end else self.begun + data
                return data
            self.mended = self._whole_lines(data, size)
        size = len(self.mended) if size < 0 else size
        given, self.mended = self.mended[:size], self.mended[size:]
        return given

    def _whole_lines(self, data: bytes, size: int) -> bytes:
        """Read on to the end of a line, and mend what is there up to it."""
        parts = [self.tail, data]
        while parts[-1] and b"\n" not in parts[-1]:
            parts.append(self._plain(size))
        whole, end, self.tail = b"".join(parts).rpartition(b"\n") if parts[-1] else (b"".join(parts), b"", b"")
        begun, self.begun = self.begun, b""
        return self.cells.mended(whole, begun) + end

    def _plain(self, size: int) -> bytes:
        if not self.kept:
            return self.source.stream.read(size)
        taken, self.kept = (self.kept, b"") if size < 0 else (self.kept[:size], self.kept[size:])
        return taken


class readable:  # noqa: N801 -- reads as a statement: with readable(name)
    """Turn what goes wrong while reading into a sentence."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Translate."""
        if isinstance(error, EOFError):
            raise InputError(f"{self.name}: the compressed file is cut off: fetch it again.") from error
        if isinstance(error, (gzip.BadGzipFile, zlib.error)):
            raise InputError(f"{self.name}: the compressed file is damaged ({error}): fetch it again.") from error
        if isinstance(error, pa.ArrowInvalid):
            if "straddl" in str(error):
                raise _too_long(self.name) from error
            raise InputError(f"{self.name}: cannot be read as delimited text: {error}.") from error
        if isinstance(error, OSError):
            raise InputError(f"{self.name}: cannot be read: {error}.") from error
