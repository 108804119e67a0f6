"""Posting what was collected, at a bounded cost: now and then, the latest days first, a few days at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    from paydown.collect.settings import CollectSettings
    from paydown.ledger.settings import LedgerSettings
    from paydown.store.snapshot import Snapshot
    from paydown.store.store import Store


@dataclass
class Posting:
    """When days are posted, and which."""

    store: Store
    settings: CollectSettings
    ledger: LedgerSettings
    check: Callable[[], None]
    """Raises where the collector stops: what was not committed is forgotten, and its days stay marked."""
    wanted: bool = True
    """Whether days may be marked."""
    _due: float = field(default_factory=time.monotonic)

    def wait_s(self) -> float | None:
        """Say in how many seconds days are to be posted; None where none are marked."""
        return max(self._due - time.monotonic(), 0.0) if self.wanted else None

    def put_off(self, seconds: float) -> None:
        """Try again later."""
        self._due = time.monotonic() + seconds

    def post(self) -> tuple[int, int, float]:
        """Post the latest marked days; give how many were written, how many are left, and the seconds it took."""
        from paydown.ledger.posting import post

        begun = time.monotonic()
        chosen, left = _chosen(self.store.snapshot(), self.settings.post_days)
        written = 0
        for cluster, days in chosen.items():
            done = post(self.store, [cluster], days if left else None, settings=self.ledger, progress=self._progress)
            written += done.days
        took = time.monotonic() - begun
        self.wanted = bool(left)
        rest = took * (1 / self.settings.post_share - 1)
        self.put_off(rest if left else max(rest, self.settings.post_ms / 1000))
        return written, left, took

    def _progress(self, _text: str, _share: float | None) -> None:
        self.check()


def _chosen(snapshot: Snapshot, most: int) -> tuple[dict[str, list[date]], int]:
    """Give the latest marked days, by cluster, and how many marked ones are left out."""
    marked: list[dict[str, Any]] = snapshot.rows("dirty").to_pylist()
    marked.sort(key=lambda row: row["day"], reverse=True)
    chosen: dict[str, list[date]] = {}
    for row in marked[:most]:
        chosen.setdefault(row["cluster"], []).append(row["day"])
    return chosen, len(marked[most:])
