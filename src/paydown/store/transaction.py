"""A change of the store, all or nothing over all its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from paydown.errors import StoreError
from paydown.store import catalog, compaction, delta, retention, samples, upsert
from paydown.store.layout import table_path
from paydown.store.snapshot import Snapshot
from paydown.store.staging import Staged
from paydown.store.tables import TABLES, conform, physical, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from paydown.store.delta import DataFile
    from paydown.store.upsert import Upserted


class Transaction:
    """What a writer does to the store; nobody sees any of it before `commit` returns."""

    def __init__(self, base: Snapshot, check: Callable[[], None] = lambda: None) -> None:
        self.base = base
        """The state that it started from; everything it reads."""
        self._check = check
        self._staged: dict[str, Staged] = {}
        self._dropped: dict[str, dict[str, str]] = {}

    def upsert(self, table: str, rows: pa.Table) -> Upserted:
        """Take rows into a table of facts by their natural keys."""
        staged = self.staged(table)
        if upsert.day_partitioned(staged.table):
            return samples.take(staged, rows)
        return upsert.upsert(staged, rows)

    def replace(
        self, table: str, cluster: str, days: Sequence[date], rows: pa.Table, aside: Sequence[DataFile] = ()
    ) -> None:
        """Make the rows of these days of a derived table exactly these, and those of files set aside for them."""
        staged = self.staged(table)
        fresh = conform(table, rows)
        strange = fresh.filter(pc.invert(_of(fresh, cluster, days)))
        if strange.num_rows:
            raise StoreError(f"rows for {table} are of another cluster or day than is replaced.")
        names = {day.isoformat() for day in days}
        for file in list(staged.files.values()):
            part = dict(zip(staged.table.partition, file.part, strict=True))
            if part["cluster"] != cluster or ("day" in part and part["day"] not in names):
                continue
            if "month" in part and part["month"] not in {name[:7] for name in names}:
                continue
            if "day" not in part:
                stands = staged.read([file])
                fresh = pa.concat_tables([fresh, stands.filter(pc.invert(_of(stands, cluster, days)))])
            staged.drop(file)
        staged.add(fresh)
        for file in aside:
            staged.take(file)

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table, whatever it holds."""
        self.staged(table).add(conform(table, rows))

    def overwrite(self, table: str, rows: pa.Table) -> None:
        """Make the rows of a whole table exactly these."""
        staged = self.staged(table)
        fresh = conform(table, rows)
        for file in list(staged.files.values()):
            staged.drop(file)
        staged.add(fresh)

    def drop_before(self, table: str, before: date, cluster: str | None = None) -> int:
        """Drop facts that were over before a day, remember that, and give how many rows."""
        staged = self.staged(table)
        clusters = {file.part[0] for file in staged.files.values()} if "cluster" in staged.table.partition else set()
        dropped = retention.drop(staged, before, cluster)
        known = self._dropped.setdefault(table, {})
        for name in clusters if cluster is None else {cluster}:
            known[name] = max(before.isoformat(), known.get(name, ""), self._dropped_already(table, name))
        return dropped

    def _dropped_already(self, table: str, cluster: str) -> str:
        day = self.base.dropped_before(cluster, table)
        return "" if day is None else day.isoformat()

    def staged(self, table: str) -> Staged:
        """Give the state of a table in this transaction."""
        if table not in self._staged:
            self._staged[table] = Staged(self.base.path, table_of(table), self.base.data_files(table))
        return self._staged[table]

    def commit(self) -> Snapshot:
        """Acknowledge everything at once, and give the new state."""
        pins = dict(self.base.catalog.pins)
        for name, staged in self._staged.items():
            compaction.tidy(staged)
            files = list(staged.files.values())
            version = delta.commit(staged.uri, physical(name), staged.table.partition, files)
            pins[name] = self._pin(name, version)
        self._check()
        for staged in self._staged.values():
            # From here on it may be acknowledged even where an error comes back: the files must stay.
            staged.made.clear()
        new = catalog.commit(self.base.path, self.base.catalog, pins)
        for name in self._staged:
            delta.checkpoint(table_path(self.base.path, name), pins[name].version)
        listed = {name: list(staged.files.values()) for name, staged in self._staged.items()}
        self._staged.clear()
        self._dropped.clear()
        self.base = Snapshot(self.base.path, new).knowing(self.base, listed)
        return self.base

    def _pin(self, name: str, version: int) -> catalog.Pin:
        files = list(self._staged[name].files.values())
        table = TABLES[name]
        at = table.partition.index("cluster") if "cluster" in table.partition else None
        clusters = () if at is None else tuple(sorted({file.part[at] for file in files}))
        old = self.base.catalog.pins.get(name)
        dropped = {**(old.dropped if old else {}), **self._dropped.get(name, {})}
        rows, size = sum(file.rows for file in files), sum(file.size for file in files)
        return catalog.Pin(name, version, rows, size, len(files), clusters, dropped)

    def discard(self) -> None:
        """Forget everything that was not committed."""
        for staged in self._staged.values():
            staged.discard()
        self._staged.clear()


def _of(rows: pa.Table, cluster: str, days: Sequence[date]) -> pa.ChunkedArray:
    among = pc.is_in(rows.column("day"), pa.array(list(days), pa.date32()))
    return pc.and_(pc.equal(rows.column("cluster"), cluster), among)
