"""What a source asked of the store while it was read, so that nothing is committed that went on from a former state."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paydown.ingest.known import aware
from paydown.store.files import remote

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from threading import RLock

    import pyarrow as pa

    from paydown.collect.source import Source
    from paydown.connectors.interface import Context
    from paydown.store.snapshot import Snapshot
    from paydown.store.store import Store


class Asked:
    """The state of the store that one part is read from, and what of it counts."""

    def __init__(self, store: Store, source: Source, gate: RLock) -> None:
        self._store = store
        self._source = source
        # Over an object store DuckDB and the interpreter can wait for each other where two threads ask at once.
        self._gate: AbstractContextManager[Any] = gate if remote(store.path) else nullcontext()
        self._base: Snapshot | None = None
        self._tables: set[tuple[str, str]] = set()
        self._marks: dict[tuple[str, str], str | None] = {}

    def renew(self) -> None:
        """Begin the next part: from the state that there is then."""
        self._base = None
        self._tables.clear()
        self._marks.clear()

    def base(self) -> Snapshot:
        """Give the state that the part is read from."""
        if self._base is None:
            self._base = self._store.snapshot()
        return self._base

    def context(self, context: Context) -> Context:
        """Let a connector ask, and note what."""
        known = aware(context, self._source.name, self.base)

        def stored(table: str, cluster: str, *, still: bool = False, since_ms: int | None = None) -> pa.Table:
            self._tables.add((table, cluster))
            with self._gate:
                return known.stored(table, cluster, still=still, since_ms=since_ms)

        def first_ms(cluster: str) -> int | None:
            with self._gate:
                return known.first_ms(cluster)

        def mark(cluster: str, name: str) -> str | None:
            with self._gate:
                return self._marks.setdefault((cluster, name), known.mark(cluster, name))

        return replace(known, stored=stored, first_ms=first_ms, mark=mark)

    def stale(self, now: Snapshot) -> bool:
        """Tell whether others changed a mark of this source, or a table that it asked for and fills itself."""
        if self._base is None or self._base.version == now.version:
            return False
        if any(self._differ(table, cluster, self._base, now) for table, cluster in self._tables):
            return True
        fresh = aware(self._plain(), self._source.name, lambda: now)
        return any(fresh.mark(*key) != value for key, value in self._marks.items())

    def _plain(self) -> Context:
        from paydown.connectors.interface import Context

        return Context()

    def _differ(self, table: str, cluster: str, one: Snapshot, other: Snapshot) -> bool:
        if table not in self._source.connector.tables:
            return False
        paths = [{file.path for file in state.data_files(table, clusters=[cluster])} for state in (one, other)]
        return paths[0] != paths[1]
