"""Hourly demand: what was held, and what eligible jobs that waited asked for (L5)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from paydown.ledger.book import TRES
from paydown.ledger.capacity import NodeTime
from paydown.ledger.columns import NONE, counts, texts
from paydown.ledger.frame import Frame
from paydown.ledger.holdings import Holdings
from paydown.ledger.intervals import (
    Ints,
    elementary,
    empty,
    overlaps,
    split_at_buckets,
    starts_of_groups,
    sum_by,
    union,
)
from paydown.ledger.inventory import Inventory
from paydown.ledger.jobs import Allocations, Attempts, jobs_rows, text_column
from paydown.ledger.waiting import Waiting, may_use
from paydown.model.entries import DEMAND
from paydown.model.units import MS_PER_HOUR
from paydown.model.window import date_of

ASKED = {
    "gpu": ("req_gpu_milli", "gpu_milli"),
    "cpu": ("req_cpu_milli", "cpu_milli"),
    "memory": ("req_memory_mib", "memory_mib"),
}
"""Per TRES: what a job asks for, and what its allocations hold of it."""

_Rows = tuple[Ints, Ints, Ints, Ints, Ints]
"""(hour of the day, pool, jobs row, amount, 1 for waiting)."""


def _by_hour(frame: Frame, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """Cut to the day and at its hours: gives (row, hour of the day, length)."""
    low, high = np.maximum(start, frame.first) - frame.first, np.minimum(end, frame.last) - frame.first
    row, hour, low, high = split_at_buckets(low, np.maximum(high, low), MS_PER_HOUR)
    return row, hour, high - low


def _held(frame: Frame, inv: Inventory, node: Ints, start: Ints, end: Ints, amount: Ints, jobs_row: Ints) -> _Rows:
    at, step, low, high = inv.steps_of(node, start, end)
    row, hour, length = _by_hour(frame, low, high)
    owner = at[row]
    return hour, inv.pool[step[row]], jobs_row[owner], amount[owner] * length, np.zeros(len(row), dtype=np.int64)


def _asked(jobs: Attempts, real: pa.Table, tres: str) -> Ints:
    """Give what each jobs row asks for of a TRES; where it does not say, what its allocations held; else NONE."""
    name, column = ASKED[tres]
    asked = counts(jobs.table, name)
    row, held = jobs_rows(real, jobs), counts(real, column)
    node, _ = texts(real, "node")
    some = (row != NONE) & (held != NONE)
    row, node, held = row[some], node[some], held[some]
    order = np.lexsort((held, node, row))
    row, node, held = row[order], node[order], held[order]
    if not len(row):
        return asked
    groups = starts_of_groups(row, node)
    most, (owner,) = sum_by(np.maximum.reduceat(held, groups), row[groups])
    instead = np.full(len(asked), NONE, dtype=np.int64)
    instead[owner] = most
    return np.where(asked == NONE, instead, asked)


def pool_of(frame: Frame, inv: Inventory, kind: tuple[str | None, str | None, bool]) -> tuple[Ints, Ints, Ints]:
    """Give (start, end, pool) over which all nodes that a kind of waiting job may use share one pool, else NONE."""
    step = np.flatnonzero(may_use(inv, kind))
    pool, start, end = union(inv.pool[step] + 1, inv.step_start[step], inv.step_end[step])
    zero = np.zeros(len(pool) + 1, dtype=np.int64)
    at, low, high = elementary(zero, np.append(start, 0), np.append(end, frame.length))
    pools = np.append(pool, 0)[at]
    order = np.lexsort((-pools, low))
    low, high, pools, at = low[order], high[order], pools[order], at[order]
    first = starts_of_groups(low)
    real = (at < len(pool)).astype(np.int64)
    kinds = np.add.reduceat(real, first) if len(first) else empty()
    return low[first], high[first], np.where(kinds == 1, np.maximum.reduceat(pools, first), 0) - 1


def _waiting(frame: Frame, inv: Inventory, waits: Waiting, asked: Ints) -> list[_Rows]:
    parts = []
    for code, kind in enumerate(waits.kinds):
        mine = np.flatnonzero((waits.kind == code) & (asked[waits.row] > 0))
        low, high, pool = pool_of(frame, inv, kind)
        zero = np.zeros(len(mine), dtype=np.int64)
        at, which, start, end = overlaps(
            zero, waits.start[mine], waits.end[mine], np.zeros(len(low), dtype=np.int64), low, high
        )
        row, hour, length = _by_hour(frame, start, end)
        jobs_row = waits.row[mine[at[row]]]
        parts.append((hour, pool[which[row]], jobs_row, asked[jobs_row] * length, np.ones(len(row), dtype=np.int64)))
    return parts


def demand_table(
    frame: Frame,
    inv: Inventory,
    jobs: Attempts,
    allocs: Allocations,
    holdings: dict[str, Holdings],
    hidden: dict[str, NodeTime],
    waits: Waiting,
    real: pa.Table,
) -> pa.Table:
    """Give the day's hourly demand.

    Args:
        frame: The frame.
        inv: The inventory.
        jobs: The jobs rows.
        allocs: The allocations.
        holdings: What is held, by TRES.
        hidden: What is held unseen, by TRES.
        waits: Who waits.
        real: The allocations rows that last.
    """
    tables = []
    for tres in TRES:
        held, unseen = holdings[tres], hidden[tres]
        nobody = np.full(len(unseen.node), NONE, dtype=np.int64)
        parts = [
            _held(frame, inv, held.node, held.start, held.end, held.kept, allocs.row[held.alloc]),
            _held(frame, inv, unseen.node, unseen.start, unseen.end, unseen.amount, nobody),
        ]
        if tres in ASKED:
            parts += _waiting(frame, inv, waits, _asked(jobs, real, tres))
        tables.append(_table(frame, inv, jobs, tres, parts))
    return pa.concat_tables(tables)


def _table(frame: Frame, inv: Inventory, jobs: Attempts, tres: str, parts: list[_Rows]) -> pa.Table:
    hour, pool, row, amount, waits = (np.concatenate(part) for part in zip(*parts, strict=True))
    partition, partitions = texts(jobs.table, "partition")
    account, accounts = texts(jobs.table, "account")
    keys = [hour, pool, np.append(partition, NONE)[row], np.append(account, NONE)[row]]
    held, sums = sum_by(np.where(waits == 0, amount, 0), *keys)
    waiting, _ = sum_by(np.where(waits == 1, amount, 0), *keys)
    some = (held > 0) | (waiting > 0)
    hour, pool, at, which = (key[some] for key in sums)
    length = len(hour)
    columns = {
        "cluster": text_column(np.zeros(length, dtype=np.int64), [frame.cluster]),
        "day": pa.array([date_of(frame.day)] * length, pa.date32()),
        "hour": pa.array(frame.origin + frame.first + hour * MS_PER_HOUR).cast(pa.timestamp("ms", "UTC")),
        "pool": text_column(pool, inv.pools),
        "partition": text_column(at, partitions),
        "account": text_column(which, accounts),
        "tres": text_column(np.zeros(length, dtype=np.int64), [tres]),
        "allocated": pa.array(held[some]),
        "waiting": pa.array(waiting[some]),
    }
    return pa.table([columns[name] for name in DEMAND.names], schema=DEMAND.arrow)
