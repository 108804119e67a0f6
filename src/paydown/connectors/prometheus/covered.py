"""What a reading leaves for the next, as the text of a mark: which time was read, how far readings were apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

Span = tuple[int, int]
"""[start, end) in ms since the epoch."""


@dataclass(frozen=True)
class Covered:
    """What was read."""

    spans: tuple[Span, ...] = ()
    """Times that were read, apart from each other, ascending."""
    steps: Mapping[str, int] = field(default_factory=dict)
    """How far apart the readings of each scrape job were, in ms."""

    @classmethod
    def of(cls, text: str | None) -> Covered:
        """Read the text of a mark; None: nothing was read yet."""
        if text is None:
            return cls()
        found = json.loads(text)
        return cls(_joined((start, end) for start, end in found["read"]), found["steps"])

    def text(self) -> str:
        """Write the text of a mark."""
        return json.dumps({"read": self.spans, "steps": dict(self.steps)}, sort_keys=True)

    def and_(self, span: Span, steps: Mapping[str, int]) -> Covered:
        """Add a time, and what is known of readings after it."""
        return replace(self, spans=_joined((*self.spans, span)), steps=dict(steps))

    def without(self, span: Span) -> list[Span]:
        """Give what of a time was not read, ascending."""
        left, start = [], span[0]
        for read_from, read_to in self.spans:
            if read_from > start and start < span[1]:
                left.append((start, min(read_from, span[1])))
            start = max(start, read_to)
        return [*left, (start, span[1])] if start < span[1] else left

    @property
    def end_ms(self) -> int | None:
        """Where the latest time that was read ends."""
        return self.spans[-1][1] if self.spans else None


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif start < end:
            found.append((start, end))
    return tuple(found)
