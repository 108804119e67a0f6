"""Who a person key is: names stand in `identities` alone, everything else holds opaque keys."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from paydown.model.facts import FACTS
from paydown.model.window import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from paydown.store.snapshot import Snapshot
    from paydown.store.transaction import Transaction

TABLE = "identities"
"""The only table that holds names."""

_KEY = re.compile(r"p_[0-9a-f]{16}")
_SHOWN = ("display", "user", "e-mail")


def keys_for(tx: Transaction, names: Iterable[str], cluster: str) -> dict[str, str]:
    """Give each user name its person key; names not seen before get a new random one, as rows of kind `user`.

    One user name is one person over the whole store, except where an identity of this cluster alone says otherwise.
    What is a person key already (of facts that a store exported) stays as it is.
    """
    wanted = set(names)
    known = {name: name for name in wanted if is_key(name)}
    for row in sorted(_users(tx), key=lambda row: row["cluster"] is not None):
        if row["name"] in wanted and row["cluster"] in {None, cluster}:
            known[row["name"]] = row["person"]
    fresh = {name: new_key() for name in sorted(wanted - known.keys())}
    if fresh:
        columns = {name: FACTS[TABLE].by_name[name] for name in FACTS[TABLE].names}
        rows = [{"person": key, "kind": "user", "name": name} for name, key in fresh.items()]
        table = pa.Table.from_pylist([{c: row.get(c) for c in columns} for row in rows], FACTS[TABLE].arrow)
        tx.upsert(TABLE, table)
    return known | fresh


def new_key() -> str:
    """Make a person key: random, so that it tells nothing of the name."""
    return f"p_{secrets.token_hex(8)}"


def is_key(name: str) -> bool:
    """Tell whether a text is a person key already."""
    return _KEY.fullmatch(name) is not None


def _users(tx: Transaction) -> list[dict[str, Any]]:
    staged = tx.staged(TABLE)
    rows = staged.read(staged.files.values()).select(["person", "kind", "name", "cluster"])
    return [row for row in rows.to_pylist() if row["kind"] == "user"]


def names(snapshot: Snapshot, at: datetime | None = None) -> dict[str, str]:
    """Give the name to show for each person key: the display name before the user name before the mail address.

    With `at`, names whose time does not hold that instant are left out.
    """
    shown: dict[str, tuple[int, str]] = {}
    for row in snapshot.rows(TABLE).to_pylist():
        if at is not None and not _holds(row, at):
            continue
        found = (_SHOWN.index(row["kind"]), row["name"])
        shown[row["person"]] = min(found, shown.get(row["person"], found))
    return {person: name for person, (_, name) in shown.items()}


def _holds(row: dict[str, Any], at: datetime) -> bool:
    after = row["start"] is None or to_ms(row["start"]) <= to_ms(at)
    return after and (row["end"] is None or to_ms(at) < to_ms(row["end"]))
