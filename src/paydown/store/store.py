"""The store: a folder of facts and of the ledger, with one writer and many readers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from paydown.store import catalog, layout, lock
from paydown.store.snapshot import Snapshot
from paydown.store.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator


class Store:
    """A store of facts; see docs/store.md."""

    def __init__(self, path: str, *, create: bool = False) -> None:
        self.path = path.rstrip("/") or "/"
        """Its folder."""
        self.marker = layout.make(self.path) if create else layout.read(self.path)
        """Its layout version and id."""

    def snapshot(self) -> Snapshot:
        """Give the last acknowledged state, pinned."""
        return Snapshot(self.path, catalog.read(self.path))

    @contextmanager
    def write(self, *, wait_s: float = 0.0, command: str = "") -> Iterator[Transaction]:
        """Hold the store and change it; what is not committed when the block ends is forgotten.

        `StoreBusyError` names the holder where another writer keeps the store for longer than `wait_s`.
        """
        with lock.held(self.path, wait_s=wait_s, command=command):
            self.marker = layout.migrate(self.path, layout.read(self.path))
            transaction = Transaction(self.snapshot())
            try:
                yield transaction
            finally:
                transaction.discard()
