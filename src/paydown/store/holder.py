"""Who writes a store: what stands in the lease file, and whether it still holds."""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from paydown.errors import StoreBusyError

BEAT_S = 15.0
"""How often a writer shows that it lives."""

STALE_S = 120.0
"""After how long without a sign of life a writer on another machine is taken for dead.

The clocks of machines that share a store must agree to within a minute.
"""


@dataclass(frozen=True)
class Holder:
    """A writer."""

    host: str
    """The name of its machine."""
    machine: str
    """What tells machines, boots and process name spaces apart."""
    pid: int
    started: str
    """When the process started, in the kernel's ticks: process ids are used again."""
    command: str
    """What it does."""
    since: float
    """Since when it holds the store, in seconds since the epoch."""
    beat: float
    """Its last sign of life, in seconds since the epoch."""
    locked: bool
    """Whether it also holds the kernel's lock on the store (on the file system of one machine)."""
    nonce: str
    """A random text of its own."""

    def __str__(self) -> str:
        command = f" ({self.command})" if self.command else ""
        since = datetime.fromtimestamp(self.since, tz=UTC).isoformat(timespec="seconds")
        return f"process {self.pid} on {self.host}{command}, since {since}"

    def beaten(self, now: float) -> Holder:
        """Give it with a new sign of life."""
        return replace(self, beat=now)

    def encoded(self) -> bytes:
        """Give it as it stands in the file; of the same length after every sign of life."""
        return (json.dumps({**asdict(self), "beat": f"{self.beat:017.3f}"}) + "\n").encode()


def myself(command: str, now: float, *, locked: bool) -> Holder:
    """Give this process as a holder."""
    pid = os.getpid()
    return Holder(socket.gethostname(), machine(), pid, started(pid) or "", command, now, now, locked, uuid.uuid4().hex)


def decoded(text: bytes) -> Holder | None:
    """Read a holder; None where the text is not whole."""
    try:
        found = json.loads(text)
        return Holder(**{**found, "beat": float(found["beat"])})
    except (ValueError, KeyError, TypeError):
        return None


def taken_over(store: str, by: str) -> StoreBusyError:
    """Give what a holder that lost its lease is told."""
    return StoreBusyError(
        f"the right to write {store} was taken over by {by}, because this process gave no sign of life for "
        f"{STALE_S:.0f} s; nothing was changed, try again."
    )


def machine() -> str:
    """Name this boot of this machine, and the name space in which process ids mean something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def started(pid: int) -> str | None:
    """Give when a process started (proc_pid_stat(5), field 22); None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def dead(holder: Holder, now: float, *, locked: bool) -> bool:
    """Tell whether a holder is gone; `locked`: we hold the kernel's lock on the store ourselves."""
    if holder.locked and locked:
        return True
    if holder.machine == machine():
        return started(holder.pid) != holder.started
    return now - holder.beat > STALE_S
