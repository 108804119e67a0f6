"""Forgetting a person: the names, the names of the jobs, and every file that held one of them.

The person key stays, and with it every figure: what the person held is held by nobody known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from paydown.errors import UsageError
from paydown.model.masking import FREE, HIDDEN, LABELS, Mask, rewritten
from paydown.store import engine, parquet
from paydown.store.layout import scratch_path
from paydown.store.people import is_key
from paydown.store.tables import TABLES

if TYPE_CHECKING:
    from paydown.store.delta import DataFile
    from paydown.store.snapshot import Snapshot
    from paydown.store.staging import Staged
    from paydown.store.transaction import Transaction

JOB_TEXTS = ("name", "labels", "template")
"""What a person may have named in a job: null afterwards."""

_SITE = (("jobs", "partition"), ("jobs", "qos"), ("nodes", "node"), ("nodes", "partitions"), ("nodes", "pool"))

NAMING = (
    "jobs", "node_states", "reservations", "quotas", "sources", "identities", "verdicts", "notices",
    "entries", "daily", "demand", "hourly", "day_totals", "rejects", "health",
)  # fmt: skip
"""The tables that have a column in which a name may stand."""


@dataclass(frozen=True)
class Person:
    """Who is to be forgotten."""

    key: str
    """The person key."""
    names: tuple[str, ...]
    """Every name of the person that nobody else bears."""
    shared: int
    """How many names another person bears as well: these stay the other's."""
    jobs: int
    """How many attempts of jobs are the person's."""
    job_names: frozenset[str] = field(repr=False)
    """The names of these jobs."""
    stays: tuple[str, ...] = ()
    """Columns in which the site itself bears one of the names (a node, a partition): they stay."""


@dataclass(frozen=True)
class Forgotten:
    """What a forgetting did."""

    person: str
    """The person key."""
    names: int = 0
    """Names removed."""
    jobs: int = 0
    """Attempts of jobs whose names were removed."""
    rows: int = 0
    """Further rows in which a name stood."""
    files: int = 0
    """Old files removed."""
    freed_bytes: int = 0
    """Their size."""


def find(snapshot: Snapshot, who: str) -> Person:
    """Find a person by name, mail address or person key; `UsageError` where that is nobody, or more than one."""
    rows = snapshot.rows("identities").to_pylist()
    keys = {row["person"] for row in rows if who in (row["person"], row["name"])}
    keys = keys or {row["person"] for row in rows if who.casefold() == row["name"].casefold()}
    if not keys and is_key(who) and _jobs_of(snapshot, who):
        keys = {who}
    if not keys:
        raise UsageError("Nobody is known by this name, mail address or person key; nothing was changed.")
    if len(keys) > 1:
        raise UsageError(f"Several persons bear this name; give one of their keys: {', '.join(_placed(rows, keys))}.")
    (key,) = keys
    mine, others = (
        {row["name"] for row in rows if (row["person"] == key) is own and row["name"] != row["person"]}
        for own in (True, False)
    )
    names = tuple(sorted(mine - others))
    jobs = _jobs_of(snapshot, key)
    job_names = frozenset(row["name"] for row in jobs if row["name"])
    return Person(
        key, names, len(mine & others), len(jobs), job_names, _site(snapshot, Mask(dict.fromkeys(names, key)))
    )


def _placed(rows: list[dict[str, Any]], keys: set[str]) -> list[str]:
    places = {key: sorted({row["cluster"] for row in rows if row["person"] == key and row["cluster"]}) for key in keys}
    return [f"{key} ({', '.join(places[key])})" if places[key] else key for key in sorted(keys)]


def _jobs_of(snapshot: Snapshot, key: str) -> list[dict[str, Any]]:
    found = snapshot.rows("jobs", columns=["name"], where='"user" = ?', params=[key])
    return list(found.to_pylist())


def _site(snapshot: Snapshot, mask: Mask) -> tuple[str, ...]:
    """Give the columns of the site's own words in which a name stands."""
    found = []
    for table, column in _SITE:
        values = snapshot.rows(table, columns=[column]).column(0)
        if rewritten(values, mask.label) is not values:
            found.append(f"{table}.{column}")
    return tuple(found)


def forget(transaction: Transaction, person: Person) -> int:
    """Take a person's names out of every table of a transaction; give in how many rows they stood."""
    mask = Mask(dict.fromkeys(person.names, person.key))
    return sum(_rewrite(transaction, table, person, mask) for table in NAMING)


def _rewrite(transaction: Transaction, table: str, person: Person, mask: Mask) -> int:
    """Write the files of a table again in which something changes; give how many rows that was."""
    staged = transaction.staged(table)
    scratch = scratch_path(staged.store)
    changed = 0
    for file in staged.in_order():
        if staged.table.role == "derived" and not _told(staged, file, mask):
            continue
        rows = staged.read([file])
        fresh = without_names(table, _without_person(table, rows, person, scratch), mask)
        if fresh is not rows:
            changed += _different(rows, fresh)
            staged.drop(file)
            staged.add(fresh)
    return changed


def _told(staged: Staged, file: DataFile, mask: Mask) -> bool:
    """Tell whether a name stands in a file of the ledger, from the columns alone in which one may."""
    words = parquet.read(staged.uri, staged.table.name, [file], _columns(staged.table.name))
    return without_names(staged.table.name, words, mask) is not words


def _without_person(table: str, rows: pa.Table, person: Person, scratch: str) -> pa.Table:
    """Take out what is the person's own, whether a name stands in it or not."""
    if table == "identities":
        kept = rows.filter(pc.not_equal(rows["person"], person.key))
        return kept if kept.num_rows < rows.num_rows else rows
    if table == "jobs":
        return _nameless(rows, person.key)
    if table == "rejects":
        return _starred(rows, person, scratch)
    return _numbered(rows, person) if table in {"verdicts", "notices"} else rows


def without_names(table: str, rows: pa.Table, mask: Mask) -> pa.Table:
    """Take names out of every column of words; the very rows come back where none stands in them.

    The name of a quota is looked at where it is an account's, and the words of the ledger are not.
    """
    for name in _columns(table):
        rows = changed(rows, name, lambda values, name=name: mask.column(name, values))  # type: ignore[misc]
    if table == "quotas":
        of_account = pc.equal(rows["scope"], "account")
        rows = changed(rows, "name", lambda values: _where(of_account, mask.column("name", values), values))
    return changed(rows, "detail", lambda values: rewritten(values, mask.prose)) if table == "rejects" else rows


def _columns(table: str) -> list[str]:
    left_out = {"quotas": {"name"}, "rejects": {"reason"}}.get(table, set())
    return [name for name in TABLES[table].names if name in (LABELS | FREE) - left_out]


def _where(where: pa.ChunkedArray, then: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    return other if then is other else pc.if_else(where, then, other)


def _nameless(rows: pa.Table, key: str) -> pa.Table:
    mine = pc.fill_null(pc.equal(rows["user"], key), fill_value=False)
    if not pc.any(mine).as_py():
        return rows
    for name in JOB_TEXTS:
        rows = changed(rows, name, lambda values: pc.if_else(mine, pa.scalar(None, pa.string()), values))
    return rows


def _starred(rows: pa.Table, person: Person, scratch: str) -> pa.Table:
    """Hide what rejects repeat of rows that hold the name of one of the person's jobs."""
    words = pa.table({"word": pa.array(sorted(person.job_names), pa.string())})
    sql = "SELECT text FROM texts t WHERE EXISTS (SELECT 1 FROM words w WHERE contains(t.text, w.word))"
    for name in ("row", "detail"):
        tables = {"texts": pa.table({"text": rows[name].unique()}), "words": words}
        holding = set(engine.run(sql, (), {}, tables, scratch).column(0).to_pylist())
        rows = changed(rows, name, lambda values, held=holding: _hidden(values, held))  # type: ignore[misc]
    return rows


def _hidden(values: pa.ChunkedArray, held: set[str]) -> pa.ChunkedArray:
    return rewritten(values, lambda text: HIDDEN if text in held else text)


def _numbered(rows: pa.Table, person: Person) -> pa.Table:
    """Put numbers in the place of the person's job names where somebody said something of them."""
    numbers = {name: f"{person.key}/{number}" for number, name in enumerate(sorted(person.job_names))}
    return changed(rows, "subject", lambda values: rewritten(values, lambda text: numbers.get(text, text)))


def changed(rows: pa.Table, name: str, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.Table:
    """Change a column; the very rows come back where it stays as it is."""
    values = rows[name]
    fresh = change(values)
    at = rows.column_names.index(name)
    return rows if fresh is values else rows.set_column(at, rows.schema.field(name), fresh)


def _different(rows: pa.Table, fresh: pa.Table) -> int:
    """Count the rows that differ in some text, or that are gone."""
    if rows.num_rows != fresh.num_rows:
        return int(rows.num_rows - fresh.num_rows)
    differ = pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])  # noqa: FBT003 -- Arrow's order
    for each in rows.schema:
        if pa.types.is_string(each.type):
            texts = (pc.fill_null(side[each.name], "") for side in (rows, fresh))
            differ = pc.or_(differ, pc.not_equal(*texts))
    return int(pc.sum(differ).as_py() or 0)
