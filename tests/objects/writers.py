"""Processes that write, as the tests drive them."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

SCRIPT = Path(__file__).with_name("steps.py")


class Writer:
    """A process that forks a writer for each request (steps.py)."""

    def __init__(self, *without):
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *without], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = 0

    def ready(self, path, name, count):
        """Have a writer made that waits for `go`."""
        self._tell(f"{path} {name} {count}")
        self.pid = int(self._process.stdout.readline())

    def go(self):
        self._tell("go")

    def acknowledged(self):
        """Give what was acknowledged, as it comes; then `done`, and `gone`."""
        while (told := self._process.stdout.readline().strip()) not in {"gone", ""}:
            yield told

    def _tell(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def close(self):
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def writers(count, *without):
    """Give several, without the protections that are named."""
    made = [Writer(*without) for _ in range(count)]
    try:
        yield made
    finally:
        for each in made:
            each.close()
