"""From the pictures that an answer declares to Vega-Lite specifications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paydown.reports.parts.pictures import Bars, Curves, Heat, Picture, Ranges
from paydown.surfaces.charts.bars import bars, ranges
from paydown.surfaces.charts.curves import curves
from paydown.surfaces.charts.heat import heat
from paydown.surfaces.charts.looks import PAGE, Look, Spec, framed, label

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from paydown.reports.interface import Answer

MOST = 12
"""How many pictures of one kind are drawn of an answer that is cut into many."""


@dataclass(frozen=True)
class Drawn:
    """A picture, drawn."""

    spec: Spec
    """Its specification."""
    told: str
    """What it shows, and what of it is left out."""
    of: dict[str, Any]
    """The values of the columns by which there are pictures apart."""


def charts_of(answer: Answer, zone: ZoneInfo, look: Look = PAGE) -> list[Drawn]:
    """Draw every picture of an answer and of its further tables."""
    own = [drawn for picture in answer.pictures for drawn in _drawn(picture, answer, zone, look)]
    return own + [drawn for further in answer.more for drawn in charts_of(further, zone, look)]


def _drawn(picture: Picture, answer: Answer, zone: ZoneInfo, look: Look) -> Iterator[Drawn]:
    rows = (answer.rows if picture.rows is None else picture.rows).to_pylist()
    apart: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        apart.setdefault(tuple(row[name] for name in picture.each), []).append(row)
    for place, (values, own) in enumerate(apart.items()):
        if place == MOST:
            break
        of = dict(zip(picture.each, values, strict=True))
        parts, left = _parts(picture, own, _unit(picture, of), zone)
        if not parts["data"]["values"]:
            continue
        told = _told(picture, of, zone, left, len(apart) - MOST if place == MOST - 1 else 0)
        yield Drawn(framed(look, told, parts), told, of)


def _unit(picture: Picture, of: Mapping[str, Any]) -> str:
    return picture.unit if isinstance(picture.unit, str) else picture.unit.get(str(of.get("tres")), "")


def _parts(picture: Picture, rows: list[dict[str, Any]], unit: str, zone: ZoneInfo) -> tuple[Spec, int]:
    if isinstance(picture, Curves):
        return curves(picture, rows, unit, zone), 0
    if isinstance(picture, Bars):
        return bars(picture, rows, unit, zone)
    if isinstance(picture, Ranges):
        return ranges(picture, rows, unit, zone)
    if isinstance(picture, Heat):
        return heat(picture, rows, unit, zone)
    raise TypeError(f"nothing draws a {type(picture).__name__}")


def _told(picture: Picture, of: Mapping[str, Any], zone: ZoneInfo, left: int, pictures: int) -> str:
    name = ", ".join(
        label((value,), zone) if column == "tres" else f"{column} {label((value,), zone)}"
        for column, value in of.items()
    )
    lines = f" {left:,} more are not drawn." if left > 0 else ""
    more = f" {pictures:,} more pictures are not drawn." if pictures > 0 else ""
    return (f"{name}: " if name else "") + picture.told + lines + more
