"""What was seen in a window that can make two honest sides differ, in hours of each TRES."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paydown.model.units import MS_PER_HOUR

if TYPE_CHECKING:
    from paydown.reconcile.asked import Question

TRES_SQL = {"gpu": "gpus", "cpu": "cpus", "memory": "memory_mib / 1024"}
"""A node's capacity by the ledger's name of the TRES, in GPUs, cores and GiB."""

HELD_SQL = {"gpu": "gpu_milli / 1000", "cpu": "cpu_milli / 1000", "memory": "memory_mib / 1024"}
"""What an allocation, or a node, says is held, in the same units."""

_INVENTORY = """inventory AS (
    SELECT node, {columns}, epoch_ms(start) AS start_ms,
        least(coalesce(epoch_ms("end"), $to),
            coalesce(lead(epoch_ms(start)) OVER (PARTITION BY node ORDER BY start), $to)) AS end_ms
    FROM nodes
),
latest AS (SELECT node, {latest} FROM inventory WHERE start_ms < $to GROUP BY node)"""

_SPANS = """
SELECT count(*) AS rows, {sums} FROM (
    SELECT l.*, least(x.end_ms, $to) - greatest(x.start_ms, $from) AS ms
    FROM spans x JOIN latest l ON {join} WHERE x.start_ms < $to AND x.end_ms > $from
)"""

APPEARED = """WITH {inventory},
spans AS (
    SELECT node, $from AS start_ms, min(start_ms) AS end_ms FROM inventory GROUP BY node HAVING min(start_ms) > $from
    UNION ALL
    SELECT node, max(end_ms), $to FROM inventory GROUP BY node HAVING max(end_ms) < $to
)"""
"""Nodes whose inventory begins or ends inside of the window, and the part of it without them."""

RESERVED = """WITH {inventory},
spans AS (
    SELECT unnest(string_split(nodes, ';')) AS node, epoch_ms(start) AS start_ms,
        coalesce(epoch_ms("end"), $to) AS end_ms
    FROM reservations WHERE kind = '{kind}'
)"""

WHO = """
SELECT users, accounts FROM reservations WHERE epoch_ms(start) < $to AND coalesce(epoch_ms("end"), $to) > $from
"""

EDGES = """WITH {inventory},
spans AS (
    SELECT node, edge AS start_ms, edge + $every AS end_ms FROM (
        SELECT node, unnest([epoch_ms(start), epoch_ms("end")]) AS edge FROM node_states
    ) WHERE edge > $from AND edge < $to
)"""
"""When a node's state changed: only the next look at it shows it."""

HELD_WHILE_DOWN = """
SELECT count(*) AS rows, {sums} FROM (
    SELECT a.*, least(coalesce(epoch_ms(a."end"), $to), coalesce(epoch_ms(s."end"), $to), $to)
        - greatest(epoch_ms(a.start), epoch_ms(s.start), $from) AS ms
    FROM allocations a JOIN node_states s USING (cluster, node) WHERE s.state <> 'up'
) WHERE ms > 0"""


@dataclass(frozen=True)
class Seen:
    """Some rows, and what they come to."""

    rows: int = 0
    hours: tuple[tuple[str, float], ...] = ()

    def of(self, tres: str) -> float:
        """Give the hours of a TRES."""
        return dict(self.hours).get(tres, 0.0)


@dataclass(frozen=True)
class Evidence:
    """What was seen in a window."""

    appeared: Seen = Seen()
    """Nodes that came or went: their capacity over the part of the window without them."""
    reserved: Seen = Seen()
    """Reservations for users: the capacity that they set aside."""
    maintenance: Seen = Seen()
    """Reservations for maintenance: the same."""
    reserved_for: frozenset[str] = frozenset()
    """The person keys and the accounts that reservations of either kind are for."""
    edges: Seen = Seen()
    """Changes of node states: the capacity of the nodes over the time between two looks."""
    held_while_down: Seen = Seen()
    """What was held on nodes that were down or drained."""


def evidence(asked: Question) -> Evidence:
    """Look at the facts."""
    return Evidence(
        _capacity(asked, APPEARED),
        _capacity(asked, RESERVED, kind="user"),
        _capacity(asked, RESERVED, kind="maintenance"),
        _reserved_for(asked),
        _capacity(asked, EDGES),
        _asked(asked, HELD_WHILE_DOWN.format(sums=_sums(HELD_SQL))),
    )


def _reserved_for(asked: Question) -> frozenset[str]:
    params = {"from": asked.window.start_ms, "to": asked.window.end_ms}
    rows = asked.snapshot.query(WHO, params, clusters=[asked.cluster]).to_pylist()
    return frozenset(name for row in rows for text in row.values() for name in (text or "").split(";") if name)


def _capacity(asked: Question, spans: str, kind: str = "") -> Seen:
    inventory = _INVENTORY.format(
        columns=", ".join(f"{sql} AS {tres}" for tres, sql in TRES_SQL.items()),
        latest=", ".join(f"arg_max({tres}, start_ms) AS {tres}" for tres in TRES_SQL),
    )
    sums = _sums({tres: tres for tres in TRES_SQL})
    return _asked(
        asked, spans.format(inventory=inventory, kind=kind) + _SPANS.format(sums=sums, join="l.node = x.node")
    )


def _sums(columns: dict[str, str]) -> str:
    return ", ".join(f"coalesce(sum(({sql}) * ms), 0) / {MS_PER_HOUR}.0 AS {tres}" for tres, sql in columns.items())


def _asked(asked: Question, sql: str) -> Seen:
    given: dict[str, Any] = {"from": asked.window.start_ms, "to": asked.window.end_ms, "every": asked.every_ms}
    params = {name: value for name, value in given.items() if f"${name}" in sql}
    (row,) = asked.snapshot.query(sql, params, clusters=[asked.cluster]).to_pylist()
    return Seen(row["rows"], tuple((tres, float(row[tres])) for tres in TRES_SQL))
