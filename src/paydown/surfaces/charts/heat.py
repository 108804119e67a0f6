"""Maps of shaded cells."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from paydown.surfaces.charts.looks import SHADES, Spec, label
from paydown.surfaces.values import plain

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from paydown.reports.parts.pictures import Heat

MOST_LINES = 150
"""How many lines are drawn."""

MOST_CELLS = 60_000
"""How many cells are drawn: more would make a page too heavy to open."""

_TALL, _LOW, _MANY = 18, 9, 40


def heat(picture: Heat, rows: list[dict[str, Any]], unit: str, zone: ZoneInfo) -> tuple[Spec, int]:
    """Draw cells as the parts of a specification, and say how many lines were left out."""
    points = [_point(picture, row, zone) for row in rows]
    lines = list(dict.fromkeys(point["line"] for point in points))
    places = list(dict.fromkeys(point["place"] for point in points))
    kept = lines[: min(MOST_LINES, max(1, MOST_CELLS // max(1, len(places))))]
    inside = set(kept)
    points = [point for point in points if point["line"] in inside]
    scale: Spec = {"scheme": SHADES[picture.shade]}
    if picture.most is not None:
        scale |= {"domain": [0, picture.most], "clamp": True}
    title = ", ".join(picture.y)
    spec = {
        "height": {"step": _TALL if len(kept) <= _MANY else _LOW},
        "data": {"values": points},
        "mark": {"type": "rect"},
        "encoding": {
            "x": {
                "field": "place", "type": "ordinal", "sort": _order(picture, rows, places, zone),
                "axis": {"title": _title(picture, rows, zone), "labelOverlap": True, "labelAngle": 0, "ticks": False},
            },
            "y": {"field": "line", "type": "ordinal", "sort": kept, "axis": {"title": title, "labelOverlap": True}},
            "color": {
                "field": "value", "type": "quantitative", "scale": scale, "legend": {"title": unit or picture.value},
            },
            "tooltip": [
                {"field": "line", "type": "nominal", "title": title},
                {"field": "place", "type": "nominal", "title": picture.x},
                {"field": "value", "type": "quantitative", "format": ",.3f", "title": picture.value},
            ],
        },
    }  # fmt: skip
    return spec, len(lines) - len(kept)


def _point(picture: Heat, row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {
        "line": label((row[column] for column in picture.y), zone),
        "place": label((row[picture.x],), zone),
        "value": plain(row[picture.value], zone),
    }


def _order(picture: Heat, rows: list[dict[str, Any]], places: list[str], zone: ZoneInfo) -> list[str]:
    """Times and numbers stand in their own order, words in that of the rows."""
    values = {row[picture.x] for row in rows}
    if any(isinstance(value, str) or value is None for value in values):
        return places
    return [label((value,), zone) for value in sorted(values)]


def _title(picture: Heat, rows: list[dict[str, Any]], zone: ZoneInfo) -> str:
    times = any(isinstance(row[picture.x], date | datetime) for row in rows[:1])
    return f"time ({zone.key})" if times else picture.x
