"""A folder of facts, in the open format that the store also exports (docs/facts.md).

`<table>.parquet`, `<table>.csv` or `<table>.csv.gz` in the folder, or parts of a table in a sub-folder `<table>/`; and
an optional `facts.toml` with `cluster`, `supports` and `note`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from paydown.connectors.interface import Connector, Context, Item
from paydown.errors import InputError
from paydown.model.batch import LINE, Batch, Reject, Vouch
from paydown.model.delimited import BrokenLine, Dialect, header_of, open_text, read_delimited
from paydown.model.facts import CAPABILITIES, FACTS
from paydown.model.rows import line_text, normalise, suggestion

if TYPE_CHECKING:
    from paydown.model.schema import Table

BATCH_ROWS = 1_000_000
"""Rows of Parquet handed over at once."""

_SUFFIXES = (".parquet", ".csv", ".csv.gz")
_CSV = Dialect()
_SUPPORTED_BY = {
    "nodes": "capacity",
    "allocations": "allocation",
    "gpu_samples": "use",
    "host_samples": "use",
    "job_usage": "use",
}
_ORDER = ("identities", *(name for name in FACTS if name != "identities"))


class FactsSettings(BaseModel):
    """What to read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Field(
        description="The folder with `<table>.parquet`, `<table>.csv` or `<table>.csv.gz` files.",
        json_schema_extra={"argument": True},
    )


class FactsToml(BaseModel):
    """The optional `facts.toml` of a folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: str | None = Field(None, description="The cluster of tables that have no column `cluster`.", min_length=1)
    supports: tuple[str, ...] = Field(
        CAPABILITIES, description="What the folder can support at most: capacity, allocation, use, wait."
    )
    note: str | None = Field(None, description="What a reader of the figures should know.")


@dataclass
class _Seen:
    """What the folder's tables turned out to hold."""

    supports: dict[str, set[str]] = field(default_factory=dict)
    vouched: bool = False

    def note(self, table: Table, rows: pa.Table) -> None:
        """Note the clusters of rows, and what they let one say."""
        if table.name == "identities" or "cluster" not in rows.column_names:
            return
        for name in pc.unique(rows["cluster"]).to_pylist():
            found = self.supports.setdefault(name, set())
            if table.name in _SUPPORTED_BY:
                found.add(_SUPPORTED_BY[table.name])
        if table.name == "jobs" and "submit" in rows.column_names:
            waited = rows["cluster"].filter(rows["submit"].is_valid())
            for name in pc.unique(waited).to_pylist():
                self.supports[name].add("wait")


def read(settings: FactsSettings, context: Context) -> Iterator[Item]:
    """Yield the folder's tables as batches, then what the folder vouches for."""
    folder = settings.folder
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name one that holds files such as jobs.csv or nodes.parquet.")
    said = _said(folder / "facts.toml")
    files = _files(folder)
    seen = _Seen()
    for done, (table, path) in enumerate(files):
        context.progress(f"{path.name}", done / len(files))
        for item in _items(table, path):
            if isinstance(item, Reject):
                yield item
                continue
            rows = _with_cluster(table, item.rows, context.cluster, said.cluster, item.origin)
            yield from _handed(table, Batch(table.name, rows, item.origin), seen)
    yield from _vouches(seen, said)


def _handed(table: Table, batch: Batch, seen: _Seen) -> Iterator[Item]:
    """Hand a batch over; rows of `sources` are what others vouched for."""
    if table.name != "sources":
        seen.note(table, batch.rows)
        yield batch
        return
    clean = normalise(table, batch.rows, batch.origin)
    yield from clean.rejects
    seen.vouched = True
    for row in clean.rows.select(table.names).to_pylist():
        ms = {name: round(row[name].timestamp() * 1000) for name in ("covers_from", "covers_to")}
        supports = tuple(word for word in row["supports"].split(";") if word)
        yield Vouch(row["cluster"], row["source"], supports, ms["covers_from"], ms["covers_to"], row["note"])


def _vouches(seen: _Seen, said: FactsToml) -> Iterator[Vouch]:
    """Say for each cluster what the folder supports, unless its own `sources` table does."""
    if seen.vouched:
        return
    for cluster, found in sorted(seen.supports.items()):
        supports = tuple(word for word in CAPABILITIES if word in found and word in said.supports)
        yield Vouch(cluster, "facts", supports, note=said.note)


def _said(path: Path) -> FactsToml:
    """Read `facts.toml` where there is one."""
    if not path.exists():
        return FactsToml()
    try:
        said = FactsToml.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        word = str(first["loc"][0]) if first["loc"] else ""
        hint = suggestion(word, tuple(FactsToml.model_fields)) if first["type"] == "extra_forbidden" else ""
        raise InputError(f"{path}: `{word}`: {first['msg']}{hint}") from error
    unknown = [word for word in said.supports if word not in CAPABILITIES]
    if unknown:
        raise InputError(f"{path}: supports cannot be `{unknown[0]}`{suggestion(unknown[0], CAPABILITIES)}")
    return said


def _files(folder: Path) -> list[tuple[Table, Path]]:
    """Find the files of each table, in an order that has people first."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        inside = sorted(p for p in path.rglob("*") if _is_data(p)) if path.is_dir() else [path] * _is_data(path)
        if path.name.startswith(".") or not inside:
            continue
        name = path.name.split(".")[0]
        if name not in FACTS:
            raise InputError(f"{path}: there is no table `{name}`{suggestion(name, tuple(FACTS))} Rename or move it.")
        found.setdefault(name, []).extend(inside)
    if not found:
        raise InputError(f"{folder} holds no facts: no file such as jobs.csv or nodes.parquet.")
    return [(FACTS[name], path) for name in _ORDER for path in found.get(name, [])]


def _is_data(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.name.endswith(_SUFFIXES)


def _items(table: Table, path: Path) -> Iterator[Batch | Reject]:
    """Read one file."""
    if path.name.endswith(".parquet"):
        yield from (Batch(table.name, rows, str(path)) for rows in _parquet(path))
    else:
        yield from _csv(table, path)


def _parquet(path: Path) -> Iterator[pa.Table]:
    """Stream a Parquet file; a row's line is its number, from 1."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            if not file.metadata.num_rows:
                yield file.schema_arrow.empty_table()
            first = 1
            for batch in file.iter_batches(BATCH_ROWS):
                lines = pa.array(np.arange(first, first + len(batch), dtype=np.int64))
                yield pa.Table.from_batches([batch]).append_column(LINE, lines)
                first += len(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error}): fetch or write it again.") from error


def _csv(table: Table, path: Path) -> Iterator[Batch | Reject]:
    """Stream a CSV file, everything as text."""
    source = open_text(str(path))
    columns = header_of(source, _CSV)
    rejects: list[Reject] = []

    def broken(line: BrokenLine) -> None:
        rejects.append(_broken(table, str(path), line))

    empty = pa.table({name: pa.array([], pa.string()) for name in dict.fromkeys(columns)})
    yield Batch(table.name, empty, str(path))
    for rows in read_delimited(source, columns, _CSV, broken):
        yield Batch(table.name, rows, str(path))
        yield from rejects
        rejects.clear()
    yield from rejects


def _broken(table: Table, origin: str, line: BrokenLine) -> Reject:
    detail = f"the line has {line.cells} cells, not {line.expected}"
    text = line_text(line.text.split(_CSV.delimiter), _CSV.delimiter)
    return Reject(table.name, origin, line.line, "broken-line", detail, text)


def _with_cluster(table: Table, rows: pa.Table, given: str | None, named: str | None, origin: str) -> pa.Table:
    """Name the cluster of rows: the one that the user gave, else their own, else that of `facts.toml`."""
    column = table.by_name.get("cluster")
    if column is None or column.null:
        return rows
    if given is not None:
        rows = rows.drop_columns(["cluster"]) if "cluster" in rows.column_names else rows
    elif "cluster" in rows.column_names:
        return rows
    name = given or named
    if name is None:
        raise InputError(f"{origin} has no column `cluster`: name it with --cluster NAME, or in facts.toml.")
    return rows.append_column("cluster", pa.DictionaryArray.from_arrays(np.zeros(len(rows), np.int32), [name]))


CONNECTOR = Connector(
    name="facts",
    summary="A folder of facts: one CSV or Parquet file for each table.",
    settings=FactsSettings,
    supports=CAPABILITIES,
    tables=tuple(FACTS),
    read=read,
)
"""The connector."""
