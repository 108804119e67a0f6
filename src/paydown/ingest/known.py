"""What a connector may ask of the store: rows that go on from those of an earlier ingest, and the first instant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from paydown.model.facts import FACTS

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.connectors.interface import Context
    from paydown.store.snapshot import Snapshot

FIRST = """
SELECT min(ms) AS ms FROM (
    SELECT min(epoch_ms(covers_from)) AS ms FROM sources UNION ALL SELECT min(epoch_ms(start)) FROM allocations
)
"""
"""The earliest instant for which a source vouches, or at which anything was held."""


def aware(context: Context, base: Snapshot) -> Context:
    """Let a connector ask what the store held when the ingest began."""

    def stored(table: str, cluster: str, *, still: bool = False) -> pa.Table:
        clusters = [cluster] if "cluster" in FACTS[table].partition else None
        return base.rows(table, clusters=clusters, where='"end" IS NULL' if still else "")

    def first_ms(cluster: str) -> int | None:
        found: int | None = base.query(FIRST, clusters=[cluster]).column("ms")[0].as_py()
        return found

    return replace(context, stored=stored, first_ms=first_ms)
