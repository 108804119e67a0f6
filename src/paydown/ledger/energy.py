"""The energy of GPUs by day and job (L5), which reports sum in place of the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from paydown.ledger.columns import counts, instants, texts
from paydown.ledger.intervals import Bools, Ints, starts_of_groups
from paydown.model.entries import ENERGY
from paydown.model.units import MS_PER_DAY
from paydown.model.window import date_of

Reals = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]


def energy(cluster: str, day: int, samples: pa.Table) -> pa.Table:
    """Sum the energy of the samples of GPUs that begin on a day, by the job that they are labelled with.

    Args:
        cluster: The cluster.
        day: The day's number.
        samples: Those of the day: job_id, start, duration_ms and, where any carries them, energy_mj and power_w.
    """
    duration = counts(samples, "duration_ms")
    if not bool((duration > 0).all()):
        samples, duration = samples.filter(pa.array(duration > 0)), duration[duration > 0]
    job, names = texts(samples, "job_id")
    group = starts_of_groups(job)
    if not len(group):
        return ENERGY.arrow.empty_table()
    start, midnight = instants(samples, "start", 0), (day + 1) * MS_PER_DAY
    end = start + duration
    late = np.flatnonzero(end > midnight)
    exact, known = _energy(samples, duration)
    before = _rounded(exact[late] * ((midnight - start[late]) / duration[late]))
    every = _rounded(exact)
    long, some = end[late] - midnight, None if known is None else known[late]
    # Null, coded as -1, is the last of the names.
    last = np.full(len(names) + 1, -1, dtype=np.int64)
    np.maximum.at(last, job[group], np.maximum.reduceat(end, group))
    parts = (every, _where(duration, known), duration)
    past = (every[late] - before, _where(long, some), long)
    sums = [_summed(job[group], np.add.reduceat(values, group), len(last)) for values in parts]
    sums += [_summed(job[late], values, len(last)) for values in past]
    return _table(cluster, day, [*names, None], sums, last)


def _energy(samples: pa.Table, duration: Ints) -> tuple[Reals, Bools | None]:
    """Give the energy of each sample, 0 where it is not known, and where it is known (None: everywhere)."""
    found, power = (_figures(samples, name) for name in ("energy_mj", "power_w"))
    if found is None:
        found = np.full(len(duration), np.nan) if power is None else power * duration
    elif power is not None:
        found = np.where(np.isnan(found), power * duration, found)
    known: Bools = ~np.isnan(found)
    return (found, None) if bool(known.all()) else (np.where(known, found, 0.0), known)


def _figures(samples: pa.Table, name: str) -> Reals | None:
    """Give a measured column, null as NaN; None where no sample carries it."""
    if name not in samples.column_names or samples.column(name).null_count == samples.num_rows:
        return None
    return np.asarray(samples.column(name).to_numpy(), dtype=np.float64)


def _rounded(energy: Reals) -> Reals:
    """Make whole mJ, in place: their sums are exact, and so the same in any order."""
    energy += 0.5
    return np.floor(energy, out=energy)


def _where(values: Ints, known: Bools | None) -> Ints:
    return values if known is None else values * known


def _summed(at: Ints, values: Numbers, width: int) -> Numbers:
    found = np.zeros(width, dtype=values.dtype)
    np.add.at(found, at, values)
    return found


def _table(cluster: str, day: int, jobs: list[str | None], sums: list[Numbers], last: Ints) -> pa.Table:
    there = np.flatnonzero(last >= 0)
    every, known, described, late, late_known, late_described = (values[there] for values in sums)
    columns = {
        "cluster": pa.array([cluster] * len(there), pa.string()),
        "day": pa.array([date_of(day)] * len(there), pa.date32()),
        "job_id": pa.array([jobs[at] for at in there.tolist()], pa.string()),
        "energy_mj": pa.array(every, mask=known == 0),
        "known_ms": pa.array(known),
        "described_ms": pa.array(described),
        "late_mj": pa.array(late, mask=known == 0),
        "late_known_ms": pa.array(late_known),
        "late_described_ms": pa.array(late_described),
        "last": pa.array(last[there]).cast(pa.timestamp("ms", "UTC")),
    }
    return pa.table(columns, schema=ENERGY.arrow)
