"""Dropping old facts on purpose. The ledger made of them stays, and what was dropped is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from paydown.errors import StoreError
from paydown.model.units import MS_PER_DAY
from paydown.model.window import EPOCH_DAY

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

    from paydown.model.schema import Table
    from paydown.store.staging import Staged


def ends(table: Table) -> str | None:
    """Give what says that a row is of the past: its day, the instant that closes it, or its time; None: nothing does.

    What is derived is never dropped, and neither is what vouches for it (`sources`), nor how far a source was read.
    """
    if table.role == "derived" or table.name in {"sources", "marks"}:
        return None
    if "day" in table.partition:
        return "day"
    if table.closes and table.role == "fact":
        return table.closes
    return "time" if "time" in table.names else None


def drop(staged: Staged, before: date, cluster: str | None) -> int:
    """Drop the rows that were over before a day; give how many."""
    table = staged.table
    column = ends(table)
    if column is None:
        raise StoreError(
            f"rows of {table.name} are not dropped by age: they say nothing of a time, or are never dropped."
        )
    if cluster is not None and "cluster" not in table.partition:
        raise StoreError(f"{table.name} is not kept by cluster; drop its old rows without naming one.")
    dropped = 0
    for file in list(staged.files.values()):
        values = dict(zip(table.partition, file.part, strict=True))
        if cluster is not None and values["cluster"] != cluster:
            continue
        if column == "day":
            if values["day"] < before.isoformat():
                staged.drop(file)
                dropped += file.rows
        else:
            dropped += _drop_rows(staged, file.path, column, before)
    return dropped


def _drop_rows(staged: Staged, path: str, column: str, before: date) -> int:
    file = staged.files[path]
    # What ended (exclusively) as the day began is over; what happened at that instant belongs to the day.
    limit = (before - EPOCH_DAY).days * MS_PER_DAY - (column == "time")
    if file.low.get(column, limit) > limit:
        return 0
    rows = staged.read([file])
    kept = rows.filter(_stays(rows, column, limit))
    if kept.num_rows == rows.num_rows:
        return 0
    staged.drop(file)
    staged.add(kept)
    return int(rows.num_rows - kept.num_rows)


def _stays(rows: pa.Table, column: str, limit: int) -> pa.ChunkedArray:
    over = pc.less_equal(rows.column(column).cast("int64"), limit)
    return pc.invert(pc.fill_null(over, fill_value=False))
