"""Pictures of answers, as Vega-Lite: capacity in grey, allocation in yellow, utilization in green, the gaps between."""

from paydown.surfaces.charts.drawing import MOST, Drawn, charts_of
from paydown.surfaces.charts.engine import DRAW, bundle, inert, picture_file
from paydown.surfaces.charts.looks import FILE, PAGE, Look, Spec

__all__ = [
    "DRAW", "FILE", "MOST", "PAGE", "Drawn", "Look", "Spec", "bundle", "charts_of", "inert", "picture_file",
]  # fmt: skip
