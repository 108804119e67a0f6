"""The whole way by command line: facts in, ledger posted and proven, reports out, a demonstration."""

from __future__ import annotations

import json

import pytest

from paydown.ledger.settings import LedgerSettings
from paydown.store import open_store
from paydown.surfaces.cli.main import run
from paydown.surfaces.cli.session import Session

FACTS = {
    "nodes": "cluster,node,partitions,gpus,cpus,memory_mib,start\nlab,n1,gpu,4,64,524288,2026-01-12T00:00:00Z\n",
    "jobs": (
        "cluster,job_id,attempt,name,user,account,partition,submit,start,end,state\n"
        "lab,1,0,\x1b[31m=1+1,ada,physics,gpu,2026-01-12T08:00:00Z,2026-01-12T08:00:00Z,2026-01-12T10:00:00Z,COMPLETED\n"
        "lab,2,0,bad,ada,physics,gpu,2026-01-12T08:00:00Z,2026-01-12T09:00:00Z,2026-01-12T08:30:00Z,COMPLETED\n"
    ),
    "allocations": (
        "cluster,job_id,attempt,node,gpu_milli,gpus,cpu_milli,memory_mib,start,end\n"
        "lab,1,0,n1,2000,0;1,8000,1024,2026-01-12T08:00:00Z,2026-01-12T10:00:00Z\n"
    ),
}


@pytest.fixture
def facts(tmp_path):
    folder = tmp_path / "facts"
    folder.mkdir()
    for name, text in FACTS.items():
        (folder / f"{name}.csv").write_text(text)
    return str(folder)


@pytest.fixture
def paydown(tmp_path, capfd):
    (tmp_path / "one.toml").write_text("processes = 1")
    place = ["--store", str(tmp_path / "store"), "--config", str(tmp_path / "one.toml")]

    def call(*arguments):
        code = run([*place, *arguments], Session(clock=lambda: 1_714_568_400_000))
        said = capfd.readouterr()
        assert "\x1b" not in said.out + said.err
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return call


def test_facts_become_a_ledger_that_is_proven(paydown, facts):
    code, out, _ = paydown("ingest", "facts", facts)
    assert code == 0
    assert "jobs: 1 row (1 new)" in out
    assert "1 reject: 1 end-before-start." in out
    assert "1 day of the ledger posted." in out
    assert paydown("check")[:2] == (0, paydown("check", "--quick")[1])
    code, out, err = paydown("debt", "--by", "user", "--format", "json")
    assert code == 0
    told = json.loads(out)
    assert [(row["user"], row["allocated_hours"]) for row in told["rows"] if row["user"]] == [("ada", 4.0)]
    assert "/store" in err


def test_the_same_facts_again_change_nothing(paydown, facts):
    paydown("ingest", "facts", facts)
    code, out, _ = paydown("ingest", "facts", facts)
    assert code == 0
    assert "jobs: 1 row (1 known already)" in out
    assert "0 days of the ledger posted." in out


def test_strict_keeps_nothing_where_anything_is_rejected(paydown, facts):
    code, out, err = paydown("ingest", "facts", facts, "--strict")
    assert (code, out) == (7, "")
    assert "Nothing was kept" in err
    assert "Clusters: none" in paydown("store", "info")[1]


def test_posting_can_wait(paydown, facts):
    assert "wait for `paydown post`" in paydown("ingest", "facts", facts, "--no-post")[1]
    assert "days wait for `paydown post`" in paydown("check")[1]
    assert "days to post: paydown post" in paydown("doctor")[1]
    assert "1 day posted" in paydown("post")[1]
    assert "0 days posted (1 worked out)" in paydown("post", "--from", "2026-01-12", "--to", "2026-01-13")[1]
    assert paydown("post", "--from", "2026-01-12")[0] == 2
    assert paydown("post", "--from", "2026-01-12", "--to", "2026-01-12")[0] == 2


def test_check_tells_the_cell_that_was_tampered_with(paydown, facts, tmp_path):
    paydown("ingest", "facts", facts)
    store = open_store(tmp_path / "store")
    rows = store.snapshot().rows("daily")
    off = rows.set_column(
        rows.column_names.index("amount"),
        rows.schema.field("amount"),
        [[a.as_py() + (i == 0) for i, a in enumerate(rows["amount"])]],
    )
    with store.write(command="test") as transaction:
        transaction.replace("daily", "lab", sorted(set(rows["day"].to_pylist())), off)
        transaction.commit()
    code, out, err = paydown("check")
    assert code == 1
    assert "lab 2026-01-12 daily" in out
    assert "do not balance" in err


def test_a_window_of_which_nothing_is_known_says_what_is_known(paydown, facts):
    paydown("ingest", "facts", facts)
    code, out, _ = paydown("debt", "--from", "7d", "--to", "now", "--format", "json")
    assert code == 0
    (note,) = [note for note in json.loads(out)["notes"] if "Nothing is known of this window" in note]
    assert "the store knows 2026-01-12T" in note
    assert "count from now, 2024-05-01T13:00:00Z" in note
    code, out, _ = paydown("debt", "--from", "2020-01-01", "--to", "2020-02-01", "--format", "json")
    (note,) = [note for note in json.loads(out)["notes"] if "Nothing is known of this window" in note]
    assert "count from now" not in note


def test_names_of_dimensions_and_columns_are_suggested(paydown, facts):
    paydown("ingest", "facts", facts)
    for arguments, told in (
        (("debt", "--by", "acount"), "did you mean account?"),
        (("debt", "--sort", "debt_hour"), "did you mean debt_hours?"),
        (("debt", "--cluster", "lib"), "did you mean lab?"),
    ):
        code, _, err = paydown(*arguments)
        assert (code, told in err) == (2, True), err


@pytest.mark.parametrize("form", ["table", "json", "markdown", "html"])
def test_a_hostile_name_sends_nothing_to_the_terminal(paydown, facts, form):
    paydown("ingest", "facts", facts)
    assert paydown("jobs", "--format", form)[0] == 0


def test_the_settings_of_the_ledger_reach_the_posting(paydown, facts, tmp_path):
    (tmp_path / "one.toml").write_text("processes = 1\n[ledger]\ninactive_ratio = 0.5")
    paydown("ingest", "facts", facts)
    (posted,) = set(open_store(tmp_path / "store").snapshot().rows("posted")["settings"].to_pylist())
    assert LedgerSettings.model_validate_json(posted) == LedgerSettings(inactive_ratio=0.5)


def test_a_small_demonstration(paydown, tmp_path):
    pytest.importorskip("vl_convert", reason="the extra charts is not installed")
    folder = tmp_path / "demo"
    small = ("--days", "1", "--nodes", "2", "--cpu-nodes", "1", "--jobs", "40")
    code, out, _ = paydown("demo", "--folder", str(folder), *small)
    assert code == 0
    for word in (
        "capacity",
        "allocation",
        "utilization",
        "debt",
        "coverage",
        "largest debtors",
        "paydown ingest sacct",
    ):
        assert word in out
    page = (folder / "paydown-demo.html").read_text()
    assert page.count('data-draw="') == 2
    assert not (tmp_path / "store").exists()
