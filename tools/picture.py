"""Draw docs/images/timeline.svg, the README's picture, from the ledger of a small synthetic cluster: `make picture`."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from paydown.app import App
from paydown.config import Settings
from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.surfaces import charts

FILE = Path(__file__).parents[1] / "docs/images/timeline.svg"
SIZES = {"nodes": 8, "cpu_nodes": 0, "days": 7, "jobs": 1500, "interval": 300, "faults": False}
WIDTH = 700
"""In pixels, as GitHub shows a page."""


def drawn(store: str) -> bytes:
    """Make the cluster in a store, and draw its GPUs."""
    app = App(Settings(store=store))
    synthetic = app.connector("synthetic")
    ingest(app.store(create=True), synthetic, synthetic.settings(**SIZES), Context(cluster="example"))
    report = app.report("timeline")
    answer = report.run(app.store().snapshot(), report.parameters(tres=("gpu",)))
    look = replace(charts.FILE, width=WIDTH, title=False)
    return charts.picture_file([charts.charts_of(answer, ZoneInfo("UTC"), look)[0].spec], ".svg")


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory(prefix="paydown-picture-") as folder:
        FILE.write_bytes(drawn(f"{folder}/store"))


if __name__ == "__main__":
    main()
