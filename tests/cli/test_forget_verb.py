"""`paydown store forget`: it asks, says no name, and errors say how to go on."""

import sys

import pytest

from paydown.connectors.facts import CONNECTOR, FactsSettings
from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.store import open_store
from paydown.surfaces.cli.main import run

JOBS = "cluster,job_id,attempt,name,user,state,submit,start,end\n"


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "facts"
    folder.mkdir()
    (folder / "jobs.csv").write_text(JOBS + "c,1,0,secret,carol,RUNNING,0,0,\nc,2,0,plain,bob,RUNNING,0,0,\n")
    made = open_store(tmp_path / "store", create=True)
    ingest(made, CONNECTOR, FactsSettings(folder=folder), Context())
    return made


@pytest.fixture
def told(store, capfd, monkeypatch):
    def done(*arguments, answer=None):
        if answer is not None:
            monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
            monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: answer)
        code = run(["--store", store.path, "store", "forget", *arguments])
        said = capfd.readouterr()
        return code, said.out + said.err

    return done


def named(store):
    return sorted(row["name"] for row in store.snapshot().rows("identities").to_pylist())


def test_with_yes_it_does_not_ask_and_says_no_name(store, told):
    code, said = told("carol", "--yes")
    assert code == 0
    assert "1 name and the names of 1 attempt of jobs are gone" in said
    assert "carol" not in said
    assert "secret" not in said
    assert named(store) == ["bob"]


@pytest.mark.parametrize(("answer", "left"), [("y", ["bob"]), ("n", ["bob", "carol"])])
def test_it_asks(store, told, answer, left):
    code, said = told("carol", answer=answer)
    assert (code, "1 name, 1 attempt of jobs" in said) == (0, True)
    assert ("Nothing was changed." in said) == (answer == "n")
    assert named(store) == left


def test_without_a_terminal_it_wants_to_be_told(store, told):
    code, said = told("carol")
    assert (code, "--yes" in said) == (2, True)
    assert named(store) == ["bob", "carol"]


def test_nobody_of_that_name_is_an_error(told):
    code, said = told("dave", "--yes")
    assert (code, "Nobody is known by this name" in said) == (2, True)
