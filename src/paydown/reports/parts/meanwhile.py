"""What was free while jobs waited: for each job, on the nodes that it may use, while it waited in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from paydown.ledger.columns import NONE, counts, texts
from paydown.reports.parts.free import Kind, Series, free
from paydown.reports.parts.scope import Scope

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

FOUND = ("known_ms", "free_milli_ms", "enough_ms", "fit_ms")
"""What `meanwhile` adds to each job, in ms and milli x ms; null where nothing is known of what was free."""


def meanwhile(scope: Scope, jobs: pa.Table) -> pa.Table:
    """Add to jobs that waited (`waits`) what was free meanwhile.

    `known_ms`: for how long that is known; `free_milli_ms`: the integral of what was free of the TRES that it waits
    for (GPUs where it asks for some, else CPUs); `enough_ms`: for how long that was at least what it asks for;
    `fit_ms`: for how long it was so on as few nodes as it asks for.
    """
    import pyarrow as pa

    figures = np.zeros((4, jobs.num_rows))
    cluster, clusters = texts(jobs, "cluster")
    low, high = counts(jobs, "low_ms"), counts(jobs, "high_ms")
    waited = (low != NONE) & (high > low)
    for code, name in enumerate(clusters):
        rows = np.flatnonzero(waited & (cluster == code))
        if len(rows):
            _one(scope, name, jobs.take(pa.array(rows)), rows, figures)
    unknown = figures[0] == 0
    for name, values in zip(FOUND, figures, strict=True):
        jobs = jobs.append_column(name, pa.array(values, mask=unknown | np.isnan(values)))
    return jobs


def _one(scope: Scope, cluster: str, jobs: pa.Table, rows: Ints, figures: Reals) -> None:
    """Work out the jobs of one cluster, kind by kind and request by request."""
    kind, kinds = _kinds(jobs)
    need, nodes = _needs(jobs)
    low, high = counts(jobs, "low_ms"), counts(jobs, "high_ms")
    asked = {each: {int(n) for n in np.unique(nodes[kind == code])} for code, each in enumerate(kinds)}
    series = free(scope, cluster, asked)
    order = np.lexsort((nodes, need, kind))
    keys = np.stack([kind[order], need[order], nodes[order]])
    first = np.flatnonzero(np.concatenate([[True], (keys[:, 1:] != keys[:, :-1]).any(axis=0)]))
    for begin, end in zip(first, [*first[1:], len(order)], strict=True):
        mine = order[begin:end]
        code, much, number = (int(key) for key in keys[:, begin])
        figures[:, rows[mine]] = _figures(series[kinds[code]], much, number, low[mine], high[mine])


def _figures(series: Series, need: int, nodes: int, low: Ints, high: Ints) -> Reals:
    enough = series.known & (series.total >= need)
    fits = series.known & (series.largest[nodes] >= -(-need // nodes))
    return np.stack(
        [
            series.over(series.known, low, high),
            series.integral(np.where(series.known, series.total, 0.0), low, high),
            series.over(enough, low, high) if need != NONE else np.full(len(low), np.nan),
            series.over(fits, low, high) if need != NONE else np.full(len(low), np.nan),
        ]
    )


def _kinds(jobs: pa.Table) -> tuple[Ints, list[Kind]]:
    partition, partitions = texts(jobs, "partition")
    model, models = texts(jobs, "req_gpu_model")
    wants = (counts(jobs, "gpu_milli") > 0).astype(np.int64)
    key = ((partition + 1) * (len(models) + 1) + model + 1) * 2 + wants
    distinct, which = np.unique(key, return_inverse=True)
    kinds: list[Kind] = []
    for each in distinct.tolist():
        rest, gpu = divmod(each, 2)
        place, of = divmod(rest, len(models) + 1)
        kinds.append(([*partitions, None][place - 1], [*models, None][of - 1], "gpu" if gpu else "cpu"))
    return which.reshape(-1).astype(np.int64), kinds


def _needs(jobs: pa.Table) -> tuple[Ints, Ints]:
    """Give how much each job asks for (NONE: not known), and on how many nodes (not known: one)."""
    gpu, cpu = counts(jobs, "gpu_milli"), counts(jobs, "cpu_milli")
    nodes = np.maximum(counts(jobs, "req_nodes"), 1)
    return np.where(gpu > 0, gpu, cpu), nodes
