"""What reports would sum again and again, posted with the day: sums by hour and by account, what was free, gaps (L5).

Everything comes from the day's entries, which lie in groups: one for each row of the day's sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from paydown.ledger.columns import instants, texts
from paydown.ledger.intervals import Bools, Ints, split_at_buckets
from paydown.ledger.jobs import coded_column
from paydown.model.entries import ALLOCATED, DERIVED, FREE, FREE_BUCKETS, FREE_TRES, GAPS, HOURLY, TOTALS
from paydown.model.schema import Table
from paydown.model.units import BUCKET_MS, MS_PER_DAY, MS_PER_HOUR
from paydown.model.window import date_of

NAMES = ("hourly", "day_totals", "free_capacity", "gaps")
"""The tables that are made here."""

SUMS = ("hourly", "day_totals")
"""Those of them to which the inactive of runs is added that other days have a say in."""

_BUCKETS = MS_PER_DAY // BUCKET_MS
_HOURS = MS_PER_DAY // MS_PER_HOUR
_IN_HOUR = MS_PER_HOUR // BUCKET_MS
_DENSE = 1 << 22
"""Up to how many keys are summed by their place in an array."""


@dataclass(frozen=True)
class Lines:
    """A day's entries in groups."""

    day: int
    groups: pa.Table
    """A row for each group: what its entries have in common, and `amount`, their sum."""
    size: Ints
    """How many entries each group has."""
    bucket: Ints
    """Of the day, of every entry; entries of a group follow each other."""
    amount: Ints

    @staticmethod
    def of(day: int, entries: pa.Table) -> Lines:
        """Take each entry for a group of its own."""
        bucket = (instants(entries, "bucket", 0) - day * MS_PER_DAY) // BUCKET_MS
        return Lines(day, entries, np.ones(len(bucket), dtype=np.int64), bucket, _amounts(entries))

    def of_each(self, values: Ints) -> Ints:
        """Give what is of a group to each of its entries."""
        each: Ints = np.repeat(values, self.size)
        return each


def rollups(lines: Lines, runs: pa.Table | None = None) -> dict[str, pa.Table]:
    """Sum a day's entries.

    Args:
        lines: The entries.
        runs: Runs that make entries later: what is held of their node and TRES is observed.
    """
    return {
        "hourly": _hourly(lines),
        "day_totals": _totals(lines),
        "free_capacity": _free(lines),
        "gaps": _gaps(lines, runs),
    }


def with_more(name: str, rows: pa.Table, more: pa.Table) -> pa.Table:
    """Add sums to sums of the same table."""
    schema = DERIVED[name].arrow
    both = pa.concat_tables([rows.cast(schema), more.cast(schema)])
    if not more.num_rows:
        return both
    found = both.group_by([each for each in schema.names if each != "amount"], use_threads=False)
    summed = found.aggregate([("amount", "sum")]).rename_columns({"amount_sum": "amount"})
    return summed.select(schema.names).cast(schema)


def _amounts(rows: pa.Table) -> Ints:
    return np.asarray(rows.column("amount").to_numpy(), dtype=np.int64)


def _hourly(lines: Lines) -> pa.Table:
    names = [name for name in HOURLY.names if name not in {"cluster", "day", "hour", "amount"}]
    key, words = _keyed(lines.groups, names)
    keys, sums = _sums(lines.of_each(key) * _HOURS + lines.bucket // _IN_HOUR, lines.amount)
    columns = _undone(keys // _HOURS, names, words) | _hour(lines, keys % _HOURS)
    return _table(HOURLY, lines, len(keys), columns | {"amount": pa.array(sums)})


def _hour(lines: Lines, hour: Ints) -> dict[str, pa.Array]:
    return {"hour": _instant(lines.day * MS_PER_DAY + hour * MS_PER_HOUR)}


def _instant(ms: Ints) -> pa.Array:
    return pa.array(ms).cast(pa.timestamp("ms", "UTC"))


def _totals(lines: Lines) -> pa.Table:
    who = ["partition", "account", "user"]
    what = [name for name in TOTALS.names if name not in {"cluster", "day", "amount", *who}]
    (holder, holders), (kind, kinds) = (_keyed(lines.groups, names) for names in (who, what))
    (holder, of_holder), (kind, of_kind) = _narrowed(holder), _narrowed(kind)
    keys, sums = _sums(holder * len(of_kind) + kind, _amounts(lines.groups))
    at, which = np.divmod(keys, max(len(of_kind), 1))
    columns = _undone(of_holder[at], who, holders) | _undone(of_kind[which], what, kinds)
    return _table(TOTALS, lines, len(keys), columns | {"amount": pa.array(sums)})


def _free(lines: Lines) -> pa.Table:
    names = ["node", "partition", "tres"]
    groups = lines.groups
    free = _among(groups, "category", ("idle", "blocked")) & _among(groups, "tres", FREE_TRES)
    key, words = _keyed(groups, names)
    some = np.flatnonzero(lines.of_each(free.astype(np.int64)))
    bucket = lines.bucket[some]
    keys, which = np.unique(lines.of_each(key)[some] * _HOURS + bucket // _IN_HOUR, return_inverse=True)
    amounts = np.zeros(len(keys) * _IN_HOUR, dtype=np.int64)
    np.add.at(amounts, which.reshape(-1) * _IN_HOUR + bucket % _IN_HOUR, lines.amount[some])
    columns = _undone(keys // _HOURS, names, words) | _hour(lines, keys % _HOURS)
    columns |= {name: pa.array(amounts[at::_IN_HOUR]) for at, name in enumerate(FREE_BUCKETS)}
    return _table(FREE, lines, len(keys), columns)


def _gaps(lines: Lines, runs: pa.Table | None) -> pa.Table:
    key, words = _keyed(lines.groups, ["node", "tres"])
    place = lines.of_each(key) * _BUCKETS + lines.bucket
    dark = _among(lines.groups, "category", ("unobserved",))
    seen = _among(lines.groups, "category", ALLOCATED) & ~dark
    lit = np.zeros((len(words[0]) + 1) * (len(words[1]) + 1) * _BUCKETS, dtype=bool)
    lit[place[lines.of_each(seen.astype(np.int8)) > 0]] = True
    if runs is not None and runs.num_rows:
        lit[_of_runs(lines.day, runs, words)] = True
    held = np.flatnonzero(lines.of_each(dark.astype(np.int8)))
    held = held[~lit[place[held]]]
    keys, sums = _sums(place[held], lines.amount[held])
    first = np.flatnonzero(np.diff(keys, prepend=-2) != 1) if len(keys) else keys
    # A stretch ends with its day: the next node's begins at the next number.
    first = np.union1d(first, np.flatnonzero(keys % _BUCKETS == 0))
    last = np.append(first[1:], len(keys)) - 1 if len(first) else first
    start = lines.day * MS_PER_DAY + keys[first] % _BUCKETS * BUCKET_MS
    columns = _undone(keys[first] // _BUCKETS, ["node", "tres"], words) | {
        "start": _instant(start),
        "end": _instant(start + (last - first + 1) * BUCKET_MS),
        "amount": pa.array(np.add.reduceat(sums, first) if len(first) else sums),
    }
    return _table(GAPS, lines, len(first), columns)


def _of_runs(day: int, runs: pa.Table, words: list[list[str]]) -> Ints:
    """Give the places of the buckets that runs touch; those of which nothing else is posted are no gaps either way."""
    (node, nodes), (tres, every) = texts(runs, "node"), texts(runs, "tres")
    codes = [
        np.array([index.get(name, -1) for name in names], dtype=np.int64)[code]
        for (code, names), index in (
            ((code, names), {word: at for at, word in enumerate(known)})
            for (code, names), known in zip(((node, nodes), (tres, every)), words, strict=True)
        )
    ]
    row, bucket, _, _ = split_at_buckets(instants(runs, "start", 0), instants(runs, "end", 0), BUCKET_MS)
    known = (codes[0] >= 0) & (codes[1] >= 0)
    place = ((codes[0] + 1) * (len(words[1]) + 1) + codes[1] + 1)[row] * _BUCKETS + bucket - day * _BUCKETS
    return place[known[row]]


def _among(rows: pa.Table, name: str, values: Sequence[str]) -> Bools:
    codes, words = texts(rows, name)
    found: Bools = np.array([word in values for word in words] + [False], dtype=bool)[codes]
    return found


def _keyed(rows: pa.Table, names: Sequence[str]) -> tuple[Ints, list[list[str]]]:
    """Give one number for some columns of texts, and the words of each."""
    key, words = np.zeros(rows.num_rows, dtype=np.int64), []
    for name in names:
        codes, known = texts(rows, name)
        key = key * (len(known) + 1) + codes + 1
        words.append(known)
    return key, words


def _undone(key: Ints, names: Sequence[str], words: list[list[str]]) -> dict[str, pa.Array]:
    columns = {}
    for name, known in reversed(list(zip(names, words, strict=True))):
        key, code = np.divmod(key, len(known) + 1)
        columns[name] = coded_column(code - 1, known)
    return columns


def _narrowed(key: Ints) -> tuple[Ints, Ints]:
    """Number the keys that there are, in order; gives these numbers and the key of each."""
    if len(key) and int(key.max()) < _DENSE:
        there = np.zeros(int(key.max()) + 1, dtype=bool)
        there[key] = True
        return (np.cumsum(there) - 1)[key], np.flatnonzero(there)
    keys, which = np.unique(key, return_inverse=True)
    return which.reshape(-1), keys


def _sums(key: Ints, amount: Ints) -> tuple[Ints, Ints]:
    """Sum amounts, none of which is 0, by key; keys in order."""
    if len(key) and int(key.max()) < _DENSE:
        dense = np.zeros(int(key.max()) + 1, dtype=np.int64)
        np.add.at(dense, key, amount)
        keys = np.flatnonzero(dense)
        return keys, dense[keys]
    keys, which = np.unique(key, return_inverse=True)
    sums = np.zeros(len(keys), dtype=np.int64)
    np.add.at(sums, which.reshape(-1), amount)
    return keys, sums


def _table(table: Table, lines: Lines, rows: int, columns: dict[str, pa.Array]) -> pa.Table:
    cluster, names = texts(lines.groups.slice(0, 1), "cluster")
    same = {
        "cluster": coded_column(np.full(rows, cluster[0] if rows else 0), names),
        "day": pa.repeat(pa.scalar(date_of(lines.day), pa.date32()), rows),
    }
    return pa.table({name: (same | columns)[name] for name in table.names}).cast(table.arrow)
