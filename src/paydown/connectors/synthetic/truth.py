"""What was planted, for tests and benchmarks to compare with what is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from paydown.connectors.synthetic.arrow import codes
from paydown.connectors.synthetic.patterns import INDEX, PATTERNS
from paydown.model.units import MILLI, MS_PER_HOUR

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from paydown.connectors.synthetic.cluster import Cluster
    from paydown.connectors.synthetic.faults import Gap
    from paydown.connectors.synthetic.life import Flags, Lives, Reals
    from paydown.connectors.synthetic.record import Places
    from paydown.connectors.synthetic.workload import Workload

SPAN_MS = 300_000
"""Quiet for at least this long is inactive (docs/spec/ledger.md, section 3.6: the default)."""
_SHORTEST_MS = 1_800_000


def write(folder: Path, tables: dict[str, pa.Table]) -> None:
    """Write each table as Parquet into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")


def attempts(
    cluster: Cluster, work: Workload, lives: Lives, held: Places, gaps: list[Gap], job_ids: list[str]
) -> pa.Table:
    """Give for each attempt that ran its pattern, its planted cause, and for simple ones what the ledger should say.

    Hours are GPU-hours. A simple attempt (`simple`) is at least half an hour long, on nodes that are measured without
    a gap, with known devices of its own, at an even level without bursts; there the figures hold to within two samples
    for each device and each phase, and to within 1 % for what comes of its level.
    """
    ran = np.flatnonzero(lives.end > lives.start)
    hours = _hours(work, lives)
    simple = _simple(cluster, work, lives, held, gaps)
    family = lives.family
    return pa.table(
        {
            "job_id": codes(job_ids, ran),
            "attempt": lives.attempt[ran],
            "pattern": codes([p.name for p in PATTERNS], lives.pattern[ran]),
            "cause": codes([p.cause for p in PATTERNS], lives.pattern[ran]),
            "role": codes([f.role for f in work.families], family[ran]),
            "family": codes([f.name for f in work.families], family[ran]),
            "user": codes([f.user for f in work.families], family[ran]),
            "gpus": _gpus(work, lives)[ran],
            "simple": simple[ran],
            **{f"{name}_gpu_hours": values[ran] for name, values in hours.items()},
        }
    )


def _hours(work: Workload, lives: Lives) -> dict[str, Reals]:
    """Give GPU-hours by what the ledger calls them, for a job at an even level on all its devices.

    Quiet phases that are shorter than the inactivity span are underused.
    """
    length = (lives.end - lives.start).astype(np.float64)
    level = lives.figures["level"].astype(np.float64)
    never = level == 0
    startup = np.where(never, 0, lives.active_from - lives.start)
    tail = np.where(never, 0, lives.end - lives.active_to)
    gap = np.where(never, 0, _stalled(lives))
    active = np.where(never, 0, length - startup - tail - gap)
    found = {
        "never_used": np.where(never, length, 0),
        "startup": _long(startup),
        "gap": np.where(lives.stall >= SPAN_MS, gap, 0),
        "tail": _long(tail),
        "used": active * level,
    }
    found["underused"] = length - sum(found.values())
    return {name: values * _gpus(work, lives) / MS_PER_HOUR for name, values in {**found, "allocated": length}.items()}


def _gpus(work: Workload, lives: Lives) -> Reals:
    return np.array([f.nodes * f.count * f.milli / MILLI for f in work.families])[lives.family]


def _long(quiet: Reals) -> Reals:
    return np.where(quiet >= SPAN_MS, quiet, 0)


def _stalled(lives: Lives) -> Reals:
    """Give the time in the quiet ends of whole periods, and in that of the last one that was begun."""
    window = lives.active_to - lives.active_from
    period = np.maximum(lives.period, 1)
    rest = np.maximum(window % period - (period - lives.stall), 0)
    return np.where(lives.period > 0, window // period * lives.stall + rest, 0).astype(np.float64)


def _simple(cluster: Cluster, work: Workload, lives: Lives, held: Places, gaps: list[Gap]) -> Flags:
    length = lives.end - lives.start
    gpus = np.array([f.count > 0 and f.milli == MILLI and not f.role for f in work.families])[lives.family]
    figures = lives.figures
    even = (figures["unused"] == 0) & (figures["spread"] == 0) & (lives.burst == 0) & ~lives.diurnal
    even &= figures["level"] * (1 + figures["sway"]) <= 1
    odd = np.array([n.role != "plain" for n in cluster.nodes])[held.node]
    for gap in gaps:
        odd |= (held.node == gap.node) & (lives.start[held.which] < gap.end_ms) & (lives.end[held.which] > gap.start_ms)
    spoiled = np.zeros(len(length), np.bool_)
    spoiled[held.which[odd]] = True
    spoiled[_overbooked_nodes(work, lives, held)] = True
    return np.asarray(gpus & even & ~spoiled & (length >= _SHORTEST_MS) & (lives.pattern < INDEX["service"]))


def _overbooked_nodes(work: Workload, lives: Lives, held: Places) -> np.ndarray:
    """Give the attempts that share a node with an overbooked one."""
    extra = np.array([f.role == "overbooked" for f in work.families])[lives.family[held.which]]
    return held.which[np.isin(held.node, held.node[extra])]


def nodes(cluster: Cluster) -> pa.Table:
    """Give what is peculiar about each node."""
    return pa.table({"node": [n.name for n in cluster.nodes], "role": [n.role for n in cluster.nodes]})


def rejects(planted: Counter[tuple[str, str]]) -> pa.Table:
    """Give how many rejects were planted, by table and reason."""
    keys = sorted(planted)
    return pa.table(
        {
            "table": pa.array([k[0] for k in keys], pa.string()),
            "reason": pa.array([k[1] for k in keys], pa.string()),
            "count": pa.array([planted[k] for k in keys], pa.int64()),
        }
    )
