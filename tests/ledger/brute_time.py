"""The oracle's time: stretches, horizons and what covers a moment (docs/spec/ledger.md, 1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
"""One row of a fact table: instants are whole ms since the epoch, null is None."""
Span = tuple[int, int]
"""A half-open stretch of time, in ms."""

BUCKET = 300_000
HOUR = 3_600_000
DAY = 86_400_000


def union(spans: list[Span]) -> list[Span]:
    """Merge stretches that overlap or touch, and drop the empty ones."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def clip(span: Span, allowed: list[Span]) -> list[Span]:
    """Give the parts of a stretch that lie in any of the (disjoint) allowed ones."""
    parts = [(max(span[0], start), min(span[1], end)) for start, end in allowed]
    return [part for part in parts if part[0] < part[1]]


def covers(spans: list[Span], moment: int) -> bool:
    """Tell whether any stretch holds the moment."""
    return any(start <= moment < end for start, end in spans)


def cut(span: Span, grid: int) -> list[Span]:
    """Cut a stretch at the multiples of `grid`."""
    borders = [span[0], *range((span[0] // grid + 1) * grid, span[1], grid), span[1]]
    return list(pairwise(borders)) if span[0] < span[1] else []


def elementary(borders: set[int], last: int) -> list[Span]:
    """Give the stretches between neighbouring borders, up to `last`."""
    inside = sorted(border for border in borders if border < last)
    return list(zip(inside, [*inside[1:], last], strict=True)) if inside else []


@dataclass(frozen=True)
class Horizons:
    """What a cluster's sources vouch for (1.2)."""

    capacity: int
    """H_cap."""
    allocation: int
    """H_all."""
    end: int
    """H."""
    covered: dict[str, list[Span]]
    """For each capability, the time that sources which support it cover."""

    def stated(self, moment: int) -> bool:
        """Tell whether the moment is stated time (1.2)."""
        return covers(self.covered["capacity"], moment) and covers(self.covered["allocation"], moment)


def horizons(sources: list[Row]) -> Horizons | None:
    """Work out the horizons of one cluster (1.2); None where it has no sources at all."""
    if not sources:
        return None

    def supporting(capability: str) -> list[Row]:
        return [row for row in sources if capability in row["supports"].split(";")]

    def latest(capability: str) -> int:
        return max(row["covers_to"] for row in supporting(capability) or sources)

    covered = {
        capability: union([(row["covers_from"], row["covers_to"]) for row in supporting(capability)])
        for capability in ("capacity", "allocation", "wait")
    }
    end = max(row["covers_to"] for row in sources)
    return Horizons(latest("capacity"), latest("allocation"), end, covered)


@dataclass(frozen=True)
class Stretch:
    """A row with the time that it really holds."""

    start: int
    end: int
    row: Row

    def holds(self, moment: int) -> bool:
        """Tell whether it covers the moment."""
        return self.start <= moment < self.end


def stretches(rows: list[Row], open_end: int, horizon: int) -> list[Stretch]:
    """Close open rows and cut all at the horizon (1.2)."""
    return [Stretch(r["start"], min(open_end if r["end"] is None else r["end"], horizon), r) for r in rows]


def succession(rows: list[Row], open_end: int, horizon: int) -> list[Stretch]:
    """Close rows of one thing, where the later start ends the earlier (1.3)."""
    ordered = stretches(sorted(rows, key=lambda row: row["start"]), open_end, horizon)
    following = [stretch.start for stretch in ordered[1:]]
    ended = [Stretch(s.start, min(s.end, after), s.row) for s, after in zip(ordered, following, strict=False)]
    return ended + ordered[-1:]
