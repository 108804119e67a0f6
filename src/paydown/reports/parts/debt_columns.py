"""The columns of the debt report, each with what it says."""

from __future__ import annotations

from collections.abc import Sequence

from paydown.reports.interface import OutColumn
from paydown.reports.parts.cuts import CUTS, Cut

HOURS = "GPU-hours or core-hours"
UNIT = "milli-GPU x ms or milli-CPU x ms"

_HELD = "of what was held, weighted by hours"

COLUMNS = (
    OutColumn("debt_hours", HOURS, "Computational debt: inactive + underused. Null for memories.", "debt"),
    OutColumn("debt_share", "share", f"Debt: the part {_HELD}.", "share"),
    OutColumn(
        "debt_equivalent", "GPUs or cores", "How many, used by nobody all the time stated, the debt equals.", "debt"
    ),
    OutColumn("inactive_hours", HOURS, "Hard debt: held, and quiet for at least the inactivity span.", "debt"),
    OutColumn("underused_hours", HOURS, "Soft debt: held and active, the part above the use.", "debt"),
    OutColumn("unobserved_hours", HOURS, "Held, and no sample covers it: neither debt nor use.", "number"),
    OutColumn("debt_max_hours", HOURS, "The most that the debt can be: debt + unobserved.", "debt"),
    OutColumn("observed_share", "share", f"Coverage: the measured part {_HELD}.", "share"),
    OutColumn("not_held_hours", HOURS, "Held by nobody: idle + blocked + down + planned_down.", "number"),
    OutColumn("not_held_share", "share", "Not held: the part of the capacity reported, weighted by hours.", "share"),
    OutColumn("allocated_hours", HOURS, "What was held.", "allocation"),
    OutColumn("used_hours", HOURS, "What was used.", "utilization"),
    OutColumn(
        "lost_hours", HOURS, "What of it was used by attempts that failed, were preempted or requeued.", "number"
    ),
    OutColumn("debt_change_hours", HOURS, "The debt less that of the window (by time: cell) before.", "number"),
    OutColumn("debt_before_hours", HOURS, "The debt of the window (by time: cell) before.", "number", minor=True),
    OutColumn("reported_hours", HOURS, "The capacity.", "capacity", minor=True),
    OutColumn("idle_hours", HOURS, "Not held, and nobody who may use it waited.", "number", minor=True),
    OutColumn("blocked_hours", HOURS, "Not held while jobs that may use it waited.", "number", minor=True),
    OutColumn("down_hours", HOURS, "Not held: the node was down.", "number", minor=True),
    OutColumn("planned_down_hours", HOURS, "Not held: drained or in maintenance.", "number", minor=True),
    OutColumn("not_held_equivalent", "GPUs or cores", "How many what is not held equals.", "number", minor=True),
    OutColumn("allocated_share", "share", "The part of the capacity reported that was held.", "share", minor=True),
    OutColumn("used_share", "share", f"Use: the part {_HELD}; at least this much.", "share", minor=True),
    OutColumn("lost_share", "share", f"Lost: the part {_HELD}.", "share", minor=True),
    OutColumn("inactive_share", "share", f"Inactive: the part {_HELD}.", "share", minor=True),
    OutColumn("underused_share", "share", f"Underused: the part {_HELD}.", "share", minor=True),
)
"""The figures of a row; before them stand the cuts and the TRES, after them with --exact the integers behind them."""

EXACT = (
    "reported", "not_held", "idle", "blocked", "down", "planned_down", "allocated", "used", "lost", "inactive",
    "underused", "unobserved", "debt",
)  # fmt: skip
"""What `--exact` adds as integers."""


def columns(cuts: Sequence[Cut], *, exact: bool) -> list[OutColumn]:
    """Give the columns of a cut: the cut's own, TRES, the figures, and with `exact` the integers behind them."""
    keys = dict.fromkeys([*cuts, CUTS["tres"]])
    amounts = [
        OutColumn(f"{name}_amount", UNIT, f"{name}_hours as the exact integer of the ledger.", "number", minor=True)
        for name in EXACT
    ]
    return [*(cut.column for cut in keys), *COLUMNS, *(amounts if exact else ())]
