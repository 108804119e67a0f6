"""Services that run while tests do: where each has its folder and ports, and that none outlives the tests.

A place is a folder and 400 ports. Several runs of tests, and the processes of one run, take different places: each
holds a lock on its own. `keep.sh` brings a service up and holds the same lock until it has taken it down, which it does
once its standard input ends, that is, when the tests end or are killed.
"""

import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = Path(f"/tmp/paydown-services-{os.getuid()}")  # noqa: S108 - short: a socket's name has 107 characters at most
FIRST_PORT = 25_200
PLACES = 18
DOWN_S = 120


@dataclass(frozen=True)
class Place:
    """A folder and the first of 400 ports that nobody else uses as long as the lock is open."""

    folder: Path
    port: int
    lock: int


def lock_of(path):
    """Give the open lock of a file, or None where another process holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def take():
    """Take the first free place, and end what a run that was killed together with its keeper left there."""
    ROOT.mkdir(mode=0o755, exist_ok=True)
    for number in range(PLACES):
        lock = lock_of(ROOT / f"{number}.lock")
        if lock is not None:
            place = Place(ROOT / str(number), FIRST_PORT + 400 * number, lock)
            place.folder.mkdir(exist_ok=True)
            service = "slurm" if (place.folder / "munge").exists() else "prometheus"
            subprocess.run([HERE / f"{service}-down.sh"], env={**os.environ, "LAB": str(place.folder)}, check=True)
            return place
    raise RuntimeError(f"all {PLACES} places of {ROOT} are taken")


@contextmanager
def running(service, locks=(), **environment):
    """Keep a service (SERVICE-up.sh, SERVICE-down.sh) running in a place of its own, and give the place."""
    place = take()
    said = ROOT / f"{place.folder.name}.out"
    held = [place.lock, *locks]
    own = {"LAB": str(place.folder), "PORT": str(place.port), "LOCKS": " ".join(map(str, held))}
    environment = {**os.environ, **environment, **own}
    with said.open("w") as out:
        keeper = subprocess.Popen(
            [HERE / "keep.sh", HERE / f"{service}-up.sh", HERE / f"{service}-down.sh"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, env=environment, cwd="/",
            pass_fds=held, start_new_session=True,
        )  # fmt: skip
    try:
        if keeper.stdout.readline() != b"up\n":
            keeper.wait(DOWN_S)
            raise RuntimeError(f"{service}-up.sh failed: {said.read_text()[-3000:]}")
        yield place
    finally:
        keeper.stdin.close()
        keeper.wait(DOWN_S)
        for lock in held:
            os.close(lock)


def need(*programs, root=False, files=()):
    """Skip the test, or fail it where services are required, unless a service can run here."""
    wish = os.environ.get("PAYDOWN_SERVICES", "required" if os.environ.get("CI") else "")
    if wish == "off":
        pytest.skip("PAYDOWN_SERVICES=off: no services are started")
    lacking = [program for program in programs if shutil.which(program, path=SEARCHED) is None]
    lacking += [str(path) for path in files if not path.exists()]
    if lacking:
        _unable(wish, f"{', '.join(lacking)} missing: run tests/services/install as root (Debian)")
    if root and os.geteuid() != 0:
        _unable(wish, "Slurm's daemons start jobs for other users: run the tests as root")


def _unable(wish, reason):
    if wish == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


SEARCHED = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
"""Daemons are not always in an ordinary user's path."""
