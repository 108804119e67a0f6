"""A Parquet file of an object store, of which only what is needed is fetched: the footer, then the columns read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Collection

    from obstore.store import S3Store

WHOLE = 4 << 20
"""Files of up to this many bytes are fetched whole: a second request costs more time than the bytes."""

TAIL = 256 << 10
"""How many bytes of the end are fetched to find the footer."""

MOST_SHARE = 0.6
"""Where more than this share of a file is asked for, it is fetched whole."""


def opened(client: S3Store, key: str, size: int, columns: Collection[str]) -> pa.NativeFile:
    """Fetch what reading these columns needs, and give it as a file."""
    if size <= WHOLE:
        return _whole(client, key)
    file = Pieces(client, key, size)
    file.fetch([(max(0, size - TAIL), size)])
    ranges = _ranges(pq.read_metadata(pa.PythonFile(file, "r")), columns)
    if sum(last - first for first, last in ranges) > size * MOST_SHARE:
        return _whole(client, key)
    file.fetch(ranges)
    return pa.PythonFile(file, "r")


def _whole(client: S3Store, key: str) -> pa.BufferReader:
    return pa.BufferReader(pa.py_buffer(client.get(key).bytes()))


def _ranges(met: pq.FileMetaData, columns: Collection[str]) -> list[tuple[int, int]]:
    wanted = [at for at in range(met.num_columns) if met.schema.column(at).name in columns]
    found = []
    for number in range(met.num_row_groups):
        group = met.row_group(number)
        for column in map(group.column, wanted):
            first = min(at for at in (column.dictionary_page_offset, column.data_page_offset) if at)
            found.append((first, first + column.total_compressed_size))
    return found


class Pieces(io.RawIOBase):
    """A file some ranges of which are here; the others are fetched when they are read."""

    def __init__(self, client: S3Store, key: str, size: int) -> None:
        self._client = client
        self._key = key
        self._size = size
        self._at = 0
        self._here: list[tuple[int, memoryview]] = []

    def fetch(self, ranges: list[tuple[int, int]]) -> None:
        """Fetch ranges (first byte, byte after the last); near ones come by one request."""
        got = self._client.get_ranges(self._key, starts=[r[0] for r in ranges], ends=[r[1] for r in ranges])
        self._here += [(first, memoryview(each)) for (first, _), each in zip(ranges, got, strict=True)]

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read anywhere."""
        return True

    def tell(self) -> int:
        """Give where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._at = offset + (self._at if whence == io.SEEK_CUR else self._size if whence == io.SEEK_END else 0)
        return self._at

    def read(self, count: int | None = -1) -> bytes:
        """Read on from where it is."""
        last = self._size if count is None or count < 0 else min(self._size, self._at + count)
        if self._at >= last:
            return b""
        found = self._piece(self._at, last)
        self._at = last
        return bytes(found)

    def _piece(self, first: int, last: int) -> memoryview:
        for start, piece in self._here:
            if start <= first and last <= start + len(piece):
                return piece[first - start : last - start]
        return memoryview(self._client.get_range(self._key, start=first, end=last))
