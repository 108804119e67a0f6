"""Asking a program: its words as a list and never through a shell, bounded in time and size, every call counted.

A prefix runs it elsewhere (`ssh login1`). ssh hands one text to a shell on the other side, so the words are quoted for
it; other prefixes (`sudo -u slurm`, `kubectl exec POD --`) take words as they are.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO

from paydown.errors import SourceError, UsageError

_SHOWN = 300
_PART = 1 << 16
_KILL_S = 5.0


class TooMuchError(SourceError):
    """A program took too long or said too much: it may well answer where less is asked of it."""


@dataclass(frozen=True)
class Limits:
    """How much patience there is with a program."""

    timeout_s: float = 600.0
    """How long it may take until its last byte."""
    bytes: int = 1 << 30
    """How long its answer may be."""


class Commands:
    """Programs that are asked, here or behind a prefix; every call is counted."""

    def __init__(
        self, prefix: str = "", limits: Limits | None = None, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.prefix = _words(prefix)
        self.calls = 0
        """Programs that were started."""
        self._environment = dict(environment) if environment is not None else None

    def words(self, argv: Sequence[str]) -> list[str]:
        """Give what is really run."""
        if not self.prefix:
            return list(argv)
        remote = PurePath(self.prefix[0]).name == "ssh"
        return [*self.prefix, shlex.join(argv)] if remote else [*self.prefix, *argv]

    def text(self, argv: Sequence[str], *, complaint: re.Pattern[str] | None = None) -> str:
        """Give what a program prints; bytes that are no UTF-8 become U+FFFD."""
        return self.ask(argv, complaint=complaint).decode(errors="replace")

    def ask(self, argv: Sequence[str], *, complaint: re.Pattern[str] | None = None) -> bytes:
        """Give what a program prints.

        Raises `SourceError` where it is not there, does not end well, takes too long or says too much (these two:
        `TooMuchError`), or where it writes to standard error what `complaint` finds: some programs fail and end with 0.
        """
        told = shlex.join(self.words(argv))
        self.calls += 1
        with tempfile.TemporaryFile() as errors:
            try:
                running = subprocess.Popen(  # noqa: S603 -- no shell: the words are a list
                    self.words(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=self._environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise SourceError(
                    f"{self.words(argv)[0]} cannot be run: {error.strerror}: is it installed, and in PATH?"
                ) from error
            with running:
                answer = self._answer(running, told)
            said = _said(errors)
            if running.returncode:
                raise SourceError(f"`{_short(told)}` ended with {running.returncode}: {said or 'and says no more'}")
            if complaint is not None and complaint.search(said):
                raise SourceError(f"`{_short(told)}` failed: {said}")
            return answer

    def _answer(self, running: subprocess.Popen[bytes], told: str) -> bytes:
        """Read to the end, or to a limit; what goes beyond one is ended, with all that it started."""
        late = threading.Event()

        def end() -> None:
            late.set()
            _end(running)

        timer = threading.Timer(self.limits.timeout_s, end)
        timer.start()
        try:
            parts, size = [], 0
            while part := running.stdout.read(_PART) if running.stdout else b"":
                parts.append(part)
                size += len(part)
                if size > self.limits.bytes:
                    raise TooMuchError(
                        f"`{_short(told)}` said more than {self.limits.bytes:,} bytes: ask for less time."
                    )
            running.wait()
        finally:
            timer.cancel()
            if running.poll() is None:
                _end(running)
        if late.is_set():
            raise TooMuchError(f"`{_short(told)}` took more than {self.limits.timeout_s:g} s.")
        return b"".join(parts)


def _end(running: subprocess.Popen[bytes]) -> None:
    """End a program and all of its session, gently first."""
    import os

    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(running.pid, how)
            running.wait(_KILL_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def _words(prefix: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(prefix))
    except ValueError as error:
        raise UsageError(f"{prefix!r} cannot be read as the words of a command: {error}.") from None


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    text = " ".join(errors.read(_PART).decode(errors="replace").split())
    return _short(text)
