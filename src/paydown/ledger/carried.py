"""Which samples there are: by node and day, how many carry each measured quantity, and the time that they declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.columns import NONE, counts, instants, texts
from paydown.ledger.frame import Horizons
from paydown.ledger.intervals import Bools, Ints, starts_of_groups
from paydown.model.entries import CARRIED
from paydown.model.facts import FACTS, GPU_SAMPLES, HOST_SAMPLES
from paydown.model.units import MS_PER_DAY
from paydown.model.window import Window, date_of, from_ms

if TYPE_CHECKING:
    from paydown.model.schema import Table
    from paydown.store.snapshot import Snapshot


def carried(snapshot: Snapshot, cluster: str, day: int, read: Mapping[str, pa.Table]) -> pa.Table:
    """Count the samples that begin on a day, before the horizon.

    Args:
        snapshot: The store.
        cluster: The cluster.
        day: The day's number.
        read: By table the samples of the day, with all measured columns that any carries (`measured`).
    """
    end = min((day + 1) * MS_PER_DAY, Horizons.of(snapshot.rows("sources", clusters=[cluster])).end)
    window = Window(day * MS_PER_DAY, max(day * MS_PER_DAY, end))
    common = {"cluster": cluster, "day": date_of(day)}
    rows = [
        common | {"table": table.name} | row
        for table in (GPU_SAMPLES, HOST_SAMPLES)
        for row in _counted(table, window, read[table.name])
    ]
    return pa.Table.from_pylist(rows, schema=CARRIED.arrow)


def measured(snapshot: Snapshot, cluster: str, day: int, kind: str, rows: pa.Table) -> pa.Table:
    """Add to the samples of a day those measured columns that any carries and that are not at hand."""
    table, window = FACTS[kind], Window(day * MS_PER_DAY, (day + 1) * MS_PER_DAY)
    missing = [name for name in table.measured if name not in rows.column_names]
    there = snapshot.carried(table.name, missing, clusters=[cluster], window=window) if rows.num_rows else ()
    for name in missing:
        if name in there:
            more = snapshot.rows(table.name, columns=[name], clusters=[cluster], window=window)
            rows = rows.append_column(name, more.column(0))
    return rows


def _counted(table: Table, window: Window, rows: pa.Table) -> Iterator[dict[str, Any]]:
    """Count by node and measured column; null stands for all samples."""
    node, names = texts(rows, "node")
    start, duration = instants(rows, "start", 0), counts(rows, "duration_ms")
    keep = (duration > 0) & (start >= window.start_ms) & (start < window.end_ms)
    some = None if bool(keep.all()) else np.flatnonzero(keep)
    if some is not None:
        node, start, duration = node[some], start[some], duration[some]
    group = starts_of_groups(node)
    if not len(group):
        return
    at = node[group]
    first, last = (
        _least(np.minimum.reduceat(start, group), at),
        -_least(-np.maximum.reduceat(start + duration, group), at),
    )
    for name in (None, *(name for name in table.measured if name in rows.column_names)):
        there = None if name is None else _present(rows, name, some)
        for place, samples, described in zip(*_sums(at, group, duration, there), strict=True):
            if samples:
                yield {
                    "node": names[place], "signal": name, "samples": samples, "described_ms": described,
                    "first": from_ms(int(first[place])), "last": from_ms(int(last[place])),
                }  # fmt: skip


def _present(rows: pa.Table, name: str, some: Ints | None) -> Bools | None:
    """Tell which samples carry a column; None: all of them."""
    column = rows.column(name)
    # Ratios that the ledger has read are whole, with NONE for null.
    coded = name.endswith("_ratio") and pa.types.is_integer(column.type)
    if some is None and (pc.min(column).as_py() != NONE if coded else not column.null_count):
        return None
    present: Bools = np.asarray((pc.not_equal(column, NONE) if coded else column.is_valid()).to_numpy(), dtype=bool)
    present = present if some is None else present[some]
    return None if bool(present.all()) else present


def _sums(at: Ints, group: Ints, duration: Ints, there: Bools | None) -> tuple[list[int], list[int], list[int]]:
    """Give (node code, samples, sum of durations) of each node."""
    size = np.diff(np.append(group, len(duration))) if there is None else np.add.reduceat(there.astype(np.int64), group)
    length = np.add.reduceat(duration if there is None else duration * there, group)
    width = int(at.max()) + 1
    samples, described = np.zeros(width, dtype=np.int64), np.zeros(width, dtype=np.int64)
    np.add.at(samples, at, size)
    np.add.at(described, at, length)
    return list(range(width)), samples.tolist(), described.tolist()


def _least(values: Ints, at: Ints) -> Ints:
    """Give the least value of each node code."""
    found = np.full(int(at.max()) + 1, np.iinfo(np.int64).max // 2, dtype=np.int64)
    np.minimum.at(found, at, values)
    return found
