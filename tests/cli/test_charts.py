"""Pictures: compiled by Vega-Lite itself, inert whatever is in them, in a page and as a file."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from paydown.errors import MissingExtraError
from paydown.model.window import Window
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.pictures import Bars, Heat, Ranges
from paydown.reports.timeline import picture as timeline
from paydown.surfaces import charts
from paydown.surfaces.charts.looks import BETWEEN, CURVES, wall
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
    return table(rows, timeline([]))


def table(rows: list[dict], *pictures: object) -> Answer:
    kinds = {"bucket": "instant", "bucket_end": "instant"}
    columns = tuple(OutColumn(name, "", "", kinds.get(name, "number")) for name in rows[0])
    return Answer("fake", Window(0, 1), columns, pa.Table.from_pylist(rows), pictures=pictures)


def drawn(*given: object) -> list[charts.Drawn]:
    return charts.charts_of(table(*given), UTC_ZONE, charts.FILE)


def svg(spec: dict) -> str:
    return charts.picture_file([spec], ".svg").decode()


def test_each_tres_has_a_picture_that_vega_lite_understands():
    found = charts.charts_of(answer(), UTC_ZONE, charts.FILE)
    assert [(each.of, each.told[:13]) for each in found] == [
        ({"tres": "gpu"}, "gpu: Capacity"),
        ({"tres": "cpu"}, "cpu: Capacity"),
    ]
    for each, unit in zip(found, ("GPUs", "cores"), strict=True):
        text = svg(each.spec)
        assert unit in text
        for color in (*CURVES.values(), BETWEEN["inactive"], BETWEEN["idle"]):
            assert color in text
        assert BETWEEN["down"] not in text  # what never was is not in the legend


def test_categories_lie_between_the_curves_in_order():
    areas, curves, _ = charts.charts_of(answer(), UTC_ZONE)[0].spec["layer"]
    assert areas["transform"][0]["fold"] == ["used", "underused", "inactive", "idle"]
    assert curves["encoding"]["color"]["scale"] == {
        "domain": ["capacity", "allocated", "used"],
        "range": ["#6e7781", "#b58900", "#1a7f37"],
    }


def test_the_last_bucket_is_drawn_to_its_end_and_what_is_not_known_is_null():
    spec = charts.charts_of(answer(capacity=None), UTC_ZONE)[0].spec
    values = spec["data"]["values"]
    assert [value["time"] for value in values] == [wall(START + timedelta(hours=h), UTC_ZONE) for h in range(4)]
    assert {value["capacity"] for value in values} == {None}
    assert spec["layer"][1]["transform"][0]["fold"] == ["allocated", "used"]


def test_the_axis_reads_as_the_clocks_of_the_zone_do():
    assert wall(START, ZoneInfo("Asia/Kolkata")) - wall(START, UTC_ZONE) == 5.5 * 3_600_000


def test_an_answer_cut_into_many_has_the_first_pictures_and_says_how_many_are_left_out():
    rows = [{"node": f"n{n}", "day": date(2024, 5, 1), "used_hours": 1.0} for n in range(15)]
    found = drawn(rows, Bars(told="Use.", each=("node",), label=("day",), parts=("used_hours",)))
    assert [each.told for each in found[:2]] == ["node n0: Use.", "node n1: Use."]
    assert len(found) == charts.MOST
    assert found[-1].told == "node n11: Use. 3 more pictures are not drawn."


def test_bars_have_the_colours_of_their_words_and_stand_over_time():
    rows = [{"day": date(2024, 5, d), "used_hours": 2.0, "inactive_hours": None, "idle_hours": 1.0} for d in (1, 2)]
    picture = Bars(told="x", unit="GPU-hours", label=("day",), parts=("used_hours", "inactive_hours", "idle_hours"))
    (found,) = drawn(rows, picture)
    assert found.spec["encoding"]["color"]["scale"] == {
        "domain": ["used", "idle"],
        "range": [BETWEEN["used"], BETWEEN["idle"]],
    }
    assert found.spec["encoding"]["y"]["axis"] == {"title": "GPU-hours"}
    assert "2024-05-02" in svg(found.spec)


def test_bars_of_rows_that_name_their_part_leave_out_what_is_no_part():
    rows = [{"user": u, "category": c, "hours": 1.0} for u in ("ada", None) for c in ("used", "allocated")]
    picture = Bars(told="x", label=("user",), parts=("used", "idle"), series="category", value="hours")
    (found,) = drawn(rows, picture)
    assert [(each["label"], each["part"]) for each in found.spec["data"]["values"]] == [("ada", "used"), ("-", "used")]


def test_long_pictures_say_what_they_leave_out():
    rows = [{"job": str(n), "used": 1} for n in range(50)]
    (found,) = drawn(rows, Bars(told="Jobs.", label=("job",), parts=("used",)))
    assert (len(found.spec["data"]["values"]), found.told) == (40, "Jobs. 10 more are not drawn.")


def test_a_heat_map_keeps_times_in_order_and_what_is_not_known_empty():
    rows = [
        {"node": node, "bucket": START + timedelta(hours=h), "used_share": h / 3 if h else None}
        for node in ("n2", "n1")
        for h in (2, 0, 1)
    ]
    (found,) = drawn(rows, Heat(told="x", x="bucket", y=("node",), value="used_share"))
    encoding = found.spec["encoding"]
    assert encoding["x"]["sort"] == ["2024-05-01 00:00", "2024-05-01 01:00", "2024-05-01 02:00"]
    assert encoding["y"]["sort"] == ["n2", "n1"]
    assert encoding["color"]["scale"]["domain"] == [0, 1.0]
    assert [each["value"] for each in found.spec["data"]["values"]][1] is None
    assert "02:00" in svg(found.spec)


def test_ranges_are_understood():
    rows = [{"node": "n1", "q5": 0.0, "q25": 0.1, "q50": 0.5, "q75": 0.8, "q95": 1.0}]
    picture = Ranges(told="x", label=("node",), quantiles=("q5", "q25", "q50", "q75", "q95"))
    assert "n1" in svg(drawn(rows, picture)[0].spec)


def test_side_by_side_is_understood():
    rows = [{"size": "1", "p50": 1.0, "p90": 3.0}]
    assert "p90" in svg(drawn(rows, Bars(told="x", label=("size",), parts=("p50", "p90"), stacked=False))[0].spec)


def test_without_rows_there_is_nothing_to_draw():
    whole = answer()
    assert charts.charts_of(replace(whole, rows=whole.rows.slice(0, 0)), UTC_ZONE) == []


def test_a_name_that_is_markup_stays_a_name():
    rows = [{"job": "</text><script>alert(1)</script>\x1b", "used": 1}]
    text = svg(drawn(rows, Bars(told="x", label=("job",), parts=("used",)))[0].spec)
    assert "<script" not in text
    assert "\x1b" not in text


def test_pictures_below_each_other_are_one_file():
    specs = [each.spec for each in charts.charts_of(answer(), UTC_ZONE, charts.FILE)]
    both = charts.picture_file(specs, ".svg").decode()
    assert "GPUs" in both
    assert "cores" in both
    assert charts.picture_file(specs, ".png").startswith(b"\x89PNG")


def test_a_page_draws_from_itself_alone():
    page = "".join(write(answer(), Layout(UTC_ZONE)))
    found = re.findall(r'data-draw="(picture-\d)">(.*?)</script>', page)
    assert [name for name, _ in found] == ["picture-0", "picture-1"]
    assert all(json.loads(data)["layer"] for _, data in found)
    assert not re.search(r"(src|href)=", page.replace(charts.bundle(), ""))
    assert len(page) > 500_000  # the bundle


def test_a_page_draws_in_its_own_ink_on_its_own_paper():
    spec = charts.charts_of(answer(), UTC_ZONE)[0].spec
    assert spec["background"] is None
    assert spec["config"]["axis"]["labelColor"] == "currentColor"


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


def test_plot_writes_the_picture_alone(fake, run_report, tmp_path):
    picture = Bars(told="x", label=("job",), parts=("gpu_hours",))
    report = fake.report_of(lambda _, asked: fake.answer_of(asked, pictures=(picture,)))
    file = tmp_path / "x.svg"
    ran = run_report("--plot", str(file), report=report)
    assert (ran.code, ran.out) == (0, "")
    assert "A note." in ran.err
    assert "<svg" in file.read_text()
    assert run_report("--plot", str(file), "--format", "csv", report=report).out.startswith("job,when")


@pytest.mark.parametrize(
    ("file", "told"),
    [("x.gif", "a picture is drawn as .png or .svg"), ("x", ".png or .svg"), ("x.svg", "fake has no picture")],
)
def test_what_cannot_be_drawn_is_an_error_that_says_why(run_report, tmp_path, file, told):
    ran = run_report("--plot", str(tmp_path / file))
    assert (ran.code, told in ran.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_plot_without_rows_says_that_there_is_nothing(fake, run_report, tmp_path):
    picture = Bars(told="x", label=("job",), parts=("gpu_hours",))
    report = fake.report_of(lambda _, asked: fake.answer_of(asked, fake.ROWS.slice(0, 0), pictures=(picture,)))
    ran = run_report("--plot", str(tmp_path / "x.svg"), report=report)
    assert (ran.code, "nothing to draw" in ran.err) == (2, True)


def test_plot_needs_the_extra(no_extra, fake, run_report, tmp_path):
    picture = Bars(told="x", label=("job",), parts=("gpu_hours",))
    report = fake.report_of(lambda _, asked: fake.answer_of(asked, pictures=(picture,)))
    ran = run_report("--plot", str(tmp_path / "x.svg"), report=report)
    assert (ran.code, "pip install 'paydown[charts]'" in ran.err) == (MissingExtraError.exit_code, True)
