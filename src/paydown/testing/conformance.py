"""The conformance suite: what every connector must do, whatever it reads.

docs/testing.md lists what is checked, and docs/extend.md when.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from paydown.connectors.interface import Connector, Context
from paydown.errors import InputError
from paydown.model.batch import LINE, Batch, Reject, Vouch
from paydown.model.facts import CAPABILITIES, FACTS
from paydown.model.rows import REJECTED, normalise
from paydown.model.window import to_ms

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 4_000_000
"""The most rows that a batch may have: ingest holds one batch in memory."""

EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""An instant before this is most likely seconds read as milliseconds."""

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_MOST_TEXT = 1_000
_HASHED_BYTES = 64 * 2**20
_SHORTEST_NAME = 3
_PERSONAL = frozenset({
    ("jobs", "user"), ("jobs", "account"), ("jobs", "project"), ("jobs", "name"),
    ("reservations", "users"), ("reservations", "accounts"), ("reservations", "name"), ("quotas", "name"),
    ("verdicts", "by"), ("verdicts", "reason"), ("verdicts", "subject"), ("notices", "person"), ("notices", "subject"),
})  # fmt: skip
"""Where a user's name may stand: as a user, or where a site names something after its user."""


@dataclass
class Reading:
    """All that one reading of a connector gave, the rows made clean."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    """The clean rows of each table (`paydown.model.rows.normalise`)."""
    rejects: list[Reject] = field(default_factory=list)
    """The connector's own rejects and those of its rows."""
    vouches: list[Vouch] = field(default_factory=list)

    def clusters(self) -> set[str]:
        """Give the clusters that appear in facts, people apart."""
        found: set[str] = set()
        for name, rows in self.tables.items():
            if "cluster" in rows.column_names and name != "identities":
                found |= set(rows["cluster"].unique().to_pylist())
        return found - {None}


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
        _must(not changed, f"{connector.name} writes to the folder that it reads, {folder}: {'; '.join(changed[:3])}")
    for check in _CHECKS:
        check(connector, first, context)
    if not orphans:
        _check_jobs_known(connector, first)
    return first


def _must(holds: bool, sentence: str) -> None:  # noqa: FBT001 -- it reads like assert
    if not holds:
        raise AssertionError(sentence)


# What it declares ---------------------------------------------------------------------------------------------------


def _check_declaration(connector: Connector) -> None:
    name = connector.name
    _must(bool(_NAME.fullmatch(name)), f"the connector's name `{name}` is not of the form `word` or `two-words`")
    _must("\n" not in connector.summary and bool(connector.summary.strip()), f"{name}'s summary is not one line")
    extra = set(connector.supports) - set(CAPABILITIES)
    _must(not extra, f"{name} supports {sorted(extra)}, which are none of {', '.join(CAPABILITIES)}")
    unknown = set(connector.tables) - set(FACTS)
    _must(not unknown, f"{name} fills {sorted(unknown)}, which are no tables of facts")
    _must(bool(connector.tables), f"{name} declares no table that it fills")
    config = connector.settings.model_config
    _must(bool(config.get("frozen")), f"{name}'s settings are not frozen")
    _must(config.get("extra") == "forbid", f"{name}'s settings do not forbid unknown keys")
    for setting, info in connector.settings.model_fields.items():
        _must(bool((info.description or "").strip()), f"{name}'s setting `{setting}` has no description")


def _settings(connector: Connector, given: BaseModel | Mapping[str, Any]) -> BaseModel:
    if isinstance(given, BaseModel):
        _must(
            isinstance(given, connector.settings), f"these are no settings of {connector.name}: {type(given).__name__}"
        )
        return given
    try:
        return connector.settings.model_validate(dict(given))
    except ValidationError as error:
        raise AssertionError(f"{connector.name} refuses the sample's settings: {error}") from error


# What it gives ------------------------------------------------------------------------------------------------------


def _read(connector: Connector, settings: BaseModel, context: Context) -> Reading:
    """Read once, checking each item as it comes."""

    def progress(text: str, share: float | None) -> None:
        fine = share is None or 0 <= share <= 1
        _must(fine, f"{connector.name} says that it is {share} done ({text}): a share lies in [0, 1]")

    items = connector.read(settings, replace(context, progress=progress))
    _must(isinstance(items, Iterator), f"{connector.name} gives a {type(items).__name__}, not an iterator: yield items")
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
    else:
        _must(False, f"{connector.name} yields a {type(item).__name__}, which is no Batch, Reject or Vouch")  # noqa: FBT003


def _clean(connector: Connector, batch: Batch) -> tuple[pa.Table, list[Reject]]:
    """Make a batch clean, less the lines, which are where a row stood and no part of it."""
    name = connector.name
    _must(batch.table in connector.tables, f"{name} yields rows of {batch.table}, which it does not declare")
    _must(bool(batch.origin), f"{name} yields rows of {batch.table} without an origin")
    _must(len(batch.rows) <= MOST_ROWS, f"{name} yields {len(batch.rows):,} rows at once (most: {MOST_ROWS:,})")
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
        _must(same, f"{connector.name} gives other rows of {table} when it reads the same source again")
    _must(first.rejects == second.rejects, f"{connector.name} gives other rejects when it reads the same source again")
    _must(first.vouches == second.vouches, f"{connector.name} vouches for something else when it reads again")


def _check_filled(connector: Connector, found: Reading, _context: Context) -> None:
    some = any(len(rows) for rows in found.tables.values())
    _must(some, f"{connector.name} gives no row at all of this sample: a sample that shows nothing checks nothing")


def _check_rejects(connector: Connector, found: Reading, _context: Context) -> None:
    for reject in found.rejects:
        what = f"{connector.name} rejects a row ({reject.detail or reject.reason or reject.row}) "
        _must(bool(reject.origin), what + "without naming its origin")
        _must(bool(_NAME.fullmatch(reject.reason)), what + f"for `{reject.reason}`, which is no stable short code")
        _must(bool(reject.detail), what + "without saying what was wrong")
        _must(len(reject.row) <= _MOST_TEXT, what + f"and keeps {len(reject.row):,} characters of it")
        _must(reject.count > 0, what + f"{reject.count} times")
        _must(not reject.table or reject.table in FACTS, what + f"of `{reject.table}`, which is no table of facts")


def _check_vouches(connector: Connector, found: Reading, _context: Context) -> None:
    name = connector.name
    silent = found.clusters() - {vouch.cluster for vouch in found.vouches}
    _must(not silent, f"{name} gives facts of {', '.join(sorted(silent))} but vouches for nothing there")
    for vouch in found.vouches:
        more = set(vouch.supports) - set(connector.supports)
        _must(not more, f"{name} vouches for {', '.join(sorted(more))} of {vouch.cluster}, which it does not declare")
        _must(bool(vouch.cluster and vouch.source), f"{name} vouches without naming the cluster or the source")
        start, end = vouch.covers_from_ms, vouch.covers_to_ms
        fine = start is None or end is None or start <= end
        _must(fine, f"{name} vouches for {vouch.cluster} from {start} to {end}, which is earlier")
        for ms in (start, end):
            _must(ms is None or ms >= to_ms(EARLIEST), f"{name} vouches for {vouch.cluster} at {ms} ms: is it seconds?")


def _check_cluster(connector: Connector, found: Reading, context: Context) -> None:
    if context.cluster:
        others = found.clusters() - {context.cluster}
        _must(not others, f"{connector.name} keeps {', '.join(sorted(others))} though the user named {context.cluster}")


def _check_instants(connector: Connector, found: Reading, _context: Context) -> None:
    """Hold instants to be no seconds; those after 2200 are rejected already."""
    import pyarrow.compute as pc

    for table, rows in found.tables.items():
        for column in FACTS[table].columns:
            first = pc.min(rows[column.name]).as_py() if column.kind == "instant" else None
            fine = first is None or first >= EARLIEST
            _must(fine, f"{connector.name} gives {table}.{column.name} = {first}: are seconds read as milliseconds?")


def _check_keys(connector: Connector, found: Reading, _context: Context) -> None:
    """Hold each fact to be told once: two versions of one row would make a conflict with each other.

    Samples are free: instruments do tell one twice, and ingest keeps the first.
    """
    for table, rows in found.tables.items():
        if FACTS[table].measured:
            continue
        keys = rows.select(list(FACTS[table].key))
        distinct = len(keys.group_by(keys.column_names).aggregate([]))
        twice = len(keys) - distinct
        _must(not twice, f"{connector.name} gives {twice} rows of {table} whose key {FACTS[table].key} another row has")


def _check_people(connector: Connector, found: Reading, _context: Context) -> None:
    """Hold names of users to the columns where the store replaces them with keys, or may not."""
    jobs = found.tables.get("jobs")
    users = {name for name in jobs["user"].unique().to_pylist() if name} if jobs is not None else set()
    word = re.compile(r"[^\w.@+-]+")
    for table, rows in found.tables.items():
        for column in FACTS[table].columns:
            if column.kind != "text" or table == "identities" or (table, column.name) in _PERSONAL:
                continue
            words = {part for text in rows[column.name].unique().to_pylist() if text for part in word.split(text)}
            named = sorted(name for name in words & users if len(name) >= _SHORTEST_NAME)
            where = f"{table}.{column.name}"
            _must(
                not named, f"{connector.name} tells the user `{', '.join(named[:3])}` in {where}, where no name belongs"
            )


def _check_jobs_known(connector: Connector, found: Reading) -> None:
    jobs = found.tables.get("jobs")
    if jobs is None or not len(jobs):
        return
    key = ("cluster", "job_id", "attempt")
    known = set(zip(*(jobs[name].to_pylist() for name in key), strict=True))
    for table in ("allocations", "job_usage"):
        if table in found.tables:
            rows = found.tables[table]
            strange = set(zip(*(rows[name].to_pylist() for name in key), strict=True)) - known
            shown = ", ".join(map(str, sorted(strange)[:3]))
            _must(not strange, f"{connector.name} gives {table} of jobs that it does not give: {shown}")


_CHECKS: tuple[Callable[[Connector, Reading, Context], None], ...] = (
    _check_filled,
    _check_rejects,
    _check_vouches,
    _check_cluster,
    _check_instants,
    _check_keys,
    _check_people,
)


# What it leaves alone -----------------------------------------------------------------------------------------------


def _folders(settings: BaseModel) -> set[Path]:
    """Find the folders that the settings name, or that hold the files that they name."""
    found: set[Path] = set()
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for part in value if isinstance(value, tuple | list | frozenset | set) else (value,):
            if isinstance(part, Path) and part.exists():
                found.add(part if part.is_dir() else part.parent)
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
