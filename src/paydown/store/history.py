"""Removing every state of a store but the present one, so that nothing of what was changed can be read any more."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from paydown.errors import StoreError
from paydown.store import delta, layout
from paydown.store.files import files
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
        return str(json.loads(files(store).read(f"{store}/{PENDING}"))["person"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {store}/{PENDING}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError):
        return ""


def promise(store: str, person: str) -> None:
    """Write down that old states must be removed; the next writer does it, should this one be killed."""
    files(store).replace(f"{store}/{PENDING}", (json.dumps({"person": person}) + "\n").encode())


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
    files(store).remove([f"{store}/{PENDING}"])
    files(store).keep([store])
    return sum(each[0] for each in removed), sum(each[1] for each in removed)


def _present_alone(uri: str) -> tuple[int, int]:
    """Remove the data files that the head does not name, then the log before the head, summed up in a checkpoint."""
    head, listed = delta.state(uri, None, ())
    if head is None:
        return 0, 0
    delta.sum_up(uri, head)
    sizes = files(uri).sizes(uri)
    needed = {file.path for file in listed}
    logged = {path: path.removeprefix("_delta_log/") for path in sizes if path.startswith("_delta_log/")}
    gone = [path for path in sizes if path.endswith(".parquet") and path not in logged and path not in needed]
    gone += [path for path, name in logged.items() if _before(name, head)]
    files(uri).remove([f"{uri}/{path}" for path in gone])
    return len(gone), sum(sizes[path] for path in gone)


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
