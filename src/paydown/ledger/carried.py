"""Which samples there are: by node and day, how many carry each measured quantity, and the time that they declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from paydown.ledger.frame import Horizons
from paydown.model.entries import CARRIED
from paydown.model.facts import GPU_SAMPLES, HOST_SAMPLES
from paydown.model.units import MS_PER_DAY
from paydown.model.window import Window, date_of, from_ms

if TYPE_CHECKING:
    from paydown.model.schema import Table
    from paydown.store.snapshot import Snapshot

COUNTED = """
SELECT node, count(*) AS n, CAST(sum(duration_ms) AS BIGINT) AS d, {sums}
    min(start) AS first, max(epoch_ms(start) + duration_ms) AS last
FROM {table} WHERE duration_ms > 0 AND start >= $start AND start < $end GROUP BY node ORDER BY node
"""

COLUMN = (
    "count({name}) AS n{i}, CAST(coalesce(sum(duration_ms) FILTER (WHERE {name} IS NOT NULL), 0) AS BIGINT) AS d{i}, "
)


def carried(snapshot: Snapshot, cluster: str, day: int) -> pa.Table:
    """Count the samples that begin on a day, before the horizon."""
    end = min((day + 1) * MS_PER_DAY, Horizons.of(snapshot.rows("sources", clusters=[cluster])).end)
    window = Window(day * MS_PER_DAY, max(day * MS_PER_DAY, end))
    rows = [row for table in (GPU_SAMPLES, HOST_SAMPLES) for row in _counted(snapshot, cluster, table, window)]
    common = {"cluster": cluster, "day": date_of(day)}
    return pa.Table.from_pylist([common | row for row in rows], schema=CARRIED.arrow)


def _counted(snapshot: Snapshot, cluster: str, table: Table, window: Window) -> list[dict[str, Any]]:
    if not window.length_ms or not snapshot.files(table.name, clusters=[cluster], window=window):
        return []
    there = snapshot.carried(table.name, table.measured, clusters=[cluster], window=window)
    names = [name for name in table.measured if name in there]
    sums = "".join(COLUMN.format(name=name, i=i) for i, name in enumerate(names))
    found = snapshot.query(
        COUNTED.format(table=table.name, sums=sums), {"start": window.start, "end": window.end},
        clusters=[cluster], window=window,
    ).to_pylist()  # fmt: skip
    columns = [(None, "n", "d"), *((name, f"n{i}", f"d{i}") for i, name in enumerate(names))]
    return [
        {
            "node": row["node"], "table": table.name, "signal": signal, "samples": row[count],
            "described_ms": row[length], "first": row["first"], "last": from_ms(row["last"]),
        }
        for row in found
        for signal, count, length in columns
        if row[count]
    ]  # fmt: skip
