"""Nodes and devices: what each is, in which state it was, and what of it was held and used over the window.

The first table of whoever looks after the machines: which nodes stand idle, which are down and why, where held capacity
does nothing.

## How to read it

One row for each node and TRES; `--by` puts nodes together by gpu_model, pool, partition or cluster, or shows every
device. `gpus` is what the inventory last listed; `capacity_hours` is what it lists over the window, whether anybody
states what was held or not: where that is more than the capacity in [debt](debt.md), a note says so. `up_share`,
`planned_down_share` and `down_share` are parts of the time listed. `state` and `reason` are those at its end. The
other figures are the ledger's, as in [debt](debt.md).

The pictures: a map of nodes over time, shaded by the share of their capacity that was held, and by the share used
(by hours up to a week, else by days). With `--by device` the mean of the signal that counts as use, hour by hour.

## Examples

```
paydown nodes --from yesterday --to today
paydown nodes --by gpu_model
paydown nodes --sort -down_share --limit 10
paydown nodes --by device --node n001 --plot devices.svg
```

## Caveats

Where no source supports allocation, what is held cannot be told from what is free: those figures are null, and the note
says which cluster and why. By device, held and used are those of the time that samples cover (weighted by the part of a
GPU that the device is); what the device's samples do not cover is in neither. A node whose GPUs are of several models
has no model here; its devices have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from paydown.errors import UsageError
from paydown.model.units import MS_PER_DAY, TRES
from paydown.reports.interface import Answer, Need, OutColumn, Report
from paydown.reports.parts.answers import answer, table
from paydown.reports.parts.curve import buckets, curve
from paydown.reports.parts.cuts import CUTS, Cut
from paydown.reports.parts.distribution import OWN_CUTS, Chosen, by_the_hour, figures, summed
from paydown.reports.parts.fleet import Node, fleet
from paydown.reports.parts.known import Known, known
from paydown.reports.parts.occupancy import FIGURES, GROUPS, devices, occupancy
from paydown.reports.parts.parameters import Parameters, TresName
from paydown.reports.parts.pictures import Heat
from paydown.reports.parts.scope import Scope, nearest, scope_of
from paydown.reports.parts.slots import slots

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.postings import Filters
    from paydown.store.snapshot import Snapshot

__all__ = ["COLUMNS", "REPORT", "NodesQuestion", "run"]

HOURS = "GPU-hours, core-hours or GiB-hours"
HOURLY_UP_TO_MS = 7 * MS_PER_DAY
"""Up to which length of the window the map has a cell for each hour; beyond it for each day."""

_MODEL = OutColumn("gpu_model", "", "The device's model.")
_ROLES = {"allocated": "allocation", "used": "utilization", "inactive": "debt", "underused": "debt"}
_SAYS = {
    "allocated": "What was held.",
    "used": "What was used.",
    "inactive": "Held, and quiet for at least the inactivity span.",
    "underused": "Held and active, the part above the use.",
    "unobserved": "Held, and no sample covers it: neither debt nor use.",
    "idle": "Not held, and nobody who may use it waited.",
    "blocked": "Not held while jobs that may use it waited.",
    "down": "Not held: the node was down.",
    "planned_down": "Not held: drained or in maintenance.",
}
_MINOR = ("blocked", "down", "planned_down")

COLUMNS = (
    CUTS["tres"].column,
    OutColumn("nodes", "nodes", "How many nodes.", "number"),
    OutColumn("gpus", "GPUs", "How many GPUs the inventory last listed; null where it does not say.", "number"),
    OutColumn("state", "", "The node's state at the end of the time listed; null of several nodes."),
    OutColumn("reason", "", "The reason of that state."),
    OutColumn("up_share", "share", "Up: the part of the time listed.", "share"),
    OutColumn("planned_down_share", "share", "Drained or in maintenance: the part of the time listed.", "share"),
    OutColumn("down_share", "share", "Down: the part of the time listed.", "share"),
    OutColumn("capacity_hours", HOURS, "What the inventory lists over the window.", "capacity"),
    *(OutColumn(f"{name}_hours", HOURS, _SAYS[name], _ROLES.get(name, "number"), name in _MINOR) for name in FIGURES),
    OutColumn("allocated_share", "share", "Held: the part of the capacity over which both are stated.", "share"),
    OutColumn("used_share", "share", "Use: the part of what was held; at least this much.", "share"),
    OutColumn("observed_share", "share", "Coverage: the measured part of what was held, weighted by hours.", "share"),
)
"""The figures, after what the rows are of."""


class NodesQuestion(Parameters):
    """What can be asked of nodes."""

    node: tuple[str, ...] = Field((), description="Only these nodes.")
    tres: tuple[TresName, ...] = Field((), description="Only these countable resources; without it gpu, else cpu.")
    by: tuple[str, ...] = Field(
        (), description="Put nodes together by these: gpu_model, pool, partition, cluster; or node (default), device."
    )


def run(snapshot: Snapshot, asked: NodesQuestion) -> Answer:
    """Say what the nodes are and what became of them."""
    if asked.user or asked.account or asked.partition or asked.team or asked.department:
        raise UsageError(
            "nodes have no user, team, department, account or partition of a job: leave these filters out."
        )
    scope = scope_of(snapshot, asked)
    nodes = fleet(scope, asked.node)
    tres = asked.tres or (("gpu",) if any(node.gpus for node in nodes) else ("cpu",))
    filters: dict[str, Sequence[object]] = {"node": asked.node} if asked.node else {}
    by_device = "device" in asked.by
    groups = _groups(asked.by)
    beside = known(scope, filters, tres)
    rows = devices(scope, nodes, filters) if by_device else occupancy(scope, groups, nodes, {**filters, "tres": tres})
    columns = _device_columns() if by_device else [*(cut.column for cut in groups), *COLUMNS]
    notes = [*scope.notes, *beside.notes, *(_refused(scope) or _beyond(nodes, beside)), *_undated(nodes)]
    found = answer("nodes", scope, asked, columns, rows, coverage=beside.coverage, notes=notes)
    more = _device_map(scope, filters) if by_device else _map(scope, groups, {**filters, "tres": tres})
    return replace(found, more=more, headline=_headline(nodes))


def _groups(by: Sequence[str]) -> tuple[Cut, ...]:
    for name in by:
        if name not in GROUPS and name != "device":
            raise UsageError(f"--by {name} is nothing to put nodes together by{nearest(name, [*GROUPS, 'device'])}")
    if "device" in by and len(by) > 1:
        raise UsageError("--by device shows every device: nothing else goes with it.")
    if not by or {"node", "device"} & set(by):
        return (GROUPS["cluster"], GROUPS["node"], GROUPS["gpu_model"])
    return tuple(GROUPS[name] for name in dict.fromkeys(by))


def _device_columns() -> list[OutColumn]:
    shown = {
        "tres", "nodes", "gpus", "state", "reason", "up_share", "planned_down_share", "down_share", "capacity_hours",
        "allocated_hours", "used_hours", "used_share",
    }  # fmt: skip
    order = [column for column in COLUMNS if column.name in shown]
    return [CUTS["cluster"].column, CUTS["node"].column, OWN_CUTS["gpu"].column, _MODEL, *order]


def _headline(nodes: Sequence[Node]) -> tuple[str, ...]:
    """Say how many GPUs there are; nothing where no node is listed."""
    having = [node for node in nodes if node.gpus]
    if not having:
        return ()
    gpus = sum(node.gpus or 0 for node in having)
    models: dict[str, float] = {}
    for node in having:
        for milli, model in node.devices.values():
            models[model or "model not known"] = models.get(model or "model not known", 0) + milli / 1000
    each = ", ".join(f"{model} {count:,.10g}" for model, count in sorted(models.items(), key=lambda pair: -pair[1]))
    return (f"{gpus:,.10g} GPUs on {len(having):,} of {len(nodes):,} nodes: {each}.",)


def _refused(scope: Scope) -> list[str]:
    """Say for each cluster why what is held of it cannot be stated: what its sources support, and their own words."""
    rows = scope.snapshot.rows(
        "sources", columns=["cluster", "source", "supports", "note"], clusters=list(scope.clusters)
    ).to_pylist()
    found = []
    for cluster in scope.clusters:
        own = [row for row in rows if row["cluster"] == cluster]
        if not own or any("allocation" in row["supports"].split(";") for row in own):
            continue
        said = " ".join(dict.fromkeys(row["note"] for row in own if row["note"]))
        names = ", ".join(dict.fromkeys(row["source"] for row in own))
        found.append(
            f"The occupancy of {cluster} is refused: its sources ({names}) do not support allocation, so what is held "
            f"cannot be told from what is free. {said}".strip()
        )
    return found


def _beyond(nodes: Sequence[Node], beside: Known) -> list[str]:
    """Say so where the inventory lists more than the capacity that is stated, which the other reports count."""
    said = []
    for name, totals in beside.totals.items():
        listed = sum(node.capacity.get(name) or 0 for node in nodes)
        if listed != totals.amount("reported"):
            unit = TRES[name]
            said.append(
                f"The inventory lists {listed / unit.per_hour:,.1f} {unit.hour_unit} (capacity_hours); of "
                f"{totals.hours('reported'):,.1f} it is also stated what was held, which is the capacity that debt "
                "reports and that shares divide by."
            )
    return said


def _undated(nodes: Sequence[Node]) -> list[str]:
    """Say so where nodes are listed over no time: their source vouches for an instant alone."""
    count = sum(not node.listed_ms for node in nodes)
    return [f"{count:,} nodes are listed over no time of the window: they have no hours."] if count else []


def _map(scope: Scope, groups: Sequence[Cut], filters: Filters) -> tuple[Answer, ...]:
    """Give the share held and used of each node (or model, or cluster) over time."""
    cuts = [CUTS[cut.name] for cut in groups if cut.name in {"cluster", "node"}]
    if not any(cut.name == "node" for cut in groups):
        cuts = [CUTS[cut.name] for cut in groups if cut.name in {"cluster", "gpu_model"}]
        if len(cuts) < len(groups):
            return ()
    step = "1h" if scope.window.length_ms <= HOURLY_UP_TO_MS else "1d"
    rows = curve(scope, cuts, filters, slots(scope, step), buckets(scope, cuts, filters, step))
    if not rows.num_rows:
        return ()
    columns = (
        OutColumn("bucket", "UTC", "The start of the hour or day.", "instant"),
        *(cut.column for cut in cuts),
        CUTS["tres"].column,
        OutColumn("allocated_share", "share", "Held: the part of the capacity reported, weighted by time.", "share"),
        OutColumn("used_share_of_capacity", "share", "Use: the part of the capacity reported; at least this.", "share"),
    )
    names = tuple(cut.name for cut in cuts)
    lines = names if len(scope.clusters) > 1 or names == ("cluster",) else tuple(n for n in names if n != "cluster")
    found = table("nodes.over_time", scope, columns, _shares(rows))
    pictures = (
        Heat(told="What part of the capacity was held, over time.", each=("tres",), x="bucket", y=lines,
             value="allocated_share", shade="allocation"),
        Heat(told="What part of the capacity was used, over time.", each=("tres",), x="bucket", y=lines,
             value="used_share_of_capacity", shade="utilization"),
    )  # fmt: skip
    return (replace(found, pictures=pictures),)


def _shares(rows: pa.Table) -> pa.Table:
    import pyarrow as pa

    capacity = rows.column("capacity").to_pylist()
    for name, column in (("allocated_share", "allocated"), ("used_share_of_capacity", "used")):
        parts = [
            None if part is None or not whole else min(part / whole, 1.0)
            for part, whole in zip(rows.column(column).to_pylist(), capacity, strict=True)
        ]
        rows = rows.append_column(name, pa.array(parts, pa.float64()))
    return rows


def _device_map(scope: Scope, filters: Filters) -> tuple[Answer, ...]:
    """Give the mean of the signal that counts as use, by device and hour."""
    cuts = (CUTS["bucket"], CUTS["cluster"], CUTS["node"], OWN_CUTS["gpu"])
    rows = summed(by_the_hour(scope), cuts, Chosen(None, ("none", "one", "several"), filters))
    if not rows.num_rows:
        return ()
    rows = rows.append_column("mean_ratio", figures(rows)["mean_ratio"])
    rows = rows.sort_by([(name, "ascending") for name in ("cluster", "node", "gpu", "bucket")])
    columns = (
        OutColumn("bucket", "UTC", "The start of the hour.", "instant"),
        *(cut.column for cut in cuts[1:]),
        OutColumn("signal", "", "What was measured."),
        OutColumn("mean_ratio", "share", "Its mean over the hour, held or not, weighted by time.", "share"),
    )
    found = table("nodes.over_time", scope, columns, rows)
    told = "The mean of the signal that counts as use, by device and hour, held or not."
    heat = Heat(told=told, each=("signal",), x="bucket", y=("node", "gpu"), value="mean_ratio", shade="utilization")
    return (replace(found, pictures=(heat,)),)


REPORT = Report(
    name="nodes",
    question="What are the nodes and devices, in which state were they, and what of them was held and used?",
    parameters=NodesQuestion,
    needs=(
        Need("nodes", "No node is listed: models, GPUs, states and capacity are null."),
        Need("devices", "Nodes with slices or several models count as whole GPUs of the node's model."),
        Need("node_states", "Every node counts as up all the time."),
        Need("daily", "What was held and used is null: no day is posted."),
        Need("allocations", "What is held is not known."),
        Need("sources", "Up to when the inventory holds is not known."),
        Need("gpu_samples", "The use of GPUs is unobserved, unless job_usage has it; devices have no figures."),
        Need("histograms", "Devices have no figures of what was held and used."),
    ),
    run=run,
)
