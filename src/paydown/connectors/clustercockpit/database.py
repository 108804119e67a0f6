"""The job database of cc-backend: opened without writing beside it, and what is selected from it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from paydown.errors import InputError

_COPIES = 3

_OLDER: dict[str, str] = {"hpc_user": "user", "cluster_partition": "partition", "shared": "exclusive"}
"""Columns by the names that older versions of the database have for them."""

_OPTIONAL = ("subcluster", "array_job_id", "meta_data", "num_hwthreads", "num_acc", "footprint")
_NEEDED = (
    "job_id", "cluster", "submit_time", "start_time", "duration", "walltime", "job_state", "project", "resources",
    "num_nodes", "monitoring_status",
)  # fmt: skip


def find(path: Path) -> Path:
    """Find the database: the file itself, or `job.db` in the folder."""
    found = path / "job.db" if path.is_dir() else path
    if not found.is_file():
        raise InputError(f"there is no job database at {found}")
    return found


@contextmanager
def opened(path: Path) -> Iterator[tuple[sqlite3.Connection, str]]:
    """Open a database without writing anything beside it.

    SQLite writes to the folder of a database whose write-ahead log or rollback journal is not empty, and `immutable`
    ignores what those hold. So a database with one is copied together with it, and the copy opened.
    """
    with tempfile.TemporaryDirectory(prefix="paydown-") as folder:
        copied = _copied(path, Path(folder)) if _logs(path) else None
        target = f"{copied.as_uri()}?mode=rw" if copied else f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            database = sqlite3.connect(target, uri=True)
        except sqlite3.Error as error:
            raise InputError(f"{path} cannot be opened: {error}") from error
        with closing(database):
            database.text_factory = _text
            yield database, str(path)


def _text(raw: bytes) -> str:
    """Read text that may not be UTF-8 as well as can be: one bad name is no bad database."""
    return raw.decode(errors="replace")


def _logs(path: Path) -> list[Path]:
    """List the logs beside a database that hold something."""
    beside = [path.with_name(path.name + suffix) for suffix in ("-wal", "-journal")]
    return [log for log in beside if log.is_file() and log.stat().st_size]


def _copied(path: Path, folder: Path) -> Path:
    """Copy a database with its logs, again where someone wrote to it meanwhile."""
    for _ in range(_COPIES):
        before = _stamps(path)
        for file in (path, *_logs(path)):
            shutil.copyfile(file, folder / file.name)
        if _stamps(path) == before:
            return folder / path.name
    raise InputError(f"{path} is being written to; make a copy (sqlite3 {path} '.backup copy.db') and read that")


def _stamps(path: Path) -> list[tuple[str, int, int]]:
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in (path, *_logs(path))]


def query(database: sqlite3.Connection, origin: str) -> str:
    """Select what is read under its present names, with the attempt: starts of one job id are numbered by time."""
    has = {row[1] for row in database.execute("PRAGMA table_info(job)")}
    columns = ["id", *_NEEDED]
    missing = [name for name in columns if name not in has]
    for name, older in _OLDER.items():
        columns.append(name if name in has else f'"{older}" AS {name}')
        missing += [] if {name, older} & has else [name]
    if missing:
        raise InputError(f"{origin} is no job database of ClusterCockpit: its table job lacks {', '.join(missing)}")
    columns += [name if name in has else f"NULL AS {name}" for name in _OPTIONAL]
    array = "array_job_id" if "array_job_id" in has else "job_id"
    columns.append("row_number() OVER (PARTITION BY cluster, job_id ORDER BY start_time, id) - 1 AS attempt")
    columns.append("min(job_id) OVER same < max(job_id) OVER same AS in_array")
    return f"SELECT {', '.join(columns)} FROM job WINDOW same AS (PARTITION BY cluster, {array}) ORDER BY id"
