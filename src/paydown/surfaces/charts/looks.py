"""How pictures look: colours by word, times as the zone's clocks show them, ink that suits the paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from paydown.surfaces.values import MISSING, escaped, instant

Spec = dict[str, Any]
"""A Vega-Lite specification, or a part of one."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""The name of the specification's version; nothing is fetched from there."""

CURVES = {"capacity": "#6e7781", "allocated": "#b58900", "used": "#1a7f37"}
"""The three curves: grey, yellow, green."""

BETWEEN = {
    "used": "#4ac26b",
    "underused": "#f5e08c",
    "inactive": "#e3a008",
    "unobserved": "#c8b88a",
    "blocked": "#8c959f",
    "idle": "#d5dade",
    "planned_down": "#6b7580",
    "down": "#4b535c",
}
"""The categories from the axis up: green is used, yellows are held and not used, greys are not held."""

HELD = {"gpu": "#b58900", "cpu": "#b58900"}
"""Hours of a TRES that are what was held."""

SHADES = {"utilization": "greens", "allocation": "goldorange", "debt": "oranges", "capacity": "greys"}
"""The scheme of a heat map, by what it is about."""

OTHERS = ("#0969da", "#8250df", "#bf3989", "#1b7c83", "#bc4c00", "#57606a", "#0550ae", "#953800")
"""The colours of series that have none of their own."""

_UNITS = ("_hours", "_share", "_amount", "_ratio")


@dataclass(frozen=True)
class Look:
    """How a picture suits the place where it is seen."""

    width: int | str
    """Its width in pixels, or `container`."""
    ink: str
    """The colour of its words and axes; `currentColor` follows the page, in light and in dark."""
    paper: str | None
    """What lies behind it; None: nothing."""
    title: bool
    """Whether it bears its title itself."""


PAGE = Look("container", "currentColor", None, title=False)
"""In a page: as wide as there is room, in the page's own ink."""

FILE = Look(900, "#1b1f24", "white", title=True)
"""In a file of its own."""


def framed(look: Look, told: str, parts: Spec) -> Spec:
    """Put what is drawn into a whole specification that suits its place."""
    ink = {"labelColor": look.ink, "titleColor": look.ink}
    lines = {"domainColor": look.ink, "tickColor": look.ink, "gridColor": look.ink, "gridOpacity": 0.15}
    config = {
        "view": {"stroke": None},
        "axis": {**ink, **lines, "labelLimit": 260},
        "legend": ink,
        "title": {"color": look.ink, "anchor": "start"},
    }
    title: Spec = {"title": told} if look.title else {}
    if look.width == "container":
        title["autosize"] = {"type": "fit-x", "contains": "padding"}
    return {"$schema": SCHEMA, "width": look.width, "background": look.paper, **title, **parts, "config": config}


def wall(moment: datetime, zone: ZoneInfo) -> int:
    """Give the wall-clock time of an instant as if it were UTC, in ms: the axis then reads as the zone's clocks do."""
    return int(moment.astimezone(zone).replace(tzinfo=ZoneInfo("UTC")).timestamp() * 1000)


def word(name: str) -> str:
    """Give the word of a series: its name without a unit.

    >>> word("used_hours")
    'used'
    """
    return next((name.removesuffix(unit) for unit in _UNITS if name.endswith(unit)), name)


def coloured(words: Iterable[str]) -> dict[str, str]:
    """Give each series its colour: that of its word, else the next that is free."""
    found: dict[str, str] = {}
    for each in words:
        own = BETWEEN.get(each) or CURVES.get(each) or HELD.get(each)
        found[each] = own or OTHERS[sum(color in OTHERS for color in found.values()) % len(OTHERS)]
    return found


def label(values: Iterable[Any], zone: ZoneInfo) -> str:
    """Name a bar or a line by the values of its columns."""
    return ", ".join(_shown(value, zone) for value in values)


def _shown(value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return MISSING
    if isinstance(value, datetime):
        return instant(value, zone)[:16].replace("T", " ")
    return value.isoformat() if isinstance(value, date) else escaped(str(value))
