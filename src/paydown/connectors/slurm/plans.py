"""What a site plans: reservations and limits, as rows that stay open while they stand.

A planned end may be moved, and a row that has ended never changes: a reservation has no end before it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from paydown.dialects.slurm_nodes.lives import Content, Key, Lives
from paydown.model.batch import Batch
from paydown.model.instants import INSTANT

if TYPE_CHECKING:
    from paydown.dialects.slurm_control.limits import Limit
    from paydown.dialects.slurm_control.reservations import Reservation

_ABOUT = ("name", "nodes", "kind", "users", "accounts")

Stored = Callable[..., pa.Table]
"""How the store is asked (`Context.stored`)."""


def planned_ends(found: Sequence[Reservation]) -> dict[str, int]:
    """Give what the next round needs of reservations: their planned ends."""
    return {_key(one.name, one.start_ms): one.end_ms for one in found}


def _key(name: str, start_ms: int) -> str:
    return f"{name}@{start_ms}"


def reservation_rows(
    found: Sequence[Reservation], cluster: str, stored: Stored, planned: Mapping[str, int], at: int
) -> Batch:
    """Give reservations, and the ends of those that are no longer there: as planned, or by now."""
    ends: dict[tuple[object, ...], int | None] = {}
    known = stored("reservations", cluster, still=True)
    starts = known["start"].cast(pa.int64()).to_pylist()
    for row, start in zip(known.to_pylist(), starts, strict=True):
        over = max(start, min(planned.get(_key(row["name"], start), at), at))
        ends[(*(row[name] for name in _ABOUT), start)] = over
    for one in found:
        about = (one.name, one.nodes, one.kind, one.users, one.accounts, one.start_ms)
        ends[about] = one.end_ms if one.end_ms <= at else None
    rows = {
        "cluster": pa.array([cluster] * len(ends), pa.string()),
        **{name: pa.array([about[at] for about in ends], pa.string()) for at, name in enumerate(_ABOUT)},
        "start": pa.array([about[-1] for about in ends], pa.int64()).cast(INSTANT),
        "end": pa.array(list(ends.values()), pa.int64()).cast(INSTANT),
    }
    return Batch("reservations", pa.table(rows), "scontrol show reservation")


def limit_rows(found: Sequence[Limit], cluster: str, stored: Stored, at: int) -> Batch:
    """Give limits from when they were first seen on, and the ends of those that stand no more."""
    lives = Lives.of("quotas", ("scope", "name", "tres", "kind"), stored("quotas", cluster, still=True))
    now: dict[Key, Content] = {(one.scope, one.name, one.tres, "limit"): (one.amount,) for one in found}
    for about in list(lives.rows):
        row = lives.at(about, at)
        if row is not None and now.get(about) != row.content:
            lives.close(about, at)
    for about, content in now.items():
        row = lives.at(about, at)
        if row is None or row.end_ms is not None:
            lives.hold(about, at, content, at, None)
    return Batch("quotas", lives.told(cluster), "sacctmgr show assoc, qos")
