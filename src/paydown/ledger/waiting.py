"""Who waits for what, and where (L1.8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from paydown.ledger.columns import NONE, counts, instants, texts
from paydown.ledger.frame import FOREVER, Frame, Horizons
from paydown.ledger.intervals import Bools, Ints, empty, overlaps, union
from paydown.ledger.inventory import Inventory

NOT_ELIGIBLE = (
    "JobHeldUser", "JobHeldAdmin", "JobHoldMaxRequeue", "Dependency", "DependencyNeverSatisfied", "BeginTime",
)  # fmt: skip
"""Pending reasons that say that a job is not eligible (squeue(1), JOB REASON CODES)."""


@dataclass(frozen=True)
class Waiting:
    """The waits that touch the frame, cut to the time in which waiting is known."""

    row: Ints
    """Row of the jobs table."""
    start: Ints
    end: Ints
    kind: Ints
    """Code of what matters for where it may run: partitions, GPU model, whether it wants GPUs."""
    kinds: list[tuple[str | None, str | None, bool]]


def waiting(frame: Frame, horizons: Horizons, jobs: pa.Table, held_gpu: Bools) -> Waiting:
    """Read who waits.

    Args:
        frame: The frame.
        horizons: The horizons of the cluster.
        jobs: The jobs rows.
        held_gpu: For each row, whether its allocations hold GPUs.
    """
    submit, eligible = instants(jobs, "submit", NONE), instants(jobs, "eligible", NONE)
    start = np.where(eligible != NONE, eligible, submit)
    stop = instants(jobs, "start", FOREVER)
    stop = np.where(stop == FOREVER, instants(jobs, "end", FOREVER), stop)
    stop = np.minimum(np.where(stop == FOREVER, horizons.allocation_end, stop), horizons.end)
    codes, words = texts(jobs, "pending_reason")
    barred = np.array([word in NOT_ELIGIBLE for word in words] + [False], dtype=bool)[codes]
    waits = (start != NONE) & (stop > start) & ~((eligible == NONE) & barred)
    row = np.flatnonzero(waits)
    low, high = frame.inside(start[row]), frame.inside(stop[row])
    known_low, known_high = frame.inside(horizons.wait[0]), frame.inside(horizons.wait[1])
    zero = np.zeros(len(row), dtype=np.int64)
    at, _, low, high = overlaps(zero, low, high, np.zeros(len(known_low), dtype=np.int64), known_low, known_high)
    row = row[at]
    kind, kinds = _kinds(jobs, row, held_gpu)
    return Waiting(row, low, high, kind, kinds)


def _kinds(jobs: pa.Table, row: Ints, held_gpu: Bools) -> tuple[Ints, list[tuple[str | None, str | None, bool]]]:
    wants = counts(jobs, "req_gpu_milli")
    gpu = np.where(wants == NONE, held_gpu, wants > 0)[row]
    partition, partitions = texts(jobs, "partition")
    model, models = texts(jobs, "req_gpu_model")
    keys = np.stack([partition[row], model[row], gpu.astype(np.int64)], axis=1)
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    kinds = [
        (partitions[p] if p != NONE else None, models[m] if m != NONE else None, bool(g))
        for p, m, g in distinct.tolist()
    ]
    return which.reshape(-1).astype(np.int64), kinds


def may_use(inv: Inventory, kind: tuple[str | None, str | None, bool]) -> Bools:
    """Tell at which steps of the inventory a kind of waiting job may use the node."""
    partitions, model, _ = kind
    wanted = None if partitions is None else set(partitions.split(";"))
    fits = np.array([wanted is None or bool(wanted & set(label.split(";"))) for label in inv.labels] + [False])
    allowed: Bools = fits[inv.label] & (inv.listed == 1)
    if model is not None:
        allowed &= np.array([model in models for models in inv.models], dtype=bool)
    return allowed


def wanted_steps(inv: Inventory, waits: Waiting, *, gpu: bool) -> tuple[Ints, Ints, Ints]:
    """Give (node, start, end) of the time in which somebody who may use the node waits for GPUs (or for CPUs)."""
    zero = np.zeros(len(waits.row), dtype=np.int64)
    nodes, starts, ends = [empty()], [empty()], [empty()]
    for code, kind in enumerate(waits.kinds):
        if kind[2] != gpu:
            continue
        mine = waits.kind == code
        some = union(zero[mine], waits.start[mine], waits.end[mine])
        step = np.flatnonzero(may_use(inv, kind))
        same = np.zeros(len(step), dtype=np.int64)
        at, _, start, end = overlaps(same, inv.step_start[step], inv.step_end[step], *some)
        nodes.append(inv.step_node[step[at]])
        starts.append(start)
        ends.append(end)
    return union(np.concatenate(nodes), np.concatenate(starts), np.concatenate(ends))
