"""Facts and ledger on disk. The only package that speaks DuckDB and Delta Lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from paydown.store.store import Store


def open_store(path: str | Path, *, create: bool = False) -> Store:
    """Open the store in a folder, or make it there where `create` is given.

    Raises `StoreError` where there is none, or where it is of a newer layout than this program knows.
    """
    from paydown.store.store import Store

    return Store(str(path), create=create)
