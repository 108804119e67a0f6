"""The composition root: it puts an installation together from its settings, and owns nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from paydown.config import Settings, usual_store
from paydown.errors import UsageError
from paydown.model.window import to_ms
from paydown.plugins import Found, built_in, discover

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from paydown.collect.source import Source
    from paydown.connectors.interface import Connector
    from paydown.reports.interface import Report
    from paydown.store.store import Store

CONNECTOR_PACKAGES = ("paydown.connectors", "paydown.connectors.traces")
"""Where connectors are, one file each."""


def system_clock() -> int:
    """Give the current instant in ms since the epoch."""
    return to_ms(datetime.now(tz=UTC))


@dataclass(frozen=True)
class App:
    """An installation: what the surfaces ask for everything that is not theirs."""

    settings: Settings = field(default_factory=Settings)
    clock: Callable[[], int] = system_clock
    """Gives the current instant in ms since the epoch."""

    @property
    def store_path(self) -> str:
        """Where the store is."""
        return self.settings.store or usual_store()

    def store(self, *, create: bool = False) -> Store:
        """Open the store; `create` makes it where there is none."""
        from paydown.store import open_store

        return open_store(self.store_path, create=create)

    def connectors(self) -> Found:
        """Import every connector, those of other distributions included."""
        return _merged(CONNECTOR_PACKAGES, "CONNECTOR", "paydown.connectors")

    def reports(self) -> Found:
        """Import every report, those of other distributions included."""
        from paydown.reports.registry import found

        return found()

    def connector(self, name: str) -> Connector:
        """Give a connector by its name, importing no other where its module bears that name."""
        own = next(filter(None, (built_in(package, name, "CONNECTOR") for package in CONNECTOR_PACKAGES)), None)
        found: Connector = own or _named(self.connectors(), name, "source")
        return found

    def report(self, name: str) -> Report:
        """Give a report by its name, importing no other."""
        from paydown.reports.registry import report

        return report(name)

    def sources(self) -> tuple[Source, ...]:
        """Give the sources that the configuration names; `UsageError` says what is wrong with one."""
        from paydown.collect.source import Place, source_of, wrong

        place = Place(self.settings.file, self.settings.timezone, self.clock)
        found = []
        for name, asked in self.settings.sources.items():
            try:
                connector = self.connector(asked.connector or name)
            except UsageError as error:
                raise wrong(place.file, f"sources.{name}: {error}") from None
            found.append(source_of(name, asked, connector, place))
        return tuple(found)

    @contextmanager
    def executor(self) -> Iterator[Executor | None]:
        """Give what the ledger is posted with: a pool of processes, or None where one process is all there is.

        The processes are spawned: a fork of a process that holds the threads of DuckDB or Arrow may hang.
        """
        processes = self.settings.processes or len(os.sched_getaffinity(0))
        if processes == 1:
            yield None
            return
        # Imported late: reports and most commands need no other process.
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            yield pool


def _merged(packages: tuple[str, ...], attribute: str, group: str) -> Found:
    """Extensions of the first package win; entry points are looked for once."""
    values: dict[str, object] = {}
    warnings: list[str] = []
    for place, package in enumerate(packages):
        found = discover(package, attribute, group if place == len(packages) - 1 else "")
        values = {**found.values, **values}
        warnings.extend(found.warnings)
    return Found(dict(sorted(values.items())), tuple(warnings))


def _named(found: Found, name: str, what: str) -> Any:
    if name in found.values:
        return found.values[name]
    about = [warning for warning in found.warnings if name in warning]
    raise UsageError(f"There is no {what} {name!r}. " + " ".join(about or [f"There are: {', '.join(found.values)}."]))
