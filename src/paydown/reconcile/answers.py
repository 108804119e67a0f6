"""A reconciliation as an answer, so that every format of answers can hold it: what is red first."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from paydown.reconcile.figures import ORDER, Judged
from paydown.reconcile.run import Found
from paydown.reconcile.settings import ReconcileSettings
from paydown.reports.interface import Answer, OutColumn

COLUMNS = (
    OutColumn(
        "verdict", "", "red: not explained; explained by evidence; within the tolerance; skipped; equal.", "verdict"
    ),
    OutColumn("check", "", "What it was compared with."),
    OutColumn("of", "", "Whose or what of: cluster and TRES, account and user, node, job, device."),
    OutColumn("figure", "", "Which figure."),
    OutColumn("theirs", "the row's", "What the other side says.", "number"),
    OutColumn("ours", "the row's", "What Paydown says.", "number"),
    OutColumn("difference", "the row's", "Ours - theirs.", "number"),
    OutColumn("difference_share", "share", "The difference as a part of the larger of the two.", "share"),
    OutColumn("unit", "", "The unit of the row.", minor=True),
    OutColumn("why", "", "What was seen that explains the difference, or why there is no comparison.", "prose"),
)
"""The columns, the same for every comparison."""


def answer(found: Found, asked: ReconcileSettings, calls: int = 0) -> Answer:
    """Make the answer; `calls` is how many commands it took."""
    rows = sorted(found.figures, key=lambda each: ORDER.index(each.verdict))
    counts: Counter[str] = Counter(each.verdict for each in rows)
    return Answer(
        "reconcile",
        found.window,
        COLUMNS,
        _table(rows),
        coverage={"rows": len(rows), **{name: counts[name] for name in ORDER}},
        notes=(*found.notes, _tolerance(asked), f"{calls:,} commands were run."),
        headline=(headline(counts),),
    )


def headline(counts: Counter[str]) -> str:
    """Say the most important."""
    red = counts["red"]
    compared = sum(counts.values()) - counts["skipped"]
    first = f"RED: {red:,} of {compared:,} figures differ and nothing explains it" if red else _well(compared)
    rest = ", ".join(f"{counts[name]:,} {name}" for name in ("equal", "within", "explained", "skipped") if counts[name])
    return f"{first} ({rest})." if rest else f"{first}."


def _well(compared: int) -> str:
    return f"All of {compared:,} figures agree or are explained" if compared else "Nothing could be compared"


def _tolerance(asked: ReconcileSettings) -> str:
    return (
        f"The tolerance is {asked.tolerance:.2%} of the larger of two figures; "
        f"jobs that are looked at one by one were chosen with seed {asked.seed}."
    )


def _table(rows: list[Judged]) -> pa.Table:
    text, real = pa.string(), pa.float64()
    return pa.table(
        {
            "verdict": pa.array([each.verdict for each in rows], text),
            "check": pa.array([each.figure.check for each in rows], text),
            "of": pa.array([each.figure.of for each in rows], text),
            "figure": pa.array([each.figure.figure for each in rows], text),
            "theirs": pa.array([each.figure.theirs for each in rows], real),
            "ours": pa.array([each.figure.ours for each in rows], real),
            "difference": pa.array([each.difference for each in rows], real),
            "difference_share": pa.array([each.share for each in rows], real),
            "unit": pa.array([each.figure.unit for each in rows], text),
            "why": pa.array([each.why for each in rows], text),
        }
    )
