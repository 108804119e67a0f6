"""One writer at a time: who holds the store, and how to wait for it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from paydown.errors import StoreBusyError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOK_S = 0.1


@dataclass(frozen=True)
class Holder:
    """Who writes."""

    host: str
    pid: int
    command: str
    since: str
    """RFC 3339."""

    def __str__(self) -> str:
        command = f" ({self.command})" if self.command else ""
        return f"process {self.pid} on {self.host}{command}, since {self.since}"


@contextmanager
def held(store: str, *, wait_s: float, command: str) -> Iterator[None]:
    """Hold the store for writing; `StoreBusyError` names the holder where it stays taken for `wait_s`."""
    place = Path(store) / "writer.lock"
    until = time.monotonic() + wait_s
    try:
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"cannot write in {store}: {error.strerror}.") from error
    try:
        while not _flock(handle):
            if time.monotonic() >= until:
                raise StoreBusyError(f"the store at {store} is being written by {_named(place)}; try again later.")
            time.sleep(_LOOK_S)
        since = datetime.now(tz=UTC).isoformat(timespec="seconds")
        _note(handle, json.dumps(asdict(Holder(socket.gethostname(), os.getpid(), command, since))))
        yield
        _note(handle, "")
    finally:
        os.close(handle)


def _flock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note(handle: int, text: str) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, text.encode(), 0)


def _named(place: Path) -> str:
    try:
        return str(Holder(**json.loads(place.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError):
        return "another process"
