"""What a store holds, as answers: its tables, and its rejects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paydown.model.entries import DERIVED, META
from paydown.model.facts import FACTS
from paydown.model.window import Window, to_ms
from paydown.reports.interface import Answer, OutColumn

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.model.schema import Column
    from paydown.store.snapshot import Snapshot
    from paydown.store.store import Store

_TABLES = (
    OutColumn("table", "", "The table."),
    OutColumn("role", "", "fact, said: from outside; derived: made by posting; meta: the store's own."),
    OutColumn("rows", "rows", "Its rows.", "number"),
    OutColumn("files", "files", "Its files.", "number"),
    OutColumn("bytes", "bytes", "Their size.", "number"),
)


def tables(store: Store, now_ms: int) -> Answer:
    """Give what is in a store, by table; the window is the moment of asking."""
    import pyarrow as pa

    snapshot = store.snapshot()
    found = []
    for name, table in {**FACTS, **DERIVED, **META}.items():
        files = snapshot.data_files(name)
        if files:
            sizes = {"rows": sum(file.rows for file in files), "bytes": sum(file.size for file in files)}
            found.append({"table": name, "role": table.role, "files": len(files), **sizes})
    kinds = {"table": pa.string(), "role": pa.string()}
    schema = pa.schema([(column.name, kinds.get(column.name, pa.int64())) for column in _TABLES])
    return Answer(
        "store info",
        Window(now_ms, now_ms),
        _TABLES,
        pa.Table.from_pylist(found, schema),
        {"clusters": snapshot.clusters(), "version": snapshot.version, "layout": store.marker.layout},
        (f"Clusters: {', '.join(snapshot.clusters()) or 'none'}. Commits: {snapshot.version:,}.",),
    )


def rejects(snapshot: Snapshot, kept: Mapping[str, Sequence[str]]) -> Answer:
    """List what could not be believed; `kept` gives the values that are shown, by column (none: all)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = snapshot.rows("rejects", sort=True)
    for column, values in kept.items():
        if values:
            rows = rows.filter(pc.is_in(rows[column], pa.array(list(values), pa.string())))
    columns = tuple(_described(column) for column in META["rejects"].columns)
    total = pc.sum(rows["count"]).as_py() or 0
    notes = (f"{total:,} rows and fields were not believed.",)
    return Answer("store rejects", _extent(rows), columns, rows, {"rejects": total}, notes)


def _described(column: Column) -> OutColumn:
    role = {"instant": "instant", "int": "number"}.get(column.kind, "text")
    return OutColumn(column.name, column.unit, column.doc, role, minor=column.name in {"row", "time", "day"})


def _extent(rows: pa.Table) -> Window:
    import pyarrow.compute as pc

    times: Any = pc.min_max(rows["time"]).as_py()
    if times["min"] is None:
        return Window(0, 0)
    return Window(to_ms(times["min"]), to_ms(times["max"]) + 1)
