"""Rows of several pieces of a dump given as one batch: what is done once for each batch costs more than its rows."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from paydown.model.batch import Batch

ENOUGH = 1 << 16
"""How many rows make a batch."""


class Gathered:
    """Rows of one dump that wait for others of their table."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self._parts: dict[str, list[pa.Table]] = {}

    def taken(self, batch: Batch) -> Iterator[Batch]:
        """Take rows in; give them and those that waited once they are enough."""
        parts = self._parts.setdefault(batch.table, [])
        parts.append(batch.rows)
        if sum(map(len, parts)) >= ENOUGH:
            yield self._joined(batch.table)

    def rest(self) -> Iterator[Batch]:
        """Give what is left."""
        for table in list(self._parts):
            yield self._joined(table)

    def _joined(self, table: str) -> Batch:
        rows = pa.concat_tables(self._parts.pop(table), promote_options="default")
        return Batch(table, rows, self.origin)
