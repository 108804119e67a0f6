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
from typing import TYPE_CHECKING

from paydown.errors import StoreBusyError, StoreError
from paydown.store import filesystem, holder

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


@dataclass
class Lease:
    """The right to write."""

    place: Path
    handle: int
    """The open lease file."""
    holder: Holder

    def check(self) -> None:
        """Raise `StoreBusyError` where somebody took the lease over."""
        if not self._mine():
            raise StoreBusyError(
                f"the right to write {self.place.parent} was taken over by {named(self.place.parent)}, because this "
                f"process gave no sign of life for {holder.STALE_S:.0f} s; nothing was changed, try again."
            )

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


class _Patience:
    """How long to wait for a store that is held."""

    def __init__(self, store: str, wait_s: float, clock: Clock) -> None:
        self._store = store
        self._left_s = wait_s
        self._clock = clock

    def wait(self) -> None:
        """Wait a little, or raise `StoreBusyError` where there is no time left."""
        if self._left_s <= 0:
            raise StoreBusyError(
                f"the store at {self._store} is being written by {named(self._store)}; wait for it, or try again later."
            )
        self._clock.sleep(min(_LOOK_S, self._left_s))
        self._left_s -= _LOOK_S


@contextmanager
def held(
    store: str, *, wait_s: float, command: str, kind: str | None = None, clock: Clock | None = None
) -> Iterator[Lease]:
    """Hold the store for writing; `StoreBusyError` names the holder where it stays taken for `wait_s` seconds.

    `kind` is the type of the file system; default: as the machine says.
    """
    clock = clock or Clock()
    patience = _Patience(store, wait_s, clock)
    local = not filesystem.shared(filesystem.kind(store) if kind is None else kind)
    with _kernel_lock(store, patience, wanted=local) as locked:
        lease = _lease(store, patience, clock, command, locked=locked)
        stop = threading.Event()
        beats = threading.Thread(target=_beat, args=(lease, clock, stop), name="paydown-lease", daemon=True)
        beats.start()
        try:
            yield lease
        finally:
            stop.set()
            beats.join()
            _release(lease)


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


def _lease(store: str, patience: _Patience, clock: Clock, command: str, *, locked: bool) -> Lease:
    place = _place(store)
    while True:
        try:
            handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o664)
        except FileExistsError:
            if not _take_away(place, clock.now(), locked=locked):
                patience.wait()
        except OSError as error:
            raise _unwritable(store, error) from error
        else:
            return _signed(Lease(place, handle, holder.myself(command, clock.now(), locked=locked)), clock)


def _signed(lease: Lease, clock: Clock) -> Lease:
    try:
        lease.beat(clock.now())
    except OSError as error:
        _release(lease)
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
        return now - changed > (_UNWRITTEN_S if locked else holder.STALE_S)
    return holder.dead(found, now, locked=locked)


def _read(place: Path) -> tuple[Holder | None, float] | None:
    """Read a lease, and when it was changed; None where there is none."""
    try:
        return holder.decoded(place.read_bytes()), place.stat().st_mtime
    except OSError:
        return None


def _beat(lease: Lease, clock: Clock, stop: threading.Event) -> None:
    while not stop.wait(holder.BEAT_S):
        try:
            lease.beat(clock.now())
        except OSError:
            return


def _release(lease: Lease) -> None:
    with suppress(StoreBusyError):
        lease.check()
        lease.place.unlink(missing_ok=True)
    os.close(lease.handle)


def holds(store: str, clock: Clock | None = None) -> Holder | None:
    """Tell who writes the store at the moment; None where nobody does."""
    seen = _read(_place(store))
    if seen is None or seen[0] is None or holder.dead(seen[0], (clock or Clock()).now(), locked=False):
        return None
    return seen[0]


def named(store: str | Path) -> str:
    """Name who writes the store, as far as it can be told."""
    seen = _read(_place(str(store)))
    return "another process" if seen is None or seen[0] is None else str(seen[0])


def _place(store: str) -> Path:
    return Path(store) / "writer.lease"


def _unwritable(store: str, error: OSError) -> StoreError:
    return StoreError(f"cannot write in {store}: {error.strerror}.")
