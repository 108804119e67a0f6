"""One writer at a time: a lease file that names the holder, and on the file systems of one machine flock(2) as well.

The lease is made with O_EXCL, which holds on NFS too (open(2)). It is taken over only from a holder that is dead: of
this machine when its process is gone, of another when it gave no sign of life for `holder.STALE_S`. A holder keeps
its file open and writes its signs of life into it, so that it never touches the lease of one that took over, and it
looks whether it still holds the lease before it acknowledges anything.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from paydown.errors import StoreBusyError, StoreError
from paydown.store import filesystem, holder, leases
from paydown.store.files import remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paydown.store.holder import Holder

_LOOK_S = 0.05
_UNWRITTEN_S = 5.0


@dataclass(frozen=True)
class Clock:
    """The time, and how to wait: replaced in tests."""

    now: Callable[[], float] = time.time
    """Seconds since the epoch."""
    sleep: Callable[[float], None] = time.sleep


class Lease(Protocol):
    """The right to write."""

    def check(self) -> None:
        """Raise `StoreBusyError` where somebody took the lease over."""

    def beat(self, now: float) -> None:
        """Give a sign of life."""

    def release(self) -> None:
        """Give the right back, unless it was taken over."""


@dataclass
class FileLease:
    """The right to write, as a file."""

    place: Path
    handle: int
    """The open lease file."""
    holder: Holder

    def check(self) -> None:
        """Raise `StoreBusyError` where somebody took the lease over."""
        if not self._mine():
            raise holder.taken_over(str(self.place.parent), named(self.place.parent))

    def _mine(self) -> bool:
        try:
            return os.path.samestat(self.place.stat(), os.fstat(self.handle))
        except OSError:
            return False

    def beat(self, now: float) -> None:
        """Give a sign of life."""
        self.holder = self.holder.beaten(now)
        os.pwrite(self.handle, self.holder.encoded(), 0)
        os.fsync(self.handle)

    def release(self) -> None:
        """Remove the file, unless it is another's."""
        with suppress(StoreBusyError, OSError):
            # One that cannot be removed is a dead holder's as soon as this process ends.
            self.check()
            self.place.unlink(missing_ok=True)
        os.close(self.handle)


class _Patience:
    """How long to wait for a store that is held."""

    def __init__(self, store: str, wait_s: float, clock: Clock) -> None:
        self._store = store
        self._look_s = leases.LOOK_S if remote(store) else _LOOK_S
        self._left_s = wait_s
        self._clock = clock

    def wait(self) -> None:
        """Wait a little, or raise `StoreBusyError` where there is no time left."""
        if self._left_s <= 0:
            raise StoreBusyError(
                f"the store at {self._store} is being written by {named(self._store)}; wait for it, or try again later."
            )
        self._clock.sleep(min(self._look_s, self._left_s))
        self._left_s -= self._look_s


@contextmanager
def held(
    store: str, *, wait_s: float, command: str, kind: str | None = None, clock: Clock | None = None
) -> Iterator[Lease]:
    """Hold the store for writing; `StoreBusyError` names the holder where it stays taken for `wait_s` seconds.

    `kind` is the type of the file system; default: as the machine says.
    """
    clock = clock or Clock()
    patience = _Patience(store, wait_s, clock)
    if remote(store):
        with _beating(leases.taken(store, command, clock.now, patience.wait), clock) as lease:
            yield lease
        return
    local = not filesystem.shared(filesystem.kind(store) if kind is None else kind)
    with (
        _kernel_lock(store, patience, wanted=local) as locked,
        _beating(_lease(store, patience, clock, command, locked=locked), clock) as lease,
    ):
        yield lease


@contextmanager
def _beating(lease: Lease, clock: Clock) -> Iterator[Lease]:
    """Give signs of life until the block ends, and then give the lease back."""
    stop = threading.Event()
    beats = threading.Thread(target=_beat, args=(lease, clock, stop), name="paydown-lease", daemon=True)
    beats.start()
    try:
        yield lease
    finally:
        stop.set()
        beats.join()
        lease.release()


@contextmanager
def _kernel_lock(store: str, patience: _Patience, *, wanted: bool) -> Iterator[bool]:
    """Hold flock(2) where it is wanted and the file system knows it; tell whether it is held."""
    if not wanted:
        yield False
        return
    try:
        handle = os.open(f"{store}/writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
    except OSError as error:
        raise _unwritable(store, error) from error
    try:
        while (got := _flock(handle)) is False:
            patience.wait()
        yield got is True
    finally:
        os.close(handle)


def _flock(handle: int) -> bool | None:
    """Try to lock; None where the file system cannot."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _lease(store: str, patience: _Patience, clock: Clock, command: str, *, locked: bool) -> FileLease:
    place = _place(store)
    while True:
        try:
            handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o664)
        except FileExistsError:
            if not _take_away(place, clock.now(), locked=locked):
                _wait(place, patience, clock, locked=locked)
        except OSError as error:
            raise _unwritable(store, error) from error
        else:
            return _signed(FileLease(place, handle, holder.myself(command, clock.now(), locked=locked)), clock)


def _wait(place: Path, patience: _Patience, clock: Clock, *, locked: bool) -> None:
    """Wait as long as the caller would; and, where only a dead writer can have left it unsigned, until that is sure."""
    seen = _read(place)
    if locked and seen is not None and seen[0] is None:
        clock.sleep(_LOOK_S)
    else:
        patience.wait()


def _signed(lease: FileLease, clock: Clock) -> FileLease:
    try:
        lease.beat(clock.now())
    except OSError as error:
        lease.release()
        raise _unwritable(str(lease.place.parent), error) from error
    return lease


def _take_away(place: Path, now: float, *, locked: bool) -> bool:
    """Remove the lease of a dead holder; tell whether it is worth trying again at once."""
    seen = _read(place)
    if seen is None or not _stale(seen, now, locked=locked):
        return seen is None
    aside = place.with_name(f"{place.name}.{holder.myself('', now, locked=locked).nonce}")
    try:
        place.rename(aside)
        moved = _read(aside)
        if moved is not None and not _stale(moved, now, locked=locked):
            # Somebody was faster, and this is the new holder's lease: give it back, unless there is another again.
            with suppress(OSError):
                os.link(aside, place)
    except OSError:
        return True
    finally:
        aside.unlink(missing_ok=True)
    return True


def _stale(seen: tuple[Holder | None, float], now: float, *, locked: bool) -> bool:
    found, changed = seen
    if found is None:
        # Either way: a date ahead is that of a clock that was set back since, and must not be waited for.
        return abs(now - changed) > (_UNWRITTEN_S if locked else holder.STALE_S)
    return holder.dead(found, now, locked=locked)


def _read(place: Path) -> tuple[Holder | None, float] | None:
    """Read a lease, and when it was changed; None where there is none."""
    try:
        return holder.decoded(place.read_bytes()), place.stat().st_mtime
    except OSError:
        return None


def _beat(lease: Lease, clock: Clock, stop: threading.Event) -> None:
    while not stop.wait(holder.BEAT_S):
        # A sign that could not be given is made up for by the next one, or the lease is lost and `check` tells.
        with suppress(OSError):
            lease.beat(clock.now())


def holds(store: str, clock: Clock | None = None) -> Holder | None:
    """Tell who writes the store at the moment; None where nobody does."""
    found = _written(store)
    return None if found is None or holder.dead(found, (clock or Clock()).now(), locked=False) else found


def named(store: str | Path) -> str:
    """Name who writes the store, as far as it can be told."""
    found = _written(str(store))
    return "another process" if found is None else str(found)


def _written(store: str) -> Holder | None:
    """Read who wrote the lease, dead or alive."""
    if remote(store):
        return leases.written(store)
    seen = _read(_place(store))
    return None if seen is None else seen[0]


def _place(store: str) -> Path:
    return Path(store) / "writer.lease"


def _unwritable(store: str, error: OSError) -> StoreError:
    return StoreError(f"cannot write in {store}: {error.strerror}.")
