"""The conformance suite: what every connector must do, whatever it reads.

docs/testing.md lists what is checked, and docs/extend.md when.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from paydown.connectors.interface import Connector, Context
from paydown.errors import InputError
from paydown.model.batch import LINE, Batch, Mark, Reject, Vouch
from paydown.model.facts import CAPABILITIES, FACTS
from paydown.model.rows import REJECTED, normalise
from paydown.testing.checks import CHECKS, NAME, Reading, check_jobs_known, must

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 4_000_000
"""The most rows that a batch may have: ingest holds one batch in memory."""

_HASHED_BYTES = 64 * 2**20


def check_connector(
    connector: Connector,
    settings: BaseModel | Mapping[str, Any],
    context: Context | None = None,
    *,
    watch: Iterable[Path] = (),
    orphans: bool = False,
) -> Reading:
    """Read a source twice and check everything that a connector promises; raise AssertionError with a sentence.

    `settings` may be given as a mapping. `watch` names folders besides those in the settings that must not be written
    to. `orphans` allows allocations and figures of jobs that are not in the source (one that reads a short window).
    """
    _check_declaration(connector)
    chosen = _settings(connector, settings)
    context = context or Context()
    folders = {*_folders(chosen), *(Path(path) for path in watch)}
    before = {folder: _contents(folder) for folder in folders}
    first = _read(connector, chosen, context)
    _check_same(connector, first, _read(connector, chosen, context))
    for folder in folders:
        changed = sorted(map(str, set(before[folder].items()) ^ set(_contents(folder).items())))
        must(not changed, f"{connector.name} writes to the folder that it reads, {folder}: {'; '.join(changed[:3])}")
    for check in CHECKS:
        check(connector, first, context)
    if not orphans:
        check_jobs_known(connector, first)
    return first


def _check_declaration(connector: Connector) -> None:
    name = connector.name
    must(bool(NAME.fullmatch(name)), f"the connector's name `{name}` is not of the form `word` or `two-words`")
    must("\n" not in connector.summary and bool(connector.summary.strip()), f"{name}'s summary is not one line")
    extra = set(connector.supports) - set(CAPABILITIES)
    must(not extra, f"{name} supports {sorted(extra)}, which are none of {', '.join(CAPABILITIES)}")
    unknown = set(connector.tables) - set(FACTS)
    must(not unknown, f"{name} fills {sorted(unknown)}, which are no tables of facts")
    must(bool(connector.tables), f"{name} declares no table that it fills")
    config = connector.settings.model_config
    must(bool(config.get("frozen")), f"{name}'s settings are not frozen")
    must(config.get("extra") == "forbid", f"{name}'s settings do not forbid unknown keys")
    for setting, info in connector.settings.model_fields.items():
        must(bool((info.description or "").strip()), f"{name}'s setting `{setting}` has no description")


def _settings(connector: Connector, given: BaseModel | Mapping[str, Any]) -> BaseModel:
    if isinstance(given, BaseModel):
        must(
            isinstance(given, connector.settings), f"these are no settings of {connector.name}: {type(given).__name__}"
        )
        return given
    try:
        return connector.settings.model_validate(dict(given))
    except ValidationError as error:
        raise AssertionError(f"{connector.name} refuses the sample's settings: {error}") from error


def _read(connector: Connector, settings: BaseModel, context: Context) -> Reading:
    """Read once, checking each item as it comes."""

    def progress(text: str, share: float | None) -> None:
        fine = share is None or 0 <= share <= 1
        must(fine, f"{connector.name} says that it is {share} done ({text}): a share lies in [0, 1]")

    items = connector.read(settings, replace(context, progress=progress))
    must(isinstance(items, Iterator), f"{connector.name} gives a {type(items).__name__}, not an iterator: yield items")
    found = Reading()
    parts: dict[str, list[pa.Table]] = {}
    for item in items:
        _take(connector, item, found, parts)
    import pyarrow as pa

    found.tables = {name: pa.concat_tables(rows) for name, rows in parts.items()}
    return found


def _take(connector: Connector, item: object, found: Reading, parts: dict[str, list[pa.Table]]) -> None:
    if isinstance(item, Batch):
        clean, rejects = _clean(connector, item)
        parts.setdefault(item.table, []).append(clean)
        found.rejects += rejects
    elif isinstance(item, Reject):
        found.rejects.append(item)
    elif isinstance(item, Vouch):
        found.vouches.append(item)
    elif isinstance(item, Mark):
        found.marks.append(item)
    else:
        must(False, f"{connector.name} yields a {type(item).__name__}, which is no Batch, Reject, Vouch or Mark")  # noqa: FBT003


def _clean(connector: Connector, batch: Batch) -> tuple[pa.Table, list[Reject]]:
    """Make a batch clean, less the lines, which are where a row stood and no part of it."""
    name = connector.name
    must(batch.table in connector.tables, f"{name} yields rows of {batch.table}, which it does not declare")
    must(bool(batch.origin), f"{name} yields rows of {batch.table} without an origin")
    must(len(batch.rows) <= MOST_ROWS, f"{name} yields {len(batch.rows):,} rows at once (most: {MOST_ROWS:,})")
    try:
        clean = normalise(FACTS[batch.table], batch.rows, batch.origin)
    except InputError as error:
        raise AssertionError(f"{name} yields rows of {batch.table} that are not of that table: {error}") from error
    kept = [column for column in clean.rows.column_names if column not in (LINE, REJECTED)]
    return clean.rows.select(kept), list(clean.rejects)


def _check_same(connector: Connector, first: Reading, second: Reading) -> None:
    """Hold reading to be a function of the source: the clock, chance and the order of a set have no part in it."""
    for table in first.tables.keys() | second.tables.keys():
        one, two = (reading.tables.get(table) for reading in (first, second))
        same = one is not None and two is not None and one.equals(two)
        must(same, f"{connector.name} gives other rows of {table} when it reads the same source again")
    must(first.rejects == second.rejects, f"{connector.name} gives other rejects when it reads the same source again")
    must(first.marks == second.marks, f"{connector.name} marks something else when it reads the same source again")
    must(first.vouches == second.vouches, f"{connector.name} vouches for something else when it reads again")


def _folders(settings: BaseModel) -> set[Path]:
    """Find the folders that the settings name, or that hold the files that they name."""
    found: set[Path] = set()
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for part in value if isinstance(value, tuple | list | frozenset | set) else (value,):
            path = Path(part) if isinstance(part, str | Path) and os.sep in str(part) else None
            if path is not None and path.exists():
                found.add(path if path.is_dir() else path.parent)
    return found


def _contents(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Give the size, time and content of every file in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    small = sum(path.stat().st_size for path in files) <= _HASHED_BYTES
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns, _digest(path) if small else "")
        for path in files
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
