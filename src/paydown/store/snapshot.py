"""A state of the store, pinned: whatever is written later, it reads the same."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from paydown.errors import StoreError
from paydown.model.facts import FACTS
from paydown.store import delta, engine, order, parquet
from paydown.store.layout import scratch_path, table_path
from paydown.store.parts import split, touching
from paydown.store.tables import TABLES, stored, table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from paydown.model.schema import Table
    from paydown.model.window import Window
    from paydown.store.catalog import Catalog
    from paydown.store.delta import DataFile

_NAMED = re.compile(r"\w+")


@dataclass(frozen=True)
class Snapshot:
    """What the store held at one acknowledged moment. It can be pickled and read in other processes."""

    path: str
    """The store's place."""
    catalog: Catalog
    """The versions that it reads."""
    _files: dict[str, list[DataFile]] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Give what is sent to another process: with every list of files, since a forked one cannot read the log."""
        for name in self.catalog.pins:
            self.data_files(name)
        return self.__dict__

    def knowing(self, other: Snapshot, listed: Mapping[str, Collection[DataFile]] | None = None) -> Snapshot:
        """Take over the lists of files of another state of this same store, where a table's version is the same.

        `listed`: the files of tables that were committed since. What a version consists of never changes.
        """
        for name, pin in self.catalog.pins.items():
            old = other.catalog.pins.get(name)
            known = None if old is None or old.version != pin.version else other._files.get(name)
            found = (listed or {}).get(name, known)
            if found is not None:
                self._files[name] = _in_order(table_of(name), found)
        return self

    @property
    def version(self) -> int:
        """The number of the state; it grows with every commit, and is 0 for an empty store."""
        return self.catalog.version

    def clusters(self) -> list[str]:
        """Give the clusters of which there are facts, in order."""
        return sorted({name for pin in self.catalog.pins.values() if pin.table in FACTS for name in pin.clusters})

    def dropped_before(self, cluster: str, table: str) -> date | None:
        """Give the day before which rows were dropped by `Store.retain`; None where none were."""
        pin = self.catalog.pins.get(table_of(table).name)
        return None if pin is None else pin.dropped_before(cluster)

    def data_files(
        self, table: str, *, clusters: Collection[str] | None = None, window: Window | None = None
    ) -> list[DataFile]:
        """Give what the log says of the files that `files` gives."""
        known = table_of(table)
        if table not in self._files:
            self._files[table] = self._listed(known)
        return touching(known, self._files[table], clusters, window)

    def _listed(self, table: Table) -> list[DataFile]:
        pin = self.catalog.pins.get(table.name)
        if pin is None:
            return []
        found = delta.state(table_path(self.path, table.name), pin.version, table.partition)[1]
        return _in_order(table, found)

    def files(self, table: str, *, clusters: Collection[str] | None = None, window: Window | None = None) -> list[str]:
        """Give the places of the Parquet files that can hold rows of these clusters touching the window.

        They come by partition, and within it by their least row.
        """
        uri = table_path(self.path, table)
        return [delta.location(uri, file) for file in self.data_files(table, clusters=clusters, window=window)]

    def carried(
        self,
        table: str,
        columns: Sequence[str],
        *,
        clusters: Collection[str] | None = None,
        window: Window | None = None,
    ) -> frozenset[str]:
        """Tell which columns have a value in any file that `files` gives, from the files' own statistics."""
        files = self.data_files(table, clusters=clusters, window=window)
        return parquet.carried(table_path(self.path, table), files, columns)

    def rows(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        clusters: Collection[str] | None = None,
        window: Window | None = None,
        where: str = "",
        params: Sequence[Any] = (),
        sort: bool = False,
        dictionaries: bool = False,
    ) -> pa.Table:
        """Give rows of a table with the types of the model.

        `clusters` is exact. `window` gives every row that touches it, and may give others: whole days or months are
        read. `where` is an SQL condition over the columns, with `params` for its question marks. Rows come in the
        order of the files (each sorted as the table says), or with `sort` by cluster and then in the table's own order.
        With `dictionaries` texts come as dictionary arrays, which are quicker to make and to compare.
        """
        known = table_of(table)
        wanted = list(columns if columns is not None else known.names)
        ordered = [*(["cluster"] if "cluster" in known.names else []), *known.sort] if sort else []
        need = [*wanted, *(name for name in dict.fromkeys(ordered) if name not in wanted)]
        condition = " AND ".join(f"({each})" for each in (self._of_clusters(known, clusters), where) if each)
        if condition:
            select = ", ".join(engine.quoted(name) for name in need)
            sql = f"SELECT {select} FROM {engine.quoted(table)} WHERE {condition}"
            found = self.query(sql, params, clusters=clusters, window=window)
        else:
            files = self.data_files(table, clusters=clusters, window=window)
            found = parquet.read(table_path(self.path, table), table, files, need, dictionaries=dictionaries)
        found = order.sort(found, ordered) if sort else found
        return parquet.typed(found.select(wanted), parquet.schema(table, wanted, dictionaries=dictionaries))

    def set_aside(self, table: str, rows: pa.Table) -> DataFile:
        """Write rows of one partition, in the table's order, into a file that nobody sees.

        `Transaction.replace` takes it in. A file that nobody takes is removed like those of killed writers.
        """
        known = table_of(table)
        if rows.column_names != list(known.names):
            raise StoreError(f"rows for {table} have other columns than the table.")
        part = next(iter(split(known, rows.slice(0, 1))))[0]
        return parquet.write(table_path(self.path, table), known, part, rows)

    def read_aside(self, table: str, file: DataFile) -> pa.Table:
        """Read a file that was set aside."""
        return parquet.read(table_path(self.path, table), table, [file])

    def forget_aside(self, table: str, file: DataFile) -> None:
        """Remove a file that was set aside and is not taken in."""
        delta.remove(table_path(self.path, table), file.path)

    def _of_clusters(self, table: Table, clusters: Collection[str] | None) -> str:
        """Give the condition on the cluster where the partition does not settle it."""
        if clusters is None or "cluster" in table.partition or "cluster" not in table.names:
            return ""
        among = ", ".join(engine.literal(name) for name in clusters)
        return f"cluster IN ({among}) OR cluster IS NULL" if among else "cluster IS NULL"

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | Sequence[Any] = (),
        *,
        clusters: Collection[str] | None = None,
        window: Window | None = None,
        tables: Mapping[str, pa.Table] | None = None,
    ) -> pa.Table:
        """Run SQL (DuckDB's) over the tables of the store, each a view of its name, and over Arrow tables given.

        Views are pruned by `clusters` (exactly) and `window` (whole days or months). Instants are TIMESTAMPTZ in UTC
        and come back as `timestamp[ms, UTC]`; sums of integers come back exact, as decimal128(38, 0).
        """
        given = tables or {}
        named = {word for word in _NAMED.findall(sql) if word in TABLES and word not in given}
        views = {name: self._view(TABLES[name], clusters, window) for name in sorted(named)}
        found = engine.run(sql, params, views, given, scratch_path(self.path))
        return _in_milliseconds(found)

    def _view(self, table: Table, clusters: Collection[str] | None, window: Window | None) -> str:
        select = engine.scan(self.files(table.name, clusters=clusters, window=window), stored(table.name))
        condition = self._of_clusters(table, clusters)
        return f"SELECT * FROM ({select}) WHERE {condition}" if condition else select


def _in_milliseconds(rows: pa.Table) -> pa.Table:
    zoned = [pa.types.is_timestamp(each.type) and each.type.tz is not None for each in rows.schema]
    if not any(zoned):
        return rows
    fields = [
        pa.field(each.name, pa.timestamp("ms", "UTC") if zone else each.type)
        for each, zone in zip(rows.schema, zoned, strict=True)
    ]
    return rows.cast(pa.schema(fields), safe=False)


def _in_order(table: Table, files: Collection[DataFile]) -> list[DataFile]:
    return sorted(files, key=lambda file: parquet.place_in_order(table, file))
