"""What a store holds, as answers: its tables, and its rejects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paydown.model.entries import META
from paydown.model.window import Window, to_ms
from paydown.reports.interface import Answer, OutColumn

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.model.schema import Column
    from paydown.store.info import Info
    from paydown.store.snapshot import Snapshot

_TABLES = (
    OutColumn("table", "", "The table."),
    OutColumn("role", "", "fact, said: from outside; derived: made by posting; meta: the store's own."),
    OutColumn("rows", "rows", "Its rows.", "number"),
    OutColumn("files", "files", "Its files.", "number"),
    OutColumn("bytes", "bytes", "Their size.", "number"),
    OutColumn("clusters", "", "The clusters of which it has rows, where it is kept by cluster.", minor=True),
    OutColumn("dropped_before", "", "By cluster: the day before which its rows were dropped on purpose.", minor=True),
)


def tables(info: Info, now_ms: int) -> Answer:
    """Give what is in a store, by table; the window is the moment of asking."""
    import pyarrow as pa

    found = [
        {
            "table": each.table,
            "role": each.role,
            "rows": each.rows,
            "files": each.files,
            "bytes": each.bytes,
            "clusters": ";".join(each.clusters) or None,
            "dropped_before": ";".join(f"{cluster} {day}" for cluster, day in each.dropped_before.items()) or None,
        }
        for each in info.tables
    ]
    schema = pa.schema([(c.name, pa.int64() if c.role == "number" else pa.string()) for c in _TABLES])
    told = {
        "clusters": list(info.clusters),
        "version": info.version,
        "layout": info.layout,
        "created": info.created,
        "filesystem": info.filesystem or None,
        "shared": info.shared,
        "writer": info.writer,
    }
    notes = (
        f"Clusters: {', '.join(info.clusters) or 'none'}. Commits: {info.version:,}.",
        f"Being written by {info.writer}." if info.writer else "Nobody writes it at the moment.",
    )
    return Answer("store info", Window(now_ms, now_ms), _TABLES, pa.Table.from_pylist(found, schema), told, notes)


def rejects(snapshot: Snapshot, kept: Mapping[str, Sequence[str]], now_ms: int, *, pseudonyms: bool = False) -> Answer:
    """List what could not be believed; `kept` gives the values that are shown, by column (none: all).

    The window holds when they were read; where there are none, it is the moment of asking.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from paydown.store.pseudonyms import Pseudonyms

    rows = snapshot.rows("rejects", sort=True)
    for column, values in kept.items():
        if values:
            rows = rows.filter(pc.is_in(rows[column], pa.array(list(values), pa.string())))
    if pseudonyms:
        rows = Pseudonyms.of(snapshot).rows("rejects", rows)
    columns = tuple(_described(column) for column in META["rejects"].columns)
    total = pc.sum(rows["count"]).as_py() or 0
    notes = (f"Rows and fields not believed: {total:,}.",)
    return Answer("store rejects", _extent(rows, now_ms), columns, rows, {"rejects": total}, notes)


def _described(column: Column) -> OutColumn:
    role = {"instant": "instant", "int": "number"}.get(column.kind, "text")
    return OutColumn(column.name, column.unit, column.doc, role, minor=column.name in {"row", "time", "day"})


def _extent(rows: pa.Table, now_ms: int) -> Window:
    import pyarrow.compute as pc

    times: Any = pc.min_max(rows["time"]).as_py()
    if times["min"] is None:
        return Window(now_ms, now_ms)
    return Window(to_ms(times["min"]), to_ms(times["max"]) + 1)
