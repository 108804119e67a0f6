"""The formats by name, and the one that the ending of a file asks for. Each is imported when it is used."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from paydown.errors import PaydownError, UsageError

if TYPE_CHECKING:
    from paydown.reports.interface import Answer
    from paydown.surfaces.formats.layout import Layout

MODULES = {
    "table": "table",
    "json": "json_object",
    "csv": "csv_text",
    "parquet": "parquet_file",
    "markdown": "markdown",
    "html": "html_page",
}
"""The module of each format."""

ENDINGS = {
    ".txt": "table", ".json": "json", ".csv": "csv", ".parquet": "parquet", ".md": "markdown", ".html": "html",
}  # fmt: skip
"""The format that a file's ending asks for."""

MACHINE = frozenset({"json", "csv", "parquet"})
"""The formats that programs read: beside them, what people are told goes to stderr."""


def format_for(asked: str | None, output: str | None, default: str) -> str:
    """Choose the format: the one asked for, else by the ending of the output, else the default.

    An ending that is none of ours is an error: nobody wants a table for terminals in a spreadsheet's file.
    """
    ending = Path(output).suffix.lower() if output else ""
    if asked or not ending:
        return asked or default
    if ending not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise UsageError(f"--output {output}: {ending} names no format ({known} do); or say it with --format.")
    return ENDINGS[ending]


def pieces(answer: Answer, form: str, layout: Layout) -> Iterator[bytes]:
    """Give an answer in a format, in pieces."""
    write = import_module(f"paydown.surfaces.formats.{MODULES[form]}").write
    for piece in write(answer, layout):
        yield piece if isinstance(piece, bytes) else piece.encode("utf-8", "backslashreplace")


def put(answer: Answer, form: str, layout: Layout, stream: BinaryIO) -> None:
    """Write an answer to a stream."""
    stream.writelines(pieces(answer, form, layout))
    stream.flush()


def save(answer: Answer, form: str, layout: Layout, path: str) -> None:
    """Write an answer to a file, which is replaced as a whole or not at all."""
    save_bytes(pieces(answer, form, layout), path)


def save_bytes(content: Iterator[bytes], path: str, flag: str = "--output") -> None:
    """Write pieces to a file, which is replaced as a whole or not at all; `flag` is what named it."""
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{flag} {path} is a folder; name a file.")
    if target.exists() and not target.is_file():  # /dev/stdout, a named pipe: cannot be replaced
        with target.open("wb") as stream:
            stream.writelines(content)
        return
    try:
        _replace(target, content)
    except OSError as error:
        raise PaydownError(f"{path} cannot be written: {error.strerror or error}.") from None


def _replace(target: Path, content: Iterator[bytes]) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
