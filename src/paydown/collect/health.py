"""How a source is doing: kept in the table `health`, in the same commit as what it brought."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from paydown.model.entries import META
from paydown.model.window import from_ms, to_ms

if TYPE_CHECKING:
    from paydown.collect.source import Source
    from paydown.ingest import Ingested
    from paydown.store.snapshot import Snapshot
    from paydown.store.transaction import Transaction

MOST_NOTE = 500
"""How many characters of an error are kept."""

_INSTANTS = ("attempt", "success", "failed")


@dataclass(frozen=True)
class Health:
    """A row of `health`; instants are in ms since the epoch."""

    source: str
    connector: str
    interval_ms: int
    attempt: int = 0
    success: int | None = None
    took_ms: int | None = None
    rounds: int = 0
    rows: int = 0
    rows_total: int = 0
    rejects: int = 0
    rejects_total: int = 0
    errors: int = 0
    errors_total: int = 0
    failed: int | None = None
    note: str | None = None

    def begun(self, now_ms: int) -> Health:
        """Begin a round."""
        return replace(self, attempt=now_ms, rows=0, rejects=0)

    def took(self, done: Ingested) -> Health:
        """Count what was committed."""
        rows, rejects = sum(done.rows.values()), sum(done.rejects.values())
        return replace(
            self, rows=self.rows + rows, rows_total=self.rows_total + rows, rejects=self.rejects + rejects,
            rejects_total=self.rejects_total + rejects,
        )  # fmt: skip

    def ended(self, now_ms: int) -> Health:
        """End a round that went well; why an earlier one did not stays known."""
        took = max(now_ms - self.attempt, 0)
        return replace(self, success=now_ms, took_ms=took, rounds=self.rounds + 1, errors=0)

    def failing(self, now_ms: int, why: str) -> Health:
        """Count a failure."""
        why = why if len(why) <= MOST_NOTE else why[: MOST_NOTE - 3] + "..."
        return replace(self, errors=self.errors + 1, errors_total=self.errors_total + 1, failed=now_ms, note=why)


def read(snapshot: Snapshot) -> dict[str, Health]:
    """Give what the store knows of each source."""
    return {row["source"]: _health(row) for row in snapshot.rows("health").to_pylist()}


def _health(row: dict[str, Any]) -> Health:
    return Health(**{**row, **{name: None if row[name] is None else to_ms(row[name]) for name in _INSTANTS}})


def of(source: Source, known: dict[str, Health]) -> Health:
    """Give the health of a configured source, as far as it is known."""
    new = Health(source.name, source.connector.name, source.interval_ms)
    return replace(known.get(source.name, new), connector=new.connector, interval_ms=new.interval_ms)


def write(transaction: Transaction, health: Health) -> None:
    """Put a row in place of that source's former one."""
    table = META["health"]
    rows = {row["source"]: row for row in transaction.base.rows("health").to_pylist()}
    mine = asdict(health)
    rows[health.source] = mine | {name: None if mine[name] is None else from_ms(mine[name]) for name in _INSTANTS}
    transaction.overwrite("health", pa.Table.from_pylist(list(rows.values()), table.arrow))
