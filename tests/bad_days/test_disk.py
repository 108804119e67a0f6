"""The disk is full, or fails, at each call that changes a file; and a disk that is really full."""

import os
import shutil
import subprocess
from contextlib import suppress

import pytest
from tests.bad_days.conftest import content

FEW, ALL = 6, 10_000
SOME = pytest.mark.parametrize("most", [FEW, pytest.param(ALL, marks=pytest.mark.slow)])
STORE_ERROR = 4


@SOME
@pytest.mark.parametrize("what", ["full", "fail"])
def test_a_disk_that_fails_at_a_call_is_a_sentence_and_changes_nothing(days, spread, most, what):
    wrong = []
    for call in spread(days.calls, most):
        days.renew()
        done = days.second(what=what, at=call)
        if done["code"] not in {0, STORE_ERROR} or "Traceback" in done["said"]:
            wrong.append((call, done))
        if done["code"] and "cannot " not in done["said"]:
            wrong.append((call, done["said"]))
        wrong += [(call, each) for each in days.holds()]
    assert wrong == []


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of one MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid():
        pytest.skip("needs root, to mount a small disk")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", str(place)], check=False).returncode:
        pytest.skip("this machine does not let a disk be mounted")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place):
    """Write until nothing more can be written."""
    with suppress(OSError), place.open("wb", buffering=0) as sink:
        while sink.write(bytes(1024)):
            pass


def test_a_disk_that_is_full_is_a_sentence_and_works_again_when_it_is_not(days, small_disk):
    store = small_disk / "store"
    shutil.copytree(days.root / "base", store)
    filler = small_disk / "filler"
    fill(filler)
    done = days.run("--store", str(store), "ingest", "facts", str(days.root / "late"))
    assert (done["code"], "No space left on device" in done["said"]) == (STORE_ERROR, True)
    filler.unlink()
    days.renew()
    assert days.run("--store", str(store), "ingest", "facts", str(days.root / "late"))["code"] == 0
    assert content(store) == days.states[2]
