"""Taking measurements into the tables that have a folder for each day: mostly new rows, in great numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.store import upsert as keyed
from paydown.store.parts import day_numbers

if TYPE_CHECKING:
    from paydown.store.staging import Staged


def upsert(staged: Staged, rows: pa.Table) -> keyed.Upserted:
    """Take rows into a table partitioned by day."""
    done = keyed.upsert(staged, rows)
    fresh = done.changed
    done.changed = done.before = None
    done.spans = _spans(staged, fresh)
    return done


def _spans(staged: Staged, fresh: pa.Table) -> pa.Table:
    start = fresh.column(staged.table.by[0])
    end = start.cast(pa.int64())
    if "duration_ms" in fresh.column_names:
        end = pc.add(end, fresh.column("duration_ms"))
    days = pa.array(day_numbers(staged.table, fresh).astype(np.int32), pa.int32()).cast(pa.date32())
    table = pa.table({"cluster": fresh.column("cluster"), "day": days, "first": start, "last": end.cast(start.type)})
    grouped = table.group_by(["cluster", "day"]).aggregate([("first", "min"), ("last", "max")])
    return grouped.rename_columns(["cluster", "day", "first", "last"])
