"""The right to write, on the file systems of one machine and on shared ones, with a clock of our own."""

import dataclasses
import json
import os
import threading
from pathlib import Path

import pytest

from paydown.errors import StoreBusyError
from paydown.store import filesystem, holder, lock

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 22 0:30 / /home rw - nfs4 server:/home rw
40 22 0:31 / /scratch rw shared:7 master:1 - lustre mds@tcp:/fs rw
41 36 8:2 / /home/local\040disk rw - xfs /dev/sdb rw
42 22 0:5 / /dev rw - devtmpfs udev rw
"""


class FakeClock:
    def __init__(self, now=1_000_000.0):
        self.now_s = now
        self.slept = 0.0
        self.clock = lock.Clock(self.now, self.sleep)
        self.then = None

    def now(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds
        self.slept += seconds
        if self.then:
            self.then()


@pytest.fixture
def clock():
    return FakeClock()


def hold(store, clock, *, kind="nfs4", wait_s=0.0, command="test"):
    return lock.held(store.path, wait_s=wait_s, command=command, kind=kind, clock=clock.clock)


def plant(store, clock, **changes):
    """Leave the lease of another holder."""
    other = dataclasses.replace(holder.myself("other", clock.now_s, locked=False), **changes)
    (Path(store.path) / "writer.lease").write_bytes(other.encoded())
    return other


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/store", "ext4"), ("/home/me/store", "nfs4"), ("/scratch/store", "lustre"), ("/homes/x", "ext4"),
        ("/home/local disk/store", "xfs"), ("/scratch", "lustre"),
    ],
)  # fmt: skip
def test_the_kind_of_file_system_is_that_of_the_longest_mount(path, kind):
    assert filesystem.kind(path, MOUNTS) == kind


def test_unknown_kinds_are_taken_for_shared():
    assert [filesystem.shared(kind) for kind in ("ext4", "xfs", "nfs", "lustre", "fuse.sshfs", "")] == [
        False, False, True, True, True, True,
    ]  # fmt: skip
    assert filesystem.kind("/", "nonsense\n") == ""


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
def test_one_holder_at_a_time(store, clock, kind):
    with hold(store, clock, kind=kind, command="first"):
        with pytest.raises(StoreBusyError, match="first"), hold(store, clock, kind=kind):
            pass
        assert lock.holds(store.path, clock.clock).command == "first"
    with hold(store, clock, kind=kind):
        pass
    assert lock.holds(store.path) is None
    assert not (Path(store.path) / "writer.lease").exists()


def test_a_shared_file_system_is_never_asked_for_the_kernels_lock(store, clock, monkeypatch):
    def flock(*_):
        raise AssertionError

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with hold(store, clock):
        pass


def test_a_file_system_without_locks_is_held_by_the_lease(store, clock, monkeypatch):
    def flock(*_):
        raise OSError(95, "not supported")

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with hold(store, clock, kind="ext4") as lease:
        assert not lease.holder.locked


def test_waiting_ends_when_the_holder_goes(store, clock):
    plant(store, clock)
    clock.then = lambda: clock.slept > 3 and (Path(store.path) / "writer.lease").unlink(missing_ok=True)
    with hold(store, clock, wait_s=10):
        assert 3 < clock.slept < 4


def test_waiting_ends_when_the_time_is_up(store, clock):
    plant(store, clock)
    with pytest.raises(StoreBusyError, match=r"\(other\)"), hold(store, clock, wait_s=5):
        pass
    assert 4.9 < clock.slept < 5.2


@pytest.mark.parametrize(
    "gone",
    [{"pid": 2**22 + 5}, {"started": "1"}, {"machine": "elsewhere", "beat": 1_000_000.0 - holder.STALE_S - 1}],
    ids=["no-such-process", "another-process-of-that-id", "no-sign-of-life"],
)
def test_the_lease_of_a_dead_holder_is_taken_over(store, clock, gone):
    plant(store, clock, **gone)
    assert lock.holds(store.path, clock.clock) is None
    with hold(store, clock):
        assert lock.holds(store.path, clock.clock).pid == os.getpid()


@pytest.mark.parametrize(
    "alive", [{}, {"machine": "elsewhere", "pid": 2**22 + 5, "beat": 1_000_000.0 - holder.STALE_S + 5}]
)
def test_the_lease_of_a_living_holder_is_respected(store, clock, alive):
    planted = plant(store, clock, **alive)
    with pytest.raises(StoreBusyError), hold(store, clock):
        pass
    assert lock.holds(store.path, clock.clock) == planted


def test_a_lease_left_by_a_holder_of_the_kernels_lock_is_dead_once_that_is_free(store, clock):
    plant(store, clock, locked=True, machine="a container that is gone")
    with hold(store, clock, kind="ext4"):
        pass


def test_a_lease_never_written_is_respected_for_a_while(store, clock):
    lease = Path(store.path) / "writer.lease"
    lease.touch()
    os.utime(lease, (clock.now_s, clock.now_s))
    with pytest.raises(StoreBusyError, match="another process"), hold(store, clock):
        pass
    clock.now_s += holder.STALE_S + 1
    with hold(store, clock):
        pass


def test_a_lease_never_written_is_waited_for_where_no_other_process_can_hold_the_kernels_lock(store, clock):
    lease = Path(store.path) / "writer.lease"
    lease.touch()
    os.utime(lease, (clock.now_s, clock.now_s))
    with hold(store, clock, kind="ext4"):
        assert 4.9 < clock.slept < 5.1


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
def test_a_lease_never_written_whose_date_a_clock_set_years_ahead_is_dead(store, clock, kind):
    lease = Path(store.path) / "writer.lease"
    lease.touch()
    os.utime(lease, (clock.now_s + 10 * 365 * 86_400,) * 2)
    clock.then = lambda: pytest.fail("it waits") if clock.slept > 60 else None
    with hold(store, clock, kind=kind):
        pass


def test_a_holder_notices_that_it_was_taken_over(store, table, clock):
    node = {"cluster": "c", "node": "n", "partitions": "", "start": 0}
    store._filesystem, store._clock = "nfs4", clock.clock
    with store.write() as tx:
        tx.upsert("nodes", table("nodes", [node]))
        (Path(store.path) / "writer.lease").unlink()
        other = plant(store, clock, host="elsewhere")
        with pytest.raises(StoreBusyError, match="taken over by process"):
            tx.commit()
    assert store.snapshot().version == 0
    assert holder.decoded((Path(store.path) / "writer.lease").read_bytes()) == other, (
        "the new holder's lease is left alone"
    )


def test_signs_of_life_go_into_ones_own_file(store, clock, monkeypatch):
    monkeypatch.setattr(holder, "BEAT_S", 0.01)
    beaten = threading.Event()
    with hold(store, clock) as lease:
        clock.now_s += 60
        clock_beat = lease.beat
        lease.beat = lambda now: (clock_beat(now), beaten.set())
        assert beaten.wait(10)
        found = json.loads((Path(store.path) / "writer.lease").read_text())
        assert float(found["beat"]) == clock.now_s


def test_a_lease_of_a_holder_that_was_faster_is_given_back(store, clock, monkeypatch):
    plant(store, clock, pid=2**22 + 5)
    dead = holder.dead
    fresh = []

    def faster(found, now, *, locked):
        verdict = dead(found, now, locked=locked)
        if verdict and not fresh:
            fresh.append(plant(store, clock))
        return verdict

    monkeypatch.setattr(holder, "dead", faster)
    with pytest.raises(StoreBusyError), hold(store, clock):
        pass
    assert holder.decoded((Path(store.path) / "writer.lease").read_bytes()) == fresh[0]
    assert [place.name for place in Path(store.path).glob("writer.lease*")] == ["writer.lease"]
