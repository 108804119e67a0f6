"""`paydown reconcile` from the command line: a page to forward, and the exit code."""

import json
import os

import pytest
from tests.reconcile.conftest import UTILIZATION, ms, report
from tests.reconcile.test_slurm import USUAL, site, slurm

from paydown.surfaces.cli.main import run
from paydown.surfaces.cli.session import Session


@pytest.fixture
def at(known, store, tmp_path, monkeypatch):
    """Put a Slurm on PATH that prints files, and run the verb."""
    known(site(*USUAL))
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("PAYDOWN_CONFIG", os.devnull)

    def call(*arguments, **figures):
        command = slurm(**figures)
        for name, answer in command.answers.items():
            (tmp_path / name).write_text(answer)
        for program, last in (("sreport", "Utilization AccountUtilizationByUser"), ("sacctmgr", "stats")):
            cases = "".join(f"*' {word} '*) cat {tmp_path / word} ;;\n" for word in last.split())
            path = programs / program
            path.write_text(f'#!/bin/sh\ncase " $* " in\n{cases}*) echo "no right" >&2; exit 1 ;;\nesac\n')
            path.chmod(0o755)
        window = ("--from", "2026-11-24T00:00", "--to", "2026-11-24T04:00")
        return run(["reconcile", "--store", store.path, *window, *arguments], Session())

    return call


def test_all_is_well(at, capsys):
    assert at() == 0
    assert "All of 7 figures agree or are explained (7 equal, " in capsys.readouterr().out


def test_a_wrong_figure_is_red_and_exit_1_after_the_page_is_written(at, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert at("--format", "html", "--output", str(page), allocated=13, free=19) == 1
    assert "2 figures differ by more than the tolerance" in capsys.readouterr().err
    text = page.read_text()
    assert text.count('<td class="text red">red</td>') == 2
    assert "RED: 2 of 7 figures differ and nothing explains it" in text
    assert "1 GPU-hours that nothing seen explains" in text


def test_the_tolerance_is_a_flag(at):
    assert at("--tolerance", "0.1", allocated=13, free=19) == 0


def test_json_has_every_figure(at, capsys):
    assert at("--format", "json", "--check", "accounts") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {(row["of"], row["theirs"], row["ours"], row["verdict"]) for row in rows} == {
        ("lab nlp/alice gpu", 4.0, 4.0, "equal"), ("lab vision/bob gpu", 8.0, 8.0, "equal"),
        ("lab root gpu", 12.0, 12.0, "equal"),
    }  # fmt: skip


def test_names_are_hidden(at, capsys):
    assert at("--format", "json", "--check", "accounts", "--pseudonyms") == 0
    text = capsys.readouterr().out
    assert "alice" not in text
    assert [row["verdict"] for row in json.loads(text)["rows"]] == ["equal"] * 3


def test_where_nothing_can_be_compared_it_is_no_success(at, capsys, monkeypatch, tmp_path):
    assert at("--ssh", str(tmp_path / "no-ssh")) == 1
    assert "Nothing could be compared" in capsys.readouterr().err


def test_what_is_read_of_a_report_is_what_it_prints():
    assert report(UTILIZATION, ("lab", "cpu")).splitlines()[3:] == [UTILIZATION, "lab|cpu"]
    assert ms("00:00") == 1_795_478_400_000


def test_slurm_and_prometheus_are_reached_as_configured_sources_are(at, tmp_path, monkeypatch, capsys):
    config = tmp_path / "config.toml"
    config.write_text(
        '[sources.slurm]\nssh = "no-such-ssh login1"\n\n[sources.metrics]\nconnector = "prometheus"\ncluster = "lab"\n'
        'url = "http://127.0.0.1:1"\nshort_names = true\ntokn_file = "/x"\n'
    )
    monkeypatch.setenv("PAYDOWN_CONFIG", str(config))
    assert at("--format", "json", "--check", "accounts", "--check", "prometheus") == 2
    assert "tokn_file" in capsys.readouterr().err
    config.write_text(config.read_text().replace('tokn_file = "/x"\n', ""))
    assert at("--format", "json", "--check", "accounts", "--check", "prometheus") == 1
    found = {row["check"]: row["why"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert "no-such-ssh" in found["accounts"]
    assert found["prometheus"] == "the store has no samples of devices in this window"
    assert at("--check", "accounts", "--ssh", "env X=1") == 0
