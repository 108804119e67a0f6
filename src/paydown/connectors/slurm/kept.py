"""What the store knows better than accounting: devices that were seen while a job ran, and rows that have ended.

A row that has ended stays as it is: told once more it is left out. What a job held on each node, and on which devices,
is asked of the controller while it runs, and kept when it ends; accounting has but one figure over all nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from paydown.connectors.slurm.attempts import Known
    from paydown.dialects.slurm_accounting.records import Records
    from paydown.dialects.slurm_control.queue import Queued, Share

    Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]

AMOUNTS = ("gpu_milli", "gpus", "cpu_milli", "memory_mib")
"""The columns of `allocations` that the controller knows for each node."""

_CPU: Literal[2] = 2
_MEMORY: Literal[3] = 3
Amounts = tuple[int, str | None, int | None, int | None]
_Place = tuple[str, int, str, int]


@dataclass(frozen=True)
class Held:
    """What is known of what jobs hold on each node."""

    stored: Mapping[_Place, tuple[Amounts, int | None]]
    """The rows of the store, by job, attempt, node and start: amounts, and the end."""
    live: Mapping[str, Queued]
    """The running jobs of the controller, by id."""

    @staticmethod
    def of(stored: pa.Table, queue: list[Queued]) -> Held:
        """Take the rows of the store and the controller's queue."""
        starts, ends = (stored[name].cast(pa.int64()).to_pylist() for name in ("start", "end"))
        rows = zip(stored.to_pylist(), starts, ends, strict=True)
        known = {
            (row["job_id"], row["attempt"], row["node"], start): (tuple(row[name] for name in AMOUNTS), end)
            for row, start, end in rows
        }
        running = {job.job: job for job in queue if job.shares and job.state in ("RUNNING", "SUSPENDED")}
        return Held(known, running)

    def applied(self, rows: pa.Table) -> pa.Table:
        """Give rows of `allocations` with what is known of them; those that have ended in the store are left out."""
        rows = rows.append_column("gpus", pa.nulls(len(rows), pa.string()))
        if not self.stored and not self.live:
            return rows
        starts, ends = (rows[name].cast(pa.int64()).to_pylist() for name in ("start", "end"))
        about = list(zip(*(rows[name].to_pylist() for name in ("job_id", "attempt", "node")), starts, strict=True))
        amounts: list[Amounts] = list(zip(*(rows[name].to_pylist() for name in AMOUNTS), strict=True))
        live = self._live(about, amounts, ends)
        keep = np.ones(len(rows), np.bool_)
        for at, place in enumerate(about):
            known = self.stored.get(place)
            if known and known[1] is not None and ends[at] in (None, known[1]):
                keep[at] = False
            elif at in live:
                amounts[at] = live[at]
            elif known:
                amounts[at] = known[0]
        columns = zip(*amounts, strict=True) if amounts else ([],) * len(AMOUNTS)
        for name, values in zip(AMOUNTS, columns, strict=True):
            kind = rows.schema.field(name).type
            rows = rows.set_column(rows.column_names.index(name), name, pa.array(list(values), kind))
        return rows.filter(pa.array(keep))

    def _live(self, about: list[_Place], amounts: list[Amounts], ends: list[int | None]) -> dict[int, Amounts]:
        """Give what the controller says of running jobs, where it says it of all nodes and the sums agree."""
        places: dict[str, list[int]] = {}
        for at, (job, _, _, _) in enumerate(about):
            if ends[at] is None and job in self.live:
                places.setdefault(job, []).append(at)
        found: dict[int, Amounts] = {}
        for job, rows in places.items():
            shares, start = self.live[job].shares, self.live[job].start_ms
            if start is None or start > about[rows[0]][3] or {about[at][2] for at in rows} != set(shares):
                continue  # it was made smaller in between, or has started once more
            told = [_amounts(shares[about[at][2]]) for at in rows]
            cpu, memory = (
                _sum(told, column) == _sum([amounts[at] for at in rows], column) for column in (_CPU, _MEMORY)
            )
            for at, (milli, gpus, cpu_milli, memory_mib) in zip(rows, told, strict=True):
                old = amounts[at]
                found[at] = (milli, gpus, cpu_milli if cpu else old[_CPU], memory_mib if memory else old[_MEMORY])
        return found


def _amounts(share: Share) -> Amounts:
    return share.gpu_milli, share.gpus, share.cpu_milli, share.memory_mib


def _sum(amounts: list[Amounts], column: Literal[2, 3]) -> int:
    return sum(one[column] or 0 for one in amounts)


def told_anew(rows: pa.Table, known: Known) -> pa.Table:
    """Leave out rows of `jobs` that the store has as ended."""
    if not known.ends:
        return rows
    ends = rows["end"].cast(pa.int64()).to_pylist()
    about = zip(rows["job_id"].to_pylist(), rows["attempt"].to_pylist(), ends, strict=True)
    keep = []
    for job, attempt, end in about:
        stored = known.ends.get((job, attempt))
        keep.append(stored is None or end not in (None, stored))
    return rows.filter(pa.array(keep, pa.bool_()))


def settled(records: Records, known: Known, before_ms: int, until_ms: int) -> Flags:
    """Say of which attempts the figures of their steps are taken now: once, and a while after they ended.

    Of jobs that ended up to `before_ms` they were taken when the row of the job was.
    """
    found = np.zeros(len(records), np.bool_)
    rows = zip(records.job.to_pylist(), records.attempt.tolist(), records.ms["End"].to_pylist(), strict=True)
    for at, (job, attempt, end) in enumerate(rows):
        taken = end is not None and end <= before_ms and known.ends.get((job, attempt)) is not None
        found[at] = end is not None and end <= until_ms and not taken
    return found
