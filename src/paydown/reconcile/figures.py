"""A figure that two sides state, what may make them differ, and the verdict on it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["equal", "within", "explained", "red", "skipped"]
"""Equal to what the other side rounds to; within the tolerance; explained by evidence; not explained; not compared."""

ORDER: tuple[Verdict, ...] = ("red", "explained", "within", "skipped", "equal")
"""How figures are shown: what must be looked at first."""


@dataclass(frozen=True)
class Explanation:
    """A reason for which the two sides differ or may, with what shows it, and by how much at least and at most.

    Where both are the same it is worked out: ours - theirs must be that, not may.
    """

    rule: str
    """A short stable word, such as `over-allocated`."""
    low: float
    """The least that it adds to ours - theirs."""
    high: float
    """The most."""
    evidence: str
    """What was seen that shows it, as a sentence without its full stop."""


@dataclass(frozen=True)
class Figure:
    """One figure of two sides."""

    check: str
    """What it was compared with: `utilization`, `accounts`, `nodes`, `seff`, `jobstats`, `prometheus`."""
    of: str
    """What it is a figure of: a TRES, an account and user, a job, a node, a device."""
    figure: str
    """Which figure."""
    unit: str
    theirs: float | None = None
    ours: float | None = None
    rounding: float = 0.0
    """How far apart equal figures may be shown."""
    explanations: tuple[Explanation, ...] = ()
    """What may make it differ."""
    skipped: str = ""
    """Why there is no comparison; empty where there is one."""
    detail: bool = False
    """Whether another figure sums it, so that it is shown only where it differs."""


@dataclass(frozen=True)
class Judged:
    """A figure and the verdict on it."""

    figure: Figure
    verdict: Verdict
    why: str
    """What explains the difference, what was skipped and why, or what does not fit; empty where all is well."""

    @property
    def difference(self) -> float | None:
        """Ours - theirs."""
        ours, theirs = self.figure.ours, self.figure.theirs
        return None if ours is None or theirs is None else ours - theirs

    @property
    def share(self) -> float | None:
        """The difference as a part of the larger of the two; null where both are 0."""
        difference = self.difference
        if difference is None:
            return None
        larger = max(abs(self.figure.ours or 0.0), abs(self.figure.theirs or 0.0))
        return abs(difference) / larger if larger else None


def judged(figure: Figure, tolerance: float) -> Judged:
    """Judge a figure: equal, within the tolerance (a part of the larger one), explained by what was seen, else red."""
    if figure.skipped:
        return Judged(figure, "skipped", figure.skipped)
    if figure.ours is None or figure.theirs is None:
        side = "Paydown" if figure.ours is None else "the other side"
        return Judged(figure, "skipped", f"{side} does not state it here")
    difference = figure.ours - figure.theirs
    if abs(difference) <= figure.rounding:
        return Judged(figure, "equal", "")
    slack = figure.rounding + tolerance * max(abs(figure.ours), abs(figure.theirs))
    if abs(difference) <= slack:
        return Judged(figure, "within", "")
    sure = [each for each in figure.explanations if each.low == each.high]
    left = difference - sum(each.low for each in sure)
    fitting = _fitting(figure.explanations, left, slack)
    reach = sum(_reach(each, left) for each in fitting)
    told = "; ".join(_told(each, left, figure.unit) for each in (*sure, *fitting))
    if abs(left) <= reach + slack:
        return Judged(figure, "explained", told)
    beyond = f"{_much(abs(left) - reach)} {figure.unit} that nothing seen explains"
    return Judged(figure, "red", f"{beyond} (beside {told})" if told else beyond)


def _fitting(explanations: tuple[Explanation, ...], difference: float, slack: float) -> list[Explanation]:
    """Give as few explanations as reach the difference, those that reach furthest first; all where none do."""
    found: list[Explanation] = []
    reach = slack
    for each in sorted(explanations, key=lambda each: -_reach(each, difference)):
        if each.low == each.high or _reach(each, difference) <= 0 or reach >= abs(difference):
            continue
        found.append(each)
        reach += _reach(each, difference)
    return found


def _reach(explanation: Explanation, difference: float) -> float:
    """Give how far an explanation can carry a difference of this sign."""
    return explanation.high if difference > 0 else -explanation.low


def _told(explanation: Explanation, difference: float, unit: str) -> str:
    """Say an explanation, and how much it comes to, or can."""
    sure = explanation.low == explanation.high
    amount = abs(explanation.low) if sure else _reach(explanation, difference)
    how_much = f"{_much(amount)} {unit}" if sure else f"up to {_much(amount)} {unit}"
    return f"{explanation.rule} ({how_much}): {explanation.evidence}"


def _much(amount: float) -> str:
    return f"{amount:,.1f}" if amount >= 10 else f"{amount:.3g}"  # noqa: PLR2004 -- as many digits as are read
