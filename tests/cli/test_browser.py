"""Pages in a real browser: drawn from themselves alone, readable in light and in dark, and no wider than the window."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from paydown.model.window import Window
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.pictures import Bars
from paydown.reports.timeline import picture as timeline
from paydown.surfaces.formats.html_page import write
from paydown.surfaces.formats.layout import Layout

pytest.importorskip("vl_convert", reason="the extra charts is not installed")

BROWSER = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here (apt-get install chromium, or CHROMIUM=...)")

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000", "--dump-dom",
)  # fmt: skip
"""Root needs no-sandbox; without the others it keeps trying hosts that it cannot reach."""

DARK = "--blink-settings=preferredColorScheme=0"

FIRST = "<script>window.wrong = []; window.onerror = (told) => { window.wrong.push(String(told)); };</script>"
LAST = """<script>setTimeout(() => {
  const style = (selector) => getComputedStyle(document.querySelector(selector));
  const pictures = [...document.querySelectorAll(".drawn svg")];
  document.body.dataset.seen = JSON.stringify({
    wrong: window.wrong,
    fetched: performance.getEntriesByType("resource").map((entry) => entry.name),
    paper: style("body").backgroundColor,
    behind: [style("figure").backgroundColor, ...pictures.map((each) => getComputedStyle(each).backgroundColor)],
    ink: getComputedStyle(pictures[0].querySelector(".role-axis-label text")).fill,
    texts: pictures.map((each) => [...each.querySelectorAll("text")].map((text) => text.textContent)),
    wide: pictures.map((each) => each.getBoundingClientRect().width),
    page: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    table: document.querySelector(".wide").scrollWidth - document.querySelector(".wide").clientWidth,
  });
}, 3000);</script>"""

HOSTILE = "<img src=x onerror=window.onerror('run')>"


def answer():
    start = datetime(2024, 5, 1, tzinfo=UTC)
    figures = {"capacity": 8.0, "allocated": 6.0, "used": 3.0, "inactive": 2.0, "underused": 1.0, "idle": 2.0}
    rows = [
        {"bucket": start + timedelta(hours=h), "bucket_end": start + timedelta(hours=h + 1), "tres": "gpu"}
        | figures | {f"a_rather_long_name_of_a_column_{n}": "text that takes room" for n in range(12)}
        for h in range(6)
    ]  # fmt: skip
    columns = tuple(OutColumn(name, "", "", "instant" if name.startswith("bucket") else "text") for name in rows[0])
    users = pa.table({"user": [HOSTILE, "ada"], "used_hours": [1.0, 2.0]})
    bars = Bars(told="Use.", unit="GPU-hours", label=("user",), parts=("used_hours",), rows=users)
    return Answer("timeline", Window(0, 1), columns, pa.Table.from_pylist(rows), pictures=(timeline([]), bars))


def seen(folder: Path, *flags: str) -> dict:
    """Open the page, and tell what it looks like when all is drawn."""
    page = "".join(write(answer(), Layout(ZoneInfo("UTC"))))
    head, body, tail = page.replace("<head>", f"<head>{FIRST}", 1).rpartition("</body>")
    page = head + LAST + body + tail
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, file.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'data-seen="([^"]*)"', ran.stdout)
    assert found, ran.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


def brightness(color: str) -> float:
    red, green, blue = (float(each) for each in re.findall(r"[\d.]+", color)[:3])
    return (red + green + blue) / 3


@pytest.mark.slow
def test_a_page_draws_itself_without_a_network_and_is_readable_in_light_and_dark(tmp_path):
    light, dark = seen(tmp_path, "--window-size=1280,1000"), seen(tmp_path, DARK, "--window-size=700,900")
    for look in (light, dark):
        assert look["wrong"] == []
        assert look["fetched"] == []
        assert [len(texts) > 5 for texts in look["texts"]] == [True, True]
        assert HOSTILE in look["texts"][1]
        assert set(look["behind"]) == {"rgba(0, 0, 0, 0)"}
        assert abs(brightness(look["paper"]) - brightness(look["ink"])) > 150
        assert look["page"] <= 0
        assert look["table"] > 0
        assert min(look["wide"]) > 500
    assert brightness(light["paper"]) > 200
    assert brightness(dark["paper"]) < 60
