"""The picture: grey, yellow and green over time, compiled by Vega-Lite itself, inert whatever is in it."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from paydown.errors import MissingExtraError
from paydown.model.window import Window
from paydown.reports.interface import Answer, OutColumn
from paydown.surfaces import charts
from paydown.surfaces.formats.html_page import write
from paydown.surfaces.formats.layout import Layout

vl_convert = pytest.importorskip("vl_convert", reason="the extra charts is not installed")

START = datetime(2024, 5, 1, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
FIGURES = {"capacity": 8.0, "allocated": 6.0, "used": 3.0, "inactive": 2.0, "underused": 1.0, "idle": 2.0, "down": 0.0}


def answer(count: int = 3, **others: object) -> Answer:
    rows = [
        {
            "bucket": START + timedelta(hours=hour),
            "bucket_end": START + timedelta(hours=hour + 1),
            "tres": tres,
            **FIGURES,
            **others,
        }
        for hour in range(count)
        for tres in ("gpu", "cpu")
    ]
    kinds = {"bucket": "instant", "bucket_end": "instant", "tres": "text"}
    columns = tuple(OutColumn(name, "", "", kinds.get(name, "number")) for name in rows[0])
    return Answer("timeline", Window(0, 1), columns, pa.Table.from_pylist(rows))


def test_each_tres_has_a_picture_that_vega_lite_understands():
    specs = charts.charts_of(answer(), UTC_ZONE)
    assert [told.split(" over")[0] for _, told in specs] == ["GPUs", "cores"]
    for spec, _ in specs:
        svg = vl_convert.vegalite_to_svg({**spec, "width": 600})
        for color in (*charts.CURVES.values(), charts.BETWEEN["inactive"], charts.BETWEEN["idle"]):
            assert color in svg
        assert charts.BETWEEN["down"] not in svg  # what never was is not in the legend


def test_categories_lie_between_the_curves_in_order():
    (spec, _), _ = charts.charts_of(answer(), UTC_ZONE)
    areas, curves, _ = spec["layer"]
    assert areas["transform"][0]["fold"] == ["used", "underused", "inactive", "idle"]
    assert curves["encoding"]["color"]["scale"] == {
        "domain": ["capacity", "allocated", "used"],
        "range": ["#6e7781", "#b58900", "#1a7f37"],
    }


def test_the_last_bucket_is_drawn_to_its_end_and_what_is_not_known_is_null():
    (spec, _), _ = charts.charts_of(answer(capacity=None), UTC_ZONE)
    values = spec["data"]["values"]
    assert [value["time"] for value in values] == [charts.wall(START + timedelta(hours=h), UTC_ZONE) for h in range(4)]
    assert {value["capacity"] for value in values} == {None}
    assert spec["layer"][1]["transform"][0]["fold"] == ["allocated", "used"]


def test_the_axis_reads_as_the_clocks_of_the_zone_do():
    assert charts.wall(START, ZoneInfo("Asia/Kolkata")) - charts.wall(START, UTC_ZONE) == 5.5 * 3_600_000


def test_an_answer_that_is_cut_or_is_no_timeline_has_no_picture():
    whole = answer()
    cut = replace(whole, rows=pa.concat_tables([whole.rows, whole.rows]))
    assert charts.charts_of(cut, UTC_ZONE) == []
    assert charts.charts_of(replace(whole, columns=whole.columns[:2], rows=whole.rows.select([0, 1])), UTC_ZONE) == []


def test_a_page_draws_from_itself_alone():
    page = "".join(write(answer(), Layout(UTC_ZONE)))
    drawn = re.findall(r'data-draw="(picture-\d)">(.*?)</script>', page)
    assert [name for name, _ in drawn] == ["picture-0", "picture-1"]
    assert all(json.loads(data)["layer"] for _, data in drawn)
    assert not re.search(r"(src|href)=", page.replace(charts.bundle(), ""))
    assert len(page) > 500_000  # the bundle


def test_nothing_in_a_specification_ends_its_element():
    text = charts.inert({"a": "</script><script>alert(1)&"})
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><script>alert(1)&"}


@pytest.fixture
def no_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    charts.bundle.cache_clear()
    yield
    charts.bundle.cache_clear()


def test_without_the_extra_a_page_has_no_picture_and_says_how_to_get_it(no_extra):
    page = "".join(write(answer(), Layout(UTC_ZONE)))
    assert "pip install &#x27;paydown[charts]&#x27;" in page
    assert "<script" not in page


def test_without_the_extra_the_demo_says_so_before_it_works(no_extra, tmp_path, capfd):
    from paydown.surfaces.cli.main import run

    with pytest.raises(MissingExtraError):
        charts.bundle()
    assert run(["demo", "--folder", str(tmp_path / "demo")]) == MissingExtraError.exit_code
    assert "pip install 'paydown[charts]'" in capfd.readouterr().err
    assert not (tmp_path / "demo").exists()
