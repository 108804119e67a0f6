"""Read the sources of the configuration file, each at its interval, until told to stop."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from paydown.errors import SourceError, UsageError
from paydown.surfaces.cli.session import Session, session_of
from paydown.surfaces.cli.words import OneOf

if TYPE_CHECKING:
    from paydown.collect.collector import Collector

_HELP = f"""{__doc__}

Sources stand in the configuration file, a table `[sources.NAME]` for each (`paydown init` writes one). A store has one
collector at a time; others may read and write it meanwhile. SIGTERM and Ctrl-C stop it within seconds. What it does is
told on stderr, and how each source stands by `paydown sources`.
"""


@click.pass_context
def _collect(context: click.Context, /, names: tuple[str, ...], log: str | None, *, once: bool) -> None:
    from paydown.collect.collector import Collector, named
    from paydown.collect.log import LOGGER, to_stderr

    session = session_of(context)
    app = session.app
    sources = named(app.sources(), names)
    if not sources:
        raise UsageError("The configuration names no source: `paydown init` writes one with what it finds here.")
    to_stderr("json" if (log or app.settings.collect.log) == "json" else "text")
    if session.quiet:
        LOGGER.setLevel(logging.ERROR)
    store = app.store(create=True)
    collector = Collector(store, sources, app.settings.collect, app.clock, app.settings.ledger, _shown(session))
    with _stopped_by_signals(collector) as got:
        failed = collector.run(once=once)
    _leave(collector, failed, len(sources), interrupted=signal.SIGINT in got)


def _shown(session: Session) -> Callable[[str], str]:
    """Take names out of what is said of errors, where none may be shown."""
    if not session.nameless:
        return str

    def shown(text: str) -> str:
        from paydown.store.pseudonyms import Pseudonyms

        return Pseudonyms.of(session.app.store().snapshot()).mask.prose(text)

    return shown


@contextmanager
def _stopped_by_signals(collector: Collector) -> Iterator[list[int]]:
    """Let SIGTERM and the first Ctrl-C stop it; a second Ctrl-C does what it always does."""
    got: list[int] = []

    def stop(number: int, _frame: Any) -> None:
        got.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        collector.stop()

    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield got
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _leave(collector: Collector, failed: tuple[str, ...], count: int, *, interrupted: bool) -> None:
    error = _failure(failed, count) if failed and not interrupted else None
    if collector.left_behind:
        # A thread that hangs in the world outside would be waited for when the interpreter ends.
        from paydown.surfaces.cli.failures import say

        if error is not None:
            say(str(error))
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(error.exit_code if error is not None else 130 if interrupted else 0)
    if interrupted:
        raise KeyboardInterrupt
    if error is not None:
        raise error


def _failure(failed: tuple[str, ...], count: int) -> SourceError:
    return SourceError(f"{len(failed)} of {count} sources failed: {', '.join(failed)}; `paydown sources` tells why.")


COMMAND = click.Command(
    "collect",
    callback=_collect,
    help=_HELP,
    params=[
        click.Option(
            ["--once"], is_flag=True, help="Read every source once, post, and end; exit code 8 where one failed."
        ),
        click.Option(["--source", "names"], multiple=True, metavar="NAME", help="Only these sources."),
        click.Option(["--log"], type=OneOf(("text", "json")), help="How the log is written (default: as set)."),
    ],
)
