"""`paydown collect` as a process: signals, kills at any moment, exit codes, its log."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.collect.conftest import content
from tests.collect.live_source import CONNECTOR, Live

from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.store import open_store

HOURS = 24
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def command(tmp_path, site):
    """Start `paydown` with a configuration."""

    def start(*words, **sources):
        file = tmp_path / "config.toml"
        lines = ['store = "store"', "[collect]", 'retry = "50ms"', 'post = "200ms"', 'patience = "2s"']
        for name, settings in sources.items():
            lines += [f"[sources.{name}]", 'connector = "live"', 'every = "100ms"']
            lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        file.write_text("\n".join(lines))
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PAYDOWN_")}
        words = [sys.executable, "-m", "paydown.surfaces.cli.main", "--config", str(file), *words]
        return subprocess.Popen(
            words, env={**kept, "PYTHONPATH": str(site)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def ended(process, seconds=60):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def events(err):
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


def until_told(process, event):
    """Read the log up to an event."""
    for line in process.stderr:
        if line.startswith("{") and json.loads(line)["event"] == event:
            return
    raise AssertionError(f"it ended without {event}")


def test_once_ends_by_itself_and_says_which_failed(command, tmp_path):
    down = tmp_path / "down"
    down.write_text("its\nname is\x1b[31m ann")
    started = command("collect", "--once", "--log", "json", live={}, other={"node": "n2", "down": str(down)})
    code, _, err = ended(started)
    assert code == 8, err
    assert "1 of 2 sources failed: other; `paydown sources` tells why." in err
    told = [event for event in events(err) if event["event"] == "failed"]
    assert [event["source"] for event in told] == ["other"] * 3
    assert told[0]["why"] == "the server says its name is\x1b[31m ann: is it up?"
    code, out, _ = ended(command("sources", "--format", "csv", live={}, other={"node": "n2"}))
    assert code == 0
    assert [line.split(",")[3] for line in out.splitlines()] in (["state", word, "failing"] for word in ("ok", "late"))


def test_what_is_wrong_in_the_configuration_is_told(command):
    code, _, err = ended(command("collect", "--once", live={"hourz": 3}))
    assert code == 2
    assert "config.toml: sources.live.hourz is not known; did you mean hours?" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_though_a_source_hangs(command, tmp_path, number):
    down = tmp_path / "down"
    down.write_text("stall")
    started = command("collect", "--log", "json", live={}, other={"node": "n2", "down": str(down)})
    until_told(started, "posted")
    begun = time.monotonic()
    started.send_signal(number)
    code, _, err = ended(started)
    assert code == {signal.SIGTERM: 0, signal.SIGINT: 130}[number], err
    assert time.monotonic() - begun < 20
    assert events(err)[-1]["left_behind"] == "other"


def test_a_second_collector_is_told_of_the_first(command):
    first = command("collect", "--log", "json", live={})
    until_told(first, "collected")
    code, _, err = ended(command("collect", live={}))
    assert (code, f"has a collector already: process {first.pid} on" in err) == (5, True), err
    first.kill()
    first.communicate()
    assert ended(command("collect", "--once", live={}))[0] == 0


def killed_at_random(command, times, seed):
    chance = random.Random(seed)
    for _ in range(times):
        started = command("collect", live={"hours": HOURS}, other={"node": "n2", "hours": HOURS, "pause_s": 0.05})
        time.sleep(chance.uniform(0.8, 3.0))
        started.kill()
        started.communicate()
    assert ended(command("collect", "--once", live={"hours": HOURS}, other={"node": "n2", "hours": HOURS}), 200)[0] == 0


@pytest.mark.parametrize("times", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_leaves_neither_gaps_nor_doubles(command, tmp_path, times):
    killed_at_random(command, times, times)
    store = open_store(tmp_path / "store")
    undisturbed = open_store(tmp_path / "undisturbed", create=True)
    for name, node in (("live", "n1"), ("other", "n2")):
        ingest(undisturbed, CONNECTOR, Live(hours=HOURS, node=node), Context(source=name))
    assert content(store) == content(undisturbed)
    assert len(store.snapshot().rows("sources")) == 2
    assert store.check() == []


def test_the_unit_is_one_that_systemd_takes():
    unit = EXAMPLES / "systemd" / "paydown-collect.service"
    try:
        done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("systemd-analyze is not here")
    assert (done.returncode, done.stderr) == (0, "")
