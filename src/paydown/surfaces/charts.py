"""Pictures of answers, as Vega-Lite: capacity in grey, allocation in yellow, utilization in green, the gaps between."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from paydown.errors import MissingExtraError

if TYPE_CHECKING:
    from paydown.reports.interface import Answer

DRAW = """
document.querySelectorAll("script[data-draw]").forEach((data) => {
  vegaEmbed("#" + data.dataset.draw, JSON.parse(data.textContent), {actions: false, renderer: "svg"});
});
"""
"""What draws every specification of a page, from the page itself: nothing is fetched."""


def charts_of(answer: Answer) -> list[tuple[dict[str, Any], str]]:
    """Give the specifications of an answer's pictures, each with a sentence that says what it shows."""
    return []


def inert(spec: dict[str, Any]) -> str:
    """Write a specification so that nothing in it can end the script element that holds it."""
    text = json.dumps(spec, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def bundle() -> str:
    """Give the JavaScript that draws (Vega, Vega-Lite, Vega-Embed), from the wheel: pages work offline."""
    try:
        import vl_convert
    except ImportError:
        raise MissingExtraError("Pictures need an extra: pip install 'paydown[charts]'.") from None
    script = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub forgets the defaults
    return script.replace("</script", "<\\/script")
