"""Where a job may run: nodes as the ledger lists them, with the partitions and GPU models that they offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from paydown.model.entries import ENTRIES
from paydown.model.units import BUCKET_MS, MS_PER_DAY
from paydown.model.window import EPOCH_DAY, Window, date_of
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

REPORTED = """
SELECT DISTINCT tres, node, coalesce("partition", '') AS "partition", day FROM daily
WHERE cluster = {cluster} AND {among} AND category = 'reported' AND day >= {first} AND day < {last}
"""
"""Where capacity of a TRES is listed and tracked, by day."""

MODELS = """
SELECT node, gpu_model FROM nodes WHERE cluster = {cluster} AND gpu_model IS NOT NULL
UNION SELECT node, gpu_model FROM devices WHERE cluster = {cluster} AND gpu_model IS NOT NULL
"""

Place = tuple[str, str]
"""A node and its whole `partitions` text: one that moves to other partitions is another place."""


@dataclass(frozen=True)
class Places:
    """The places of a cluster that list some TRES."""

    names: list[Place]
    days: list[frozenset[int]]
    """The days on which each is listed."""
    models: dict[str, frozenset[str]]
    """The GPU models of each node, at whatever time."""

    def usable(self, partitions: str | None, model: str | None) -> Bools:
        """Say which places a job of some partitions (None: any) and GPU model (None: any) may use (L1.8)."""
        wanted = None if partitions is None else set(partitions.split(";"))
        found = [
            (wanted is None or bool(wanted & set(label.split(";"))))
            and (model is None or model in self.models.get(node, ()))
            for node, label in self.names
        ]
        return np.array(found, dtype=bool)

    def listed(self, part: Window) -> Bools:
        """Say of each place and bucket whether it is listed on that day."""
        buckets = np.arange(part.start_ms, part.end_ms, BUCKET_MS) // MS_PER_DAY - part.days.start
        flags = np.array([[day in days for day in part.days] for days in self.days], dtype=bool)
        return flags.reshape(len(self.names), len(part.days))[:, buckets]

    def codes(self, nodes: list[str], labels: list[str]) -> Ints:
        """Give the place of each pair of a node and a partitions text; -1: none. The last column is that of null."""
        index = {place: code for code, place in enumerate(self.names)}
        rows = [[index.get((node, label), -1) for label in [*labels, ""]] for node in nodes]
        return np.array(rows, dtype=np.int64).reshape(len(nodes), len(labels) + 1)


def places(scope: Scope, cluster: str, every: Sequence[str]) -> dict[str, Places]:
    """Give the places of a cluster that list each of some TRES in a window."""
    statement = Statement()
    days = scope.window.days
    text = REPORTED.format(
        cluster=statement.bind(cluster),
        among=statement.one_of("tres", every),
        first=statement.bind(date_of(days.start)),
        last=statement.bind(date_of(days.stop)),
    )
    fine = _in_buckets(scope, cluster)
    found: dict[str, dict[Place, set[int]]] = {tres: {} for tres in every}
    for row in scope.query(text, statement, scope.window).to_pylist():
        if row["day"].isoformat() not in fine:
            continue
        days_of = found[row["tres"]].setdefault((row["node"], row["partition"]), set())
        days_of.add((row["day"] - EPOCH_DAY).days)
    models = _models(scope, cluster)
    return {
        tres: Places(sorted(there), [frozenset(there[name]) for name in sorted(there)], models)
        for tres, there in found.items()
    }


def _in_buckets(scope: Scope, cluster: str) -> set[str]:
    """Give the days of which the ledger is there bucket by bucket: they may be dropped before the days' sums are."""
    at = ENTRIES.partition.index("day")
    files = scope.snapshot.data_files("entries", clusters=[cluster], window=scope.window)
    return {file.part[at] for file in files}


def _models(scope: Scope, cluster: str) -> dict[str, frozenset[str]]:
    statement = Statement()
    rows: pa.Table = scope.query(MODELS.format(cluster=statement.bind(cluster)), statement)
    found: dict[str, set[str]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["node"], set()).add(row["gpu_model"])
    return {node: frozenset(models) for node, models in found.items()}
