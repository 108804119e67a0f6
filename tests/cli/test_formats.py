"""Every format of one answer, to the letter, with a hostile name in it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from paydown.config import Settings

HEADING = "fake: 1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z, UTC, store /nowhere/store\n"


def test_json_is_one_object_with_exact_integers(fake, run_report):
    ran = run_report("--format", "json")
    told = json.loads(ran.out)
    assert list(told) == ["report", "window", "columns", "rows", "coverage", "notes"]
    assert told["window"] == {"start": "1970-01-01T00:00:00Z", "end": "1970-01-02T00:00:00Z"}
    assert told["columns"][2] == {"name": "gpu_hours", "unit": "GPU-hours", "description": "Hours held."}
    assert told["rows"] == [
        {"job": "plain", "when": "2024-05-01T00:00:00Z", "gpu_hours": 1234.5, "debt_share": 0.125, "amount": 2**80},
        {"job": fake.HOSTILE, "when": "2024-05-01T12:00:00.500Z", "gpu_hours": 0.25, "debt_share": None, "amount": 1},
        dict.fromkeys(("job", "when", "gpu_hours", "debt_share", "amount")),
    ]
    assert (told["coverage"], told["notes"]) == ({"observed_share": None, "tables": ["jobs"]}, ["A note."])
    assert ran.err == HEADING


def test_json_tells_further_tables_and_has_no_rows_where_there_are_none(fake, run_report):
    empty = fake.ROWS.slice(0, 0)
    further = (fake.answer_of(fake.FakeParameters()), fake.answer_of(fake.FakeParameters(), empty))
    report = fake.report_of(lambda _, asked: fake.answer_of(asked, empty, more=further))
    told = json.loads(run_report("--format", "json", report=report).out)
    assert told["rows"] == []
    assert [len(table["rows"]) for table in told["tables"]] == [3, 0]


def test_instants_are_told_in_the_time_zone(run_report):
    told = json.loads(run_report("--format", "json", "--timezone", "Asia/Kolkata").out)
    assert told["rows"][0]["when"] == "2024-05-01T05:30:00+05:30"


def test_csv_holds_exactly_the_data(fake, run_report):
    ran = run_report("--format", "csv")
    assert ran.out.startswith("job,when,gpu_hours,debt_share,amount\nplain,2024-05-01T00:00:00Z,1234.5,0.125,1208925")
    rows = list(csv.reader(io.StringIO(ran.out, newline="")))
    assert rows[2] == [fake.HOSTILE, "2024-05-01T12:00:00.500Z", "0.25", "", "1"]
    assert rows[3] == [""] * 5
    assert ran.err == HEADING + "* A note.\n"


def test_quiet_says_nothing_beside_the_data(run_report):
    assert run_report("--format", "csv", "-q").err == ""


def test_parquet_keeps_types_and_what_stands_beside(fake, run_report, tmp_path: Path):
    file = tmp_path / "out.parquet"
    assert run_report("--output", str(file)).out == ""
    table = pq.read_table(file)
    assert table.schema.equals(fake.ROWS.schema)
    assert table.drop_columns("debt_share").equals(fake.ROWS.drop_columns("debt_share"))
    beside = json.loads(table.schema.metadata[b"paydown"])
    assert (beside["report"], beside["notes"]) == ("fake", ["A note."])
    assert [file.name for file in tmp_path.iterdir()] == ["out.parquet"]


def test_markdown_takes_the_sting_out_of_names(fake, run_report):
    out = run_report("--format", "markdown").out
    row = next(line for line in out.splitlines() if "alert" in line)
    assert row.replace("\\|", "").count("|") == len(fake.COLUMNS) + 1
    assert "<script" not in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "A headline.\n" in out
    assert "- A note.\n" in out


def test_html_is_one_page_that_runs_nothing(run_report):
    out = run_report("--format", "html").out
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in out
    assert "<script" not in out
    assert "http" not in out
    assert '<td class="figure allocation">1,234.5</td>' in out


TABLE = (
    HEADING
    + r"""A headline.
                                                                                         debt_
job                                                 when                     gpu_hours   share                             amount
plain                                               2024-05-01 00:00:00        1,234.5  12.5 %  1,208,925,819,614,629,174,706,176
=1+1\x1b[31m|<script>alert(1)</script>\u202e,"x"\n  2024-05-01 12:00:00.500        0.2       -                                  1
-                                                   -                                -       -                                  -
* A note.
"""  # noqa: E501
)


def test_table_through_a_pipe_is_as_wide_as_it_needs_and_has_no_colours(run_report, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    ran = run_report()
    assert [line.rstrip() for line in ran.out.splitlines()] == TABLE.splitlines()
    assert ran.err == ""


def test_a_narrow_table_cuts_names_but_no_figures_and_names_what_it_leaves_out(fake, run_report, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = run_report().out.splitlines()
    assert any(line.startswith("plain") and "1,234.5" in line and "12.5 %" in line for line in lines)
    assert any("…" in line for line in lines)
    assert "No room for amount" in " ".join(lines)
    assert max(map(len, lines[2:])) <= 60


def test_a_table_shows_the_first_rows_and_says_how_many_there_are(fake, run_report):
    app = fake.FakeApp(Settings(limit=2))
    assert "* 2 of 3 rows; --limit 0 shows all." in run_report(app=app).out
    assert "of 3 rows" not in run_report("--limit", "0", app=app).out
    assert len(json.loads(run_report("--format", "json", app=app).out)["rows"]) == 3


def test_an_empty_answer_says_so(fake, run_report):
    report = fake.report_of(lambda _, asked: fake.answer_of(asked, fake.ROWS.slice(0, 0)))
    assert "No rows: 1970-01-01T00:00:00Z to" in run_report(report=report).out


@pytest.mark.parametrize(("name", "start"), [("x.md", "## fake"), ("x.html", "<!doctype"), ("x.txt", "A headline")])
def test_the_ending_of_the_output_chooses_the_format(run_report, tmp_path: Path, name, start):
    run_report("--output", str(tmp_path / name))
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


def test_an_ending_that_names_no_format_is_an_error_unless_the_format_is_said(run_report, tmp_path: Path):
    ran = run_report("--output", str(tmp_path / "x.xlsx"))
    assert (ran.code, list(tmp_path.iterdir())) == (2, [])
    assert ".xlsx names no format (.txt, .json, .csv, .parquet, .md, .html do)" in ran.err
    assert run_report("--output", str(tmp_path / "x.xlsx"), "--format", "csv").code == 0
    assert run_report("--output", str(tmp_path / "x")).code == 0


def test_an_output_that_cannot_be_written_is_a_sentence_and_leaves_nothing(run_report, tmp_path: Path):
    assert run_report("--output", str(tmp_path / "no" / "x.csv")).code == 1
    ran = run_report("--output", str(tmp_path))
    assert (ran.code, "is a folder" in ran.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_is_not_zero_does_not_look_like_zero(fake, run_report):
    rows = fake.ROWS.set_column(2, "gpu_hours", pa.array([500.0, 0.001, 0.0]))
    out = run_report(report=fake.report_of(lambda _, asked: fake.answer_of(asked, rows))).out
    assert "<0.1" in out
    assert " 0.0 " in out


def test_instants_of_whole_minutes_are_short_and_never_cut(fake, run_report, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    report = fake.report_of(lambda _, asked: fake.answer_of(asked, fake.ROWS.slice(0, 1)))
    out = run_report("--timezone", "Asia/Kolkata", report=report).out
    assert "2024-05-01 05:30 " in out
    assert "Asia/Kolkata" in out
