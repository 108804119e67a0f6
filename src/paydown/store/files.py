"""The seam to where a store lies: a folder (here) or an object store (`objects`). Places are whole: `/srv/x/catalog`.

Whatever fails raises an OSError whose `strerror` says why, FileNotFoundError where there is no such file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from paydown.store import filesystem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from duckdb import DuckDBPyConnection


MOST_WORDS = 400
"""How many characters of a library's message are told."""

_MARKS = re.compile(r"\s*(\x1b\[[0-9;]*m|\u21b3)+\s*")
_ASIDE = re.compile(r"<\?xml|<\w|\n\nDebug source")


class Files(Hashable, Protocol):
    """What the store asks of the place where it lies."""

    def kind(self, place: str) -> str:
        """Give the type of the file system, empty where it cannot be told."""

    def vacant(self, place: str) -> bool:
        """Make the folder where there is none, and tell whether nothing lies in it."""

    def read(self, place: str) -> bytes:
        """Give the content of a small file."""

    def size(self, place: str) -> int:
        """Give the bytes of a file."""

    def add(self, place: str, content: bytes) -> bool:
        """Write a small file, whole, where there is none; tell whether it was written."""

    def replace(self, place: str, content: bytes) -> None:
        """Write a small file, whole or not at all, whatever was there."""

    def created(self, place: str) -> AbstractContextManager[BinaryIO]:
        """Write a new file: it stays when the block ends, and is gone where it fails."""

    def remove(self, places: Sequence[str]) -> None:
        """Remove files; those that are not there are no error."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Give the bytes of every file below a folder, by its path relative to that."""

    def folders(self, folder: str) -> set[str]:
        """Name the folders right in a folder."""

    def keep(self, places: Iterable[str]) -> None:
        """Bring what was written by others in this process to where a power cut does not reach it."""

    def sources(
        self, places: Sequence[str], sizes: Sequence[int], columns: Collection[str]
    ) -> Iterator[str | pa.NativeFile]:
        """Give what Arrow reads Parquet files from, in their order; these columns are what will be read."""

    def attach(self, database: DuckDBPyConnection) -> None:
        """Make DuckDB read places of this kind."""

    def options(self) -> dict[str, str] | None:
        """Give what Delta Lake needs to reach the place."""

    def guard(self, place: str, content: bytes) -> None:
        """Raise `StoreError` where two writers could not be told apart; `content` is what the file at `place` holds."""


class Folder:
    """Files of this machine's file systems, mounted ones included."""

    def kind(self, place: str) -> str:
        """Look the mounts up."""
        return filesystem.kind(place)

    def vacant(self, place: str) -> bool:
        """Make the folder, parents too."""
        folder = Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        return not any(folder.iterdir())

    def read(self, place: str) -> bytes:
        """Read it whole."""
        return Path(place).read_bytes()

    def size(self, place: str) -> int:
        """Ask the file system."""
        return Path(place).stat().st_size

    def add(self, place: str, content: bytes) -> bool:
        """Write beside, then link."""
        partial = f"{place}.{os.getpid()}.new"
        _written(partial, content)
        try:
            os.link(partial, place)
        except FileExistsError:
            return False
        except OSError:
            # A file system without hard links.
            Path(partial).replace(place)
        finally:
            Path(partial).unlink(missing_ok=True)
        return True

    def replace(self, place: str, content: bytes) -> None:
        """Write beside, then rename."""
        partial = f"{place}.{os.getpid()}.new"
        _written(partial, content)
        Path(partial).replace(place)
        self.keep([str(Path(place).parent)])

    @contextmanager
    def created(self, place: str) -> Iterator[BinaryIO]:
        """Write with the name it keeps: nobody knows the name before it is committed."""
        path = Path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as sink:
                yield sink
                sink.flush()
                os.fsync(sink.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def remove(self, places: Sequence[str]) -> None:
        """Unlink them."""
        for place in places:
            Path(place).unlink(missing_ok=True)

    def sizes(self, folder: str) -> dict[str, int]:
        """Walk the tree."""
        return {
            f"{os.path.relpath(base, folder)}/{name}".removeprefix("./"): os.lstat(f"{base}/{name}").st_size
            for base, _, names in os.walk(folder)
            for name in names
        }

    def folders(self, folder: str) -> set[str]:
        """List it."""
        place = Path(folder)
        return {each.name for each in place.iterdir() if each.is_dir()} if place.is_dir() else set()

    def keep(self, places: Iterable[str]) -> None:
        """Flush them, folders too."""
        for place in places:
            handle = os.open(place, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def sources(self, places: Sequence[str], sizes: Sequence[int], columns: Collection[str]) -> Iterator[str]:  # noqa: ARG002
        """Give the places themselves: Arrow reads files."""
        yield from places

    def attach(self, database: Any) -> None:
        """Do nothing: DuckDB knows folders."""

    def options(self) -> None:
        """Give none: a folder needs none."""

    def guard(self, place: str, content: bytes) -> None:
        """Do nothing: folders make a file where there is none, or say that it is there."""


def _written(place: str, content: bytes) -> None:
    with Path(place).open("wb") as sink:
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())


_FOLDER = Folder()


def remote(place: str) -> bool:
    """Tell whether a place is an address rather than a folder."""
    return "://" in place


def reason(text: str) -> str:
    """Give what a library says of a failure as one line, without the bodies of answers and notes for developers.

    Delta Lake draws causes as a coloured tree.
    """
    parts = (" ".join(part.split()) for part in _MARKS.sub("\n", _ASIDE.split(text)[0]).splitlines())
    line = ": ".join(part for part in parts if part)
    return line.removeprefix("Kernel error -> ").rstrip(":. ")[:MOST_WORDS] or "no reason given"


def files(place: str) -> Files:
    """Give what handles the files at a place."""
    if not remote(place):
        return _FOLDER
    from paydown.store.objects import objects

    return objects(place)
