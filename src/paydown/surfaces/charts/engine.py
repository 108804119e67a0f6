"""Vega itself, from the wheel of the extra `charts`: what pages draw with, and pictures as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paydown.errors import MissingExtraError, UsageError
from paydown.surfaces.charts.looks import SCHEMA, Spec

if TYPE_CHECKING:
    from types import ModuleType

DRAW = """
document.querySelectorAll("script[data-draw]").forEach((data) => {
  vegaEmbed("#" + data.dataset.draw, JSON.parse(data.textContent), {actions: false, renderer: "svg"});
});
"""
"""What draws every specification of a page, from the page itself: nothing is fetched."""

ENDINGS = (".png", ".svg")
"""What a picture's file may end in."""

_SHARPNESS = 2


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


def ending_of(path: str) -> str:
    """Give the ending of a picture's file, `.png` or `.svg`; another one is an error."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"--plot {path}: a picture is drawn as {' or '.join(ENDINGS)}; name the file so.")
    return ending


def picture_file(specs: Sequence[Spec], ending: str) -> bytes:
    """Draw specifications below each other, as the bytes of a PNG or SVG file."""
    sheet = specs[0] if len(specs) == 1 else _below(specs)
    if ending == ".png":
        drawn: bytes = converter().vegalite_to_png(sheet, scale=_SHARPNESS)
        return drawn
    text: str = converter().vegalite_to_svg(sheet)
    return text.encode()


def _below(specs: Sequence[Spec]) -> Spec:
    whole = ("$schema", "background", "config")
    parts: list[Any] = [{name: value for name, value in spec.items() if name not in whole} for spec in specs]
    apart = {"scale": {"color": "independent"}, "legend": {"color": "independent"}}
    rest = {name: specs[0][name] for name in ("background", "config")}
    return {"$schema": SCHEMA, "vconcat": parts, "resolve": apart, **rest}
