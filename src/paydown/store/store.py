"""The store: a folder of facts and of the ledger, with one writer and many readers."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from paydown.errors import StoreBusyError, StoreError, UsageError
from paydown.store import catalog, delta, engine, forget, history, layout, lock
from paydown.store.check import problems
from paydown.store.compaction import Compacted, compact
from paydown.store.export import Format, export
from paydown.store.files import files, remote
from paydown.store.info import Info
from paydown.store.info import info as describe
from paydown.store.layout import catalog_path, scratch_path, table_path
from paydown.store.snapshot import Snapshot
from paydown.store.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date
    from pathlib import Path


class Store:
    """A store of facts; see docs/store.md."""

    def __init__(
        self, path: str, *, create: bool = False, filesystem: str | None = None, clock: lock.Clock | None = None
    ) -> None:
        self.path = layout.place(path)
        """Its folder."""
        self.marker = layout.make(self.path) if create else layout.read(self.path)
        """Its layout version and id."""
        self._filesystem = filesystem
        self._clock = clock
        self._last: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Give the last acknowledged state, pinned."""
        found, last = Snapshot(self.path, catalog.read(self.path)), self._last
        # Where the folder was made anew meanwhile, the same versions are others.
        if last is not None and layout.read(self.path).id == self.marker.id:
            found.knowing(last)
        self._last = found
        return found

    @contextmanager
    def write(self, *, wait_s: float = 0.0, command: str = "") -> Iterator[Transaction]:
        """Hold the store and change it; what is not committed when the block ends is forgotten.

        `StoreBusyError` names the holder where another writer keeps the store for longer than `wait_s`.
        """
        kind = self._filesystem
        with lock.held(self.path, wait_s=wait_s, command=command, kind=kind, clock=self._clock) as lease:
            self.marker = layout.migrate(self.path, layout.read(self.path))
            layout.guard(self.path, self.marker)
            transaction = Transaction(self.snapshot(), lease.check)
            try:
                if history.pending(self.path) is not None:
                    history.purge(transaction)
                yield transaction
                self._last = transaction.base
            finally:
                transaction.discard()

    @contextmanager
    def sole(self, role: str, *, command: str) -> Iterator[lock.Lease]:
        """Be the only process of the store that has a role (`collector`), beside those that read and write it.

        `StoreBusyError` names the process that has it; that of a dead one is taken over as the right to write is.
        """
        place = f"{self.path}/{role}"
        if not remote(self.path):
            files(self.path).vacant(place)
        with ExitStack() as stack:
            try:
                lease = stack.enter_context(
                    lock.held(place, wait_s=0.0, command=command, kind=self._filesystem, clock=self._clock)
                )
            except StoreBusyError:
                raise StoreBusyError(
                    f"the store at {self.path} has a {role} already: {lock.named(place)}; stop that one first."
                ) from None
            yield lease

    def info(self) -> Info:
        """Describe the store: tables, sizes, clusters, file system, who writes it."""
        return describe(self.snapshot(), self.marker, self._filesystem)

    def unguarded(self) -> str | None:
        """Tell why an object store cannot keep two writers apart; empty where it can, None where it is a folder."""
        if not remote(self.path):
            return None
        try:
            layout.guard(self.path, self.marker)
        except StoreError as error:
            return str(error)
        return ""

    def check(self) -> list[str]:
        """Look whether everything acknowledged is there, readable and as the log says; give what is not."""
        try:
            return list(problems(Snapshot(self.path, catalog.read(self.path))))
        except StoreError as error:
            return [str(error)]

    def compact(self, *, grace_hours: int = 24, wait_s: float = 0.0) -> Compacted:
        """Put small files together in order, and remove files that no state of the last `grace_hours` names."""
        merged = made = 0
        with self.write(wait_s=wait_s, command="compact") as tx:
            for name in {**tx.base.catalog.pins, **layout.tables_made(self.path)}:
                counts = compact(tx.staged(name))
                merged, made = merged + counts[0], made + counts[1]
            snapshot = tx.commit()
            places = [catalog_path(self.path), *(table_path(self.path, name) for name in snapshot.catalog.pins)]
            removed = [delta.vacuum(place, grace_hours) for place in places]
            for place in places:
                delta.shorten(place)
            engine.sweep(scratch_path(self.path), grace_hours)
        return Compacted(merged, made, sum(r[0] for r in removed), sum(r[1] for r in removed))

    def retain(self, table: str, before: date, cluster: str | None = None, *, wait_s: float = 0.0) -> int:
        """Drop facts that were over before a day, of one cluster or of all, and give how many rows.

        The ledger made of them stays; `Snapshot.dropped_before` tells that those days must not be posted again.
        """
        with self.write(wait_s=wait_s, command=f"retain {table}") as tx:
            dropped = tx.drop_before(table, before, cluster)
            tx.commit()
        return dropped

    def forget(self, who: str, *, wait_s: float = 0.0) -> forget.Forgotten:
        """Forget a person, given by name, mail address or person key; docs/store.md says what goes and what stays.

        Where an earlier forgetting was cut short it is brought to its end first, and that is enough where nobody is
        known by this name any more.
        """
        unfinished = history.pending(self.path)
        with self.write(wait_s=wait_s, command="forget") as tx:
            try:
                person = forget.find(tx.base, who)
            except UsageError:
                if unfinished is None:
                    raise
                return forget.Forgotten(unfinished)
            history.promise(self.path, person.key)
            rows = forget.forget(tx, person)
            tx.commit()
            files, freed = history.purge(tx)
        return forget.Forgotten(person.key, len(person.names), person.jobs, rows, files, freed)

    def export(
        self,
        folder: str | Path,
        tables: Collection[str] | None = None,
        clusters: Collection[str] | None = None,
        format: Format = "parquet",  # noqa: A002 (the word that users know)
        *,
        pseudonyms: bool = False,
    ) -> dict[str, int]:
        """Write facts out as a folder that can be ingested; give the rows of each table that has any.

        With `pseudonyms` no name of a user or a job stands in it.
        """
        return export(self.snapshot(), folder, tables, clusters, format, pseudonyms=pseudonyms)
