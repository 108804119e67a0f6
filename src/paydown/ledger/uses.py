"""One TRES of one day: from holdings and pieces to entries, runs and summaries (L3, L4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from paydown.ledger.attribution import (
    Pieces,
    amount_ppm,
    holder_amount,
    holder_ppm,
    inactive,
    slots,
    used_of_amount,
    used_of_ratio,
)
from paydown.ledger.book import SIGNALS, Book, kind_code
from paydown.ledger.columns import NONE, ppm
from paydown.ledger.frame import Frame
from paydown.ledger.holdings import Holdings
from paydown.ledger.intervals import Bools, Ints, empty, in_order, split_at_buckets, starts_of_groups, sum_by
from paydown.ledger.samples import Coverage
from paydown.ledger.whole_job import WholeJob
from paydown.model.entries import BASES
from paydown.model.units import BUCKET_MS

SAMPLED, SHARED = BASES.index("sampled"), BASES.index("shared")
PHASES = ("never_used", "startup", "gap", "tail")
NEVER_USED, STARTUP, GAP, TAIL = range(len(PHASES))


@dataclass(frozen=True)
class Runs:
    """Quiet parts that are inactive, inside the day (times in the frame)."""

    alloc: Ints
    device: Ints
    start: Ints
    end: Ints
    basis: Ints
    signal: Ints
    milli: Ints

    def pick(self, rows: Ints | Bools) -> Runs:
        """Choose rows."""
        return Runs(*(getattr(self, name)[rows] for name in Runs.__dataclass_fields__))

    @staticmethod
    def joined(parts: Sequence[Runs]) -> Runs:
        """Put rows one after another."""
        return Runs(*(np.concatenate([getattr(each, name) for each in parts]) for name in Runs.__dataclass_fields__))


@dataclass(frozen=True)
class Summary:
    """What the samples that start in the day and inside the allocation say (times in the frame, NONE for never)."""

    alloc: Ints
    device: Ints
    samples: Ints
    first_sample: Ints
    first_active: Ints
    last_active: Ints

    @staticmethod
    def joined(parts: Sequence[Summary]) -> Summary:
        """Put rows one after another."""
        names = Summary.__dataclass_fields__
        return Summary(*(np.concatenate([getattr(each, name) for each in parts]) for name in names))


@dataclass(frozen=True)
class Settled:
    """Pieces with what was used: a ratio (gpu) or an amount (the others), and whether they are quiet."""

    pieces: Pieces
    value: Ints
    quiet: Bools
    basis: Ints
    signal: Ints


def settle(frame: Frame, tres: str, holdings: Holdings, pieces: Pieces, coverage: Coverage) -> Settled:
    """Work out how much of each piece is used, and whether its sample is quiet."""
    shared = (coverage.label[pieces.sample] == NONE) & (holdings.holders[pieces.holding] > 1)
    basis = np.where(shared, SHARED, SAMPLED)
    names = np.array([SIGNALS.index(name) for name in coverage.signals], dtype=np.int64)
    if tres == "gpu":
        value = holder_ppm(pieces, holdings, coverage)
        quiet = coverage.quiet[pieces.sample]
    else:
        value = holder_amount(pieces, holdings, coverage)
        quiet = np.zeros(len(pieces), dtype=bool)
    if tres == "cpu":
        quiet = amount_ppm(value, holdings.before[pieces.holding]) <= ppm(frame.settings.inactive_ratio)
    return Settled(pieces, value, quiet, basis, names[coverage.signal[pieces.sample]])


def counted(holdings: Holdings, settled: Settled, coverage: Coverage, began: Ints) -> Ints:
    """Give the allocations that have a sample which counts for them and starts inside, anywhere in the frame.

    What begins before the frame is cut to time 0, and says nothing of where it starts.
    """
    pieces = settled.pieces
    start = coverage.start[pieces.sample]
    found = np.zeros(len(began), dtype=bool)
    found[holdings.alloc[pieces.holding[(start >= began[holdings.alloc][pieces.holding]) & (start > 0)]]] = True
    return np.flatnonzero(found)


def summarise(frame: Frame, holdings: Holdings, settled: Settled, coverage: Coverage, began: Ints) -> Summary:
    """Summarise the samples that count and start inside their allocation, of this day.

    Args:
        frame: The frame.
        holdings: What is held.
        settled: The pieces.
        coverage: The samples.
        began: The start of each allocation in the frame.
    """
    pieces = settled.pieces
    start = coverage.start[pieces.sample]
    since = np.maximum(began[holdings.alloc], frame.first)
    # A sample that is cut into pieces counts once.
    inside = (start >= since[pieces.holding]) & (start < frame.last)
    inside[1:] &= (pieces.slot[1:] != pieces.slot[:-1]) | (pieces.sample[1:] != pieces.sample[:-1])
    row = np.flatnonzero(inside)
    slot = pieces.slot[row]
    if not len(row):
        return Summary(*(empty() for _ in range(6)))
    groups = starts_of_groups(slot)
    when = start[row]
    busy = ~settled.quiet[row]
    far = frame.length + 1
    first_active = np.minimum.reduceat(np.where(busy, when, far), groups)
    last_active = np.maximum.reduceat(np.where(busy, when, NONE), groups)
    holding = pieces.holding[row[groups]]
    return Summary(
        holdings.alloc[holding], holdings.device[holding], np.diff(np.append(groups, len(row))),
        np.minimum.reduceat(when, groups), np.where(first_active == far, NONE, first_active), last_active,
    )  # fmt: skip


def whole_job_pieces(holdings: Holdings, whole: WholeJob) -> tuple[Settled, Bools]:
    """Make pieces of the holdings that whole-job figures speak for, and tell where the figure is exactly zero."""
    row = whole.row
    slot = slots(holdings)[row] if len(row) else empty()
    start = holdings.start[row]
    order = in_order(slot, start)
    at = np.arange(len(row), dtype=np.int64) if order is None else order.astype(np.int64)
    row, slot = row[at], slot[at]
    value = np.where(whole.ratio != NONE, whole.ratio, whole.amount)[at]
    zero = whole.zero[at] == 1
    basis = np.array([BASES.index(name) for name in whole.basis], dtype=np.int64)[at]
    signal = np.array([SIGNALS.index(name) for name in whole.signal], dtype=np.int64)[at]
    first, last = _unchanged(slot, holdings, row, value, zero.astype(np.int64))
    pieces = Pieces(slot[first], row[first], first, holdings.start[row[first]], holdings.end[row[last]])
    nothing = np.zeros(len(first), dtype=bool)
    return Settled(pieces, value[first], nothing, basis[first], signal[first]), zero[first]


def _unchanged(slot: Ints, holdings: Holdings, row: Ints, *values: Ints) -> tuple[Ints, Ints]:
    """Give the first and last row of each stretch in which nothing changes (L4)."""
    if not len(row):
        return empty(), empty()
    follows = (slot[1:] == slot[:-1]) & (holdings.start[row[1:]] == holdings.end[row[:-1]])
    for column in (holdings.before, holdings.kept, holdings.total, holdings.size):
        follows &= column[row[1:]] == column[row[:-1]]
    for value in values:
        follows &= value[1:] == value[:-1]
    first = np.flatnonzero(np.concatenate([[True], ~follows]))
    return first, np.append(first[1:] - 1, len(row) - 1)


@dataclass(frozen=True)
class Target:
    """Where the entries of one TRES go."""

    frame: Frame
    book: Book
    tres: str
    who: Ints
    """The holder of each allocation."""
    node: Ints
    """The node of each allocation."""

    def post(self, alloc: Ints, bucket: Ints, kind: Ints | int, amount: Ints) -> None:
        """Post amounts of allocations; buckets count from the frame's beginning."""
        offset = self.frame.first // BUCKET_MS
        self.book.post(self.who[alloc], self.node[alloc], bucket - offset, kind, amount)

    def clipped(self, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Cut intervals to the day and at its buckets: gives (row, bucket, start, end)."""
        low, high = np.maximum(start, self.frame.first), np.minimum(end, self.frame.last)
        return split_at_buckets(low, np.maximum(high, low), BUCKET_MS)


def post_held(target: Target, holdings: Holdings) -> tuple[Ints, Ints, Ints]:
    """Post what is overcommitted; gives (allocation, bucket, amount) of what stays."""
    row, bucket, start, end = target.clipped(holdings.start, holdings.end)
    length = end - start
    over = (holdings.before - holdings.kept)[row] * length
    target.post(holdings.alloc[row], bucket, kind_code(target.tres, "overcommitted", basis="none"), over)
    amount, (alloc, bucket) = sum_by(holdings.kept[row] * length, holdings.alloc[row], bucket)
    return alloc, bucket, amount


def post_pieces(target: Target, holdings: Holdings, settled: Settled) -> tuple[tuple[Ints, Ints, Ints], Runs]:
    """Post used and underused; gives (allocation, bucket, amount) that is covered, and the runs that are inactive."""
    pieces = settled.pieces
    span = target.frame.settings.inactivity_span_ms
    still = (
        inactive(pieces, settled.quiet, span) if target.tres in ("gpu", "cpu") else np.zeros(len(pieces), dtype=bool)
    )
    row, bucket, used, rest, whole = used_by_bucket(target, holdings, settled, still)
    alloc = holdings.alloc[pieces.holding[row]]
    for category, amount in (("used", used), ("underused", rest)):
        target.post(alloc, bucket, _kinds(target.tres, category, settled.basis[row], settled.signal[row]), amount)
    return (alloc, bucket, whole), _runs(target.frame, holdings, settled, still)


def used_by_bucket(
    target: Target, holdings: Holdings, settled: Settled, still: Bools
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Sum pieces over each bucket of the day in which nothing but the holding's amount changes.

    Gives the first piece of each, its bucket, what is used, what of the rest is not inactive, and all that is covered.
    """
    pieces, is_ratio = settled.pieces, target.tres == "gpu"
    code = settled.basis * len(SIGNALS) + settled.signal
    row, bucket, start, end = target.clipped(pieces.start, pieces.end)
    length, holding = end - start, pieces.holding[row]
    kept, value = holdings.kept[holding], settled.value[row]
    whole = kept * length
    used = (
        used_of_ratio(kept, length, value)
        if is_ratio
        else used_of_amount(holdings.before[holding], kept, length, value)
    )
    active = ~still[row]
    groups = starts_of_groups(pieces.slot[row], bucket, code[row])
    if not len(groups):
        return empty(), empty(), empty(), empty(), empty()
    amounts = (np.where(active, used, 0), np.where(active, whole - used, 0), whole)
    used, rest, whole = (np.add.reduceat(each, groups) for each in amounts)
    return row[groups], bucket[groups], used, rest, whole


def _kinds(tres: str, category: str, basis: Ints, signal: Ints, detail: str | None = None) -> Ints:
    """Give kind codes of a category by basis and signal."""
    return _kind_table(tres, category, detail)[basis, signal]


@cache
def _kind_table(tres: str, category: str, detail: str | None) -> Ints:
    return np.array([[kind_code(tres, category, detail, b, s) for s in SIGNALS] for b in BASES], dtype=np.int64)


def post_runs(target: Target, runs: Runs, phase: Ints) -> None:
    """Post inactive runs whose phase (a code of `PHASES`) is known."""
    row, bucket, start, end = split_at_buckets(runs.start, runs.end, BUCKET_MS)
    table = np.stack([_kind_table(target.tres, "inactive", name) for name in PHASES])
    kinds = table[phase[row], runs.basis[row], runs.signal[row]]
    target.post(runs.alloc[row], bucket, kinds, runs.milli[row] * (end - start))


def phases(runs: Runs, summary: Summary) -> Ints:
    """Give the phase of each run, from all that samples say of its allocation's device (L3.6).

    Args:
        runs: The runs.
        summary: What the samples say of every (allocation, device) that has runs.
    """
    width = int(max(runs.device.max(initial=0), summary.device.max(initial=0))) + 2
    key, wanted = summary.alloc * width + summary.device + 1, runs.alloc * width + runs.device + 1
    order = np.argsort(key, kind="stable")
    at = order[np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)] if len(key) else empty()
    if not len(wanted) or not len(key):
        return np.zeros(len(wanted), dtype=np.int64)
    first, last = summary.first_active[at], summary.last_active[at]
    phase = np.where(runs.start < first, STARTUP, np.where(runs.start > last, TAIL, GAP))
    return np.where((first == NONE) | (key[at] != wanted), NEVER_USED, phase)


def _runs(frame: Frame, holdings: Holdings, settled: Settled, still: Bools) -> Runs:
    """Join touching inactive pieces of equal holding, basis and signal, inside the day."""
    pieces = settled.pieces
    row = np.flatnonzero(still)
    row = row[(pieces.end[row] > frame.first) & (pieces.start[row] < frame.last)]
    row = row[holdings.kept[pieces.holding[row]] > 0]
    if not len(row):
        return Runs(*(empty() for _ in range(7)))
    holding, start, end = pieces.holding[row], pieces.start[row], pieces.end[row]
    basis, signal, kept = settled.basis[row], settled.signal[row], holdings.kept[holding]
    follows = (pieces.slot[row[1:]] == pieces.slot[row[:-1]]) & (start[1:] == end[:-1])
    for column in (basis, signal, kept):
        follows &= column[1:] == column[:-1]
    first = np.flatnonzero(np.concatenate([[True], ~follows]))
    last = np.append(first[1:] - 1, len(row) - 1)
    low, high = np.maximum(start[first], frame.first), np.minimum(end[last], frame.last)
    at = holding[first]
    return Runs(holdings.alloc[at], holdings.device[at], low, high, basis[first], signal[first], kept[first])


def post_whole_job(target: Target, holdings: Holdings, settled: Settled, zero: Bools) -> tuple[Ints, Ints, Ints]:
    """Post whole-job figures; gives (allocation, bucket, amount) that is covered."""
    pieces = settled.pieces
    row, bucket, start, end = target.clipped(pieces.start, pieces.end)
    length, holding = end - start, pieces.holding[row]
    kept, value = holdings.kept[holding], settled.value[row]
    whole = kept * length
    used = (
        used_of_ratio(kept, length, value)
        if target.tres == "gpu"
        else used_of_amount(holdings.before[holding], kept, length, value)
    )
    never = zero[row] if target.tres in ("gpu", "cpu") else np.zeros(len(row), dtype=bool)
    alloc, basis, signal = holdings.alloc[holding], settled.basis[row], settled.signal[row]
    used = np.where(never, 0, used)
    for category, detail, amount in (
        ("used", None, used),
        ("inactive", "never_used", np.where(never, whole, 0)),
        ("underused", None, np.where(never, 0, whole - used)),
    ):
        target.post(alloc, bucket, _kinds(target.tres, category, basis, signal, detail), amount)
    return alloc, bucket, whole


def post_dark(target: Target, held: tuple[Ints, Ints, Ints], *known: tuple[Ints, Ints, Ints]) -> None:
    """Post what is held and not covered by anything as unobserved."""
    alloc, bucket, amount = (np.concatenate(parts) for parts in zip(held, *known, strict=True))
    sign = np.ones(len(amount), dtype=np.int64)
    sign[len(held[0]) :] = -1
    left, (alloc, bucket) = sum_by(amount * sign, alloc, bucket)
    target.post(alloc, bucket, kind_code(target.tres, "unobserved", "dark", "none"), left)
