"""Taking rows into a table by natural key: finding the stored versions, judging, and rewriting what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.model.batch import LINE
from paydown.store import engine, parts, rules
from paydown.store.layout import scratch_path
from paydown.store.tables import conform, stored

if TYPE_CHECKING:
    from paydown.model.schema import Table
    from paydown.store.delta import DataFile
    from paydown.store.staging import Staged


@dataclass
class Upserted:
    """What became of the rows of one upsert."""

    inserted: int
    """Rows of keys that were not there."""
    replaced: int
    """Rows that replaced an open version."""
    unchanged: int
    """Rows that changed nothing."""
    conflicts: pa.Table = field(repr=False)
    """The rows refused because a different, closed version is stored; with `_line` where it was given."""
    changed: pa.Table | None = field(default=None, repr=False)
    """The rows that stand in the end because of this, new or replacing; None for tables partitioned by day."""
    before: pa.Table | None = field(default=None, repr=False)
    """The stored rows that they replaced; None for tables partitioned by day."""
    spans: pa.Table | None = field(default=None, repr=False)
    """For tables partitioned by day: cluster, day, first, last (instants) of what was inserted."""


def upsert(staged: Staged, rows: pa.Table) -> Upserted:
    """Take rows into a table that is not partitioned by day."""
    table = staged.table
    # Many small pieces are much slower to encode and to pick from than one.
    incoming = conform(table.name, rows).combine_chunks()
    found = stored_rows(staged, candidates(staged, incoming), incoming)
    judged = rules.judge(table, found.rows, incoming)
    changed = incoming.take(pa.array(judged.kept)) if len(judged.kept) < incoming.num_rows else incoming
    before = found.rows.take(pa.array(judged.gone))
    _rewrite(staged, found, judged.gone, changed)
    counts = np.bincount(judged.verdicts, minlength=4)
    return Upserted(
        int(counts[rules.INSERTED]), int(counts[rules.REPLACED]), int(counts[rules.UNCHANGED]),
        refused(rows, incoming, pa.array(judged.verdicts == rules.CONFLICT)), changed, before,
    )  # fmt: skip


def refused(rows: pa.Table, incoming: pa.Table, mask: pa.Array | None = None) -> pa.Table:
    """Give the rows refused (all of them without a mask), with their line where it is known."""
    if LINE in rows.column_names:
        incoming = incoming.append_column(LINE, rows.column(LINE))
    return incoming if mask is None else incoming.filter(mask)


@dataclass(frozen=True)
class Found:
    """Stored rows, and where they lie."""

    rows: pa.Table
    """The stored rows with a key that comes in."""
    files: list[DataFile]
    """The files that were looked through."""
    file: np.ndarray
    """For each row the number of its file in `files`."""
    row: np.ndarray
    """For each row its number in its file."""


def stored_rows(staged: Staged, files: list[DataFile], incoming: pa.Table) -> Found:
    """Find the stored rows, in some files of the table, with a key that comes in."""
    table = staged.table
    if not files or not incoming.num_rows:
        none = np.zeros(0, np.int64)
        return Found(stored(table.name).empty_table(), [], none, none)
    keys = pa.schema([stored(table.name).field(name) for name in table.key])
    places = [staged.location(file) for file in files]
    join = " AND ".join(f"s.{engine.quoted(name)} IS NOT DISTINCT FROM i.{engine.quoted(name)}" for name in table.key)
    sql = f"SELECT _file, _row FROM stored s SEMI JOIN incoming i ON {join} ORDER BY _file, _row"
    views = {"stored": engine.scan(places, keys, rows=True)}
    hits = engine.run(sql, (), views, {"incoming": incoming.select(list(table.key))}, scratch_path(staged.store))
    numbers = {place: number for number, place in enumerate(places)}
    file = np.array([numbers[place] for place in hits.column("_file").to_pylist()], np.int64)
    row = hits.column("_row").to_numpy().astype(np.int64)
    pieces = [
        staged.read([files[number]]).take(pa.array(row[file == number])) for number in dict.fromkeys(file.tolist())
    ]
    found = pa.concat_tables(pieces) if pieces else stored(table.name).empty_table()
    return Found(found, files, file, row)


def candidates(staged: Staged, incoming: pa.Table) -> list[DataFile]:
    """Give the files that can hold a key that comes in."""
    table = staged.table
    files = list(staged.files.values())
    if all(name in table.key and not table.by_name[name].null for name in table.by):
        wanted = {part for part, _ in parts.split(table, incoming)}
        return [file for file in files if file.part in wanted]
    clusters = set(incoming.column("cluster").unique().to_pylist()) if "cluster" in table.partition else None
    return parts.touching(table, files, clusters, None)


def _rewrite(staged: Staged, found: Found, gone: np.ndarray, changed: pa.Table) -> None:
    """Write the rows that stand, leaving out those that they replace."""
    rest = []
    for number in dict.fromkeys(found.file[gone].tolist()):
        file = found.files[number]
        keep = np.ones(file.rows, np.bool_)
        keep[found.row[gone][found.file[gone] == number]] = False
        rest.append(staged.read([file]).filter(pa.array(keep)))
        staged.drop(file)
    fresh = pa.concat_tables([changed, *rest]) if rest else changed
    if fresh.num_rows:
        staged.add(fresh)


def day_partitioned(table: Table) -> bool:
    """Tell whether a table has a folder for each day."""
    return "day" in table.partition
