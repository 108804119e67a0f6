"""Rows that hold from a start to an end, one after the other: those of the store, and what a dump changes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from paydown.model.batch import LINE
from paydown.model.facts import FACTS
from paydown.model.instants import INSTANT

if TYPE_CHECKING:
    from collections.abc import Iterable

Key = tuple[str, ...]
Content = tuple[object, ...]


@dataclass(frozen=True)
class Row:
    """What holds over some time."""

    start_ms: int
    content: Content
    end_ms: int | None = None
    line: int | None = None


@dataclass
class Lives:
    """The rows of one table of a cluster, by what they are about."""

    table: str
    key: tuple[str, ...]
    """The columns that say what a row is about."""
    columns: tuple[str, ...]
    """The columns of its content."""
    rows: dict[Key, dict[int, Row]] = field(default_factory=dict)
    touched: dict[tuple[Key, int], None] = field(default_factory=dict)
    """The rows that a dump gives, by key and start."""

    @staticmethod
    def of(table: str, key: tuple[str, ...], stored: pa.Table) -> Lives:
        """Take what the store holds."""
        known = FACTS[table].names
        columns = tuple(name for name in known if name not in {"cluster", *key, "start", "end"})
        found = Lives(table, key, columns)
        times = {name: stored[name].cast(pa.int64()).to_pylist() for name in ("start", "end")}
        for row, start, end in zip(stored.to_pylist(), times["start"], times["end"], strict=True):
            about = tuple(row[name] for name in key)
            content = tuple(row[name] for name in columns)
            found.rows.setdefault(about, {})[start] = Row(start, content, end)
        return found

    def at(self, about: Key, ms: int) -> Row | None:
        """Give the row that holds at an instant: the later start ends the earlier row (docs/spec/ledger.md, 1.3)."""
        begun = [row for row in self.rows.get(about, {}).values() if row.start_ms <= ms]
        last = max(begun, key=lambda row: row.start_ms, default=None)
        return last if last is not None and (last.end_ms is None or last.end_ms > ms) else None

    def put(self, about: Key, row: Row) -> None:
        """Say a row."""
        self.rows.setdefault(about, {})[row.start_ms] = row
        self.touched[about, row.start_ms] = None

    def hold(self, about: Key, ms: int, content: Content, begin_ms: int, line: int | None) -> None:
        """Say what holds at an instant: the row that says the same already, else one that begins at `begin_ms`.

        What a dump cannot know (null) is kept from the row before.
        """
        now = self.at(about, ms)
        if now is not None:
            content = tuple(old if new is None else new for new, old in zip(content, now.content, strict=True))
        same = now is not None and now.content == content
        if now is not None and same:
            self.put(about, now)
        if not same or (now is not None and begin_ms < now.start_ms):
            self.put(about, Row(begin_ms, content, line=line))

    def close(self, about: Key, ms: int) -> bool:
        """Say that nothing holds any more from an instant on; False where nothing did."""
        now = self.at(about, ms)
        if now is None or now.end_ms is not None:
            return False
        self.put(about, Row(now.start_ms, now.content, ms))
        return True

    def told(self, cluster: str) -> pa.Table:
        """Give the rows said, as rows of the table."""
        rows = [(about, self.rows[about][start]) for about, start in sorted(self.touched)]
        kinds = {each.name: each.type for each in FACTS[self.table].arrow}

        def column(name: str, values: Iterable[object]) -> pa.Array:
            return pa.array(list(values), kinds[name])

        found = {"cluster": pa.repeat(pa.scalar(cluster), len(rows))}
        found |= {name: column(name, (about[at] for about, _ in rows)) for at, name in enumerate(self.key)}
        found |= {name: column(name, (row.content[at] for _, row in rows)) for at, name in enumerate(self.columns)}
        found |= {
            "start": pa.array([row.start_ms for _, row in rows], pa.int64()).cast(INSTANT),
            "end": pa.array([row.end_ms for _, row in rows], pa.int64()).cast(INSTANT),
            LINE: pa.array([row.line for _, row in rows], pa.int64()),
        }
        return pa.table(found)
