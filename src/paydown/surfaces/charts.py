"""Pictures of answers, as Vega-Lite: capacity in grey, allocation in yellow, utilization in green, the gaps between."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from paydown.errors import MissingExtraError
from paydown.surfaces.values import plain

if TYPE_CHECKING:
    from types import ModuleType

    from paydown.reports.interface import Answer

Spec = dict[str, Any]
"""A Vega-Lite specification."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""The name of the specification's version; nothing is fetched from there."""

CURVES = {"capacity": "#6e7781", "allocated": "#b58900", "used": "#1a7f37"}
"""The three curves: grey, yellow, green."""

BETWEEN = {
    "used": "#4ac26b",
    "underused": "#f5e08c",
    "inactive": "#e3a008",
    "unobserved": "#fbf3d0",
    "blocked": "#8c959f",
    "idle": "#d5dade",
    "planned_down": "#57606a",
    "down": "#32383f",
}
"""The categories from the axis up: green is used, yellows are held and not used, greys are not held."""

UNITS = {"gpu": "GPUs", "gpu_memory": "GPU memory, GiB", "cpu": "cores", "memory": "memory, GiB"}
"""What the axis of each TRES counts."""

CLOCK = {"minutes": "%H:%M", "hours": "%H:%M", "date": "%b %d", "day": "%b %d", "week": "%b %d", "month": "%b %Y"}
"""How the axis writes times: the 24-hour clock, and days with their month."""

DRAW = """
document.querySelectorAll("script[data-draw]").forEach((data) => {
  vegaEmbed("#" + data.dataset.draw, JSON.parse(data.textContent), {actions: false, renderer: "svg"});
});
"""
"""What draws every specification of a page, from the page itself: nothing is fetched."""

_DIGITS = 4


def charts_of(answer: Answer, zone: ZoneInfo) -> list[tuple[Spec, str]]:
    """Give the specifications of an answer's pictures, each with a sentence that says what it shows."""
    if not {column.name for column in answer.columns} >= {"bucket", "tres", *CURVES}:
        return []
    by_tres: dict[str, list[dict[str, Any]]] = {}
    for row in answer.rows.to_pylist():
        by_tres.setdefault(row["tres"], []).append(row)
    if any(_overlap(rows) for rows in by_tres.values()):
        return []
    return [timeline(rows, tres, zone) for tres, rows in by_tres.items()]


def _overlap(rows: list[dict[str, Any]]) -> bool:
    """A timeline that is cut by user, say, has several rows for one bucket, which are not one curve."""
    return len({row["bucket"] for row in rows}) < len(rows)


def timeline(rows: list[dict[str, Any]], tres: str, zone: ZoneInfo, width: int | str = "container") -> tuple[Spec, str]:
    """Draw capacity, allocation and utilization of one TRES over time, with the categories between them."""
    drawn = [name for name in BETWEEN if any(row.get(name) for row in rows)]
    spec = {
        "$schema": SCHEMA,
        "width": width,
        "height": 320,
        "background": "white",
        "data": {"values": _closed([_point(row, zone) for row in rows], _end(rows, zone))},
        "layer": [_areas(drawn, tres, zone), _curves([n for n in CURVES if _known(rows, n)]), _reading(drawn)],
        "resolve": {"scale": {"color": "independent"}},
        "config": {"view": {"stroke": None}},
    }
    return spec, f"{UNITS[tres]} over time: capacity, allocation and utilization, with what lies between them."


def _known(rows: list[dict[str, Any]], name: str) -> bool:
    return any(row.get(name) is not None for row in rows)


def _point(row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    figures = {name: plain(row.get(name), zone) for name in (*CURVES, *BETWEEN)}
    return {"time": wall(row["bucket"], zone), **{n: v if v is None else round(v, _DIGITS) for n, v in figures.items()}}


def _end(rows: list[dict[str, Any]], zone: ZoneInfo) -> int | None:
    end = rows[-1].get("bucket_end") if rows else None
    return None if end is None else wall(end, zone)


def _closed(points: list[dict[str, Any]], end: int | None) -> list[dict[str, Any]]:
    """Curves are drawn in steps, so the last bucket needs its end to be seen."""
    return [*points, {**points[-1], "time": end}] if points and end is not None else points


def wall(moment: datetime, zone: ZoneInfo) -> int:
    """Give the wall-clock time of an instant as if it were UTC, in ms: the axis then reads as the zone's clocks do."""
    return int(moment.astimezone(zone).replace(tzinfo=ZoneInfo("UTC")).timestamp() * 1000)


def _x(zone: ZoneInfo | None = None) -> Spec:
    axis = {} if zone is None else {"axis": {"grid": False, "title": f"time ({zone.key})", "format": CLOCK}}
    return {"field": "time", "type": "temporal", "scale": {"type": "utc"}, **axis}


def _areas(drawn: list[str], tres: str, zone: ZoneInfo) -> Spec:
    return {
        "transform": [
            {"fold": drawn, "as": ["category", "amount"]},
            {"calculate": f"indexof({json.dumps(drawn)}, datum.category)", "as": "place"},
        ],
        "mark": {"type": "area", "interpolate": "step-after"},
        "encoding": {
            "x": _x(zone),
            "y": {"field": "amount", "type": "quantitative", "stack": "zero", "axis": {"title": UNITS[tres]}},
            "order": {"field": "place"},
            "color": _color("category", "between them", "square", {name: BETWEEN[name] for name in reversed(drawn)}),
        },
    }


def _curves(drawn: list[str]) -> Spec:
    return {
        "transform": [{"fold": drawn, "as": ["curve", "level"]}],
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
        "encoding": {
            "x": _x(),
            "y": {"field": "level", "type": "quantitative"},
            "color": _color("curve", "curves", "stroke", {name: CURVES[name] for name in drawn}),
        },
    }


def _color(field: str, title: str, symbol: str, colors: dict[str, str]) -> Spec:
    scale = {"domain": list(colors), "range": list(colors.values())}
    return {"field": field, "type": "nominal", "scale": scale, "legend": {"title": title, "symbolType": symbol}}


def _reading(drawn: list[str]) -> Spec:
    """Let the pointer read every figure of the moment under it."""
    figures = dict.fromkeys([*CURVES, *reversed(drawn)])
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


def inert(spec: Spec) -> str:
    """Write a specification so that nothing in it can end the script element that holds it."""
    text = json.dumps(spec, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def bundle() -> str:
    """Give the JavaScript that draws (Vega, Vega-Lite, Vega-Embed), from the wheel: pages work offline."""
    script: str = converter().javascript_bundle()
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def converter() -> ModuleType:
    """Give the library that holds and runs Vega, or say how to get it."""
    try:
        import vl_convert
    except ImportError:
        raise MissingExtraError("Pictures need an extra: pip install 'paydown[charts]'.") from None
    module: ModuleType = vl_convert
    return module
