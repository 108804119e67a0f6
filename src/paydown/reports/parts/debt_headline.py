"""The debt in a few sentences, for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from paydown.model.entries import UNALLOCATED
from paydown.model.units import TRES
from paydown.reports.interface import Answer
from paydown.reports.parts.known import Totals


def headline(answer: Answer, totals: Iterable[Totals]) -> Answer:
    """Give the answer with a sentence on each TRES: what was not held, what was held and did not compute."""
    said = [sentence for found in totals for sentence in (_capacity(found), _debt(found)) if sentence]
    return replace(answer, headline=tuple(said))


def _capacity(found: Totals) -> str:
    if found.amounts["reported"] is None:
        return ""
    free = found.hours(*UNALLOCATED)
    share = found.amount(*UNALLOCATED) / found.amount("reported") if found.amount("reported") else None
    return f"Not held: {free:,.1f} of {found.hours('reported'):,.1f} {_unit(found)}{_share(share)}."


def _debt(found: Totals) -> str:
    if not found.allocated:
        return ""
    names = ("inactive", "underused")
    held = found.allocated / TRES[found.tres].per_hour
    if found.observed_share == 0:
        return f"Use and debt: not known; {held:,.1f} {_unit(found)} were held, and none of it is observed."
    kind = "Held and not used" if found.tres in {"gpu_memory", "memory"} else "Computational debt"
    most = found.hours(*names, "unobserved")
    unknown = f"; {most:,.1f} at most, as {found.hours('unobserved'):,.1f} are not observed"
    return (
        f"{kind}: {found.hours(*names):,.1f} of {held:,.1f} {_unit(found)} held"
        f"{_share(found.amount(*names) / found.allocated)}: {found.hours('inactive'):,.1f} inactive, "
        f"{found.hours('underused'):,.1f} underused{unknown if found.amount('unobserved') else ''}."
    )


def _unit(found: Totals) -> str:
    return TRES[found.tres].hour_unit


def _share(share: float | None) -> str:
    return "" if share is None else f" ({share:.1%})"
