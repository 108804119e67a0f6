"""Whole-job figures where no samples are (L3.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from paydown.ledger.columns import NONE, instants, ppm
from paydown.ledger.holdings import Holdings
from paydown.ledger.intervals import Bools, Ints, empty, total
from paydown.ledger.inventory import Inventory
from paydown.ledger.jobs import Allocations

SIGNALS = {"gpu_memory": ("gpu_memory_used_mib",), "cpu": ("cpu_used_milli",), "memory": ("memory_used_mib",)}
"""The signals of job_usage that count as use, by TRES; those of gpu are the configured order (L3.1)."""


class Figure(NamedTuple):
    """One whole-job figure."""

    value: float
    basis: str
    """`job-mean` or `peak`."""
    scope: str
    """`device`, `node` or `job`."""
    signal: str


Figures = dict[tuple[str, int], dict[tuple[str | None, str | None, str], Figure]]
"""(job_id, attempt) to (node, gpu, signal) to figure."""


def figures_of(usage: pa.Table) -> Figures:
    """Read job_usage: the mean where there is one, else the max."""
    found: Figures = defaultdict(dict)
    for row in usage.to_pylist():
        value, basis = (row["mean"], "job-mean") if row["mean"] is not None else (row["max"], "peak")
        if value is None:
            continue
        scope = "job" if row["node"] is None else "node" if row["gpu"] is None else "device"
        found[row["job_id"], row["attempt"]][row["node"], row["gpu"], row["signal"]] = Figure(
            value, basis, scope, row["signal"]
        )
    return found


def choose(
    figures: dict[tuple[str | None, str | None, str], Figure], node: str, gpu: str | None, signals: Iterable[str]
) -> Figure | None:
    """Choose the figure of a holding: the first signal of the order that speaks of it, at the most specific scope."""
    for signal in signals:
        for scope in ((node, gpu), (node, None), (None, None)):
            found = figures.get((*scope, signal))
            if found is not None:
                return found
    return None


def speaks_of(
    figures: dict[tuple[str | None, str | None, str], Figure], node: str, signals: Iterable[str], *, devices: bool
) -> bool:
    """Tell whether any figure of the signals is about a node (where the TRES has `devices`, one on it) or the job."""
    return any(
        signal in signals
        and (key_node is None or key_node == node)
        and (gpu is None or (devices and key_node is not None))
        for key_node, gpu, signal in figures
    )


@dataclass(frozen=True)
class WholeJob:
    """Holdings whose use is a whole-job figure; one row of figures for each row of `row`."""

    row: Ints
    """Row of the holdings."""
    zero: Ints
    """1 where the raw figure is exactly zero."""
    ratio: Ints
    """ppm of what is held, NONE where the figure is an amount."""
    amount: Ints
    """The amount used, in the TRES's unit, NONE where the figure is a ratio."""
    basis: list[str]
    signal: list[str]

    @staticmethod
    def none() -> WholeJob:
        """Give no row."""
        return WholeJob(empty(), empty(), empty(), empty(), [], [])


def whole_job(
    tres: str,
    signals: tuple[str, ...],
    inv: Inventory,
    allocs: Allocations,
    holdings: Holdings,
    figures: Figures,
    judged: Bools,
    of_job: dict[tuple[str, int], int],
) -> tuple[WholeJob, Bools]:
    """Find the holdings that whole-job figures speak for, and those whose samples do not count for their sake.

    Args:
        tres: The TRES.
        signals: The signals of job_usage that count, in order.
        inv: The inventory.
        allocs: The allocations.
        holdings: What is held of the TRES, sorted by device.
        figures: The figures of job_usage.
        judged: Which allocations have figures, and no sample on the node which counts and starts inside.
        of_job: (job_id, attempt) to what to spread a job's amount by.
    """
    spread = _held_by_allocation(holdings) if tres == "gpu_memory" else None
    result = WholeJob([], [], [], [], [], [])  # type: ignore[arg-type]
    ruled = np.zeros(len(holdings), dtype=bool)
    for row in np.flatnonzero(judged[holdings.alloc]).tolist():
        key, node = allocs.key(int(holdings.alloc[row])), inv.nodes[int(holdings.node[row])]
        ruled[row] = speaks_of(figures[key], node, signals, devices=tres in ("gpu", "gpu_memory"))
        device = int(holdings.device[row])
        figure = choose(figures[key], node, inv.device_names[device] if device != NONE else None, signals)
        if figure is not None:
            _add(result, row, figure, tres, holdings, spread, of_job.get(key, 0))
    whole = WholeJob(
        np.array(result.row, dtype=np.int64), np.array(result.zero, dtype=np.int64),
        np.array(result.ratio, dtype=np.int64), np.array(result.amount, dtype=np.int64), result.basis, result.signal,
    )  # fmt: skip
    return whole, ruled


def _add(
    result: WholeJob, row: int, figure: Figure, tres: str, holdings: Holdings, spread: Ints | None, of_job: int
) -> None:
    held = int(holdings.before[row])
    ratio = amount = NONE
    if tres == "gpu":
        ratio = min(max(ppm(figure.value), 0), 1_000_000)
    else:
        whole = int(np.floor(figure.value + 0.5))
        over = of_job if figure.scope == "job" else int(spread[row]) if spread is not None else 0
        if figure.scope == "device" or (figure.scope == "node" and spread is None):
            amount = whole
        else:
            amount = (2 * whole * held + over) // (2 * over) if over else whole
        amount = min(amount, held)
    for column, value in (
        (result.row, row), (result.zero, int(figure.value == 0)), (result.ratio, ratio), (result.amount, amount),
        (result.basis, figure.basis), (result.signal, figure.signal),
    ):  # fmt: skip
        column.append(value)  # type: ignore[union-attr,arg-type]


def _held_by_allocation(holdings: Holdings) -> Ints:
    """Give, for each holding, what its allocation holds on the node at that time, over all devices."""
    count = int(holdings.alloc.max(initial=-1)) + 1
    held = total(holdings.alloc, holdings.start, holdings.end, holdings.before, count)
    return held.at(holdings.alloc, holdings.start)


def job_totals(tres: str, table: pa.Table, figures: Figures, everywhen: Inventory | None) -> dict[tuple[str, int], int]:
    """Sum over nodes the most that one allocation row of an attempt holds there (L3.5).

    Args:
        tres: The TRES.
        table: Every allocations row of the attempts concerned, whatever its time.
        figures: The figures of job_usage.
        everywhen: For gpu_memory, an inventory whose frame begins at the epoch.
    """
    column = {"gpu": "gpu_milli", "gpu_memory": "gpu_milli", "cpu": "cpu_milli", "memory": "memory_mib"}[tres]
    most: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    names = ("job_id", "attempt", "node", column)
    start = instants(table, "start", 0).tolist()
    for row, (job, attempt, node, held) in enumerate(
        zip(*(table.column(name).to_pylist() for name in names), strict=True)
    ):
        if held is None or (job, attempt) not in figures:
            continue
        figure = held if everywhen is None else _memory_at(everywhen, node, start[row], held)
        nodes = most[job, attempt]
        nodes[node] = max(nodes.get(node, 0), figure)
    return {key: sum(nodes.values()) for key, nodes in most.items()}


def _memory_at(inv: Inventory, node: str, ms: int, milli: int) -> int:
    """Give the device memory that goes with milli-GPU without a known device (L1.5)."""
    code = np.array([inv.nodes.index(node)], dtype=np.int64)
    set_code = int(inv.set_code[inv.step_at(code, np.array([ms], dtype=np.int64))[0]])
    weight, memory = inv.sets[set_code].with_memory if set_code != NONE else (0, 0)
    return milli * memory // weight if weight else 0
