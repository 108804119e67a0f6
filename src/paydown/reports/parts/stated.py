"""Over which time a cluster's sources state what is held: the union of what those that support allocation cover."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from paydown.model.window import Window, to_ms

if TYPE_CHECKING:
    from paydown.reports.parts.scope import Scope


def stated(scope: Scope, capability: str = "allocation") -> dict[str, list[Window]]:
    """Give for each cluster the disjoint spans over which its sources support a capability.

    Where none of a cluster's sources supports it, all of them count (docs/spec/ledger.md, section 1.2), and so they
    do for the capability "", which none has; a cluster without any source has no span.
    """
    rows = scope.snapshot.rows(
        "sources", columns=["cluster", "supports", "covers_from", "covers_to"], clusters=list(scope.clusters)
    ).to_pylist()
    found: dict[str, list[Window]] = {}
    for cluster in scope.clusters:
        own = [row for row in rows if row["cluster"] == cluster]
        able = [row for row in own if capability in row["supports"].split(";")] or own
        found[cluster] = union(Window(to_ms(row["covers_from"]), to_ms(row["covers_to"])) for row in able)
    return found


def union(windows: Iterable[Window]) -> list[Window]:
    """Merge windows that overlap or touch.

    >>> union([Window(5, 9), Window(0, 5), Window(20, 30)])
    [Window(start_ms=0, end_ms=9), Window(start_ms=20, end_ms=30)]
    """
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and window.start_ms <= merged[-1].end_ms:
            merged[-1] = Window(merged[-1].start_ms, max(merged[-1].end_ms, window.end_ms))
        else:
            merged.append(window)
    return merged


def covers(spans: Sequence[Window], window: Window) -> bool:
    """Say whether some disjoint spans cover a whole window."""
    return any(span.start_ms <= window.start_ms and window.end_ms <= span.end_ms for span in spans)
