"""What there is in a store: tables, sizes, clusters, who writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paydown.store import filesystem, lock
from paydown.store.files import files
from paydown.store.tables import TABLES

if TYPE_CHECKING:
    from paydown.store.layout import Marker
    from paydown.store.snapshot import Snapshot


@dataclass(frozen=True)
class TableInfo:
    """The size of a table."""

    table: str
    role: str
    """`fact`, `said`, `derived` or `meta`."""
    rows: int
    bytes: int
    """As they lie on disk, the last state alone."""
    files: int
    version: int
    """The acknowledged version of its Delta table."""
    clusters: tuple[str, ...]
    """Of which it has rows, where it is kept by cluster."""
    dropped_before: dict[str, str]
    """For each cluster the day before which rows were dropped on purpose."""


@dataclass(frozen=True)
class Info:
    """What there is in a store."""

    path: str
    layout: int
    created: str
    version: int
    """The number of its last acknowledged state."""
    clusters: tuple[str, ...]
    tables: tuple[TableInfo, ...]
    filesystem: str
    """The type of the file system, empty where it cannot be told."""
    shared: bool
    """Whether other machines may write there, so that the kernel's lock is not relied on."""
    writer: str | None
    """Who writes it at the moment, as a sentence."""


def info(snapshot: Snapshot, marker: Marker, kind: str | None) -> Info:
    """Describe a store from its catalog alone."""
    kind = files(snapshot.path).kind(snapshot.path) if kind is None else kind
    tables = tuple(
        TableInfo(
            pin.table, TABLES[pin.table].role if pin.table in TABLES else "", pin.rows, pin.bytes, pin.files,
            pin.version, pin.clusters, pin.dropped,
        )
        for _, pin in sorted(snapshot.catalog.pins.items())
    )  # fmt: skip
    writer = lock.holds(snapshot.path)
    return Info(
        snapshot.path, marker.layout, marker.created, snapshot.version, tuple(snapshot.clusters()), tables, kind,
        filesystem.shared(kind), None if writer is None else str(writer),
    )  # fmt: skip
