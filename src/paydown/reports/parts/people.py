"""Who is who: person keys and the names that stand for them, from `identities` alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paydown.store.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.store.snapshot import Snapshot

_PREFERENCE = {"user": 0, "display": 1, "e-mail": 2}
"""Which kind of name is shown where a person has several."""


@dataclass(frozen=True)
class People:
    """Names of person keys."""

    names: dict[str, str] = field(default_factory=dict)
    """The name shown for each key that has one."""
    keys_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys of all who bear a name."""
    persons: frozenset[str] = frozenset()
    """The keys of which any name is known."""
    hidden: Pseudonyms | None = None
    """What stands in place of names, where none may be shown."""

    @staticmethod
    def of(snapshot: Snapshot, clusters: Sequence[str], *, pseudonyms: bool = False) -> People:
        """Read the names that hold on some clusters; with `pseudonyms` none is ever shown."""
        found = snapshot.rows("identities", columns=["person", "kind", "name", "cluster", "start"]).to_pylist()
        rows = sorted((row for row in found if row["cluster"] is None or row["cluster"] in clusters), key=_order)
        names: dict[str, str] = {}
        keys_of: dict[str, tuple[str, ...]] = {}
        for row in rows:
            names.setdefault(row["person"], row["name"])
            keys_of[row["name"]] = (*keys_of.get(row["name"], ()), row["person"])
        if pseudonyms:
            return People({}, keys_of, frozenset(names), Pseudonyms.of(snapshot))
        return People(names, keys_of, frozenset(names))

    def keys(self, said: Iterable[str]) -> tuple[str, ...]:
        """Translate names to keys; what is no name is taken for a key."""
        return tuple(dict.fromkeys(key for name in said for key in self.keys_of.get(name, (name,))))

    def strangers(self, said: Iterable[str]) -> list[str]:
        """Give what is neither a known name nor the key of anybody who has one."""
        return [name for name in said if name not in self.keys_of and name not in self.persons]

    def column(self, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Show a column of an answer: users by their names, or nothing by any name."""
        if name == "user":
            return self.shown(values)
        return values if self.hidden is None else self.hidden.column(name, values)

    def told(self, label: str) -> str:
        """Give an account, a team or another label as it may be told."""
        return label if self.hidden is None else self.hidden.mask.label(label)

    def shown(self, keys: pa.ChunkedArray) -> pa.ChunkedArray:
        """Put names in place of the keys that have one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self.names:
            return keys
        known = pa.array(self.names.keys(), pa.string())
        names = pa.array(self.names.values(), pa.string())
        plain = keys.cast(pa.string())
        return pc.coalesce(names.take(pc.index_in(plain, value_set=known)), plain)


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    """User names first, the latest first."""
    start = row["start"]
    return _PREFERENCE[row["kind"]], -(start.timestamp() if start else 0.0), row["person"], row["name"]
