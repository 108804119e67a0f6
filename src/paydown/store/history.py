"""Removing every state of a store but the present one, so that nothing of what was changed can be read any more."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deltalake import DeltaTable

from paydown.store import delta, layout
from paydown.store.layout import catalog_path, scratch_path, table_path

if TYPE_CHECKING:
    from paydown.store.transaction import Transaction

PENDING = "forgetting.json"
"""The file that says that old states must be removed: written before what they hold is given up, removed after."""

_LOGGED = re.compile(r"(\d{20})\.(json|checkpoint.*\.parquet)")
_SPILLED = re.compile(r"paydown-(\d+)-[0-9a-f]+")


def pending(store: str) -> str | None:
    """Give what was written down when a removal began that did not end: a person key; None where there is none."""
    try:
        return str(json.loads((Path(store) / PENDING).read_text(encoding="utf-8"))["person"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return ""


def promise(store: str, person: str) -> None:
    """Write down that old states must be removed; the next writer does it, should this one be killed."""
    partial = Path(store) / f"{PENDING}.new"
    partial.write_text(json.dumps({"person": person}) + "\n", encoding="utf-8")
    _to_disk(partial)
    partial.replace(Path(store) / PENDING)
    _to_disk(Path(store))


def purge(transaction: Transaction) -> tuple[int, int]:
    """Remove every file that the present state does not need, commits included; give how many, and their bytes.

    Readers of former states find their files gone. Killed at any instant, it can be run again.
    """
    store = transaction.base.path
    for name in {**transaction.base.catalog.pins, **layout.tables_made(store)}:
        transaction.staged(name)
    snapshot = transaction.commit()
    places = [catalog_path(store), *(table_path(store, name) for name in snapshot.catalog.pins)]
    removed = [_present_alone(place) for place in places]
    _sweep(scratch_path(store))
    (Path(store) / PENDING).unlink(missing_ok=True)
    _to_disk(Path(store))
    return sum(each[0] for each in removed), sum(each[1] for each in removed)


def _present_alone(uri: str) -> tuple[int, int]:
    """Remove the data files that the head does not name, then the log before the head, summed up in a checkpoint."""
    head, files = delta.state(uri, None, ())
    if head is None:
        return 0, 0
    needed = {Path(delta.location(uri, file)) for file in files}
    data = [place for place in Path(uri).rglob("*.parquet") if "_delta_log" not in place.parts]
    gone = [place for place in data if place not in needed]
    log = Path(uri) / "_delta_log"
    DeltaTable(uri, version=head).create_checkpoint()
    for place in (*log.glob(f"{head:020d}.checkpoint*"), log / "_last_checkpoint", log):
        _to_disk(place)
    gone += [place for place in log.iterdir() if _before(place.name, head)]
    freed = sum(place.stat().st_size for place in gone)
    for place in gone:
        place.unlink(missing_ok=True)
    return len(gone), freed


def _before(name: str, head: int) -> bool:
    """Tell whether a file of a log is not needed at its head; what is neither commit nor checkpoint is a leftover."""
    if name == "_last_checkpoint":
        return False
    found = _LOGGED.fullmatch(name)
    return found is None or int(found[1]) < head


def _sweep(scratch: str) -> None:
    """Remove what processes spilled that are gone from this machine."""
    for place in Path(scratch).glob("paydown-*"):
        found = _SPILLED.fullmatch(place.name)
        if found is None or not Path(f"/proc/{found[1]}").exists():
            shutil.rmtree(place, ignore_errors=True)


def _to_disk(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
