"""What was asked for and nothing in the store bears: most often a name that is misspelt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from paydown.model.nearest import suggestion

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot

_BEARERS = {
    "partition": 'SELECT DISTINCT "partition" AS name FROM jobs UNION SELECT DISTINCT partitions FROM nodes',
    "account": "SELECT DISTINCT account AS name FROM jobs",
    "node": "SELECT DISTINCT node AS name FROM nodes UNION SELECT DISTINCT node FROM allocations",
}
"""Where a name stands, by what is asked for."""

_MOST_TOLD = 12


def strangers(
    snapshot: Snapshot, clusters: Sequence[str], asked: Mapping[str, Sequence[str]], told: Callable[[str], str]
) -> tuple[str, ...]:
    """Say of each name asked for that nothing bears it, and which one was probably meant.

    `told` gives an account as it may be told. A partition may be one of several of a job or node, or the whole text of
    them.
    """
    found = []
    for what, names in asked.items():
        if not names or not clusters:
            continue
        rows = snapshot.query(_BEARERS[what], clusters=list(clusters)).column("name").to_pylist()
        whole = {name for name in rows if name}
        known = whole | {part for name in whole for part in name.split(";")} if what == "partition" else whole
        shown = {told(name) for name in known} if what == "account" else known
        found += [f"There is no {what} {name!r}{_near(name, shown)}" for name in names if name not in known]
    return tuple(found)


def _near(name: str, known: set[str]) -> str:
    """Name the nearest, else all of them where they are few."""
    told = suggestion(name, known)
    if "did you mean" in told or len(known) <= _MOST_TOLD:
        return told
    return f"; {len(known):,} others are known."
