"""One moment: what there is, what is held and used, who waits for what, and which devices are held for nothing.

## How to read it

- The first table has a row for each cut (without --by: each cluster) and TRES: capacity, what is held of it, what is
  used, and the categories between, in whole GPUs, cores or GiB. They are means over the five minutes of the ledger that
  hold the moment, the same as `paydown timeline --at` gives.
- `now.waiting`: the jobs that wait at the moment, the longest waiting first, with what they ask for, why they wait
  (as last known), what is free on the nodes that they may use, and whether that would do; where these are null a
  note says why.
- `now.devices`: the devices that are held and that nothing runs on, the longest idle first. The `evidence` is
  `no process` where samples count the processes on the device and there are none; where they do not, it is `quiet`:
  without activity for at least the inactivity span, as the ledger has it. A device of which no sample says anything
  is not listed.
- `now.sources`: up to when each source vouches, how far that lies behind the moment, and how old it is at the time of
  asking. Where sources are collected (`paydown collect`), a sentence beside the figures says how old each is, and which
  of them fail.

--show chooses among them; the first one shown is what CSV and Parquet hold. Without --at the moment is the last one
that is known: that up to which capacity, allocation and use are all vouched for, in the cluster that is known the
longest.

The picture: the categories of each row, used first.

## Examples

```
paydown now
paydown now --by node --tres gpu --partition gpu
paydown now --at 2024-05-01T14:30 --show waiting
paydown now --show devices --format csv
```

## Caveats

Of a moment that is long past, the reason for which a job waited is what was last known of it. How long a device had no
process is looked for a day back at most. Devices are known where the allocation names them, or where samples of the
job do. Cut or filtered by what only holders have (account, user ...), capacity is null. The five minutes in which
accounting begins or ends have no means (null, and a note), unless nothing at all is known beyond its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field

from paydown.errors import UsageError
from paydown.model.units import BUCKET_MS
from paydown.reports.interface import Answer, Need, Report
from paydown.reports.parts.answers import answer
from paydown.reports.parts.curve import buckets, curve
from paydown.reports.parts.cuts import CUTS, SHARED, Cut, chosen, overlaps
from paydown.reports.parts.filters import GONE, OF_HOLDERS, ledger_filters
from paydown.reports.parts.idle_devices import idle_devices
from paydown.reports.parts.known import known
from paydown.reports.parts.moment import ages, behind, last_known, sources
from paydown.reports.parts.moment_columns import COLUMNS
from paydown.reports.parts.parameters import LedgerParameters, TresName
from paydown.reports.parts.pictures import FROM_THE_AXIS, UNITS, Bars
from paydown.reports.parts.postings import Filters
from paydown.reports.parts.queue import queue, unfit
from paydown.reports.parts.scope import Scope, scope_of
from paydown.reports.parts.slots import slots
from paydown.reports.parts.waits import unsupported

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.store.snapshot import Snapshot

__all__ = ["COLUMNS", "REPORT", "NowQuestion", "run"]

Part = Literal["capacity", "waiting", "devices", "sources"]
"""The tables of the answer."""

EVERY: tuple[TresName, ...] = get_args(TresName)
"""All TRES."""

PARTS: tuple[Part, ...] = ("capacity", "waiting", "devices", "sources")


class NowQuestion(LedgerParameters):
    """What can be asked of a moment."""

    by: tuple[str, ...] = Field(
        ("cluster",), description="Cut by these columns: cluster, partition, node, gpu_model, account ..."
    )
    asked_ms: int | None = Field(
        None, description="When it is asked, in ms since the epoch: ages are counted up to then (default: now)."
    )
    show: tuple[Part, ...] = Field(PARTS, description="Only these tables; the first is what CSV and Parquet hold.")


def run(snapshot: Snapshot, asked: NowQuestion) -> Answer:
    """Show a moment."""
    scope, moment = _scope(snapshot, asked)
    filters = ledger_filters(scope, asked)
    looked = _looked(scope, filters, asked)
    parts = [_part(name, scope, filters, asked, (moment, looked)) for name in dict.fromkeys(asked.show or PARTS)]
    first, rest = parts[0], parts[1:]
    notes = [*scope.notes, *behind(scope, moment), *(note for part in parts for note in part.notes)]
    beside = known(scope, filters, asked.tres, None if overlaps(_cuts(asked)) else looked)
    return replace(
        first,
        coverage={**beside.coverage, **first.coverage, "moment_ms": moment},
        notes=tuple(dict.fromkeys([*notes, *beside.notes])),
        headline=(*ages(scope, asked.asked_ms), *(sentence for part in parts for sentence in part.headline)),
        more=tuple(replace(part, notes=(), headline=()) for part in rest),
    )


def _scope(snapshot: Snapshot, asked: NowQuestion) -> tuple[Scope, int]:
    """Give the scope of the five minutes of the moment, and the moment in ms."""
    if asked.at_ms is not None:
        return scope_of(snapshot, asked), asked.at_ms
    if asked.start_ms is not None or asked.end_ms is not None:
        raise UsageError("now is about one moment, not a window: say it with --at.")
    moment = last_known(scope_of(snapshot, asked)) or 0
    start = moment // BUCKET_MS * BUCKET_MS
    there = asked.model_copy(update={"start_ms": start, "end_ms": start + BUCKET_MS if moment else start})
    return scope_of(snapshot, there), moment


def _cuts(asked: NowQuestion) -> tuple[Cut, ...]:
    return chosen(asked.by, [name for name in SHARED if not CUTS[name].unit])


def _looked(scope: Scope, filters: Filters, asked: NowQuestion) -> pa.Table:
    """Look at the ledger once."""
    return buckets(scope, _cuts(asked), {**filters, "tres": asked.tres or EVERY}, "5min")


def _part(name: Part, scope: Scope, filters: Filters, asked: NowQuestion, at: tuple[int, pa.Table]) -> Answer:
    moment, looked = at
    if name == "waiting":
        return _waiting(scope, filters, asked, moment)
    if name == "devices":
        return _devices(scope, filters, asked, moment)
    if name == "sources":
        return sources(scope, moment, asked.asked_ms)
    return _capacity(scope, filters, asked, looked)


def _capacity(scope: Scope, filters: Filters, asked: NowQuestion, looked: pa.Table) -> Answer:
    """Give capacity, allocation and use of the five minutes."""
    cuts = _cuts(asked)
    made = slots(scope, "5min")
    rows = curve(scope, cuts, {**filters, "tres": asked.tres or EVERY}, made, looked)
    held_alone = any(cut.holder for cut in cuts) or bool(OF_HOLDERS & set(filters))
    columns = [*(cut.column for cut in dict.fromkeys([*cuts, CUTS["tres"]])), *COLUMNS]
    notes = [*([GONE] * held_alone), *overlaps(cuts), *made.times.notes()]
    return answer("now", scope, asked, columns, rows, notes=notes, pictures=[picture(cuts)])


def picture(cuts: Sequence[Cut]) -> Bars:
    """Draw the categories of each row."""
    return Bars(
        told="Used, held and not used (yellow), not held (grey), at the moment.",
        unit=UNITS,
        each=("tres",),
        label=tuple(cut.name for cut in cuts if cut.name != "tres") or ("tres",),
        parts=FROM_THE_AXIS,
    )


def _waiting(scope: Scope, filters: Filters, asked: NowQuestion, moment: int) -> Answer:
    found, barred = queue(scope, filters, moment)
    lacking = unsupported(scope)
    notes = [f"{_jobs(barred)} held or not yet eligible (a dependency, a begin time): not waiting."] if barred else []
    if "node" in filters:
        notes.append("Who waits is shown whatever the node: nobody waits for a certain one.")
    notes += lacking
    rows = found.rows
    notes += unfit(scope, rows)
    if lacking and not rows.num_rows:
        return replace(_cut_off(found, asked), notes=tuple(notes))
    gpus = sum(value or 0 for value in rows["req_gpus"].to_pylist())
    said = f"{_jobs(rows.num_rows)} wait{'s' * (rows.num_rows == 1)}, for {gpus:,.10g} GPUs."
    return replace(_cut_off(found, asked), notes=tuple(notes), headline=(said,))


def _devices(scope: Scope, filters: Filters, asked: NowQuestion, moment: int) -> Answer:
    idle = idle_devices(scope, filters, moment)
    count = idle.table.rows.num_rows
    said = f"{count:,} of {idle.held:,} devices held by known jobs have no process, or are quiet."
    unknown = idle.held - idle.sampled
    notes = [f"Devices held and not listed, since no sample says anything: {unknown:,}."] if unknown else []
    return replace(_cut_off(idle.table, asked), notes=tuple(notes), headline=(said,) if idle.held else ())


def _cut_off(found: Answer, asked: NowQuestion) -> Answer:
    """Keep as many rows as asked, and say how many there are."""
    coverage: dict[str, Any] = {"rows": found.rows.num_rows}
    return replace(found, coverage=coverage, rows=found.rows.slice(0, asked.limit) if asked.limit else found.rows)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"


REPORT = Report(
    name="now",
    question="What is there at a moment, what is held and used of it, who waits for what, what is held for nothing?",
    parameters=NowQuestion,
    needs=(
        Need("entries", "Capacity, allocation, use, and what is free for those who wait are null.", required=True),
        Need("daily", "What is free for those who wait is null."),
        Need("jobs", "Who waits is not known, nor whose the devices are."),
        Need("allocations", "What is held is not known."),
        Need("nodes", "Capacity and what nobody holds are null."),
        Need("summaries", "Devices that the allocation does not name are not known."),
        Need("runs", "Devices that are quiet are not listed, unless samples count processes."),
        Need("gpu_samples", "The use of GPUs is unobserved, and devices without a process are not known."),
        Need("host_samples", "The use of CPUs and memory is unobserved, unless job_usage has it."),
        Need("node_states", "Capacity that was down is counted as idle."),
        Need("sources", "The last known moment is not known: say one with --at."),
        Need("identities", "Person keys stand in place of names."),
    ),
    run=run,
)  # fmt: skip
