"""What steps measured, as figures per job (`job_usage`), for attempts that have ended.

| signal | from | how |
|---|---|---|
| cpu_used_milli, mean | TotalCPU of the job, else of its steps, else AveCPU x NTasks | over End - Start |
| memory_used_mib, max | TRESUsageInTot mem, else AveRSS x NTasks, else MaxRSS; the largest step | a lower bound |
| gpu_util, mean | TRESUsageInTot gres/gpuutil, else TRESUsageInAve x NTasks; steps by their time | over the GPUs held |
| gpu_util, max | the largest step of the same | |
| gpu_memory_used_mib, max | TRESUsageInTot gres/gpumem, else TRESUsageInMax; the largest step | |

Steps may run one after another, so memory is that of the largest step, not their sum: the job used at least that. A
zero that the source cannot have measured is no figure: see `Zeros`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.jobs import amounts
from paydown.dialects.slurm_accounting.records import Records
from paydown.dialects.slurm_accounting.texts import (
    amounts_of_text,
    by_distinct,
    column,
    durations_ms,
    floats,
    member,
    whole_numbers,
)
from paydown.model.batch import LINE, Batch, Reject
from paydown.model.instants import booleans
from paydown.model.slurm import gpu_models, mig_milli, parse_tres
from paydown.model.units import MILLI

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[np.float64]
    Flags = NDArray[np.bool_]

USAGE_COLUMNS = ("TotalCPU", "AveCPU", "MaxRSS", "AveRSS", "TRESUsageInTot", "TRESUsageInAve", "TRESUsageInMax")
"""The fields of which one makes a dump speak of use."""

_MIB = 1024**2
_PERCENT = 100
_OPEN = ("PENDING", "RUNNING", "SUSPENDED")


@dataclass
class Zeros:
    """GPU figures of zero, which count only where the source has shown others above zero.

    Without NVML Slurm writes `gres/gpuutil=0` for every job (slurm.conf(5), AccountingStorageTRES). What a source has
    never shown above zero for a GPU model it cannot measure there: such zeros are null, and counted.
    """

    shown: set[tuple[str, str, str]] = field(default_factory=set)
    """(cluster, GPU model, signal) that were seen above zero."""
    waiting: list[tuple[tuple[str, str, str], Batch]] = field(default_factory=list)
    """Zeros: what they are of, and their rows."""
    unproven: dict[tuple[str, str], int] = field(default_factory=dict)
    """Zeros that are none, by (cluster, signal)."""

    def doubt(self, cluster: str, signal: str, count: int = 1) -> None:
        """Count zeros that the source cannot have measured."""
        if count:
            self.unproven[cluster, signal] = self.unproven.get((cluster, signal), 0) + count

    def settle(self, origin: str) -> Iterator[Batch | Reject]:
        """Give the zeros that are proven by now, and count the others."""
        proven: dict[str, list[pa.Table]] = {}
        for what, batch in self.waiting:
            if what in self.shown:
                proven.setdefault(batch.origin, []).append(batch.rows)
            else:
                self.doubt(what[0], what[2], len(batch.rows))
        for each, rows in proven.items():
            yield Batch("job_usage", pa.concat_tables(rows, promote_options="default"), each)
        for (cluster, signal), count in sorted(self.unproven.items()):
            detail = f"zero in {signal} that this source cannot have measured"
            yield Reject("job_usage", origin, None, "unproven-zero", detail, "", count, cluster)


def usage_rows(records: Records, origin: str, zeros: Zeros) -> Iterator[Batch]:
    """Give rows of `job_usage`, zeros of GPUs kept back."""
    length = (floats(records.ms["End"]) - floats(records.ms["Start"])) * _ended(records)
    length[~(length > 0)] = np.nan
    if not np.isfinite(length).any():
        return
    cpu = _cpu_ms(records) * MILLI / length
    memory = _memory_bytes(records) / _MIB
    for signal, values, name in (("cpu_used_milli", cpu, "mean"), ("memory_used_mib", memory, "max")):
        values = np.where(np.isfinite(length), values, np.nan)  # noqa: PLW2901 -- only what has ended
        _doubt_zeros(records, signal, values, zeros)
        yield from _batch(records, origin, signal, {name: np.where(values > 0, np.rint(values), np.nan)})
    yield from _gpu(records, origin, length, zeros)


def _ended(records: Records) -> Flags:
    is_open = pc.is_in(records.state, pa.array(_OPEN))
    ended: Flags = ~booleans(is_open) & records.held
    return ended


def _doubt_zeros(records: Records, signal: str, values: Reals, zeros: Zeros) -> None:
    """Count exact zeros: a process that ran has used some CPU and memory, so nobody looked (jobacct_gather/none)."""
    _doubt_clusters(records, signal, np.flatnonzero(values == 0), zeros)


def _doubt_clusters(records: Records, signal: str, at: NDArray[np.int64], zeros: Zeros) -> None:
    for count in pc.value_counts(records.cluster.take(pa.array(at))).to_pylist():
        zeros.doubt(count["values"], signal, count["counts"])


def _batch(records: Records, origin: str, signal: str, figures: dict[str, Reals]) -> Iterator[Batch]:
    at = np.flatnonzero(np.logical_or.reduce([np.isfinite(values) for values in figures.values()]))
    if len(at):
        yield _rows(records, origin, signal, {name: values[at] for name, values in figures.items()}, at)


def _rows(records: Records, origin: str, signal: str, figures: dict[str, Reals], at: NDArray[np.int64]) -> Batch:
    """Give a signal's figures of some attempts as rows."""
    take = pa.array(at)
    columns = {
        "cluster": records.cluster.take(take),
        "job_id": records.job.take(take),
        "attempt": pa.array(records.attempt[at]),
        "signal": pa.repeat(signal, len(at)),
        **{name: pa.array(values, from_pandas=True) for name, values in figures.items()},
        "source": pa.repeat("sacct", len(at)),
        LINE: records.rows[LINE].take(take),
    }
    return Batch("job_usage", pa.table(columns), origin)


def _cpu_ms(records: Records) -> Reals:
    """Give the CPU time of each attempt in ms: its own row's, else the sum of its steps'."""
    own = durations_ms(column(records.rows, "TotalCPU"))
    needed = np.flatnonzero(~(own[records.parent] > 0))
    if not len(needed):
        return own
    steps = records.steps.take(pa.array(needed))
    total = durations_ms(column(steps, "TotalCPU"))
    average = durations_ms(column(steps, "AveCPU")) * _tasks(steps)
    each = np.full(len(records.parent), np.nan)
    each[needed] = np.where(total > 0, total, average)
    summed = _over_steps(records, each, np.add, 0.0)
    return np.where(own > 0, own, np.where(summed > 0, summed, own))


def _memory_bytes(records: Records) -> Reals:
    """Give the memory of each attempt's largest step, in bytes."""
    each = amounts_of_text(member(column(records.steps, "TRESUsageInTot"), "mem"))
    needed = np.flatnonzero(~(each > 0))
    steps = records.steps.take(pa.array(needed))
    average = amounts_of_text(column(steps, "AveRSS")) * _tasks(steps)
    each[needed] = np.fmax(each[needed], np.fmax(average, amounts_of_text(column(steps, "MaxRSS"))))
    return np.fmax(_over_steps(records, each, np.fmax, np.nan), amounts_of_text(column(records.rows, "MaxRSS")))


def _tasks(steps: pa.Table) -> Reals:
    tasks = floats(whole_numbers(column(steps, "NTasks")))
    return np.where(tasks > 0, tasks, 1.0)


def _over_steps(records: Records, values: Reals, ufunc: np.ufunc, start: float) -> Reals:
    """Fold the steps of each attempt; attempts without a figure have none."""
    known = np.isfinite(values)
    folded = np.full(len(records), start)
    ufunc.at(folded, records.parent[known], values[known])
    found = np.zeros(len(records), np.bool_)
    found[records.parent[known]] = True
    return np.where(found, folded, np.nan)


def _gpu(records: Records, origin: str, length: Reals, zeros: Zeros) -> Iterator[Batch]:
    """Give what was measured of GPUs."""
    gpus = floats(amounts(records.rows, "AllocTRES", "AllocGRES").gpu_milli) / MILLI
    usable = np.isfinite(length) & (gpus > 0)
    if not usable.any() or not any(f"TRESUsageIn{kind}" in records.steps.column_names for kind in ("Tot", "Ave")):
        return
    chosen = np.flatnonzero(gpus[records.parent] > 0)
    records = replace(records, steps=records.steps.take(pa.array(chosen)), parent=records.parent[chosen])
    share = _step_share(records, gpus, zeros)
    mean = _weighted(records, share, length)
    most = np.minimum(_over_steps(records, share, np.fmax, np.nan), 1.0)
    memory = np.fmax(
        *(
            amounts_of_text(member(column(records.steps, f"TRESUsageIn{kind}"), "gres/gpumem"))
            for kind in ("Tot", "Max")
        )
    )
    memory = _over_steps(records, memory, np.fmax, np.nan) / _MIB
    for signal, figures in (
        ("gpu_util", {"mean": mean, "max": most}),
        ("gpu_memory_used_mib", {"max": np.rint(memory)}),
    ):
        yield from _proven(records, origin, signal, {k: np.where(usable, v, np.nan) for k, v in figures.items()}, zeros)


def _step_share(records: Records, gpus: Reals, zeros: Zeros) -> Reals:
    """Give the GPU use of each step as a share of what its job held: gpuutil is in percent, summed over devices."""
    total = amounts_of_text(member(column(records.steps, "TRESUsageInTot"), "gres/gpuutil"))
    needed = np.flatnonzero(np.isnan(total))
    steps = records.steps.take(pa.array(needed))
    total[needed] = amounts_of_text(member(column(steps, "TRESUsageInAve"), "gres/gpuutil")) * _tasks(steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Reals = total / (_PERCENT * gpus[records.parent])
    outside = booleans(pc.match_substring_regex(column(records.steps, "JobID"), r"\.extern$")) & (share == 0)
    _doubt_clusters(records, "gpu_util", records.parent[outside], zeros)
    share[outside] = np.nan
    return share


def _weighted(records: Records, share: Reals, length: Reals) -> Reals:
    """Average the steps over the attempt's time; where a step's time is not known, the largest step stands."""
    elapsed = durations_ms(column(records.steps, "Elapsed"))
    largest = _over_steps(records, share, np.fmax, np.nan)
    summed = _over_steps(records, share * elapsed, np.add, 0.0) / length
    return np.minimum(np.where(np.isfinite(summed), summed, largest), 1.0)


def _proven(records: Records, origin: str, signal: str, figures: dict[str, Reals], zeros: Zeros) -> Iterator[Batch]:
    """Give figures above zero, and keep zeros back until others prove them; those of MIG slices are none."""
    values = next(iter(figures.values()))
    kinds, names = _kinds(records)
    for kind in np.unique(kinds[values == 0]).tolist():
        what = (*names[kind], signal)
        at = np.flatnonzero((values == 0) & (kinds == kind))
        if signal == "gpu_util" and any(mig_milli(name) is not None for name in what[1].split(",")):
            zeros.doubt(what[0], signal, len(at))
        else:
            zeros.waiting.append((what, _rows(records, origin, signal, dict.fromkeys(figures, np.zeros(len(at))), at)))
    above = values > 0
    zeros.shown |= {(*names[kind], signal) for kind in np.unique(kinds[above]).tolist()}
    yield from _batch(records, origin, signal, {k: np.where(above, v, np.nan) for k, v in figures.items()})


def _kinds(records: Records) -> tuple[NDArray[np.int64], list[tuple[str, str]]]:
    """Number what attempts held by (cluster, GPU models), and name the numbers."""
    clusters = records.cluster.fill_null("").dictionary_encode()
    models = by_distinct(column(records.rows, "AllocTRES").fill_null(""), _models, pa.string()).dictionary_encode()
    width = max(len(models.dictionary), 1)
    names = [(cluster, model) for cluster in clusters.dictionary.to_pylist() for model in models.dictionary.to_pylist()]
    numbers = (each.indices.to_numpy().astype(np.int64) for each in (clusters, models))
    return next(numbers) * width + next(numbers), names


@lru_cache(maxsize=65_536)
def _models(text: str) -> str:
    return ",".join(gpu_models(parse_tres(text)))
