"""What a connector may ask of the store: rows that go on from those of earlier ingests, the first instant, marks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paydown.ingest.people import named
from paydown.model.facts import FACTS
from paydown.model.units import MS_PER_DAY
from paydown.model.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from paydown.connectors.interface import Context
    from paydown.store.snapshot import Snapshot

FIRST = """
SELECT min(ms) AS ms FROM (
    SELECT min(epoch_ms(covers_from)) AS ms FROM sources UNION ALL SELECT min(epoch_ms(start)) FROM allocations
)
"""
"""The earliest instant for which a source vouches, or at which anything was held."""

_STILL = '"end" IS NULL'

FOREVER = 7_258_118_400_000
"""The year 2200: later instants are believed of no row."""


@dataclass(frozen=True)
class Known:
    """The store as a source may ask of it."""

    base: Callable[[], Snapshot]
    """Gives the state that counts: the last commit."""
    source: str

    def stored(self, table: str, cluster: str, *, still: bool = False, since_ms: int | None = None) -> pa.Table:
        """Give rows of a table, users by name."""
        base = self.base()
        clusters = [cluster] if "cluster" in FACTS[table].partition else None
        params = [] if since_ms is None else [since_ms]
        since = "" if since_ms is None else _since(table)
        still_open = _STILL if still and FACTS[table].closes else ""
        rows = base.rows(
            table,
            clusters=clusters,
            window=Window(since_ms - MS_PER_DAY, FOREVER) if since_ms is not None and since else None,
            where=" AND ".join(filter(None, (still_open, since))),
            params=params if since else [],
        )
        return named(table, rows, base)

    def first_ms(self, cluster: str) -> int | None:
        """Give the earliest instant of which anything is known."""
        found: int | None = self.base().query(FIRST, clusters=[cluster]).column("ms")[0].as_py()
        return found

    def mark(self, cluster: str, name: str) -> str | None:
        """Give the value of a mark."""
        for row in self.base().rows("marks").to_pylist():
            if (row["cluster"], row["source"], row["name"]) == (cluster, self.source, name):
                value: str = row["value"]
                return value
        return None


def _since(table: str) -> str:
    """Give the condition that a row was not over by an instant; empty where rows tell no end."""
    if FACTS[table].closes:
        return f'({_STILL} OR epoch_ms("end") > ?)'
    return "epoch_ms(start) + duration_ms > ?" if "duration_ms" in FACTS[table].names else ""


def aware(context: Context, source: str, base: Callable[[], Snapshot]) -> Context:
    """Let a connector ask what the store holds; `base` gives the state that counts at the moment."""
    known = Known(base, source)
    return replace(context, source=source, stored=known.stored, first_ms=known.first_ms, mark=known.mark)
