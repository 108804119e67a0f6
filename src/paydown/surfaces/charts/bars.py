"""Bars of parts, and ranges of quantiles."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from paydown.surfaces.charts.looks import OTHERS, Spec, coloured, label, word
from paydown.surfaces.values import plain

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from paydown.reports.parts.pictures import Bars, Ranges

MOST_BARS = 40
"""How many bars that lie are drawn."""

MOST_UPRIGHT = 400
"""How many bars that stand over time are drawn."""

_STEP = 22
_UPRIGHT_HEIGHT = 320


def bars(picture: Bars, rows: list[dict[str, Any]], unit: str, zone: ZoneInfo) -> tuple[Spec, int]:
    """Draw bars as the parts of a specification, and say how many were left out."""
    points = [point for row in rows for point in _points(picture, row, zone)]
    upright = _over_time(picture, rows)
    names = list(dict.fromkeys(point["label"] for point in points))
    kept = names[: MOST_UPRIGHT if upright else MOST_BARS]
    inside = set(kept)
    points = [point for point in points if point["label"] in inside]
    parts = [name for name in map(word, picture.parts) if any(point["part"] == name for point in points)]
    return _bars(picture, points, kept, parts, unit, upright=upright), len(names) - len(kept)


def _points(picture: Bars, row: dict[str, Any], zone: ZoneInfo) -> list[dict[str, Any]]:
    name = label((row[column] for column in picture.label), zone)
    if picture.series:
        found = {row[picture.series]: row[picture.value]} if row[picture.series] in picture.parts else {}
    else:
        found = {part: row[part] for part in picture.parts}
    return [
        {"label": name, "part": word(part), "value": plain(value, zone), "place": picture.parts.index(part)}
        for part, value in found.items()
        if value
    ]


def _over_time(picture: Bars, rows: list[dict[str, Any]]) -> bool:
    if len(picture.label) != 1:
        return False
    values = [row[picture.label[0]] for row in rows]
    return bool(values) and all(isinstance(value, date | datetime) for value in values)


def _bars(
    picture: Bars, points: list[dict[str, Any]], names: list[str], parts: list[str], unit: str, *, upright: bool
) -> Spec:
    along, across = ("y", "x") if upright else ("x", "y")
    colors = coloured(parts)
    stack = {"stack": "zero" if picture.stacked else None}
    encoding: Spec = {
        along: {"field": "value", "type": "quantitative", "axis": {"title": unit}, **stack},
        across: {"field": "label", "type": "ordinal", "sort": names, "axis": {"title": ", ".join(picture.label)}},
        "color": {
            "field": "part", "type": "nominal",
            "legend": {"title": None, "symbolType": "square", "orient": "right" if upright else "top"},
            "scale": {"domain": list(colors), "range": list(colors.values())},
        },
        "order": {"field": "place"},
        "tooltip": [
            {"field": "label", "type": "nominal", "title": ", ".join(picture.label)},
            {"field": "part", "type": "nominal"},
            {"field": "value", "type": "quantitative", "format": ",.2f", "title": unit},
        ],
    }  # fmt: skip
    if not picture.stacked:
        encoding[f"{across}Offset"] = {"field": "part", "type": "nominal", "sort": parts}
    lines = len(parts) if not picture.stacked else 1
    height = _UPRIGHT_HEIGHT if upright else {"step": _STEP if lines == 1 else _STEP / 2}
    return {"height": height, "data": {"values": points}, "mark": {"type": "bar"}, "encoding": encoding}


def ranges(picture: Ranges, rows: list[dict[str, Any]], unit: str, zone: ZoneInfo) -> tuple[Spec, int]:
    """Draw distributions as the parts of a specification, and say how many were left out."""
    names = ("q0", "q1", "q2", "q3", "q4")
    points = [
        {
            "label": label((row[column] for column in picture.label), zone),
            **{name: plain(row[column], zone) for name, column in zip(names, picture.quantiles, strict=True)},
        }
        for row in rows[:MOST_BARS]
    ]
    title = ", ".join(picture.label)
    y = {"field": "label", "type": "ordinal", "sort": [p["label"] for p in points], "axis": {"title": title}}
    told = [
        {"field": name, "type": "quantitative", "format": ",.3f", "title": column}
        for name, column in zip(names, picture.quantiles, strict=True)
    ]

    def between(first: str, last: str, mark: Spec) -> Spec:
        x = {"field": first, "type": "quantitative", "axis": {"title": unit}}
        return {"mark": mark, "encoding": {"x": x, "x2": {"field": last}}}

    layers = [
        between("q0", "q4", {"type": "rule", "color": OTHERS[0]}),
        between("q1", "q3", {"type": "bar", "color": OTHERS[0], "size": _STEP / 2, "opacity": 0.6}),
        {
            "mark": {"type": "tick", "thickness": 3, "size": _STEP / 2, "color": "#b58900"},
            "encoding": {"x": {"field": "q2", "type": "quantitative"}},
        },
    ]
    shared = {"y": y, "tooltip": [{"field": "label", "type": "nominal", "title": title}, *told]}
    spec = {"height": {"step": _STEP}, "data": {"values": points}, "encoding": shared, "layer": layers}
    return spec, max(0, len(rows) - MOST_BARS)
