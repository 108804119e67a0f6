"""Looking whether a store is whole: every file there, readable, with the rows that the log says, keys once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from paydown.errors import StoreError
from paydown.store import delta, engine
from paydown.store.files import files
from paydown.store.layout import scratch_path, table_path
from paydown.store.tables import TABLES, physical, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paydown.model.schema import Table
    from paydown.store.catalog import Pin
    from paydown.store.delta import DataFile
    from paydown.store.snapshot import Snapshot


def problems(snapshot: Snapshot) -> Iterator[str]:
    """Give every damage of a state, in sentences; nothing where it is whole."""
    for name, pin in sorted(snapshot.catalog.pins.items()):
        if name not in TABLES:
            yield f"the catalog names a table {name} that this program does not know."
            continue
        try:
            listed = snapshot.data_files(name)
        except StoreError as error:
            yield str(error)
            continue
        yield from _sizes(pin, listed)
        broken = list(_files(snapshot, name, listed))
        yield from broken
        if not broken:
            yield from _keys(snapshot, TABLES[name], listed)


def _sizes(pin: Pin, listed: list[DataFile]) -> Iterator[str]:
    found = (len(listed), sum(file.rows for file in listed))
    if found != (pin.files, pin.rows):
        yield (
            f"{pin.table}: the catalog says {pin.files} files with {pin.rows} rows, "
            f"the log says {found[0]} with {found[1]}."
        )


def _files(snapshot: Snapshot, name: str, listed: list[DataFile]) -> Iterator[str]:
    uri = table_path(snapshot.path, name)
    for file in listed:
        place = delta.location(uri, file)
        try:
            yield from (f"{place}: {fault}" for fault in _file(place, name, file))
        except FileNotFoundError:
            yield f"{place} is missing."
        except (OSError, pa.ArrowException) as error:
            yield f"{place} cannot be read: {error}"


def _file(place: str, name: str, file: DataFile) -> Iterator[str]:
    size = files(place).size(place)
    if size != file.size:
        yield f"has {size} bytes, the log says {file.size}."
    (source,) = files(place).sources([place], [size], stored(name).names)
    with pq.ParquetFile(source) as opened:
        missing = set(physical(name).names) - set(opened.schema_arrow.names)
        if missing:
            yield f"lacks the columns {', '.join(sorted(missing))}."
        rows = sum(batch.num_rows for batch in opened.iter_batches(batch_size=1 << 18))
    if rows != file.rows:
        yield f"has {rows} rows, the log says {file.rows}."


def _keys(snapshot: Snapshot, table: Table, listed: list[DataFile]) -> Iterator[str]:
    """Look for natural keys that stand twice, in portions within which equal keys must lie."""
    if table.role == "meta":
        return
    within = [at for at, part in enumerate(table.partition) if part == "cluster" or set(table.by) <= set(table.key)]
    portions: dict[tuple[str, ...], list[str]] = {}
    uri = table_path(snapshot.path, table.name)
    for file in listed:
        portions.setdefault(tuple(file.part[at] for at in within), []).append(delta.location(uri, file))
    keys = pa.schema([stored(table.name).field(name) for name in table.key])
    for portion, places in portions.items():
        sql = "SELECT count(*) AS twice FROM (SELECT 1 FROM portion GROUP BY ALL HAVING count(*) > 1)"
        sql = sql.replace("GROUP BY ALL", "GROUP BY " + ", ".join(engine.quoted(name) for name in table.key))
        found = engine.run(sql, (), {"portion": engine.scan(places, keys)}, {}, scratch_path(snapshot.path))
        twice = found.column("twice")[0].as_py()
        if twice:
            yield f"{table.name} ({', '.join(portion)}): {twice} natural keys stand more than once."
