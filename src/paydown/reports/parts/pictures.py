"""Pictures of answers, as data: which columns of the rows are drawn how. Surfaces turn them into something to see.

Colours are not chosen here: a series is drawn in the colour of its word everywhere (`used` is green, `inactive` dark
yellow, `idle` light grey ...), whatever unit stands behind it in the column's name (`used_hours`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from paydown.model.units import TRES

if TYPE_CHECKING:
    import pyarrow as pa

FROM_THE_AXIS = ("used", "underused", "inactive", "unobserved", "blocked", "idle", "planned_down", "down")
"""The categories as they are drawn from the axis up: used, held and not used, not held."""

UNITS = {"gpu": "GPUs", "gpu_memory": "GPU memory, GiB", "cpu": "cores", "memory": "memory, GiB"}
"""What the scale of each TRES counts at a moment."""

HOURS = {name: tres.hour_unit for name, tres in TRES.items()}
"""What the scale of each TRES counts over time."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What every picture has."""

    told: str
    """What it shows, in a sentence: its title, and what those are told who do not see it."""
    unit: str | Mapping[str, str] = ""
    """What its scale counts; where it differs by TRES, the text for each value of the column `tres`."""
    each: tuple[str, ...] = ()
    """Columns by whose values there are pictures apart: `("tres",)`, since different TRES share no scale."""
    rows: pa.Table | None = None
    """What it draws, where that is not the answer's own rows; then names and instants stand in it as they are shown."""


@dataclass(frozen=True, kw_only=True)
class Curves(Picture):
    """Curves over time in steps, with areas stacked below them; one row for each bucket."""

    time: str
    """The column of the instants at which buckets begin."""
    end: str
    """The column of the instants at which they end."""
    lines: tuple[str, ...] = ()
    """The columns drawn as lines."""
    areas: tuple[str, ...] = ()
    """The columns drawn as areas, one upon the other, from the axis up; what never was is left out."""


@dataclass(frozen=True, kw_only=True)
class Bars(Picture):
    """Bars of several parts: one bar for each row, or with `series` one for each label."""

    label: tuple[str, ...]
    """The columns that name a bar. A single one of dates or instants stands upright over time."""
    parts: tuple[str, ...]
    """The columns that are its parts, in order; with `series`, the values of that column."""
    series: str = ""
    """Where each part has a row of its own: the column that names the part."""
    value: str = ""
    """Where each part has a row of its own: the column that holds its length."""
    stacked: bool = True
    """Whether the parts add up to a bar; else they stand side by side."""


@dataclass(frozen=True, kw_only=True)
class Ranges(Picture):
    """Distributions: a thin line from the first to the last quantile, a thick one within, a tick in the middle."""

    label: tuple[str, ...]
    """The columns that name a distribution."""
    quantiles: tuple[str, str, str, str, str]
    """The columns of five quantiles, the least first."""


@dataclass(frozen=True, kw_only=True)
class Heat(Picture):
    """A map of shaded cells, one for each row; what is not known stays empty."""

    x: str
    """The column that names a cell's place from left to right: an instant, a date, a number, or a word."""
    y: tuple[str, ...]
    """The columns that name its line."""
    value: str
    """The column that shades it."""
    most: float | None = 1.0
    """The value of the strongest shade; None: the largest that there is."""
    shade: Literal["utilization", "allocation", "debt", "capacity"] = "utilization"
    """What it is about, which chooses the colour."""
