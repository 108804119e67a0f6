"""Writing facts out in the interchange format (docs/facts.md): a file for each table, ingestable as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from paydown.errors import StoreError, UsageError
from paydown.model.facts import FACTS
from paydown.store import parquet
from paydown.store.layout import table_path
from paydown.store.pseudonyms import Pseudonyms
from paydown.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from paydown.store.snapshot import Snapshot

Format = Literal["parquet", "csv"]

_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


def export(
    snapshot: Snapshot,
    folder: str | Path,
    tables: Collection[str] | None = None,
    clusters: Collection[str] | None = None,
    format: Format = "parquet",  # noqa: A002 (the word that users know)
    *,
    pseudonyms: bool = False,
) -> dict[str, int]:
    """Write tables (default: every fact) into a folder, and give the rows of each that has any.

    Users stand as person keys, their names in `identities` beside them (with `pseudonyms` nowhere). Files that are
    there already are an error.
    """
    if format not in {"parquet", "csv"}:
        raise UsageError(f"format {format!r} is not known; formats are parquet and csv.")
    target = Path(folder)
    hidden = Pseudonyms.of(snapshot) if pseudonyms else None
    counts: dict[str, int] = {}
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in FACTS if tables is None else tables:
            place = target / f"{table_of(name).name}.{format}"
            if place.exists():
                raise StoreError(f"{place} is there already; give an empty folder.")
            counts[name] = _write(_pieces(snapshot, name, clusters, hidden), place, format)
    except OSError as error:
        raise StoreError(f"cannot write into {target}: {error.strerror or error}.") from error
    return {name: count for name, count in counts.items() if count}


def _write(pieces: Iterator[pa.Table], place: Path, format: Format) -> int:  # noqa: A002
    writer: pq.ParquetWriter | pc_csv.CSVWriter | None = None
    count = 0
    try:
        for rows in pieces:
            shown = rows if format == "parquet" else _as_text(rows)
            if writer is None:
                writer = (
                    pq.ParquetWriter(place, shown.schema, compression="zstd")
                    if format == "parquet"
                    else pc_csv.CSVWriter(place, shown.schema)
                )
            writer.write_table(shown)
            count += rows.num_rows
    finally:
        if writer is not None:
            writer.close()
    return count


def _pieces(
    snapshot: Snapshot, name: str, clusters: Collection[str] | None, hidden: Pseudonyms | None
) -> Iterator[pa.Table]:
    for rows in _rows(snapshot, name, clusters):
        yield rows if hidden is None else hidden.rows(name, rows)


def _rows(snapshot: Snapshot, name: str, clusters: Collection[str] | None) -> Iterator[pa.Table]:
    """Give the rows file by file, so that a large table need not fit in memory."""
    table = table_of(name)
    if clusters is not None and "cluster" not in table.partition:
        rows = snapshot.rows(name, clusters=clusters)
        yield from [rows] if rows.num_rows else []
        return
    for file in snapshot.data_files(name, clusters=clusters):
        yield parquet.read(table_path(snapshot.path, name), name, [file], table.names)


def _as_text(rows: pa.Table) -> pa.Table:
    """Write instants as RFC 3339 does."""
    for at, each in enumerate(rows.schema):
        if pa.types.is_timestamp(each.type):
            rows = rows.set_column(at, each.name, pc.strftime(rows.column(at), _INSTANT))
    return rows
