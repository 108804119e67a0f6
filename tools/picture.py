"""Draw docs/images/timeline.svg, the README's picture, from the ledger of a small synthetic cluster: `make picture`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import vl_convert

from paydown.app import App
from paydown.config import Settings
from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.surfaces import charts

FILE = Path(__file__).parents[1] / "docs/images/timeline.svg"
SIZES = {"nodes": 8, "cpu_nodes": 0, "days": 7, "jobs": 1500, "interval": 300, "faults": False}
WIDTH = 700
"""In pixels, as GitHub shows a page."""


def specification(store: str) -> dict[str, Any]:
    """Make the cluster in a store, and give the picture of its GPUs as Vega-Lite."""
    app = App(Settings(store=store))
    synthetic = app.connector("synthetic")
    ingest(app.store(create=True), synthetic, synthetic.settings(**SIZES), Context(cluster="example"))
    report = app.report("timeline")
    answer = report.run(app.store().snapshot(), report.parameters(tres=("gpu",)))
    spec, _ = charts.timeline(answer.rows.to_pylist(), "gpu", ZoneInfo("UTC"), WIDTH)
    return spec


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory(prefix="paydown-picture-") as folder:
        FILE.write_text(vl_convert.vegalite_to_svg(specification(f"{folder}/store")))


if __name__ == "__main__":
    main()
