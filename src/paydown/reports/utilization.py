"""How a signal of the GPUs is distributed: mean, share of zeros and quantiles, by cluster, node, device, user, hour ...

A mean hides whether devices were half busy or busy half of the time. This says how the samples of one signal are
spread, by device-time: samples every minute and every ten minutes weigh by what they cover.

## How to read it

One row for each cut and signal. Without `--signal` each sample stands with the signal that counts as use in the
ledger (the first of the setting `gpu_signals` that it carries); signals are never mixed in one row. Without `--held`
only samples count whose device somebody held: `--held no` shows devices that nobody held, `--held all` both.
`covered_hours` is the time that the samples hold, `mean_ratio` the mean over it, `zero_share` its part at exactly zero.

Figures come from histograms that are posted with each day, by device, hour and job. Samples, hours, mean and the share
of zeros are exact. **Quantiles err by less than the width of a bin**: 1 point up to 5 % and from 95 %, else 5 points.
A quantile of exactly 0 is exact. `utilization.bins` gives the time in each bin that has any.

## Examples

```
paydown utilization --from yesterday --to today
paydown utilization --by user --sort -covered_hours --limit 10
paydown utilization --signal memory_used --by gpu_model
paydown utilization --by hour --timezone Europe/Berlin --plot hours.svg
paydown utilization --by device --held all
```

## Caveats

A sample stands, with all the time that it holds, under the hour in which it begins (so the window is widened to whole
hours) and under the job that it first counts for. Where several jobs hold a device at once, its samples have no user.
In zones that do not differ from UTC by whole hours, the local day and hour are those in which a UTC hour begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from paydown.model.entries import HISTOGRAM_BINS, HISTOGRAM_EDGES
from paydown.model.units import MS_PER_HOUR
from paydown.reports.interface import Answer, Need, OutColumn, Report
from paydown.reports.parts.answers import answer, table
from paydown.reports.parts.cuts import CUTS, Cut
from paydown.reports.parts.distribution import OWN_CUTS, QUANTILES, Chosen, by_the_hour, figures, summed
from paydown.reports.parts.filters import filters_of
from paydown.reports.parts.known import known
from paydown.reports.parts.parameters import Parameters
from paydown.reports.parts.pictures import Bars, Picture, Ranges
from paydown.reports.parts.scope import Scope, nearest, said, scope_of

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.store.snapshot import Snapshot

__all__ = ["COLUMNS", "REPORT", "UtilizationQuestion", "run"]

Signal = Literal[
    "counted", "gpu_util", "gr_engine_active", "sm_active", "sm_occupancy", "tensor_active", "dram_active",
    "memory_used",
]  # fmt: skip
"""What can be asked for; `counted` is whatever counts as use."""

HOLDERS = {"yes": ("one", "several"), "no": ("none",), "all": ("none", "one", "several")}

_KNOWN = (
    "cluster", "node", "account", "team", "department", "user", "job_id", "attempt", "array_id", "name", "qos", "kind",
    "state", "gpu_model", "day", "week", "month",
)  # fmt: skip
_CUTS: dict[str, Cut] = {name: CUTS[name] for name in _KNOWN} | OWN_CUTS
_DEVICE = ("node", "gpu")

_SIGNAL = OutColumn("signal", "", "What was measured.")
_ERRS = "errs by less than 1 point up to 5 % and from 95 %, else by less than 5"
COLUMNS = (
    _SIGNAL,
    OutColumn("samples", "samples", "How many samples.", "number"),
    OutColumn("covered_hours", "device-hours", "The time that they hold.", "number"),
    OutColumn("mean_ratio", "share", "The mean ratio, weighted by time.", "share"),
    OutColumn("zero_share", "share", "The part of the time at exactly zero.", "share"),
    *(
        OutColumn(f"p{percent:02d}", "share", f"At most this for {percent} % of the time; {_ERRS}.", "share")
        for percent in QUANTILES
    ),
)
"""The figures, after the cuts."""


class UtilizationQuestion(Parameters):
    """What can be asked of distributions."""

    node: tuple[str, ...] = Field((), description="Only these nodes.")
    by: tuple[str, ...] = Field(
        (),
        description="Cut by these columns: cluster, node, device, user, account, partition, gpu_model, hour, day ...",
    )
    signal: Signal = Field("counted", description="Which signal; counted is whatever counts as use in the ledger.")
    held: Literal["yes", "no", "all"] = Field(
        "yes", description="Samples of devices that somebody held, that nobody held, or all."
    )


def run(snapshot: Snapshot, asked: UtilizationQuestion) -> Answer:
    """Say how a signal is distributed."""
    exact = scope_of(snapshot, asked)
    scope = by_the_hour(exact)
    cuts = _chosen(asked.by)
    filters = filters_of(scope, asked) | ({"node": asked.node} if asked.node else {})
    signal = None if asked.signal == "counted" else asked.signal
    rows = summed(scope, cuts, Chosen(signal, HOLDERS[asked.held], filters))
    rows = _in_order(_with(rows, figures(rows)), cuts)
    beside = known(scope, filters, ("gpu",))
    columns = [*(cut.column for cut in cuts), *COLUMNS]
    found = answer(
        "utilization",
        scope,
        asked,
        columns,
        rows,
        coverage=beside.coverage,
        notes=[*scope.notes, *_notes(exact, scope, rows, asked), *beside.notes],
        pictures=[_ranges(cuts)] if cuts else [],
    )
    bins = _bins(scope, cuts, rows)
    return replace(found, more=(bins if cuts else replace(bins, pictures=(_picture(bins.rows),)),))


def _chosen(by: Sequence[str]) -> tuple[Cut, ...]:
    names = [name for each in by for name in (_DEVICE if each == "device" else (each,))]
    for name in names:
        if name not in _CUTS:
            from paydown.errors import UsageError

            allowed = [*_CUTS, "device"]
            raise UsageError(f"--by {name} is not a column to cut by here{nearest(name, allowed)}")
    return tuple(_CUTS[name] for name in dict.fromkeys(names))


def _in_order(rows: pa.Table, cuts: Sequence[Cut]) -> pa.Table:
    """Sort by time, then the most time first."""
    times = [cut.name for cut in cuts if cut.unit or cut.name == "hour"]
    rest = [name for name in (*(cut.name for cut in cuts), "signal") if name not in times]
    keys = [(name, "ascending") for name in times] + [("covered_hours", "descending")]
    return rows.sort_by([*keys, *((name, "ascending") for name in rest)]) if rows.num_rows else rows


def _with(rows: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    return rows


def _notes(exact: Scope, scope: Scope, rows: pa.Table, asked: UtilizationQuestion) -> list[str]:
    held = {"yes": "of devices that somebody held", "no": "of devices that nobody held", "all": "held or not"}
    notes = [f"Samples {held[asked.held]}, weighted by the time that they hold; a quantile {_ERRS}."]
    if exact.window != scope.window and not exact.whole:
        notes.append(f"Samples stand under the hour in which they begin: {said(scope.window)}.")
    if not rows.num_rows:
        what = "counts as use" if asked.signal == "counted" else f"carries {asked.signal}"
        notes.append(f"No posted sample {what} here: nothing is known of its distribution.")
    return notes


def _bins(scope: Scope, cuts: Sequence[Cut], rows: pa.Table) -> Answer:
    """Give the time in each bin that has any, a row each."""
    import numpy as np
    import pyarrow as pa

    columns = (
        *(cut.column for cut in cuts),
        _SIGNAL,
        OutColumn("above", "share", "Above this ratio; null: exactly zero.", "share"),
        OutColumn("up_to", "share", "Up to this ratio.", "share"),
        OutColumn("hours", "device-hours", "The time.", "number"),
        OutColumn("part", "share", "Its part of all the time of the row above.", "share"),
    )
    count, width = rows.num_rows, len(HISTOGRAM_BINS)
    times = np.stack([rows.column(name).to_numpy() for name in HISTOGRAM_BINS], axis=1).reshape(count, width)
    keys = rows.select([*(cut.name for cut in cuts), "signal"]).take(pa.array(np.repeat(np.arange(count), width)))
    above = [None, *(edge / 100 for edge in HISTOGRAM_EDGES[:-1])]
    part = times / np.maximum(times.sum(axis=1, keepdims=True), 1)
    made = {
        "above": pa.array(above * count, pa.float64()),
        "up_to": pa.array([edge / 100 for edge in HISTOGRAM_EDGES] * count, pa.float64()),
        "hours": pa.array(times.reshape(-1) / MS_PER_HOUR),
        "part": pa.array(part.reshape(-1)),
    }
    return table("utilization.bins", scope, columns, _with(keys, made).filter(pa.array(times.reshape(-1) > 0)))


def _ranges(cuts: Sequence[Cut]) -> Ranges:
    return Ranges(
        told="How the signal is distributed: 5, 25, 50, 75 and 95 % of the time at or below.",
        unit="ratio",
        each=("signal",),
        label=tuple(cut.name for cut in cuts),
        quantiles=("p05", "p25", "p50", "p75", "p95"),
    )


def _picture(bins: pa.Table) -> Picture:
    """Draw a histogram in steps of 5 points, since bars of different widths would mislead."""
    import pyarrow as pa

    shares: dict[tuple[str, str], float] = {}
    for row in bins.to_pylist():
        step = round(row["up_to"] * 100 + 4) // 5 * 5
        name = "0 %" if row["above"] is None else f"{step - 5} to {step} %"
        shares[row["signal"], name] = shares.get((row["signal"], name), 0.0) + row["hours"]
    rows = pa.table(
        {
            "signal": pa.array([signal for signal, _ in shares], pa.string()),
            "ratio": pa.array([name for _, name in shares], pa.string()),
            "hours": pa.array(shares.values(), pa.float64()),
        }
    )
    told = "Over how many device-hours the signal was at which ratio; exactly 0 stands apart."
    return Bars(told=told, unit="device-hours", each=("signal",), label=("ratio",), parts=("hours",), rows=rows)


REPORT = Report(
    name="utilization",
    question="How is a signal of the GPUs distributed: mean, share of zeros, quantiles, by node, device, user, hour?",
    parameters=UtilizationQuestion,
    needs=(
        Need("histograms", "Nothing is known of distributions: no day with samples is posted.", required=True),
        Need("gpu_samples", "There is nothing to post histograms from."),
        Need("jobs", "Users, accounts and partitions are null."),
        Need("nodes", "GPU models are null, and memory_used has no memory to be a part of."),
    ),
    run=run,
)
