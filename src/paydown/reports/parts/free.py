"""What was free, and for whom: the unallocated capacity of nodes, five minutes by five minutes, from the ledger.

Free is what the ledger calls idle or blocked: nobody holds it, and the node is up. It is known of a node and bucket
where the ledger posted `reported` for that node and day, and sources state capacity and allocation throughout the
bucket. Figures are means over the five minutes: what is free for a moment is not seen as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from paydown.ledger.columns import NONE, texts
from paydown.model.entries import FREE_BUCKETS
from paydown.model.units import BUCKET_MS, MS_PER_DAY, MS_PER_HOUR
from paydown.model.window import Window, date_of
from paydown.reports.parts.places import Place, Places, places
from paydown.reports.parts.rolled import all_rolled
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.stated import stated
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

Reals = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_MOST_CELLS = 4_000_000
"""How many (node, bucket) are looked at in one go."""

POSTED = """
SELECT tres, node, "partition", epoch_ms(hour) AS hour_ms, {buckets} FROM free_capacity
WHERE cluster = {cluster} AND {among} AND day >= {first} AND day < {last}
"""

ENTRIES = """
SELECT tres = {tres} AS first, node, "partition", epoch_ms(bucket) AS bucket_ms, amount FROM entries
WHERE cluster = {cluster} AND {among} AND category IN ('idle', 'blocked') AND job_id IS NULL
    AND day >= {first} AND day < {last}
"""


@dataclass(frozen=True)
class Series:
    """What was free for one kind of job, bucket by bucket of a window."""

    start_ms: int
    """The start of the first bucket."""
    known: Bools
    """Whether anything is known of a node that such a job may use."""
    total: Reals
    """Mean milli free on all such nodes together."""
    largest: dict[int, Reals]
    """By n: mean milli free on the node that has the n-th most."""

    def over(self, flags: Bools, low: Ints, high: Ints) -> Reals:
        """Give for how many ms of each [low, high) some flags hold."""
        return self.integral(np.where(flags, 1.0, 0.0), low, high)

    def integral(self, values: Reals, low: Ints, high: Ints) -> Reals:
        """Give the integral of values over each [low, high), in their unit x ms; nothing outside the window."""
        sums = np.concatenate([[0.0], np.cumsum(values)]) * BUCKET_MS
        edges = np.append(values, 0.0)

        def until(moment: Ints) -> Reals:
            offset = np.clip(moment - self.start_ms, 0, len(values) * BUCKET_MS)
            bucket = offset // BUCKET_MS
            found: Reals = sums[bucket] + edges[bucket] * (offset - bucket * BUCKET_MS)
            return found

        between: Reals = until(high) - until(low)
        return between


Kind = tuple[str | None, str | None, str]
"""What matters for where a job may run: its partitions, the GPU model asked for, and which of two TRES it waits for."""


def free(scope: Scope, cluster: str, kinds: dict[Kind, set[int]]) -> dict[Kind, Series]:
    """Give what was free for each kind of job of a cluster; of each, by how many nodes are wanted at once."""
    window = scope.window
    buckets = window.length_ms // BUCKET_MS
    stated_buckets = _stated(scope, cluster, window)
    found = {
        kind: Series(
            window.start_ms,
            np.zeros(buckets, dtype=bool),
            np.zeros(buckets),
            {number: np.zeros(buckets) for number in numbers},
        )
        for kind, numbers in kinds.items()
    }
    every = tuple(dict.fromkeys(kind[2] for kind in kinds))
    offered = places(scope, cluster, every)
    mine = {kind: np.flatnonzero(offered[kind[2]].usable(kind[0], kind[1])) for kind in kinds}
    for part in _chunks(window, sum(len(each.names) for each in offered.values())):
        amounts = _amounts(scope, cluster, offered, part)
        for tres in every:
            own = {kind: rows for kind, rows in mine.items() if kind[2] == tres}
            _fill(window, (amounts[tres], offered[tres].listed(part), part), own, found)
    for series in found.values():
        series.known[:] &= stated_buckets
    return found


def _fill(
    window: Window, what: tuple[npt.NDArray[np.float32], Bools, Window], mine: dict[Kind, npt.NDArray[np.intp]],
    found: dict[Kind, Series],
) -> None:  # fmt: skip
    """Work out one part of the window, of one TRES."""
    amounts, listed, part = what
    first = (part.start_ms - window.start_ms) // BUCKET_MS
    there = slice(first, first + amounts.shape[1])
    for kind, rows in mine.items():
        series = found[kind]
        if not len(rows):
            continue
        own = amounts[rows]
        series.known[there] = listed[rows].any(axis=0)
        series.total[there] = own.sum(axis=0, dtype=np.float64)
        for number, largest in series.largest.items():
            largest[there] = _largest(own, number)


def _largest(amounts: npt.NDArray[np.float32], number: int) -> Reals:
    """Give the n-th most of each column; zero where there are not so many rows."""
    count = len(amounts)
    if number > count:
        return np.zeros(amounts.shape[1])
    if number == 1:
        most: Reals = amounts.max(axis=0).astype(np.float64)
        return most
    nth: Reals = np.partition(amounts, count - number, axis=0)[count - number].astype(np.float64)
    return nth


def _amounts(
    scope: Scope, cluster: str, offered: Mapping[str, Places], part: Window
) -> dict[str, npt.NDArray[np.float32]]:
    """Give the mean milli free of each TRES at each place and bucket."""
    own = replace(scope, clusters=(cluster,))
    posted = all_rolled(own, part, "entries")
    return (_posted if posted else _summed)(own, cluster, offered, part)


def _asked(cluster: str, offered: Mapping[str, Places], part: Window, sql: str, **more: str) -> tuple[str, Statement]:
    statement = Statement()
    text = sql.format(
        cluster=statement.bind(cluster),
        tres=statement.bind(next(iter(offered))),
        among=statement.one_of("tres", offered),
        first=statement.bind(date_of(part.days.start)),
        last=statement.bind(date_of(part.days.stop)),
        **more,
    )
    return text, statement


def _posted(
    scope: Scope, cluster: str, offered: Mapping[str, Places], part: Window
) -> dict[str, npt.NDArray[np.float32]]:
    """Take what was free as it is posted, an hour in a row."""
    buckets = ", ".join(FREE_BUCKETS)
    rows: pa.Table = scope.query(*_asked(cluster, offered, part, POSTED, buckets=buckets), part)
    tres, every = texts(rows, "tres")
    node, nodes = texts(rows, "node")
    label, labels = texts(rows, "partition")
    hour = (rows.column("hour_ms").to_numpy() - part.days.start * MS_PER_DAY) // MS_PER_HOUR
    hours = len(part.days) * MS_PER_DAY // MS_PER_HOUR
    first = (part.start_ms - part.days.start * MS_PER_DAY) // BUCKET_MS
    found = {}
    for name, there in offered.items():
        mine = tres == (every.index(name) if name in every else NONE - 1)
        place = np.where(mine, there.codes(nodes, labels)[node, label], NONE)
        known = np.flatnonzero(place >= 0)
        amounts = np.zeros((len(there.names) * hours, len(FREE_BUCKETS)), dtype=np.float32)
        at = place[known] * hours + hour[known]
        for bucket, column in enumerate(FREE_BUCKETS):
            amounts[at, bucket] = rows.column(column).to_numpy()[known] / BUCKET_MS
        whole = amounts.reshape(len(there.names), hours * len(FREE_BUCKETS))
        found[name] = whole[:, first : first + part.length_ms // BUCKET_MS]
    return found


def _summed(
    scope: Scope, cluster: str, offered: Mapping[str, Places], part: Window
) -> dict[str, npt.NDArray[np.float32]]:
    """Sum what was free from the entries."""
    rows: pa.Table = scope.query(*_asked(cluster, offered, part, ENTRIES), part)
    node, nodes = texts(rows, "node")
    label, labels = texts(rows, "partition")
    first = rows.column("first").to_numpy()
    bucket = (rows.column("bucket_ms").to_numpy() - part.start_ms) // BUCKET_MS
    amount = rows.column("amount").to_numpy() / BUCKET_MS
    count = part.length_ms // BUCKET_MS
    found = {}
    for tres, there in offered.items():
        own = first if tres == next(iter(offered)) else ~first
        place = np.where(own, there.codes(nodes, labels)[node, label], -1)
        inside = (place >= 0) & (bucket >= 0) & (bucket < count)
        sums = np.bincount(place[inside] * count + bucket[inside], amount[inside], len(there.names) * count)
        found[tres] = sums.reshape(len(there.names), count).astype(np.float32)
    return found


def _chunks(window: Window, count: int) -> Iterator[Window]:
    """Cut a window at midnights into parts of not too many cells."""
    days = max(1, _MOST_CELLS // max(1, count * (MS_PER_DAY // BUCKET_MS)))
    edges = [window.start_ms, *range((window.days.start + days) * MS_PER_DAY, window.end_ms, days * MS_PER_DAY)]
    for start, end in zip(edges, [*edges[1:], window.end_ms], strict=True):
        if end > start:
            yield Window(start, end)


def _stated(scope: Scope, cluster: str, window: Window) -> Bools:
    """Say of each bucket whether sources state capacity and allocation throughout."""
    starts = np.arange(window.start_ms, window.end_ms, BUCKET_MS, dtype=np.int64)
    flags = [_covered(starts, stated(scope, what)[cluster]) for what in ("capacity", "allocation")]
    return np.logical_and(*flags)


def _covered(starts: Ints, spans: Iterable[Window]) -> Bools:
    covered = np.zeros(len(starts), dtype=bool)
    for span in spans:
        covered |= (starts >= span.start_ms) & (starts + BUCKET_MS <= span.end_ms)
    return covered


__all__ = ["Kind", "Place", "Series", "free"]
