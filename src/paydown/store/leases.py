"""The right to write a store on an object store: numbered leases, each made by a put that is refused where it exists.

STORE/writer/000000000007.lease   the holder, as JSON with its last sign of life; empty once it gave the right back

The highest number counts, and it is never removed, so that no number is given twice. Whoever finds that one given back,
or its holder dead, makes the next; of several who try, the object store lets one. Only the holder of a number writes to
it, so its signs of life need no condition, and one who was taken over can harm nothing by going on giving them.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from paydown.errors import StoreError
from paydown.store import holder
from paydown.store.files import files
from paydown.store.holder import Holder

LOOK_S = 1.0
"""How long to wait before looking again whether a store that is held is free, in seconds."""

_SUFFIX = ".lease"


@dataclass
class NumberedLease:
    """The right to write, as a number."""

    store: str
    number: int
    holder: Holder

    def check(self) -> None:
        """Raise `StoreBusyError` where somebody made a higher number."""
        try:
            newest = max(_numbers(self.store), default=0)
        except OSError as error:
            raise StoreError(f"cannot tell who writes {self.store}: {error.strerror}; nothing was changed.") from error
        if newest != self.number:
            raise holder.taken_over(self.store, str(written(self.store) or "another process"))

    def beat(self, now: float) -> None:
        """Give a sign of life."""
        self.holder = self.holder.beaten(now)
        files(self.store).replace(_place(self.store, self.number), self.holder.encoded())

    def release(self) -> None:
        """Say that the right is given back; where that fails, the others wait until it is stale."""
        with suppress(OSError):
            files(self.store).replace(_place(self.store, self.number), b"")


def taken(store: str, command: str, now: Callable[[], float], wait: Callable[[], None]) -> NumberedLease:
    """Take the right to write, calling `wait` while another holds it."""
    while True:
        try:
            lease = _next(store, command, now())
        except OSError as error:
            raise StoreError(f"cannot write in {store}: {error.strerror}.") from error
        if lease is not None:
            return lease
        wait()


def _next(store: str, command: str, now: float) -> NumberedLease | None:
    """Make the next number where the highest is free; None where it is not, or somebody was faster."""
    known = _numbers(store)
    newest = max(known, default=0)
    if newest:
        try:
            found = _holder(store, newest)
        except FileNotFoundError:
            return None
        if found is not None and not holder.dead(found, now, locked=False):
            return None
    lease = NumberedLease(store, newest + 1, holder.myself(command, now, locked=False))
    if not files(store).add(_place(store, lease.number), lease.holder.encoded()):
        return None
    with suppress(OSError):
        files(store).remove([_place(store, number) for number in known])
    return lease


def written(store: str) -> Holder | None:
    """Read who wrote the highest number; None where it was given back, or cannot be told."""
    with suppress(OSError):
        newest = max(_numbers(store), default=0)
        return _holder(store, newest) if newest else None
    return None


def _holder(store: str, number: int) -> Holder | None:
    """Read a holder; None where the right was given back."""
    place = _place(store, number)
    text = files(store).read(place)
    found = holder.decoded(text)
    if text and found is None:
        raise OSError(errno.EINVAL, f"{place} is damaged; remove it while nothing writes")
    return found


def _numbers(store: str) -> list[int]:
    names = [name.removesuffix(_SUFFIX) for name in files(store).sizes(f"{store}/writer") if name.endswith(_SUFFIX)]
    return sorted(int(name) for name in names if name.isdigit())


def _place(store: str, number: int) -> str:
    return f"{store}/writer/{number:012d}{_SUFFIX}"
