"""What an ingest counts: rejects, and the instants up to which each cluster's rows reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.batch import Reject, Vouch
from paydown.model.entries import META
from paydown.model.facts import FACTS
from paydown.model.rows import ROW_TEXT
from paydown.model.units import MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.model.schema import Table

KEPT_REJECTS = 10_000
"""How many rejects of one origin and reason are kept one by one; the rest are folded into one."""

_REACH: dict[str, tuple[str, ...]] = {
    "nodes": ("start", "end"),
    "devices": ("start", "end"),
    "node_states": ("start", "end"),
    "node_allocations": ("start", "end"),
    "jobs": ("submit", "start", "end"),
    "allocations": ("start", "end"),
    "progress": ("time",),
}
_SAMPLES = ("gpu_samples", "host_samples", "service_samples")
_REJECTS = META["rejects"]


class Rejects:
    """Rejects as they come, folded where there are very many of a kind."""

    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        self._kept: list[Reject] = []
        self._seen: Counter[tuple[str, str, str, str | None]] = Counter()
        self._folded: Counter[tuple[str, str, str, str | None]] = Counter()

    def add(self, reject: Reject) -> None:
        """Count a reject, and keep it unless there are very many like it."""
        kind = (reject.table, reject.origin, reject.reason, reject.cluster)
        self.by_reason[reject.reason] += reject.count
        self._seen[kind] += 1
        if self._seen[kind] <= KEPT_REJECTS:
            self._kept.append(reject)
        else:
            self._folded[kind] += reject.count

    def rows(self, source: str, now_ms: int, known: pa.Table) -> pa.Table:
        """Give the rows of `rejects` that the store does not have yet."""
        folded = [
            Reject(table, origin, None, reason, f"{count} more like these", "", count, cluster)
            for (table, origin, reason, cluster), count in self._folded.items()
        ]
        rows = [_row(reject, source, now_ms) for reject in (*self._kept, *folded)]
        there = {_identity(row) for row in known.to_pylist()}
        fresh = {_identity(row): row for row in rows if _identity(row) not in there}
        return pa.Table.from_pylist(list(fresh.values()), _REJECTS.arrow)


def _row(reject: Reject, source: str, now_ms: int) -> dict[str, Any]:
    return {
        "cluster": reject.cluster,
        "source": source,
        "table": reject.table or None,
        "origin": reject.origin,
        "line": reject.line,
        "reason": reject.reason,
        "detail": reject.detail,
        "row": reject.row[:ROW_TEXT],
        "count": reject.count,
        "time": now_ms,
    }


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _REJECTS.key)


class Reach:
    """The earliest and latest instant of each cluster's rows: what a source vouches for unless it says otherwise."""

    def __init__(self) -> None:
        self.first: dict[str, int] = {}
        self.last: dict[str, int] = {}

    def note(self, table: Table, rows: pa.Table) -> None:
        """Note the instants of rows; what people plan (reservations, quotas, prices) does not count."""
        if not len(rows) or not (table.name in _REACH or table.name in _SAMPLES):
            return
        names = pc.unique(rows["cluster"]).to_pylist()
        for name in names:
            mine = rows if len(names) == 1 else rows.filter(pc.equal(rows["cluster"], name))
            for instants in _instants(table.name, mine):
                self._span(name, instants)

    def _span(self, cluster: str, instants: pa.Array) -> None:
        span = pc.min_max(instants).as_py()
        if span["min"] is not None:
            self.first[cluster] = min(self.first.get(cluster, span["min"]), span["min"])
            self.last[cluster] = max(self.last.get(cluster, span["max"]), span["max"])


def _instants(table: str, rows: pa.Table) -> Iterable[pa.Array]:
    """Give the int64 milliseconds that say how far rows of a table reach."""
    if table in _SAMPLES:
        start = rows["start"].cast(pa.int64())
        return start, pc.add(start, rows["duration_ms"])
    return (rows[name].cast(pa.int64()) for name in _REACH[table])


@dataclass(frozen=True)
class Vouched:
    """What vouches come to."""

    fresh: pa.Table
    """The rows of `sources` that the store does not have yet."""
    gone: pa.Table
    """The stored rows that they extend, and in whose place they stand."""
    notes: list[str]
    """What is to be said of vouches that say nothing."""


def source_rows(vouches: list[Vouch], reach: Reach, now_ms: int, known: pa.Table) -> Vouched:
    """Make rows of `sources` of vouches; `known` are the stored ones."""
    table = FACTS["sources"]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    notes: list[str] = []
    stored = _with_ms(known).to_pylist()
    gone: dict[int, None] = {}
    for vouch in vouches:
        first = vouch.covers_from_ms if vouch.covers_from_ms is not None else reach.first.get(vouch.cluster)
        last = vouch.covers_to_ms if vouch.covers_to_ms is not None else reach.last.get(vouch.cluster)
        if first is None or last is None:
            notes.append(f"{vouch.source} of {vouch.cluster} holds no instant, so it vouches for no time.")
            continue
        if vouch.joins and last > now_ms:
            # A clock that is wrong: nobody can vouch for what is still to come, and days would be posted up to then.
            notes.append(_ahead(vouch, last - now_ms))
            first, last = min(first, now_ms), now_ms
        if first >= last and not vouch.joins:
            notes.append(
                f"{vouch.source} of {vouch.cluster} knows one instant alone, so it vouches for no time; "
                "a table `sources` beside it can say from when to when it holds."
            )
        row = {
            "cluster": vouch.cluster,
            "source": vouch.source,
            "supports": ";".join(vouch.supports),
            "covers_from": min(first, last),
            "covers_to": last,
            "ingested_at": now_ms,
            "note": vouch.note,
        }
        if vouch.joins:
            gone.update(dict.fromkeys(_joined(row, stored, rows)))
        rows[tuple(row[name] for name in table.key)] = row
    there = {tuple(row[name] for name in table.key): at for at, row in enumerate(stored)}
    fresh = [row for key, row in rows.items() if key not in there]
    left = [at for at in gone if at not in {there.get(key) for key in rows}]
    return Vouched(pa.Table.from_pylist(fresh, table.arrow), known.take(pa.array(left, pa.int64())), notes)


def _ahead(vouch: Vouch, by_ms: int) -> str:
    return (
        f"{vouch.source} of {vouch.cluster} vouches for a time that lies {by_ms / MS_PER_SECOND:,.0f} s ahead of this "
        "machine's clock; it is believed up to now."
    )


def _joined(
    row: dict[str, Any], stored: list[dict[str, Any]], rows: dict[tuple[Any, ...], dict[str, Any]]
) -> list[int]:
    """Extend a row by those of its source whose time it overlaps or touches; give the places of stored ones."""
    found: list[int] = []
    for at, each in [*enumerate(stored), *((-1, each) for each in rows.values())]:
        if _goes_on(row, each):
            row["covers_from"] = min(row["covers_from"], each["covers_from"])
            row["covers_to"] = max(row["covers_to"], each["covers_to"])
            found.append(at)
    for key in [key for key, each in rows.items() if _goes_on(row, each)]:
        del rows[key]
    return [at for at in found if at >= 0]


def _goes_on(row: dict[str, Any], each: dict[str, Any]) -> bool:
    same = all(row[name] == each[name] for name in ("cluster", "source", "supports"))
    return bool(same and each["covers_from"] <= row["covers_to"] and row["covers_from"] <= each["covers_to"])


def _with_ms(sources: pa.Table) -> pa.Table:
    """Give the instants of sources as plain milliseconds."""
    for name in ("covers_from", "covers_to", "ingested_at"):
        at = sources.column_names.index(name)
        sources = sources.set_column(at, name, sources[name].cast(pa.int64()))
    return sources
