"""What the rows, rejects and vouches of a connector are held to, one function for each promise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from paydown.connectors.interface import Connector, Context
from paydown.model.batch import Mark, Reject, Vouch
from paydown.model.facts import FACTS
from paydown.model.window import to_ms

if TYPE_CHECKING:
    import pyarrow as pa

NAME = re.compile(r"[a-z][a-z0-9-]*")
"""The form of a connector's name and of a reject's reason."""

EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""An instant before this is most likely seconds read as milliseconds."""

_MOST_TEXT = 1_000
_WORD = re.compile(r"[^\w.@+-]+")
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
    marks: list[Mark] = field(default_factory=list)

    def clusters(self) -> set[str]:
        """Give the clusters that appear in facts, people apart."""
        found: set[str] = set()
        for name, rows in self.tables.items():
            if "cluster" in rows.column_names and name != "identities":
                found |= set(rows["cluster"].unique().to_pylist())
        return found - {None}


def must(holds: bool, sentence: str) -> None:  # noqa: FBT001 -- it reads like assert
    """Raise AssertionError with a sentence where something does not hold."""
    if not holds:
        raise AssertionError(sentence)


def _check_filled(connector: Connector, found: Reading, _context: Context) -> None:
    some = any(len(rows) for rows in found.tables.values())
    must(some, f"{connector.name} gives no row at all of this sample: a sample that shows nothing checks nothing")


def _check_rejects(connector: Connector, found: Reading, _context: Context) -> None:
    for reject in found.rejects:
        what = f"{connector.name} rejects a row ({reject.detail or reject.reason or reject.row}) "
        must(bool(reject.origin), what + "without naming its origin")
        must(bool(NAME.fullmatch(reject.reason)), what + f"for `{reject.reason}`, which is no stable short code")
        must(bool(reject.detail), what + "without saying what was wrong")
        must(len(reject.row) <= _MOST_TEXT, what + f"and keeps {len(reject.row):,} characters of it")
        must(reject.count > 0, what + f"{reject.count} times")
        must(not reject.table or reject.table in FACTS, what + f"of `{reject.table}`, which is no table of facts")


def _check_vouches(connector: Connector, found: Reading, _context: Context) -> None:
    name = connector.name
    silent = found.clusters() - {vouch.cluster for vouch in found.vouches}
    must(not silent, f"{name} gives facts of {', '.join(sorted(silent))} but vouches for nothing there")
    for vouch in found.vouches:
        more = set(vouch.supports) - set(connector.supports)
        must(not more, f"{name} vouches for {', '.join(sorted(more))} of {vouch.cluster}, which it does not declare")
        must(bool(vouch.cluster and vouch.source), f"{name} vouches without naming the cluster or the source")
        start, end = vouch.covers_from_ms, vouch.covers_to_ms
        fine = start is None or end is None or start <= end
        must(fine, f"{name} vouches for {vouch.cluster} from {start} to {end}, which is earlier")
        for ms in (start, end):
            must(ms is None or ms >= to_ms(EARLIEST), f"{name} vouches for {vouch.cluster} at {ms} ms: is it seconds?")


def _check_cluster(connector: Connector, found: Reading, context: Context) -> None:
    if context.cluster:
        others = found.clusters() - {context.cluster}
        must(not others, f"{connector.name} keeps {', '.join(sorted(others))} though the user named {context.cluster}")


def _check_instants(connector: Connector, found: Reading, _context: Context) -> None:
    """Hold instants to be no seconds; those after 2200 are rejected already."""
    import pyarrow.compute as pc

    for table, rows in found.tables.items():
        for column in FACTS[table].columns:
            first = pc.min(rows[column.name]).as_py() if column.kind == "instant" else None
            fine = first is None or first >= EARLIEST
            must(fine, f"{connector.name} gives {table}.{column.name} = {first}: are seconds read as milliseconds?")


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
        must(not twice, f"{connector.name} gives {twice} rows of {table} whose key {FACTS[table].key} another row has")


def _users(found: Reading) -> set[str]:
    jobs = found.tables.get("jobs")
    return {name for name in jobs["user"].unique().to_pylist() if name} if jobs is not None else set()


def _check_people(connector: Connector, found: Reading, _context: Context) -> None:
    """Hold names of users to the columns where the store replaces them with keys, or may not."""
    users = _users(found)
    for table, rows in found.tables.items():
        for column in FACTS[table].columns:
            if column.kind != "text" or table == "identities" or (table, column.name) in _PERSONAL:
                continue
            words = {part for text in rows[column.name].unique().to_pylist() if text for part in _WORD.split(text)}
            named = sorted(name for name in words & users if len(name) >= _SHORTEST_NAME)
            where = f"{table}.{column.name}"
            must(
                not named, f"{connector.name} tells the user `{', '.join(named[:3])}` in {where}, where no name belongs"
            )


def check_jobs_known(connector: Connector, found: Reading) -> None:
    """Hold allocations and figures of jobs to jobs that the source gives, where it gives any."""
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
            must(not strange, f"{connector.name} gives {table} of jobs that it does not give: {shown}")


def _check_marks(connector: Connector, found: Reading, _context: Context) -> None:
    clusters = {vouch.cluster for vouch in found.vouches} | found.clusters()
    for mark in found.marks:
        name = f"{connector.name} marks how far it is in {mark.name or 'nothing'}"
        must(bool(mark.name), f"{name}: a mark has a name")
        must(mark.cluster in clusters, f"{name} of {mark.cluster}, a cluster of which it gives nothing")
        told = {part for part in _WORD.split(mark.value) if len(part) >= _SHORTEST_NAME} & _users(found)
        must(not told, f"{name} with the user `{', '.join(sorted(told))}` in it, where no name belongs")


CHECKS: tuple[Callable[[Connector, Reading, Context], None], ...] = (
    _check_filled,
    _check_rejects,
    _check_vouches,
    _check_cluster,
    _check_instants,
    _check_keys,
    _check_people,
    _check_marks,
)
"""What a reading is held to, besides what `check_jobs_known` says."""
