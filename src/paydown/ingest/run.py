"""One ingest, from a connector's first batch to the acknowledgement and the posting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.interface import Connector, Context, Item, Progress, no_progress
from paydown.errors import RejectsError
from paydown.ingest.known import aware
from paydown.ingest.people import People
from paydown.ingest.tally import Reach, Rejects, Vouched, source_rows
from paydown.ledger.settings import LedgerSettings
from paydown.model.batch import LINE, Batch, Mark, Reject, Vouch
from paydown.model.entries import META
from paydown.model.facts import FACTS
from paydown.model.rows import normalise, row_text
from paydown.model.window import to_ms

if TYPE_CHECKING:
    from paydown.store.store import Store
    from paydown.store.transaction import Transaction
    from paydown.store.upsert import Upserted

BUFFER_BYTES = 1 << 28
"""How much is held back at most, so that many small batches make one upsert."""

_LINES = 40
_COUNTS = ("rows", "inserted", "replaced", "unchanged")


@dataclass(frozen=True)
class Ingested:
    """What an ingest did."""

    source: str
    """The connector's name."""
    rows: dict[str, int]
    """Believed rows that came, by table."""
    inserted: dict[str, int]
    """Rows that are new, by table."""
    replaced: dict[str, int]
    """Rows that replaced an open one, by table."""
    unchanged: dict[str, int]
    """Rows that were there already, by table."""
    rejects: dict[str, int]
    """Rows and fields that are not believed, by reason; those that an earlier ingest had included."""
    clusters: tuple[str, ...]
    """The clusters that they are about."""
    dirty: int
    """Days whose entries may change."""
    days: int
    """Days posted; 0 where posting was deferred."""
    notes: tuple[str, ...]
    """What the source's reader should know."""


def _now() -> int:
    return to_ms(datetime.now(tz=UTC))


def ingest(  # noqa: PLR0913 -- what an ingest may be told, nearly all of it by name
    store: Store,
    connector: Connector,
    settings: Any,
    context: Context,
    *,
    post: bool = True,
    strict: bool = False,
    ledger: LedgerSettings | None = None,
    executor: Executor | None = None,
    progress: Progress = no_progress,
    clock: Callable[[], int] = _now,
) -> Ingested:
    """Read a source into the store, and post the days that it changed.

    The commit is the acknowledgement: before it nothing is visible, after it nothing is lost. A source that yields
    marks is committed at each of them. Posting follows in a transaction of its own. With `strict`, any reject is a
    `RejectsError`, and nothing is kept: then all is one commit.
    """
    source = context.source or connector.name
    with store.write(command=f"ingest {connector.name}") as transaction:
        items = connector.read(settings, aware(context, source, lambda: transaction.base))
        result = _committed(items, transaction, source, clock, strict=strict)
    if not post:
        return result
    from paydown.ledger.posting import post as post_days

    posted = post_days(store, settings=ledger or LedgerSettings(), executor=executor, progress=progress)
    return replace(result, days=posted.days)


def _committed(
    items: Iterator[Item], transaction: Transaction, source: str, clock: Callable[[], int], *, strict: bool
) -> Ingested:
    """Take items, and commit them at each mark and at the end."""
    done: Ingested | None = None
    work = Part(transaction, source)
    for item in items:
        work.take(item)
        if isinstance(item, Mark) and not strict:
            done = together(done, work.commit(clock()))
            work = Part(transaction, source)
    if done is None or not work.empty:
        done = together(done, work.commit(clock(), strict=strict))
    return done


def together(one: Ingested | None, other: Ingested) -> Ingested:
    """Add up what two parts of an ingest did."""
    if one is None:
        return other
    counts = {
        what: dict(sorted((Counter(getattr(one, what)) + Counter(getattr(other, what))).items()))
        for what in (*_COUNTS, "rejects")
    }
    return Ingested(
        source=other.source,
        **counts,
        clusters=tuple(sorted({*one.clusters, *other.clusters})),
        dirty=other.dirty,
        days=one.days + other.days,
        notes=tuple(dict.fromkeys((*one.notes, *other.notes))),
    )


@dataclass
class _Held:
    """Rows of a table that wait to be written."""

    parts: list[pa.Table] = field(default_factory=list)
    size: int = 0


class Part:
    """What is committed as one: all that a source yields, or what lies between two of its marks."""

    def __init__(self, transaction: Transaction, source: str) -> None:
        self.transaction = transaction
        self.source = source
        self.people = People(transaction)
        self.rejects = Rejects()
        self.reach = Reach()
        self.vouches: list[Vouch] = []
        self.marks: list[Mark] = []
        self.empty = True
        """Whether nothing was taken yet."""
        self.counts: dict[str, Counter[str]] = {what: Counter() for what in _COUNTS}
        self.changes: list[tuple[str, Upserted]] = []
        self.origins: dict[str, int] = {}
        self.held: dict[str, _Held] = {}

    def take(self, item: Item) -> None:
        """Take one thing that the connector yields."""
        self.empty = False
        if isinstance(item, Vouch):
            self.vouches.append(item)
        elif isinstance(item, Mark):
            self.marks.append(item)
        elif isinstance(item, Reject):
            self.rejects.add(item)
        else:
            self._batch(item)

    def _batch(self, batch: Batch) -> None:
        table = FACTS[batch.table]
        clean = normalise(table, batch.rows, batch.origin)
        for reject in clean.rejects:
            self.rejects.add(reject)
        self.reach.note(table, clean.rows)
        self.counts["rows"][table.name] += len(clean.rows)
        self._hold(table.name, self._traced(clean.rows, batch.origin))

    def _traced(self, rows: pa.Table, origin: str) -> pa.Table:
        """Pack each row's origin and line into one number, so that a conflict can name them."""
        packed = self.origins.setdefault(origin, len(self.origins)) << _LINES
        lines = rows[LINE].fill_null(0) if LINE in rows.column_names else pa.repeat(0, len(rows))
        plain = rows.drop_columns([LINE]) if LINE in rows.column_names else rows
        return plain.append_column(LINE, pc.add(lines, packed))

    def _hold(self, table: str, rows: pa.Table) -> None:
        if not len(rows):
            return
        held = self.held.setdefault(table, _Held())
        held.parts.append(rows)
        held.size += rows.nbytes
        pa.default_memory_pool().release_unused()
        if sum(each.size for each in self.held.values()) > BUFFER_BYTES:
            self._write_held()

    def _write_held(self) -> None:
        for table in sorted(self.held, key=lambda table: table != "identities"):
            # Each table's batches go as it is written, not when all are; Arrow keeps what is free unless told.
            rows = pa.concat_tables(self.held.pop(table).parts).combine_chunks()
            pa.default_memory_pool().release_unused()
            self._upsert(table, self.people.hide(table, rows))

    def _upsert(self, table: str, rows: pa.Table) -> None:
        done = self.transaction.upsert(table, rows)
        for what in ("inserted", "replaced", "unchanged"):
            self.counts[what][table] += getattr(done, what)
        self.changes.append((table, done))
        for reject in self._conflicts(table, done.conflicts):
            self.rejects.add(reject)

    def _conflicts(self, table: str, refused: pa.Table) -> Iterator[Reject]:
        """Say of each refused row that another version of it is closed already."""
        names = list(self.origins)
        for index in range(len(refused)):
            packed = refused[LINE][index].as_py() if LINE in refused.column_names else 0
            cluster = refused["cluster"][index].as_py() if "cluster" in refused.column_names else None
            line = packed & ((1 << _LINES) - 1) or None
            detail = "another version of this row is closed already; the stored one stays"
            yield Reject(
                table, names[packed >> _LINES], line, "conflict", detail, row_text(refused, index), cluster=cluster
            )

    def commit(
        self, now_ms: int, *, strict: bool = False, beside: Callable[[Ingested], None] | None = None
    ) -> Ingested:
        """Write what is left: rows, people, sources, rejects, marks, and which days are to be posted; and commit.

        `beside` is called before the commit, for what is to be committed together with it.
        """
        result = self._finish(now_ms, strict=strict)
        if beside is not None:
            beside(result)
        self.transaction.commit()
        return result

    def _finish(self, now_ms: int, *, strict: bool) -> Ingested:
        self._write_held()
        if strict and self.rejects.by_reason:
            raise RejectsError(f"Nothing was kept: {said(self.rejects.by_reason)}. Mend them, or leave out --strict.")
        base = self.transaction.base
        before = base.rows("sources")
        vouched = source_rows(self.vouches, self.reach, now_ms, before)
        self._sources(vouched, before)
        self._marks(now_ms)
        if self.rejects.by_reason:
            self.transaction.append("rejects", self.rejects.rows(self.source, now_ms, base.rows("rejects")))
        dirty = self._dirty(before, vouched.fresh)
        return self._result(dirty, vouched.notes + [vouch.note for vouch in self.vouches if vouch.note])

    def _sources(self, vouched: Vouched, before: pa.Table) -> None:
        """Take rows of `sources`; those that they extend go."""
        if len(vouched.gone):
            keys = {tuple(row.values()) for row in vouched.gone.to_pylist()}
            stay = [tuple(row.values()) not in keys for row in before.to_pylist()]
            self.transaction.overwrite("sources", before.filter(pa.array(stay, pa.bool_())))
        if len(vouched.fresh):
            self._upsert("sources", vouched.fresh)

    def _marks(self, now_ms: int) -> None:
        """Keep how far the source was read."""
        if not self.marks:
            return
        table = META["marks"]
        kept = {
            (row["cluster"], row["source"], row["name"]): row for row in self.transaction.base.rows("marks").to_pylist()
        }
        for mark in self.marks:
            row = {
                "cluster": mark.cluster,
                "source": self.source,
                "name": mark.name,
                "value": mark.value,
                "time": now_ms,
            }
            kept[mark.cluster, self.source, mark.name] = row
        self.transaction.overwrite("marks", pa.Table.from_pylist(list(kept.values()), table.arrow))

    def _dirty(self, before: pa.Table, sources: pa.Table) -> int:
        """Mark the days whose entries may change, beside those that are marked already."""
        from paydown.ledger.affected import affected

        horizons = _horizons(before, sources)
        cells: set[tuple[str, int, str]] = set()
        for table, done in self.changes:
            cells |= affected(table, done.changed, done.before, done.spans, horizons, self.transaction.base)
        return self._mark_cells(cells)

    def _mark_cells(self, cells: set[tuple[str, int, str]]) -> int:
        table = META["dirty"]
        stored = self.transaction.base.rows("dirty")
        needs = {(row["cluster"], row["day"]): row["need"] for row in stored.to_pylist()}
        days = pa.array([day for _, day, _ in cells], pa.int32()).cast(pa.date32()).to_pylist()
        for (cluster, _, need), day in zip(cells, days, strict=True):
            needs[cluster, day] = "post" if "post" in (need, needs.get((cluster, day))) else need
        if cells:
            rows = [{"cluster": cluster, "day": day, "need": need} for (cluster, day), need in sorted(needs.items())]
            self.transaction.overwrite(table.name, pa.Table.from_pylist(rows, table.arrow))
        return len({(cluster, day) for cluster, day, _ in cells})

    def _result(self, dirty: int, notes: list[str]) -> Ingested:
        counts = {what: dict(sorted((+found).items())) for what, found in self.counts.items()}
        clusters = {vouch.cluster for vouch in self.vouches} | set(self.reach.last)
        return Ingested(
            source=self.source,
            **counts,
            rejects=dict(sorted(self.rejects.by_reason.items())),
            clusters=tuple(sorted(clusters)),
            dirty=dirty,
            days=0,
            notes=tuple(dict.fromkeys(notes)),
        )


def said(rejects: Counter[str] | dict[str, int]) -> str:
    """Say how many rows and fields were rejected, and why: `3 rejects: 2 conflict, 1 bad-key`."""
    total = sum(rejects.values())
    parts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(rejects.items(), key=lambda x: (-x[1], x[0])))
    return f"{total:,} {'reject' if total == 1 else 'rejects'}: {parts}"


def _horizons(before: pa.Table, sources: pa.Table) -> dict[str, tuple[int | None, int]]:
    """Give for each cluster up to when its sources vouched before this ingest, and after it."""
    old, new = _latest(before), _latest(sources)
    return {
        cluster: (old.get(cluster), max(each[cluster] for each in (old, new) if cluster in each))
        for cluster in {**old, **new}
    }


def _latest(sources: pa.Table) -> dict[str, int]:
    latest: dict[str, int] = {}
    pairs = zip(sources["cluster"].to_pylist(), sources["covers_to"].cast(pa.int64()).to_pylist(), strict=True)
    for cluster, last in pairs:
        latest[cluster] = max(last, latest.get(cluster, last))
    return latest
