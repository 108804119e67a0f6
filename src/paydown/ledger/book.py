"""The rows of a day's ledger as integer codes, and back as the derived tables (L5)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from paydown.ledger.columns import NONE, texts
from paydown.ledger.frame import Frame
from paydown.ledger.intervals import Ints, empty, starts_of_groups
from paydown.ledger.inventory import Inventory
from paydown.ledger.jobs import Allocations, Attempts, coded_column
from paydown.model.entries import BASES, CATEGORIES, DAILY, DETAILS, ENTRIES, UNSEEN
from paydown.model.facts import USAGE_SIGNALS
from paydown.model.units import BUCKET_MS, MS_PER_DAY
from paydown.model.units import TRES as ALL_TRES
from paydown.model.window import date_of

TRES = tuple(ALL_TRES)
DETAIL = tuple(dict.fromkeys(detail for details in DETAILS.values() for detail in details))
SIGNALS = (*USAGE_SIGNALS,)
BUCKETS = MS_PER_DAY // BUCKET_MS

_WIDTHS = (len(TRES), len(CATEGORIES), len(DETAIL) + 1, len(BASES) + 1, len(SIGNALS) + 1)


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
    code = 0
    for width, part in zip(_WIDTHS, parts, strict=True):
        code = code * width + part % width
    return code


def _parts(code: Ints) -> list[Ints]:
    """Undo `kind_code`, with NONE for what is null."""
    parts = []
    for place, width in reversed(list(enumerate(_WIDTHS))):
        code, part = code // width, code % width
        parts.append(np.where(part == width - 1, NONE, part) if place > 1 else part)
    return parts[::-1]


KINDS = int(np.prod(_WIDTHS))


@dataclass
class Book:
    """Collects entries: who (see `Holders`), node, bucket of the day, kind, amount."""

    parts: list[tuple[Ints, Ints, Ints, Ints, Ints]] = field(default_factory=list)

    def post(self, who: Ints, node: Ints, bucket: Ints, kind: Ints | int, amount: Ints) -> None:
        """Add entries; amounts of nothing are left out."""
        some = amount != 0
        kinds = np.full(len(who), kind, dtype=np.int64) if isinstance(kind, int) else kind
        self.parts.append((who[some], node[some], bucket[some], kinds[some], amount[some]))

    def summed(self, nodes: int) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Sum amounts of equal keys: gives (who, node, bucket, kind, amount), sorted by (who, node, kind, bucket)."""
        columns = [np.concatenate(part) for part in zip(*self.parts, strict=True)] or [empty()] * 5
        who, node, bucket, kind, amount = columns
        key = ((who * nodes + node) * KINDS + kind) * BUCKETS + bucket
        order = np.argsort(key, kind="stable")
        key, amount = key[order], amount[order]
        first = starts_of_groups(key)
        amount = np.add.reduceat(amount, first) if len(first) else amount
        key, bucket = np.divmod(key[first], BUCKETS)
        key, kind = np.divmod(key, KINDS)
        who, node = np.divmod(key, nodes)
        return who, node, bucket, kind, amount


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


def entries_table(frame: Frame, inv: Inventory, holders: Holders, book: Book) -> pa.Table:
    """Give the day's entries as a table whose texts are dictionary arrays: little to hold, quick to hand on."""
    who, node, bucket, kind, amount = book.summed(max(len(inv.nodes), 1))
    tres, category, detail, basis, signal = _parts(kind)
    nothing = np.zeros(len(who), dtype=np.int64)
    columns = holders.columns(who) | {
        "cluster": coded_column(nothing, [frame.cluster]),
        "day": pa.array([date_of(frame.day)], pa.date32()).take(pa.array(nothing)),
        "node": coded_column(node, inv.nodes),
        "bucket": pa.array(frame.day * MS_PER_DAY + bucket * BUCKET_MS).cast(pa.timestamp("ms", "UTC")),
        "tres": coded_column(tres, list(TRES)),
        "category": coded_column(category, list(CATEGORIES)),
        "detail": coded_column(detail, list(DETAIL)),
        "basis": coded_column(basis, list(BASES)),
        "signal": coded_column(signal, list(SIGNALS)),
        "amount": pa.array(amount),
    }
    return pa.table({name: columns[name] for name in ENTRIES.names})


def daily_table(entries: pa.Table) -> pa.Table:
    """Sum entries over the day's buckets."""
    keys = [name for name in DAILY.names if name != "amount"]
    summed = entries.group_by(keys, use_threads=False).aggregate([("amount", "sum")])
    return pa.table(
        [summed.column(name if name != "amount" else "amount_sum") for name in DAILY.names], schema=DAILY.arrow
    )
