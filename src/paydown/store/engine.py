"""DuckDB over the files of a snapshot. Imported late: a program that only writes small tables never loads it."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from paydown.errors import StoreError
from paydown.store.files import files, remote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from paydown.store.files import Files

_MEMORY_SHARE = 0.5
_LEAST_MEMORY = 512 << 20
_MOST_MEMORY = 16 << 30


def run(
    sql: str,
    params: Mapping[str, Any] | Sequence[Any],
    views: Mapping[str, str],
    tables: Mapping[str, pa.Table],
    scratch: str,
) -> pa.Table:
    """Run one statement that sees these views (name: SELECT) and Arrow tables, and give its rows."""
    import duckdb

    cursor = _database(os.getpid(), scratch, files(scratch)).cursor()
    try:
        cursor.execute("SET TimeZone = 'UTC'")
        for name, rows in tables.items():
            cursor.register(name, rows)
        for name, select in views.items():
            cursor.execute(f"CREATE TEMP VIEW {quoted(name)} AS {select}")
        return cursor.sql(sql, params=params or None).to_arrow_table()
    except duckdb.Error as error:
        raise StoreError(f"the query failed: {error}") from error
    finally:
        cursor.close()


@lru_cache(maxsize=8)
def _database(process: int, scratch: str, at: Files) -> DuckDBPyConnection:  # noqa: ARG001 (no fork shares a connection)
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": str(len(os.sched_getaffinity(0))),
        "memory_limit": f"{memory_limit() >> 20}MiB",
        "temp_directory": _own(scratch),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    database = duckdb.connect(":memory:", config=config)
    database.execute("SET parquet_metadata_cache = true")
    at.attach(database)
    return database


def _own(scratch: str) -> str:
    """Give a folder to spill into that no other process uses; outside the store where that cannot be written."""
    place = Path(scratch) if Path(scratch).is_dir() else Path(scratch).parent
    inside = not remote(scratch) and os.access(place, os.W_OK)
    return f"{scratch if inside else tempfile.gettempdir()}/paydown-{os.getpid()}-{secrets.token_hex(4)}"


def sweep(scratch: str, grace_hours: int) -> None:
    """Remove what killed processes spilled, once it is that old."""
    if remote(scratch):
        return
    for place in Path(scratch).glob("paydown-*"):
        if time.time() - place.stat().st_mtime > grace_hours * 3600:
            shutil.rmtree(place, ignore_errors=True)


def memory_limit() -> int:
    """Give the bytes that a query may hold: half of what the machine, or the control group, can give."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(place).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return max(_LEAST_MEMORY, min(_MOST_MEMORY, int(min(limits) * _MEMORY_SHARE)))


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def scan(places: Sequence[str], schema: pa.Schema, *, rows: bool = False) -> str:
    """Give the SELECT over files with these columns; with `rows`, also `_file` and `_row` (number in the file)."""
    if not places:
        columns = [f"CAST(NULL AS {_sql_type(each.type)}) AS {quoted(each.name)}" for each in schema]
        return f"SELECT {', '.join(columns)} WHERE false"
    columns = [quoted(name) for name in schema.names]
    options = ", filename = true, file_row_number = true" if rows else ""
    columns += ['filename AS "_file"', 'file_row_number AS "_row"'] if rows else []
    listed = ", ".join(literal(place) for place in places)
    return f"SELECT {', '.join(columns)} FROM read_parquet([{listed}], hive_partitioning = false{options})"


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    names = {
        pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.float64(): "DOUBLE",
        pa.date32(): "DATE", pa.bool_(): "BOOLEAN",
    }  # fmt: skip
    return names[kind]
