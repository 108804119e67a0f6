"""The catalog: which version of each table is acknowledged. Its own commit is the acknowledgement."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from paydown.errors import StoreError
from paydown.store import delta
from paydown.store.delta import DataFile
from paydown.store.files import files
from paydown.store.layout import catalog_path

SCHEMA = pa.schema([
    ("table", pa.string()), ("version", pa.int64()), ("rows", pa.int64()), ("bytes", pa.int64()),
    ("files", pa.int64()), ("clusters", pa.string()), ("dropped", pa.string()),
])  # fmt: skip
"""One row a table: its version, its size, its clusters and what was dropped of it (both as JSON)."""


@dataclass(frozen=True)
class Pin:
    """What is acknowledged of a table."""

    table: str
    version: int
    """The version of its Delta table."""
    rows: int = 0
    bytes: int = 0
    files: int = 0
    clusters: tuple[str, ...] = ()
    """The clusters of which it has rows, where it is partitioned by cluster."""
    dropped: dict[str, str] = field(default_factory=dict)
    """For each cluster the day before which rows were dropped on purpose."""

    def dropped_before(self, cluster: str) -> date | None:
        """Give the day before which a cluster's rows were dropped; None where none were."""
        day = self.dropped.get(cluster)
        return None if day is None else date.fromisoformat(day)


@dataclass(frozen=True)
class Catalog:
    """The state of a whole store."""

    version: int
    """The catalog's version; 0 before anything was written."""
    pins: dict[str, Pin]
    """By table; a table never written has none."""


def read(store: str) -> Catalog:
    """Read the last acknowledged state."""
    uri = catalog_path(store)
    version, found = delta.state(uri, None, ())
    if not found:
        return Catalog(version or 0, {})
    if len(found) != 1:
        raise StoreError(f"the catalog at {uri} is damaged: it has {len(found)} files instead of one.")
    try:
        place = delta.location(uri, found[0])
        (source,) = files(place).sources([place], [found[0].size], SCHEMA.names)
        rows = pq.read_table(source, schema=SCHEMA).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot read the catalog at {uri}: {error}") from error
    return Catalog(version or 0, {row["table"]: _pin(row) for row in rows})


def _pin(row: dict[str, str | int]) -> Pin:
    told = {"clusters": tuple(json.loads(str(row["clusters"]))), "dropped": json.loads(str(row["dropped"]))}
    return Pin(**{**row, **told})


def commit(store: str, base: Catalog, pins: dict[str, Pin]) -> Catalog:
    """Acknowledge a new state that was made from `base`; `StoreBusyError` where another came first."""
    uri = catalog_path(store)
    rows = [
        {**pin.__dict__, "clusters": json.dumps(pin.clusters), "dropped": json.dumps(pin.dropped)}
        for pin in pins.values()
    ]
    path = f"{uuid.uuid4().hex}.parquet"
    with delta.created(uri, path) as sink:
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), sink, compression="zstd")
        size = sink.tell()
    file = DataFile(path, size, len(rows), (), int(time.time() * 1000))
    version = delta.commit(uri, SCHEMA, (), [file], base=base.version)
    delta.checkpoint(uri, version)
    return Catalog(version, pins)
