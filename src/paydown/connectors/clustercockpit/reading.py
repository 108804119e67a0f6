"""One reading of a database: what it was given, what it has seen, and the rows that it has made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paydown.connectors.clustercockpit.settings import Settings
from paydown.connectors.clustercockpit.topology import Devices
from paydown.model.batch import Batch, Reject
from paydown.model.facts import FACTS
from paydown.model.rows import PERSONAL

NAME = "clustercockpit"
"""The name of the connector and of its source."""

UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError)
"""What a cell that holds something else than it should raises; a row of it is a reject."""


def text_of(value: Any) -> str:
    """Give any cell or JSON value as text that can be stored; nothing is empty."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value).encode(errors="replace").decode()


@dataclass
class Rows:
    """Rows of the fact tables as they are made, as columns of Python values."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, **cells: Any) -> None:
        """Add one row."""
        self.rows.setdefault(table, []).append(cells)

    def batches(self, origin: str) -> Iterator[Batch]:
        """Hand over what was gathered, typed, and start anew."""
        import pyarrow as pa

        for table, rows in self.rows.items():
            names = {**dict.fromkeys(rows[0]), "_line": None}
            kinds = {**{f.name: f.type for f in FACTS[table].arrow}, "_line": pa.int64()}
            columns = {name: pa.array([row.get(name) for row in rows], kinds[name]) for name in names}
            yield Batch(table, pa.table(columns), origin)
        self.rows = {}


@dataclass
class Reading:
    """One reading of a database: what it was given, and what it has seen so far."""

    settings: Settings
    origin: str
    cluster: str | None
    devices: Devices
    proven: frozenset[tuple[str, str]]
    """The (cluster, subcluster) for which some job's device use is above zero: elsewhere a zero proves nothing."""
    rows: Rows = field(default_factory=Rows)
    rejects: list[Reject] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    """Footprints left out, by cluster, because the job still runs."""

    def reject(self, table: str, job: Mapping[str, Any], reason: str, detail: str) -> None:
        """Keep one row of the database, or a part of it, as not believed; its text names no user and no job."""
        text = json.dumps({key: text_of(value) for key, value in job.items() if key not in PERSONAL})[:1_000]
        name = self.cluster or text_of(job["cluster"])
        self.rejects.append(Reject(table, self.origin, job["id"], reason, detail, text, cluster=name))
