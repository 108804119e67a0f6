"""The seam to Delta Lake: which files a table has at a version, and how a new version is committed.

Everything else in the store speaks of `DataFile`s; the table format stands in this module alone.
A commit states the whole set of files that the table shall have. Whatever a killed writer left behind (a head that
was never acknowledged) is thereby undone by the next commit.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from paydown.errors import StoreBusyError, StoreError
from paydown.model.window import from_ms
from paydown.store.files import files, reason, remote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

CHECKPOINT_EVERY = 20
"""After how many commits the log is summed up in a checkpoint."""

_PAUSES_S = (0.2, 1.0)

_CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "1000000",
    # A collector commits some thousand times a day, and whoever opens a table lists its whole log: 3 ms a thousand.
    "delta.logRetentionDuration": "interval 1 days",
}
_COMMIT = CommitProperties(max_commit_retries=0)
_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table, and what its log says of it."""

    path: str
    """Relative to the table."""
    size: int
    """Bytes."""
    rows: int
    """Rows."""
    part: tuple[str, ...]
    """The values of the partition columns, in their order."""
    modified: int
    """When it was written, in ms since the epoch."""
    low: Mapping[str, Any] = field(default_factory=dict)
    """The least value of a column where known; instants in ms, days as dates."""
    high: Mapping[str, Any] = field(default_factory=dict)
    """The greatest value of a column where known."""
    nulls: Mapping[str, int] = field(default_factory=dict)
    """How many nulls a column has, where known."""


def state(uri: str, version: int | None, partition: tuple[str, ...]) -> tuple[int | None, list[DataFile]]:
    """Give the files of a table at a version (None: its head, acknowledged or not) and that version.

    Where there is no table: (None, []).
    """
    table = _open(uri, version)
    return (None, []) if table is None else (table.version(), _files(table, partition))


def commit(
    uri: str, schema: pa.Schema, partition: tuple[str, ...], wanted: Iterable[DataFile], base: int | None = None
) -> int:
    """Make the table consist of exactly these files, and give the new version.

    `StoreBusyError` where somebody else committed meanwhile (since `base`, where given: 0 for a table not yet made).
    """
    want = {file.path: file for file in wanted}
    for pause_s in _PAUSES_S if remote(uri) else ():
        # A conditional put that was cut off is not tried again by the library: it cannot know whether it was done.
        try:
            return _commit(uri, schema, partition, want, base)
        except StoreBusyError:
            raise
        except StoreError:
            time.sleep(pause_s)
    return _commit(uri, schema, partition, want, base)


def _commit(
    uri: str, schema: pa.Schema, partition: tuple[str, ...], want: Mapping[str, DataFile], base: int | None
) -> int:
    table = _open(uri, None) or _made(uri, schema, partition)
    before = table.version()
    have = {file.path: file for file in _files(table, partition)}
    if have.keys() == want.keys():
        return before
    if base is not None and before != base:
        raise _busy(uri)
    instants = frozenset(each.name for each in schema if pa.types.is_timestamp(each.type))
    actions: list[AddAction | RemoveAction] = [
        _add(file, partition, instants) for file in want.values() if file.path not in have
    ]
    actions += [_remove(f, partition) for f in have.values() if f.path not in want]
    try:
        table.create_write_transaction(
            actions, "append", Schema.from_arrow(schema), list(partition),
            commit_properties=_COMMIT, post_commithook_properties=_HOOKS,
        )  # fmt: skip
    except (DeltaError, OSError) as error:
        if not _states(uri, before + 1, partition, want.keys()):
            raise _uncommitted(uri, error) from error
    _flush(uri, before + 1)
    return before + 1


def _made(uri: str, schema: pa.Schema, partition: tuple[str, ...]) -> DeltaTable:
    """Make an empty table; where somebody else did, or the answer was lost, theirs will do."""
    try:
        return DeltaTable.create(
            uri, Schema.from_arrow(schema), partition_by=list(partition), configuration=_CONFIGURATION,
            storage_options=files(uri).options(),
        )  # fmt: skip
    except (DeltaError, OSError) as error:
        found = _open(uri, None)
        if found is None:
            raise _uncommitted(uri, error) from error
        return found


def _states(uri: str, version: int, partition: tuple[str, ...], paths: Collection[str]) -> bool:
    """Tell whether a version consists of exactly these files: then the commit was done, and its answer lost."""
    try:
        return {file.path for file in state(uri, version, partition)[1]} == set(paths)
    except StoreError:
        return False


def _busy(uri: str) -> StoreBusyError:
    return StoreBusyError(f"another writer committed to {uri} meanwhile; try again.")


def _uncommitted(uri: str, error: Exception) -> StoreError:
    if "Failed to commit transaction" in str(error):
        return _busy(uri)
    return StoreError(f"cannot write {uri}: {reason(str(error))}.")


def checkpoint(uri: str, version: int) -> None:
    """Sum up the log of an acknowledged version now and then, so that readers need not read every commit.

    A failure (a full disk) is left to the next time: what was committed is so already.
    """
    if version % CHECKPOINT_EVERY == 0:
        with suppress(DeltaError, OSError, StoreError):
            sum_up(uri, version)


def sum_up(uri: str, version: int) -> None:
    """Sum up the log at a version in a checkpoint, and bring that to the disk: what it sums up may be removed then."""
    log, start = f"{uri}/_delta_log", f"{version:020d}.checkpoint"
    for name in files(uri).sizes(log):
        # One that a power cut spoilt would not be written again.
        if name.startswith(start) and not _whole(f"{log}/{name}"):
            files(uri).remove([f"{log}/{name}"])
    DeltaTable(uri, version=version, storage_options=files(uri).options()).create_checkpoint()
    made = [name for name in files(uri).sizes(log) if name.startswith(start) or name == "_last_checkpoint"]
    files(uri).keep([*(f"{log}/{name}" for name in made), log])


def _whole(place: str) -> bool:
    try:
        pq.read_metadata(pa.BufferReader(files(place).read(place)))
    except (OSError, pa.ArrowException):
        return False
    return True


def _open(uri: str, version: int | None) -> DeltaTable | None:
    try:
        return DeltaTable(uri, version=version, storage_options=files(uri).options())
    except TableNotFoundError:
        if version is not None:
            raise StoreError(f"{uri} is missing though the catalog names its version {version}.") from None
        return None
    except (DeltaError, OSError) as error:
        raise StoreError(f"cannot read {uri} at version {version}: {reason(str(error))}.") from error


def _files(table: DeltaTable, partition: tuple[str, ...]) -> list[DataFile]:
    actions = pa.table(table.get_add_actions(flatten=True))
    if not actions.num_rows:
        return []
    columns = {name: _values(actions.column(name)) for name in actions.column_names}
    parts = [columns[f"partition.{name}"] for name in partition]
    stats = {kind: _stats(columns, kind, actions.num_rows) for kind in ("min", "max", "null_count")}
    return [
        DataFile(
            path, columns["size_bytes"][i], columns["num_records"][i], tuple(str(part[i]) for part in parts),
            columns["modification_time"][i], stats["min"][i], stats["max"][i], stats["null_count"][i],
        )
        for i, path in enumerate(columns["path"])
    ]  # fmt: skip


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
    return list(column.to_pylist())


def _stats(columns: dict[str, list[Any]], kind: str, count: int) -> list[dict[str, Any]]:
    named = {name.removeprefix(f"{kind}."): values for name, values in columns.items() if name.startswith(f"{kind}.")}
    return [{name: values[i] for name, values in named.items() if values[i] is not None} for i in range(count)]


def _add(file: DataFile, partition: tuple[str, ...], instants: frozenset[str]) -> AddAction:
    stats = {
        "numRecords": file.rows,
        "minValues": _told(file.low, instants),
        "maxValues": _told(file.high, instants),
        "nullCount": dict(file.nulls),
    }
    values: dict[str, str | None] = dict(zip(partition, file.part, strict=True))
    return AddAction(file.path, file.size, values, file.modified, data_change=True, stats=json.dumps(stats))


def _told(values: Mapping[str, Any], instants: frozenset[str]) -> dict[str, Any]:
    return {name: _text(value, instant=name in instants) for name, value in values.items()}


def _text(value: Any, *, instant: bool) -> Any:
    if instant:
        return from_ms(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _remove(file: DataFile, partition: tuple[str, ...]) -> RemoveAction:
    values: dict[str, str | None] = dict(zip(partition, file.part, strict=True))
    return RemoveAction(file.path, True, int(time.time() * 1000), file.size, values)  # noqa: FBT003 (positional only)


def location(uri: str, file: DataFile) -> str:
    """Give the place of a data file."""
    return f"{uri}/{file.path}"


@contextmanager
def created(uri: str, path: str) -> Iterator[BinaryIO]:
    """Write a new data file: it is on the disk when the block ends, and gone where it fails."""
    place = f"{uri}/{path}"
    try:
        with files(place).created(place) as sink:
            yield sink
    except OSError as error:
        raise StoreError(f"cannot write {place}: {error.strerror or error}.") from error


def remove(uri: str, path: str) -> None:
    """Remove a data file that no version names."""
    files(uri).remove([f"{uri}/{path}"])


def vacuum(uri: str, grace_hours: int) -> tuple[int, int]:
    """Remove data files that neither the head names nor any state of the last hours; give how many, and their bytes.

    The head must be acknowledged. Left over by killed writers: files that no commit names, once they are that old.
    """
    table = _open(uri, None)
    if table is None:
        return 0, 0
    # Delta's own removal would commit to the log what it did: a head that the catalog does not know.
    unused = table.vacuum(grace_hours, dry_run=True, enforce_retention_duration=False, full=True)
    sizes = files(uri).sizes(uri) if unused else {}
    freed = sum(sizes.get(path, 0) for path in unused)
    files(uri).remove([f"{uri}/{path}" for path in unused])
    return len(unused), freed


def shorten(uri: str) -> None:
    """Sum up the log at its head, and remove its commits older than a day. The head must be acknowledged."""
    table = _open(uri, None)
    if table is not None:
        sum_up(uri, table.version())
        table.cleanup_metadata()


def _flush(uri: str, version: int) -> None:
    """Bring a commit to the disk, so that a power cut cannot take it back after what follows it."""
    try:
        files(uri).keep((f"{uri}/_delta_log/{version:020d}.json", f"{uri}/_delta_log"))
    except OSError as error:
        raise StoreError(f"cannot write {uri}: {error.strerror or error}.") from error
