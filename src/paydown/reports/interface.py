"""What a report is: a question, typed parameters, the facts it needs, and one table as an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from paydown.reports.parts.pictures import Picture

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.model.window import Window
    from paydown.store.snapshot import Snapshot


@dataclass(frozen=True)
class OutColumn:
    """A column of an answer."""

    name: str
    """Its name, with the unit in it where it has one (`gpu_hours`, `wait_mean_hours`)."""
    unit: str
    """Its unit, empty where it has none; `share` for a part of one."""
    description: str
    """What it says, and for a mean what it is weighted by."""
    role: str = "text"
    """How it looks: `text`, `prose` (sentences), `verdict` (`red` stands out), `number`, `share`, `instant`,
    `capacity`, `allocation`, `utilization`, `debt`."""
    minor: bool = False
    """Whether a table that must fit a terminal may leave it out; every other format holds it."""


@dataclass(frozen=True)
class Need:
    """A fact table, and what of the answer goes missing without it."""

    table: str
    """The fact or derived table."""
    without: str
    """What the report cannot say without it, as a sentence."""
    required: bool = False
    """Whether the report has no answer at all without it."""


@dataclass(frozen=True)
class Answer:
    """What a report found."""

    report: str
    window: Window
    columns: tuple[OutColumn, ...]
    rows: pa.Table
    """One Arrow column for each of `columns`, in order; null where it is not known."""
    coverage: dict[str, Any] = field(default_factory=dict)
    """What is known of the window: `observed_share` (null where nothing was held), tables, sources, gaps."""
    notes: tuple[str, ...] = ()
    """Sentences that must stand beside the figures: time zone, assumptions, what cannot be said and why."""
    more: tuple[Answer, ...] = ()
    """Further tables of the same answer."""
    headline: tuple[str, ...] = ()
    """A few sentences that say the most important, for people."""
    pictures: tuple[Picture, ...] = ()
    """What of the rows can be drawn, and how; none where the question asked has no picture."""


@dataclass(frozen=True)
class Report:
    """A report: a value, made at the end of its module as `REPORT`."""

    name: str
    """The verb."""
    question: str
    """The question that it answers, in one line."""
    parameters: type[BaseModel]
    """Its parameters: frozen, unknown keys forbidden, each field with a description; fields become flags."""
    needs: tuple[Need, ...]
    """What it needs, for `doctor` and for the sentence that says what is missing."""
    run: Callable[[Snapshot, Any], Answer]
    """Answer from a pinned snapshot: a pure function of it and of the parameters."""
