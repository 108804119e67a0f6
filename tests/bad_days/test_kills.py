"""Killed, or without power, at each call that changes a file: of an ingest with its posting, and of a forgetting."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from tests.bad_days.conftest import content, facts_of

from paydown.errors import StoreError
from paydown.store import delta, open_store

KILLED = -signal.SIGKILL
FEW, ALL = 8, 10_000
SOME = pytest.mark.parametrize("most", [FEW, pytest.param(ALL, marks=pytest.mark.slow)])


def struck(days, call, **fault):
    """Kill the second ingest at a call, and say what that left."""
    days.renew()
    done = days.second(what="kill", at=call, **fault)
    assert done["code"] == KILLED, done
    return [f"call {call}: {wrong}" for wrong in days.holds()]


@SOME
@pytest.mark.parametrize("power", [False, True], ids=["killed", "power-cut"])
def test_an_ingest_that_is_killed_at_a_call_leaves_one_state_and_comes_to_its_end(days, spread, most, power):
    chosen = spread(days.calls, most)
    assert len(chosen) >= min(most, 150)
    assert [wrong for call in chosen for wrong in struck(days, call, power=power)] == []


def test_what_was_acknowledged_before_stays_after_a_power_cut_at_the_end(days):
    days.renew()
    days.second(what="kill", at=days.calls, power=True)
    assert content_of(days) == days.states[2]


def test_without_fsync_a_power_cut_at_the_end_loses_it(days):
    days.renew()
    days.second(what="kill", at=days.calls, power=True, lazy=True)
    with suppress(StoreError):
        assert content_of(days) != days.states[2]


def content_of(days):
    return content(days.store)


def test_without_the_catalog_a_kill_shows_half_of_an_ingest(days, spread, monkeypatch):
    """Read the head of each table in place of the version that the catalog names."""
    real = delta.state
    monkeypatch.setattr(delta, "state", lambda uri, version, partition: real(uri, None, partition))
    seen = (wrong for call in spread(days.calls, 40) for wrong in torn(days, call))
    assert any("half of an ingest" in wrong for wrong in seen)


def torn(days, call):
    days.renew()
    days.second(what="kill", at=call)
    found = content(days.store)
    return [] if facts_of(found) in [facts_of(state) for state in days.states] else ["half of an ingest"]


@SOME
def test_a_forgetting_that_is_killed_at_a_call_is_brought_to_its_end_by_asking_again(days, spread, most):
    days.renew("whole")
    before = content_of(days)["daily"]
    calls = days.run("store", "forget", "alice", "--yes")["calls"]
    for call in spread(calls, most):
        days.renew("whole")
        assert days.run("store", "forget", "alice", "--yes", what="kill", at=call)["code"] == KILLED
        store = open_store(days.store)
        assert store.check() == [], call
        again = days.run("store", "forget", "alice", "--yes")
        done = "Nobody is known" in again["said"]
        assert (again["code"], done) in {(0, False), (2, True)}, (call, again)
        assert [place for place in days.store.rglob("*") if place.is_file() and b"alice" in place.read_bytes()] == []
        assert store.check() == [], call
        rows = content_of(days)["daily"]
        assert len(rows) == len(before), call


@pytest.mark.parametrize("kills", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_a_process_with_workers_that_is_killed_at_any_moment_loses_nothing(days, tmp_path, kills):
    (tmp_path / "two.toml").write_text("processes = 2\n")
    verb = ["--store", str(days.store), "ingest", "facts", str(days.root / "late")]
    command = [sys.executable, "-m", "paydown.surfaces.cli.main", *verb]
    environment = {**os.environ, "PAYDOWN_CONFIG": str(tmp_path / "two.toml")}
    days.renew()
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    whole_s = time.monotonic() - began
    chance = random.Random(kills)
    for kill in range(kills):
        days.renew()
        process = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.2, 1) * whole_s)
        process.kill()
        process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert days.holds() == [], kill
