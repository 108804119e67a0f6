"""Names of people become opaque random keys on the way in; the names themselves stand in `identities` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.facts import FACTS
from paydown.store.people import is_key, keys_for, new_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paydown.store.snapshot import Snapshot
    from paydown.store.transaction import Transaction

_NAMED = {"jobs": "user", "reservations": "users"}
_TELLING = ("user", "e-mail")
"""The kinds of name that two people never share."""
_SAID = {"verdicts": "by", "notices": "person"}


class People:
    """Puts keys in the place of names."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._keys: dict[str, dict[str, str]] = {}
        self._aliases: dict[str, str] = {}

    def hide(self, table: str, rows: pa.Table) -> pa.Table:
        """Put keys in the place of names in rows of a fact table; people who are new get one."""
        if table == "identities":
            return self._identities(rows)
        if table in _NAMED:
            return self._hide(rows, _NAMED[table], rows["cluster"])
        if table == "quotas":
            return self._hide_where(rows, "name", rows["cluster"], pc.equal(rows["scope"], "user"))
        if table in _SAID:
            nowhere = pa.chunked_array([pa.repeat("", len(rows))])
            rows = self._hide(rows, _SAID[table], nowhere)
            return self._hide_where(rows, "subject", nowhere, pc.equal(rows["subject_type"], "user"))
        return rows

    def _of(self, cluster: str, names: Iterable[str]) -> dict[str, str]:
        """Give the keys of names on a cluster, asking the store for new ones only."""
        known = self._keys.setdefault(cluster, {})
        fresh = set(names) - known.keys()
        known |= {name: self._aliases[name] for name in fresh & self._aliases.keys()}
        if fresh - known.keys():
            known |= keys_for(self._transaction, fresh - known.keys(), cluster)
        return known

    def _hide(self, rows: pa.Table, column: str, clusters: pa.ChunkedArray) -> pa.Table:
        """Look each distinct name of each cluster up once."""
        values = rows[column].combine_chunks()
        hidden = pa.nulls(len(values), pa.string())
        for cluster in pc.unique(clusters).to_pylist():
            here = pc.equal(clusters, cluster).combine_chunks()
            distinct = pc.if_else(here, values, None).dictionary_encode()
            texts = distinct.dictionary.to_pylist()
            keys = self._of(cluster, {name for text in texts for name in _names(column, text)})
            swapped = [";".join(sorted(keys[name] for name in _names(column, text))) for text in texts]
            hidden = pc.coalesce(pa.array(swapped, pa.string()).take(distinct.indices), hidden)
        return _replaced(rows, column, hidden)

    def _hide_where(self, rows: pa.Table, column: str, clusters: pa.ChunkedArray, where: pa.ChunkedArray) -> pa.Table:
        """Put keys in the place of names in some rows."""
        only = _replaced(rows, column, pc.if_else(where, rows[column], None).combine_chunks())
        hidden = self._hide(only, column, clusters)[column]
        return _replaced(rows, column, pc.coalesce(hidden, rows[column]).combine_chunks())

    def _identities(self, rows: pa.Table) -> pa.Table:
        """Make the persons of given identities keys: the stored one of the same name, else a new one."""
        said = rows.select(FACTS["identities"].names).to_pylist()
        stored = {_name(row): row["person"] for row in self._transaction.base.rows("identities").to_pylist()}
        for row in sorted(said, key=lambda row: row["kind"] != "user"):
            known = stored.get(_name(row)) or stored.get((row["kind"], row["name"], None))
            if known is not None and row["kind"] in _TELLING and not is_key(row["person"]):
                self._aliases.setdefault(row["person"], known)
        for row in said:
            if not is_key(row["person"]):
                row["person"] = self._aliases.setdefault(row["person"], new_key())
        return _replaced(rows, "person", pa.array([row["person"] for row in said], pa.string()))


def named(table: str, rows: pa.Table, base: Snapshot) -> pa.Table:
    """Put the user names in the place of keys again, in rows of one cluster."""
    if table == "identities" or table not in {*_NAMED, "quotas"} or not len(rows):
        return rows
    column = "name" if table == "quotas" else _NAMED[table]
    (cluster,) = pc.unique(rows["cluster"]).to_pylist()
    users = [row for row in base.rows("identities").to_pylist() if row["kind"] == "user"]
    mine = [row for row in users if row["cluster"] in {None, cluster}]
    mine.sort(key=lambda row: (row["cluster"] is not None, row["name"]))
    names = {row["person"]: row["name"] for row in mine}
    texts = [None if text is None else _said(column, text, names) for text in rows[column].to_pylist()]
    return _replaced(rows, column, pa.array(texts, pa.string()))


def _said(column: str, text: str, names: dict[str, str]) -> str:
    return ";".join(sorted(names.get(key, key) for key in _names(column, text)))


def _name(row: dict[str, Any]) -> tuple[str, str, str | None]:
    return row["kind"], row["name"], row["cluster"]


def _names(column: str, text: str) -> list[str]:
    """Split what may be a list of names."""
    return [name for name in text.split(";") if name] if column == "users" else [text]


def _replaced(rows: pa.Table, column: str, values: pa.Array) -> pa.Table:
    at = rows.column_names.index(column)
    return rows.set_column(at, rows.schema.field(column), values)
