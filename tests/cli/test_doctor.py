"""`doctor` says what each report lacks, from the reports' own declarations: each table is taken away in turn."""

from __future__ import annotations

import json

import pytest

from paydown.app import App
from paydown.model.entries import DERIVED
from paydown.model.facts import FACTS
from paydown.surfaces.cli.examine import lacking
from paydown.surfaces.cli.main import run
from paydown.surfaces.cli.needs import MADE_UP

EVERY = (*FACTS, *DERIVED)
APP = App()


def test_with_every_table_no_report_lacks_anything():
    assert {finding.state for finding in lacking(EVERY, APP)} == {"ok"}
    assert {finding.name for finding in lacking(EVERY, APP)} == set(APP.reports().values)


@pytest.mark.parametrize("table", EVERY)
def test_a_table_that_is_taken_away_is_missed_by_just_the_reports_that_need_it(table):
    reports = APP.reports().values.values()
    expected = {f"{report.name} without {table}" for report in reports if any(n.table == table for n in report.needs)}
    told = [finding for finding in lacking([name for name in EVERY if name != table], APP) if finding.state != "ok"]
    assert {finding.name for finding in told} == expected
    for finding in told:
        required = any(
            need.required for report in reports for need in report.needs
            if need.table == table and finding.name.startswith(f"{report.name} ")
        )  # fmt: skip
        assert ("has no answer" in finding.told) == required
        assert ("paydown post" in finding.told) == (table in DERIVED)
        assert not any(f"| {name}" in finding.told for name in MADE_UP)


@pytest.mark.parametrize("report", APP.reports().values.values(), ids=lambda report: report.name)
def test_every_need_names_a_table_and_says_what_goes_missing(report):
    assert report.needs
    for need in report.needs:
        assert need.table in EVERY
        assert need.without.endswith(".")


def test_without_a_store_the_rest_is_told(tmp_path, capfd):
    assert run(["--store", str(tmp_path / "no"), "doctor"]) == 0
    out = capfd.readouterr().out
    assert "+ paydown: " in out
    assert f"- {tmp_path / 'no'}: there is no store" in out


def test_findings_can_be_read_by_programs(tmp_path, capfd):
    assert run(["--store", str(tmp_path / "no"), "doctor", "--format", "json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert {"environment", "extensions", "store"} == {finding["part"] for finding in found}


def test_a_store_that_is_there_is_described(tmp_path, capfd):
    from paydown.store import open_store

    open_store(tmp_path / "store", create=True)
    assert run(["--store", str(tmp_path / "store"), "doctor"]) == 0
    out = capfd.readouterr().out
    assert "layout: version" in out
    assert "clusters: none: ingest facts first" in out
