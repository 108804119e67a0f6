"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere, nothing with `--quiet`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from paydown.surfaces.values import escaped

Show = Callable[[str, float | None], None]
"""Called with a short text and, where it can be told, the share done in [0, 1]."""

SECONDS_BETWEEN_LINES = 10.0
"""How sparse plain lines are."""


@contextmanager
def shown(*, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Show]:
    """Give what progress is told to, for as long as the work lasts."""
    stream = stream or sys.stderr
    if quiet:
        yield lambda _text, _share: None
    elif stream.isatty():
        with _bar(stream) as show:
            yield show
    else:
        yield _lines(stream, time.monotonic)


@contextmanager
def _bar(stream: TextIO) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=stream), transient=True) as bars:
        task = bars.add_task("", total=None)

        def show(text: str, share: float | None) -> None:
            bars.update(task, description=escaped(text), total=None if share is None else 1.0, completed=share or 0.0)

        yield show


def _lines(stream: TextIO, clock: Callable[[], float]) -> Show:
    last = clock()

    def show(text: str, share: float | None) -> None:
        nonlocal last
        if clock() - last >= SECONDS_BETWEEN_LINES:
            last = clock()
            stream.write(escaped(text) + (f" ({share:.0%})" if share is not None else "") + "\n")
            stream.flush()

    return show
