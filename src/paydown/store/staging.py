"""The state of one table inside a transaction: the files that it shall have, and those made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paydown.store import delta, parquet
from paydown.store.layout import table_path
from paydown.store.order import sort
from paydown.store.parts import split

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from paydown.model.schema import Table
    from paydown.store.delta import DataFile


class Staged:
    """The files of one table as a transaction sees and changes them."""

    def __init__(self, store: str, table: Table, files: Iterable[DataFile]) -> None:
        self.store = store
        self.table = table
        self.uri = table_path(store, table.name)
        self.files = {file.path: file for file in files}
        self.made: set[str] = set()

    def add(self, rows: pa.Table) -> None:
        """Write rows into new files, sorted, one a partition (open and closed rows apart, so that closing is cheap)."""
        for part, own in split(self.table, rows):
            for piece in self._pieces(own):
                self.add_sorted(part, sort(piece, self.table.sort))

    def add_sorted(self, part: tuple[str, ...], rows: pa.Table) -> None:
        """Write rows of one partition into a new file as they lie."""
        self.take(parquet.write(self.uri, self.table, part, rows))

    def take(self, file: DataFile) -> None:
        """Take in a file that was written for this table and that no version names yet."""
        self.files[file.path] = file
        self.made.add(file.path)

    def _pieces(self, rows: pa.Table) -> list[pa.Table]:
        if not self.table.closes:
            return [rows]
        closed = rows.column(self.table.closes).is_valid()
        count = closed.to_numpy().sum()
        if count in {0, rows.num_rows}:
            return [rows]
        return [rows.filter(closed), rows.filter(rows.column(self.table.closes).is_null())]

    def in_order(self) -> list[DataFile]:
        """Give the files by partition, and within it by their least row."""
        return sorted(self.files.values(), key=lambda file: parquet.place_in_order(self.table, file))

    def drop(self, file: DataFile) -> None:
        """Leave a file out."""
        del self.files[file.path]
        if file.path in self.made:
            self._unlink(file.path)

    def read(self, files: Iterable[DataFile], *, dictionaries: bool = False) -> pa.Table:
        """Read some of the files whole, texts by dictionaries where asked."""
        return parquet.read(self.uri, self.table.name, list(files), dictionaries=dictionaries)

    def location(self, file: DataFile) -> str:
        """Give the place of one of the files."""
        return delta.location(self.uri, file)

    def discard(self) -> None:
        """Remove what was made and never committed."""
        for path in list(self.made):
            self._unlink(path)

    def _unlink(self, path: str) -> None:
        self.made.discard(path)
        delta.remove(self.uri, path)
