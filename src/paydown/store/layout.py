"""Where things lie in a store, and the version of that layout.

STORE/paydown-store.json      layout version, when it was made, its id
STORE/catalog/                Delta table: which version of each table is acknowledged
STORE/tables/<table>/         one Delta table for each table of the model, made when first written
STORE/tmp/                    spilled intermediate results; may be emptied at any time
STORE/writer.lock|.lease      who writes at the moment (on an object store: STORE/writer/<number>.lease)
STORE/collector/              the same for who collects
"""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from paydown.errors import StoreError
from paydown.store.access import bucket_of
from paydown.store.files import files, remote
from paydown.store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

LAYOUT = 1
"""The layout that this program writes."""

MARKER = "paydown-store.json"
"""The file that makes a folder a store."""

MIGRATIONS: dict[int, Callable[[str], None]] = {}
"""What turns a store of layout N into one of layout N + 1, by N; run by the first writer, under the lock."""


@dataclass(frozen=True)
class Marker:
    """The content of the marker file."""

    layout: int
    """The layout's version."""
    created: str
    """When the store was made, RFC 3339."""
    id: str
    """A random id of the store."""


def place(path: str) -> str:
    """Give the place of a store as it is written everywhere; `StoreError` where none can be there."""
    if remote(path):
        bucket_of(path)
    return path.rstrip("/") or "/"


def table_path(store: str, table: str) -> str:
    """Give the place of a table."""
    return f"{store}/tables/{table}"


def catalog_path(store: str) -> str:
    """Give the place of the catalog."""
    return f"{store}/catalog"


def tables_made(store: str) -> dict[str, str]:
    """Give the places of the tables that were ever made, by name, whether acknowledged or not."""
    made = files(store).folders(f"{store}/tables")
    return {name: table_path(store, name) for name in TABLES if name in made}


def scratch_path(store: str) -> str:
    """Give the place for spilled intermediate results."""
    return f"{store}/tmp"  # noqa: S108 (a folder of the store)


def make(store: str) -> Marker:
    """Make an empty store in a folder that is missing, empty, or already one."""
    written, at = f"{store}/{MARKER}", files(store)
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            at.read(written)
            return read(store)
        if not at.vacant(store):
            raise StoreError(f"{store} is not empty and not a store; give an empty or a new folder.")
        marker = Marker(LAYOUT, datetime.now(tz=UTC).isoformat(timespec="seconds"), uuid.uuid4().hex)
        if at.add(written, _text(marker)):
            _guarded(store, marker)
    except OSError as error:
        raise StoreError(f"cannot make a store at {store}: {error.strerror}.") from error
    return read(store)


def _text(marker: Marker) -> bytes:
    return (json.dumps(marker.__dict__, indent=1) + "\n").encode()


def _guarded(store: str, marker: Marker) -> None:
    """Leave no store where it could not be written safely."""
    try:
        guard(store, marker)
    except StoreError:
        files(store).remove([f"{store}/{MARKER}"])
        raise


def guard(store: str, marker: Marker) -> None:
    """Raise `StoreError` where two writers of the store could not be told apart."""
    files(store).guard(f"{store}/{MARKER}", _text(marker))


def write(store: str, marker: Marker) -> None:
    """Write the marker file, whole or not at all."""
    files(store).replace(f"{store}/{MARKER}", _text(marker))


def read(store: str) -> Marker:
    """Read the marker file; `StoreError` where there is none, it is damaged, or of a newer layout."""
    written = f"{store}/{MARKER}"
    try:
        found = json.loads(files(store).read(written))
        marker = Marker(int(found["layout"]), str(found["created"]), str(found["id"]))
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"there is no store at {store}; an ingest makes one.") from None
    except OSError as error:
        raise StoreError(f"cannot read {written}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{written} is damaged ({error}); restore it from a backup.") from error
    if marker.layout > LAYOUT:
        raise StoreError(
            f"the store at {store} has layout {marker.layout}, newer than this program's {LAYOUT}: "
            "upgrade paydown to open it."
        )
    return marker


def migrate(store: str, marker: Marker) -> Marker:
    """Bring a store of an older layout to this program's, one step after the other; call under the lock."""
    for step in range(marker.layout, LAYOUT):
        MIGRATIONS[step](store)
        marker = Marker(step + 1, marker.created, marker.id)
        write(store, marker)
    return marker
