"""What becomes of failures: a sentence on stderr and an exit code. A traceback goes to a file, never to the screen."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from paydown import __version__
from paydown.errors import PaydownError
from paydown.surfaces.cli import exit_codes
from paydown.surfaces.cli.groups import ReaderGoneError
from paydown.surfaces.values import escaped


def guarded(work: Callable[[], object]) -> int:
    """Do the work of a command line and give the exit code."""
    try:
        code = work()
        sys.stdout.flush()
    except (BrokenPipeError, ReaderGoneError):
        _silence()
        return exit_codes.BROKEN_PIPE
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted.")
        return exit_codes.INTERRUPTED
    except click.ClickException as error:
        return _misused(error)
    except PaydownError as error:
        say(str(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - whatever it is, people get a sentence and we get the traceback
        say(_defect(error))
        return exit_codes.DEFECT
    return code if isinstance(code, int) else exit_codes.OK


def say(sentence: str) -> None:
    """Write a sentence to stderr; what hostile input put into it can do nothing there."""
    lines = [escaped(line) for line in sentence.splitlines()]
    try:
        sys.stderr.write("paydown: " + "\n".join(lines) + "\n")
        sys.stderr.flush()
    except OSError:
        _silence()


def _misused(error: click.ClickException) -> int:
    say(error.format_message())
    context = getattr(error, "ctx", None)
    if context is not None:
        say(f"`{context.command_path} --help` tells how it is used.")
    return error.exit_code


def _silence() -> None:
    """Let nothing more be written to a pipe that is gone, not even when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())


def _defect(error: Exception) -> str:
    file = _log(error)
    where = f"; the details are in {file}" if file else ""
    return f"This is a defect of Paydown ({type(error).__name__}){where}; please report it with that file."


def _log(error: Exception) -> Path | None:
    now = datetime.now(tz=UTC)
    lines = [f"paydown {__version__}, Python {sys.version}", f"{now.isoformat()} {sys.argv!r}", ""]
    text = "\n".join(lines) + "".join(traceback.format_exception(error))
    for folder in _folders():
        file = folder / f"defect-{now:%Y%m%dT%H%M%S}-{os.getpid()}.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return file
    return None


def _folders() -> tuple[Path, ...]:
    import platformdirs

    return Path(platformdirs.user_log_dir("paydown", appauthor=False)), Path(tempfile.gettempdir())
