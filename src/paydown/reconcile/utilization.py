"""The ledger against `sreport cluster Utilization`: capacity and what became of it.

Slurm's Down holds drained nodes, which the ledger has under planned_down, and Slurm's Planned is what the ledger has
under blocked, worked out another way: so the two are compared as sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from paydown.dialects.slurm_reports.sreport import TRES_NAMES, UTILIZATION, Utilization, utilization
from paydown.model.units import MS_PER_HOUR, TRES
from paydown.model.window import Window, from_ms
from paydown.reconcile.causes import Ground, mirrored, real
from paydown.reconcile.figures import Explanation, Figure

if TYPE_CHECKING:
    from paydown.reconcile.asked import Question

CHECK = "utilization"

FIGURES = {
    "reported": (("reported",), ("reported",)),
    "allocated": (("allocated",), ("used", "inactive", "underused", "unobserved")),
    "down + planned down": (("down", "planned_down"), ("down", "planned_down")),
    "idle + planned": (("idle", "planned"), ("idle", "blocked")),
}
"""What is compared: Slurm's columns, and the ledger's categories."""

PER_HOUR = {"gpu": 3_600, "cpu": 3_600, "memory": 3_600 * 1024}
"""How many of sreport's units (TRES-seconds, MB-seconds) make one shown hour."""


def arguments(report: Sequence[str], cluster: str, window: Window) -> tuple[str, ...]:
    """Give the words of a call of sreport: in UTC, so that its hours are those of the window."""
    start, end = (from_ms(ms).strftime("%Y-%m-%dT%H:%M:%S") for ms in (window.start_ms, window.end_ms))
    return ("env", "TZ=UTC", "sreport", *report, f"Clusters={cluster}", f"Start={start}", f"End={end}")


def figures(asked: Question, ground: Ground) -> Iterator[Figure]:
    """Compare each TRES."""
    theirs = utilization(asked.command(arguments(UTILIZATION, asked.cluster, asked.window)), asked.cluster)
    for tres in TRES_NAMES:
        if tres in theirs:
            yield from _of_tres(asked, theirs[tres], ground)
            continue
        reason = f"sreport has no {TRES_NAMES[tres]}: it is not in AccountingStorageTRES, or nothing is rolled up"
        yield Figure(CHECK, f"{asked.cluster} {tres}", "all", TRES[tres].hour_unit, skipped=reason)


def rolled_up(asked: Question) -> bool:
    """Say whether sreport has anything for the last hour of the window."""
    end = asked.window.end_ms
    last = arguments(UTILIZATION, asked.cluster, Window(end - MS_PER_HOUR, end))
    return bool(utilization(asked.command(last), asked.cluster))


def _of_tres(asked: Question, theirs: Utilization, ground: Ground) -> Iterator[Figure]:
    tres = theirs.tres
    per_hour = PER_HOUR[tres]
    ours = ground.stated(tres)
    causes = _causes(tres, ground, theirs.reported / per_hour)
    for figure, (columns, categories) in FIGURES.items():
        yield Figure(
            CHECK,
            f"{asked.cluster} {tres}",
            figure,
            TRES[tres].hour_unit,
            sum(getattr(theirs, name) for name in columns) / per_hour,
            ours.of(*categories) if ours.capacity else None,
            rounding=asked.window.length_ms / MS_PER_HOUR / per_hour,
            explanations=causes[figure],
            skipped="" if ours.capacity else _without_capacity(tres),
        )


def _without_capacity(tres: str) -> str:
    return f"the ledger states no capacity of {tres} here: no inventory, or it is not tracked (paydown coverage)"


def _causes(tres: str, ground: Ground, reported: float) -> dict[str, tuple[Explanation, ...]]:
    """Give what may make each figure differ."""
    lacking = max(0.0, ground.stated(tres).of("reported") - reported)
    shared = [ground.not_covered(reported), ground.not_rolled_up(lacking)]
    nodes = ground.nodes_changed(tres)
    held = [ground.over_allocated(tres), ground.not_visible(tres), ground.reserved(tres)]
    away = [ground.held_while_down(tres), ground.seen_late(tres), ground.maintenance(tres)]
    found = {
        "reported": [*shared, nodes],
        "allocated": [*shared, *held],
        "down + planned down": [*shared, nodes, *away],
        "idle + planned": [*shared, nodes, *mirrored([*held, *away])],
    }
    return {name: real(causes) for name, causes in found.items()}
