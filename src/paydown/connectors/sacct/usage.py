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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.sacct.jobs import amounts, whole_numbers
from paydown.connectors.sacct.records import Records, column, said
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
_UNITS = pa.array(["", "K", "M", "G", "T", "P", "E"])
_FACTORS = np.array([1024.0**power for power in range(7)])
_AMOUNT = r"^(?P<figure>[0-9]+(?:\.[0-9]+)?)(?P<unit>[KMGTPE]?)$"
_TIME = r"^(?:(?P<d>[0-9]+)-)?(?:(?P<h>[0-9]+):)?(?P<m>[0-9]+):(?P<s>[0-9]+(?:\.[0-9]+)?)$"
_OPEN = ("PENDING", "RUNNING", "SUSPENDED")


@dataclass
class Zeros:
    """GPU figures of zero, which count only where the source has shown others above zero.

    Without NVML Slurm writes `gres/gpuutil=0` for every job (slurm.conf(5), AccountingStorageTRES). What a source has
    never shown above zero for a GPU model it cannot measure there: such zeros are null, and counted.
    """

    shown: set[tuple[str, str, str]] = field(default_factory=set)
    """(cluster, GPU model, signal) that were seen above zero."""
    waiting: list[tuple[tuple[str, str, str], str, dict[str, object]]] = field(default_factory=list)
    """Zeros: what they are of, their origin, and their row."""
    unproven: dict[tuple[str, str], int] = field(default_factory=dict)
    """Zeros that are none, by (cluster, signal)."""

    def doubt(self, cluster: str, signal: str, count: int = 1) -> None:
        """Count zeros that the source cannot have measured."""
        if count:
            self.unproven[cluster, signal] = self.unproven.get((cluster, signal), 0) + count

    def settle(self, origin: str) -> Iterator[Batch | Reject]:
        """Give the zeros that are proven by now, and count the others."""
        proven: dict[str, list[dict[str, object]]] = {}
        for what, where, row in self.waiting:
            if what in self.shown:
                proven.setdefault(where, []).append(row)
            else:
                self.doubt(what[0], what[2])
        for where, rows in proven.items():
            yield Batch("job_usage", pa.Table.from_pylist(rows), where)
        for (cluster, signal), count in sorted(self.unproven.items()):
            detail = f"zero in {signal} that this source cannot have measured"
            yield Reject("job_usage", origin, None, "unproven-zero", detail, "", count, cluster)


def usage_rows(records: Records, origin: str, zeros: Zeros) -> Iterator[Batch]:
    """Give rows of `job_usage`, zeros of GPUs kept back."""
    length = (_floats(records.ms["End"]) - _floats(records.ms["Start"])) * _ended(records)
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
    at = np.flatnonzero(values == 0)
    counts = pc.value_counts(records.cluster.take(pa.array(at))).to_pylist()
    for count in counts:
        zeros.doubt(count["values"], signal, count["counts"])


def _batch(records: Records, origin: str, signal: str, figures: dict[str, Reals]) -> Iterator[Batch]:
    at = np.flatnonzero(np.logical_or.reduce([np.isfinite(values) for values in figures.values()]))
    if not len(at):
        return
    take = pa.array(at)
    columns = {
        "cluster": records.cluster.take(take),
        "job_id": records.job.take(take),
        "attempt": pa.array(records.attempt[at]),
        "signal": pa.repeat(signal, len(at)),
        **{name: pa.array(values[at], from_pandas=True) for name, values in figures.items()},
        "source": pa.repeat("sacct", len(at)),
        LINE: records.rows[LINE].take(take),
    }
    yield Batch("job_usage", pa.table(columns), origin)


def _cpu_ms(records: Records) -> Reals:
    """Give the CPU time of each attempt in ms: its own row's, else the sum of its steps'."""
    own = durations_ms(column(records.rows, "TotalCPU"))
    steps = durations_ms(column(records.steps, "TotalCPU"))
    average = durations_ms(column(records.steps, "AveCPU")) * _tasks(records)
    summed = _over_steps(records, np.where(steps > 0, steps, average), np.add, 0.0)
    return np.where(own > 0, own, np.where(summed > 0, summed, own))


def _memory_bytes(records: Records) -> Reals:
    """Give the memory of each attempt's largest step, in bytes."""
    total = _usage(records, "TRESUsageInTot", "mem")
    average = amounts_of_text(column(records.steps, "AveRSS")) * _tasks(records)
    single = amounts_of_text(column(records.steps, "MaxRSS"))
    own = amounts_of_text(column(records.rows, "MaxRSS"))
    steps = _over_steps(records, np.fmax(np.where(total > 0, total, average), single), np.fmax, np.nan)
    return np.fmax(steps, own)


def _tasks(records: Records) -> Reals:
    tasks = _floats(whole_numbers(column(records.steps, "NTasks")))
    return np.where(tasks > 0, tasks, 1.0)


def _usage(records: Records, name: str, tres: str) -> Reals:
    """Read one TRES of a usage column of the steps."""
    text = column(records.steps, name)
    pattern = f"(?:^|,){tres}=(?P<amount>[^,]*)"
    return amounts_of_text(pc.struct_field(pc.extract_regex(text, pattern), "amount"))


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
    gpus = _floats(amounts(records.rows, "AllocTRES", "AllocGRES").gpu_milli) / MILLI
    usable = np.isfinite(length) & (gpus > 0)
    names = column(records.steps, "TRESUsageInTot"), column(records.steps, "TRESUsageInAve")
    if not usable.any() or all(values.null_count == len(values) for values in names):
        return
    share = _step_share(records, gpus)
    mean = _weighted(records, share, length)
    most = np.fmin(_over_steps(records, share, np.fmax, np.nan), 1.0)
    memory = np.fmax(_usage(records, "TRESUsageInTot", "gres/gpumem"), _usage(records, "TRESUsageInMax", "gres/gpumem"))
    memory = _over_steps(records, memory, np.fmax, np.nan) / _MIB
    for signal, figures in (
        ("gpu_util", {"mean": mean, "max": most}),
        ("gpu_memory_used_mib", {"max": np.rint(memory)}),
    ):
        yield from _proven(records, origin, signal, {k: np.where(usable, v, np.nan) for k, v in figures.items()}, zeros)


def _step_share(records: Records, gpus: Reals) -> Reals:
    """Give the GPU use of each step as a share of what its job held: gpuutil is in percent, summed over devices."""
    total = _usage(records, "TRESUsageInTot", "gres/gpuutil")
    average = _usage(records, "TRESUsageInAve", "gres/gpuutil") * _tasks(records)
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Reals = np.where(np.isfinite(total), total, average) / (_PERCENT * gpus[records.parent])
    outside = booleans(pc.match_substring_regex(column(records.steps, "JobID"), r"\.extern$")) & (share == 0)
    share[outside] = np.nan
    return share


def _weighted(records: Records, share: Reals, length: Reals) -> Reals:
    """Average the steps over the attempt's time; where a step's time is not known, the largest step stands."""
    elapsed = durations_ms(column(records.steps, "Elapsed"))
    largest = _over_steps(records, share, np.fmax, np.nan)
    summed = _over_steps(records, share * elapsed, np.add, 0.0) / length
    return np.fmin(np.where(np.isfinite(summed), summed, largest), 1.0)


def _proven(records: Records, origin: str, signal: str, figures: dict[str, Reals], zeros: Zeros) -> Iterator[Batch]:
    """Give figures above zero, and keep zeros back until others prove them; those of MIG slices are none."""
    values = next(iter(figures.values()))
    models = column(records.rows, "AllocTRES")
    for at in np.flatnonzero(values == 0).tolist():
        what = (records.cluster[at].as_py(), _models(models[at].as_py()), signal)
        if signal == "gpu_util" and any(mig_milli(name) is not None for name in what[1].split(",")):
            zeros.doubt(what[0], signal)
        else:
            zeros.waiting.append((what, origin, _zero(records, at, signal, list(figures))))
    above = values > 0
    distinct = pc.unique(models.take(pa.array(np.flatnonzero(above)))).to_pylist()
    for cluster in pc.unique(records.cluster.take(pa.array(np.flatnonzero(above)))).to_pylist():
        zeros.shown |= {(cluster, _models(text), signal) for text in distinct}
    yield from _batch(records, origin, signal, {k: np.where(above, v, np.nan) for k, v in figures.items()})


def _models(text: str | None) -> str:
    return ",".join(gpu_models(parse_tres(text or "")))


def _zero(records: Records, at: int, signal: str, names: list[str]) -> dict[str, object]:
    return {
        "cluster": records.cluster[at].as_py(),
        "job_id": records.job[at].as_py(),
        "attempt": int(records.attempt[at]),
        "signal": signal,
        **dict.fromkeys(names, 0.0),
        "source": "sacct",
        LINE: records.rows[LINE][at].as_py(),
    }


def _floats(values: pa.Array) -> Reals:
    found: Reals = values.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return found.copy()


def amounts_of_text(values: pa.Array) -> Reals:
    """Read amounts such as `3816K`, `62.50G` or `98304` in bytes or percent; NaN where there is none."""
    parts = pc.extract_regex(said(values), _AMOUNT)
    figures = _floats(pc.struct_field(parts, "figure").cast(pa.float64()))
    units = pc.index_in(pc.struct_field(parts, "unit"), _UNITS).fill_null(0).to_numpy(zero_copy_only=False)
    scaled: Reals = figures * _FACTORS[units]
    return scaled


def durations_ms(values: pa.Array) -> Reals:
    """Read durations such as `1-02:03:04` or `03:04.567` in ms; NaN where there is none."""
    parts = pc.extract_regex(values, _TIME)
    known = _floats(pc.struct_field(parts, "s").cast(pa.float64()))
    total = known.copy()
    for name, seconds in (("m", 60), ("h", 3_600), ("d", 86_400)):
        text = pc.struct_field(parts, name)
        total += np.nan_to_num(_floats(pc.if_else(pc.equal(text, ""), None, text).cast(pa.float64()))) * seconds
    rounded: Reals = np.rint(total * MILLI)
    return rounded
