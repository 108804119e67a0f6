"""Runs, summaries and pools as derived tables."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from paydown.ledger.book import SIGNALS
from paydown.ledger.columns import NONE
from paydown.ledger.frame import Frame
from paydown.ledger.intervals import Ints
from paydown.ledger.inventory import Inventory
from paydown.ledger.jobs import Allocations, text_column
from paydown.ledger.uses import Runs, Summary
from paydown.model.entries import BASES, POOLS, RUNS, SUMMARIES
from paydown.model.schema import Table
from paydown.model.window import date_of


def _same(value: str, length: int) -> pa.Array:
    return text_column(np.zeros(length, dtype=np.int64), [value])


def _times(frame: Frame, time: Ints) -> pa.Array:
    whole = pa.array(time + frame.origin, mask=time == NONE)
    return whole.cast(pa.timestamp("ms", "UTC"))


def _whose(
    frame: Frame, inv: Inventory, allocs: Allocations, tres: str, alloc: Ints, device: Ints
) -> dict[str, pa.Array]:
    length = len(alloc)
    return {
        "cluster": _same(frame.cluster, length),
        "day": pa.array([date_of(frame.day)] * length, pa.date32()),
        "job_id": text_column(allocs.job[alloc], allocs.jobs),
        "attempt": pa.array(allocs.attempt[alloc]),
        "node": text_column(allocs.node[alloc], inv.nodes),
        "tres": _same(tres, length),
        "gpu": text_column(device, inv.device_names),
        "allocated_from": pa.array(allocs.began[alloc]).cast(pa.timestamp("ms", "UTC")),
    }


def _stacked(schema: Table, parts: list[dict[str, pa.Array]]) -> pa.Table:
    tables = [pa.table([part[name] for name in schema.names], schema=schema.arrow) for part in parts]
    return pa.concat_tables(tables) if tables else schema.arrow.empty_table()


def runs_table(frame: Frame, inv: Inventory, allocs: Allocations, found: list[tuple[str, Runs]]) -> pa.Table:
    """Give the day's inactive runs."""
    parts = [
        _whose(frame, inv, allocs, tres, runs.alloc, runs.device)
        | {
            "start": _times(frame, runs.start),
            "end": _times(frame, runs.end),
            "basis": text_column(runs.basis, list(BASES)),
            "signal": text_column(runs.signal, list(SIGNALS)),
            "milli": pa.array(runs.milli),
        }
        for tres, runs in found
    ]
    return _stacked(RUNS, parts)


def summaries_table(frame: Frame, inv: Inventory, allocs: Allocations, found: list[tuple[str, Summary]]) -> pa.Table:
    """Give what the day's samples say of allocations."""
    parts = [
        _whose(frame, inv, allocs, tres, summary.alloc, summary.device)
        | {
            "samples": pa.array(summary.samples),
            "first_sample": _times(frame, summary.first_sample),
            "first_active": _times(frame, summary.first_active),
            "last_active": _times(frame, summary.last_active),
        }
        for tres, summary in found
    ]
    return _stacked(SUMMARIES, parts)


def pools_table(frame: Frame, inv: Inventory, pools: dict[str, list[tuple[list[Ints], list[Ints]]]]) -> pa.Table:
    """Give the day's pooled and outside use."""
    parts = [
        {
            "cluster": _same(frame.cluster, len(node)),
            "day": pa.array([date_of(frame.day)] * len(node), pa.date32()),
            "node": text_column(node, inv.nodes),
            "kind": _same(kind, len(node)),
            "used": pa.array(used),
            "inactive": pa.array(inactive),
            "underused": pa.array(underused),
        }
        for kind, found in pools.items()
        for (node,), (used, inactive, underused) in found
    ]
    return _stacked(POOLS, parts)
