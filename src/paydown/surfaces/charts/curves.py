"""Curves over time, with what lies between them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from paydown.surfaces.charts.looks import CURVES, Spec, coloured, wall
from paydown.surfaces.values import plain

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from paydown.reports.parts.pictures import Curves

CLOCK = {"minutes": "%H:%M", "hours": "%H:%M", "date": "%b %d", "day": "%b %d", "week": "%b %d", "month": "%b %Y"}
"""How the axis writes times: the 24-hour clock, and days with their month."""

_DIGITS = 4


def curves(picture: Curves, rows: list[dict[str, Any]], unit: str, zone: ZoneInfo) -> Spec:
    """Draw lines and the areas below them, as the parts of a specification."""
    drawn = [name for name in picture.areas if any(row.get(name) for row in rows)]
    known = [name for name in picture.lines if any(row.get(name) is not None for row in rows)]
    names = dict.fromkeys([*picture.lines, *picture.areas])
    points = [_point(row, picture.time, names, zone) for row in rows]
    layers = [*([_areas(drawn, unit, zone)] if drawn else []), _lines(known, unit, zone), _reading(names, drawn, known)]
    return {
        "height": 320,
        "data": {"values": _closed(points, rows[-1].get(picture.end) if rows else None, zone)},
        "layer": layers,
        "resolve": {"scale": {"color": "independent"}},
    }


def _point(row: dict[str, Any], time: str, names: dict[str, None], zone: ZoneInfo) -> dict[str, Any]:
    figures = {name: plain(row.get(name), zone) for name in names}
    return {"time": wall(row[time], zone), **{n: v if v is None else round(v, _DIGITS) for n, v in figures.items()}}


def _closed(points: list[dict[str, Any]], end: datetime | None, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Curves are drawn in steps, so the last bucket needs its end to be seen."""
    return [*points, {**points[-1], "time": wall(end, zone)}] if points and end is not None else points


def time_axis(zone: ZoneInfo) -> Spec:
    """Give the axis of times that stand as the zone's clocks show them."""
    return {"axis": {"grid": False, "title": f"time ({zone.key})", "format": CLOCK}}


def _x(zone: ZoneInfo | None = None) -> Spec:
    axis = {} if zone is None else time_axis(zone)
    return {"field": "time", "type": "temporal", "scale": {"type": "utc"}, **axis}


def _areas(drawn: list[str], unit: str, zone: ZoneInfo) -> Spec:
    colors = coloured(drawn)
    return {
        "transform": [
            {"fold": drawn, "as": ["category", "amount"]},
            {"calculate": f"indexof({json.dumps(drawn)}, datum.category)", "as": "place"},
        ],
        "mark": {"type": "area", "interpolate": "step-after"},
        "encoding": {
            "x": _x(zone),
            "y": {"field": "amount", "type": "quantitative", "stack": "zero", "axis": {"title": unit}},
            "order": {"field": "place"},
            "color": _color("category", "between them", "square", dict(reversed(colors.items()))),
        },
    }


def _lines(drawn: list[str], unit: str, zone: ZoneInfo) -> Spec:
    colors = {name: CURVES.get(name) or coloured(drawn)[name] for name in drawn}
    return {
        "transform": [{"fold": drawn, "as": ["curve", "level"]}],
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
        "encoding": {
            "x": _x(zone),
            "y": {"field": "level", "type": "quantitative", "axis": {"title": unit}},
            "color": _color("curve", "curves", "stroke", colors),
        },
    }


def _color(field: str, title: str, symbol: str, colors: dict[str, str]) -> Spec:
    scale = {"domain": list(colors), "range": list(colors.values())}
    return {"field": field, "type": "nominal", "scale": scale, "legend": {"title": title, "symbolType": symbol}}


def _reading(names: dict[str, None], drawn: list[str], known: list[str]) -> Spec:
    """Let the pointer read every figure of the moment under it."""
    figures = dict.fromkeys([*(name for name in names if name in known), *reversed(drawn)])
    nearest = {"type": "point", "nearest": True, "on": "pointerover", "encodings": ["x"], "clear": "pointerout"}
    told = [{"field": name, "type": "quantitative", "format": ",.2f"} for name in figures]
    when = {"field": "time", "type": "temporal", "timeUnit": "utcyearmonthdatehoursminutes", "title": "time"}
    return {
        "params": [{"name": "moment", "select": nearest}],
        "mark": {"type": "rule", "strokeWidth": 1},
        "encoding": {
            "x": _x(),
            "opacity": {"condition": {"param": "moment", "empty": False, "value": 0.6}, "value": 0},
            "tooltip": [when, *told],
        },
    }
