"""The rows of a day's ledger as integer codes, and back as the derived tables (L5)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from paydown.ledger.columns import NONE, texts
from paydown.ledger.frame import Frame
from paydown.ledger.intervals import Ints, empty, starts_of_groups
from paydown.ledger.inventory import Inventory
from paydown.ledger.jobs import OUTCOMES, Allocations, Attempts, coded_column
from paydown.ledger.rollups import Lines
from paydown.model.entries import BASES, CATEGORIES, DAILY, DETAILS, ENTRIES, UNSEEN
from paydown.model.facts import USAGE_SIGNALS
from paydown.model.schema import Table
from paydown.model.units import BUCKET_MS, MS_PER_DAY
from paydown.model.units import TRES as ALL_TRES
from paydown.model.window import date_of

TRES = tuple(sorted(ALL_TRES))
"""In the order in which entries lie."""
DETAIL = tuple(dict.fromkeys(detail for details in DETAILS.values() for detail in details))
SIGNALS = (*USAGE_SIGNALS,)
BUCKETS = MS_PER_DAY // BUCKET_MS

_WIDTHS = (len(TRES), len(CATEGORIES), len(DETAIL) + 1, len(BASES) + 1, len(SIGNALS) + 1)


@cache
def kind_code(
    tres: str, category: str, detail: str | None = None, basis: str | None = None, signal: str | None = None
) -> int:
    """Give one code for everything of an entry but who, where and when."""
    parts = (
        TRES.index(tres),
        CATEGORIES.index(category),
        NONE if detail is None else DETAIL.index(detail),
        NONE if basis is None else BASES.index(basis),
        NONE if signal is None else SIGNALS.index(signal),
    )
    return int(_code(*(np.array(part, dtype=np.int64) for part in parts)))


def _code(*parts: Ints) -> Ints:
    code = np.zeros_like(parts[0])
    for width, part in zip(_WIDTHS, parts, strict=True):
        code = code * width + part % width
    return code


KINDS = int(np.prod(_WIDTHS))


def _undone() -> npt.NDArray[np.int8]:
    """Undo `kind_code` for every code: a row for each part, with NONE for what is null."""
    code, parts = np.arange(KINDS, dtype=np.int64), []
    for place, width in reversed(list(enumerate(_WIDTHS))):
        code, part = code // width, code % width
        parts.append(np.where(part == width - 1, NONE, part) if place > 1 else part)
    # A byte each: what is looked up for each row of a day then is little to move.
    return np.stack(parts[::-1]).astype(np.int8)


_PARTS = _undone()
_IS_USED = _PARTS[1] == CATEGORIES.index("used")


@dataclass(frozen=True)
class Rows:
    """Entries as codes, sorted by (holder, node, kind, bucket); no two of one key."""

    who: Ints
    node: Ints
    bucket: Ints
    """Of the day."""
    kind: Ints
    amount: Ints

    def groups(self) -> Ints:
        """Give where each begins of which the day's sums have a row."""
        return starts_of_groups(self.who, self.node, self.kind)

    def by_day(self, first: Ints) -> Rows:
        """Sum over the day's buckets, by groups."""
        amount = np.add.reduceat(self.amount, first) if len(first) else self.amount
        return Rows(self.who[first], self.node[first], np.zeros(len(first), np.int64), self.kind[first], amount)


@dataclass
class Book:
    """Collects entries: who (see `Holders`), node, bucket of the day, kind, amount."""

    nodes: int
    """How many nodes there are."""
    rank: Ints
    """The place of each holder in the order wanted."""
    parts: list[tuple[Ints, Ints]] = field(default_factory=list)
    """(key of everything but the amount, amount)."""

    def post(self, who: Ints, node: Ints, bucket: Ints, kind: Ints | int, amount: Ints) -> None:
        """Add entries; amounts of nothing are left out."""
        key = ((self.rank[who] * self.nodes + node) * KINDS + kind) * BUCKETS + bucket
        some = amount != 0
        self.parts.append((key, amount) if bool(some.all()) else (key[some], amount[some]))

    def summed(self) -> Rows:
        """Sum amounts of equal keys, and keep none."""
        key, amount = (np.concatenate(part) for part in zip(*self.parts, strict=True)) if self.parts else [empty()] * 2
        self.parts.clear()
        order = np.argsort(key, kind="stable")
        key, amount = key[order], amount[order]
        first = starts_of_groups(key)
        amount = np.add.reduceat(amount, first) if len(first) else amount
        key, bucket = np.divmod(key[first], BUCKETS)
        key, kind = np.divmod(key, KINDS)
        who, node = np.divmod(key, max(self.nodes, 1))
        return Rows(np.argsort(self.rank)[who], node, bucket, kind, amount)


@dataclass(frozen=True)
class Holders:
    """Who an entry belongs to: an attempt, nobody whom the facts show, or the label of what is not held."""

    of_alloc: Ints
    """The holder of each allocation."""
    job: Ints
    """For each holder that is an attempt: its job code; its attempt number; its jobs row."""
    attempt: Ints
    row: Ints
    words: list[str]
    """Job codes to ids."""
    labels: list[str]
    jobs: Attempts

    @staticmethod
    def of(allocs: Allocations, jobs: Attempts, labels: list[str]) -> Holders:
        """Number the attempts that hold something."""
        pairs = np.stack([allocs.job, allocs.attempt], axis=1)
        distinct, first, which = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        return Holders(
            which.reshape(-1).astype(np.int64),
            distinct[:, 0],
            distinct[:, 1],
            allocs.row[first],
            allocs.jobs,
            labels,
            jobs,
        )

    @cached_property
    def rank(self) -> Ints:
        """The place of each holder in the order of entries: nobody first, by label, then (job_id, attempt)."""
        labels = np.argsort(np.argsort(np.array(self.labels, dtype=object), kind="stable"), kind="stable")
        words = np.array([*self.words, UNSEEN], dtype=object)
        of_word = np.argsort(np.argsort(words, kind="stable"), kind="stable")
        order = np.lexsort((np.append(self.attempt, 0), of_word[np.append(self.job, len(self.words))]))
        held = np.argsort(order, kind="stable")
        rank: Ints = np.concatenate([held + len(labels), labels]).astype(np.int64)
        return rank

    @cached_property
    def detail(self) -> Ints:
        """What the use of each holder that is an attempt came to, as a code of DETAIL (L2)."""
        codes = np.array([DETAIL.index(name) for name in OUTCOMES], dtype=np.int64)
        return codes[self.jobs.outcomes(self.job, self.words, self.attempt)]

    @property
    def unseen(self) -> int:
        """The holder of what no visible job explains."""
        return len(self.job)

    def label(self, code: Ints) -> Ints:
        """Give the holder that stands for a label of unallocated capacity."""
        return self.unseen + 1 + code

    def columns(self, who: Ints) -> dict[str, pa.Array]:
        """Give partition, job_id, attempt, user and account of holders, texts as dictionary arrays."""
        count = len(self.job)
        held = who <= count
        place = np.where(who < count, who, count)
        row = np.append(self.row, NONE)[place]
        job = np.append(self.job, len(self.words))[place]
        partition, partitions = self._of_job("partition", row)
        label = who - count - 1 + len(partitions)
        return {
            "partition": coded_column(np.where(held, partition, label), [*partitions, *self.labels]),
            "user": coded_column(*self._of_job("user", row)),
            "account": coded_column(*self._of_job("account", row)),
            "job_id": coded_column(np.where(held, job, NONE), [*self.words, UNSEEN]),
            "attempt": pa.array(np.append(self.attempt, 0)[place], mask=~held),
        }

    def _of_job(self, name: str, row: Ints) -> tuple[Ints, list[str]]:
        codes, words = texts(self.jobs.table, name)
        return np.append(codes, NONE)[row], words


def with_details(rows: Rows, holders: Holders) -> Rows:
    """Say what was used came to (L2); the order stays, since a holder's use has one detail only."""
    used = np.flatnonzero(_IS_USED[rows.kind])
    tres, category, _, basis, signal = (part[rows.kind[used]].astype(np.int64) for part in _PARTS)
    kind = rows.kind.copy()
    kind[used] = _code(tres, category, holders.detail[rows.who[used]], basis, signal)
    return replace(rows, kind=kind)


def ledger_tables(frame: Frame, inv: Inventory, holders: Holders, book: Book) -> tuple[pa.Table, pa.Table, Lines]:
    """Give a day's entries and their sums over its buckets, in the tables' order, and both as roll-ups read them.

    Texts are dictionary arrays: little to hold, quick to hand on and to write.
    """
    rows = with_details(book.summed(), holders)
    first = rows.groups()
    daily = _table(frame, inv, holders, rows.by_day(first), DAILY)
    lines = Lines(frame.day, daily, np.diff(first, append=len(rows.who)), rows.bucket, rows.amount)
    return _table(frame, inv, holders, rows, ENTRIES), daily, lines


def _table(frame: Frame, inv: Inventory, holders: Holders, rows: Rows, schema: Table) -> pa.Table:
    tres, category, detail, basis, signal = (part[rows.kind] for part in _PARTS)
    nothing = np.zeros(len(rows.who), dtype=np.int64)
    columns = holders.columns(rows.who) | {
        "cluster": coded_column(nothing, [frame.cluster]),
        "day": pa.repeat(pa.scalar(date_of(frame.day), pa.date32()), len(nothing)),
        "node": coded_column(rows.node, inv.nodes),
        "bucket": pa.array(frame.day * MS_PER_DAY + rows.bucket * BUCKET_MS).cast(pa.timestamp("ms", "UTC")),
        "tres": coded_column(tres, list(TRES)),
        "category": coded_column(category, list(CATEGORIES)),
        "detail": coded_column(detail, list(DETAIL)),
        "basis": coded_column(basis, list(BASES)),
        "signal": coded_column(signal, list(SIGNALS)),
        "amount": pa.array(rows.amount),
    }
    return pa.table({name: columns[name] for name in schema.names})


def daily_table(entries: pa.Table) -> pa.Table:
    """Sum entries over the day's buckets."""
    keys = [name for name in DAILY.names if name != "amount"]
    summed = entries.group_by(keys, use_threads=False).aggregate([("amount", "sum")])
    return pa.table(
        [summed.column(name if name != "amount" else "amount_sum") for name in DAILY.names], schema=DAILY.arrow
    )
