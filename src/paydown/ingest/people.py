"""Names of people become opaque random keys on the way in; the names themselves stand in `identities` alone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.facts import FACTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEY = re.compile(r"p-[0-9a-f]{16}")
_LISTS = {"users"}
_NAMED: dict[str, tuple[str, ...]] = {"jobs": ("user",), "reservations": ("users",)}
_SAID: dict[str, str] = {"verdicts": "by", "notices": "person"}


def new_key() -> str:
    """Make a key that says nothing of the person."""
    return f"p-{secrets.token_hex(8)}"


class People:
    """The keys of those who are known, and of those who are met."""

    def __init__(self, identities: pa.Table) -> None:
        self._keys: dict[tuple[str | None, str], str] = {}
        self._anywhere: dict[str, set[str]] = {}
        self._rows: dict[tuple[str, str, str | None], str] = {}
        self._aliases: dict[str, str] = {}
        self._met: list[dict[str, Any]] = []
        self._learn(identities.to_pylist())

    def key(self, cluster: str | None, name: str) -> str:
        """Give the key of a user name on a cluster (None: on any); what is a key already stays."""
        if _KEY.fullmatch(name):
            return name
        if name in self._aliases:
            return self._aliases[name]
        found = self._keys.get((cluster, name)) or self._keys.get((None, name))
        if found is None and cluster is None and len(self._anywhere.get(name, ())) == 1:
            (found,) = self._anywhere[name]
        if found is None:
            found = new_key()
            self._met.append({"person": found, "kind": "user", "name": name, "cluster": cluster})
            self._learn(self._met[-1:])
        return found

    def take_met(self) -> pa.Table:
        """Give the rows of `identities` for those who were met since the last call."""
        rows = pa.Table.from_pylist(self._met, FACTS["identities"].arrow)
        self._met = []
        return rows

    def hide(self, table: str, rows: pa.Table) -> pa.Table:
        """Put keys in the place of names in rows of a fact table."""
        if table == "identities":
            return self._identities(rows)
        for column in _NAMED.get(table, ()):
            rows = self._hide_column(rows, column, rows["cluster"])
        if table == "quotas":
            rows = self._hide_where(rows, "name", rows["cluster"], pc.equal(rows["scope"], "user"))
        if table in _SAID:
            nowhere = pa.nulls(len(rows), pa.string())
            rows = self._hide_column(rows, _SAID[table], nowhere)
            rows = self._hide_where(rows, "subject", nowhere, pc.equal(rows["subject_type"], "user"))
        return rows

    def _learn(self, rows: list[dict[str, Any]]) -> None:
        """Remember rows of `identities`; of one name's persons the latest counts."""
        for row in sorted(rows, key=lambda row: (row.get("start") is not None, row.get("start"))):
            self._rows[row["kind"], row["name"], row["cluster"]] = row["person"]
            if row["kind"] == "user":
                self._keys[row["cluster"], row["name"]] = row["person"]
                self._anywhere.setdefault(row["name"], set()).add(row["person"])

    def _identities(self, rows: pa.Table) -> pa.Table:
        """Make the persons of given identities keys: the stored one of the same name, else a new one."""
        said = rows.select(FACTS["identities"].names).to_pylist()
        for row in said:
            known = self._rows.get((row["kind"], row["name"], row["cluster"]))
            if known and not _KEY.fullmatch(row["person"]):
                self._aliases.setdefault(row["person"], known)
        for row in said:
            if not _KEY.fullmatch(row["person"]):
                row["person"] = self._aliases.setdefault(row["person"], new_key())
        self._learn(said)
        persons = pa.array([row["person"] for row in said], pa.string())
        return _replaced(rows, "person", persons)

    def _hide_where(self, rows: pa.Table, column: str, clusters: pa.Array, where: pa.Array) -> pa.Table:
        hidden = self._hide_column(rows, column, clusters, pc.fill_null(where, False))  # noqa: FBT003 -- Arrow's order
        return _replaced(rows, column, pc.if_else(where, hidden[column], rows[column]))

    def _hide_column(self, rows: pa.Table, column: str, clusters: pa.Array, where: pa.Array | None = None) -> pa.Table:
        """Look each distinct name of each cluster up once."""
        hide = self._list if column in _LISTS else self.key
        values = rows[column].combine_chunks()
        if where is not None:
            values = pc.if_else(where, values, None).combine_chunks()
        found = pc.unique(clusters).to_pylist()
        if len(found) <= 1:
            return _replaced(rows, column, _mapped(values, lambda name: hide(found[0], name)))
        hidden = np.full(len(rows), None, object)
        for cluster in found:
            here: NDArray[np.bool_] = pc.equal(clusters, cluster).to_numpy(zero_copy_only=False).astype(np.bool_)
            mine = _mapped(values.filter(pa.array(here)), lambda name, at=cluster: hide(at, name))  # type: ignore[misc]
            hidden[here] = mine.to_numpy(zero_copy_only=False)
        return _replaced(rows, column, pa.array(hidden, pa.string()))

    def _list(self, cluster: str | None, names: str) -> str:
        return ";".join(sorted(self.key(cluster, name.strip()) for name in names.split(";") if name.strip()))


def _mapped(values: pa.Array, hide: Callable[[str], str]) -> pa.Array:
    """Map each distinct text once."""
    distinct = values.dictionary_encode()
    keys = [hide(name) for name in distinct.dictionary.to_pylist()]
    return pa.array(keys, pa.string()).take(distinct.indices)


def _replaced(rows: pa.Table, column: str, values: pa.Array) -> pa.Table:
    at = rows.column_names.index(column)
    return rows.set_column(at, rows.schema.field(column), values)
