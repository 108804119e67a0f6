"""Getting the readings of a time: several queries at once, each in as many parts as the server needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from paydown.connectors.prometheus.api import Api, TooMuchError
from paydown.connectors.prometheus.covered import Span
from paydown.connectors.prometheus.questions import SHORTEST_MS, Rates, Selection
from paydown.dialects.samples.matrix import Matrix
from paydown.errors import SourceError
from paydown.model.units import MS_PER_MINUTE

REACH_MS = 5 * MS_PER_MINUTE
"""How long before a time the readings of counters are asked for: the increase to its first reading begins there."""


@dataclass(frozen=True)
class Chunk:
    """A time that is being asked for."""

    span: Span
    answers: list[Future[list[Matrix]]]

    def parts(self) -> Iterator[Matrix]:
        """Give the answers, as they come."""
        for answer in self.answers:
            yield from answer.result()


@dataclass(frozen=True)
class Fetcher:
    """Asks for readings."""

    api: Api
    selection: Selection
    pool: Executor

    def chunk(self, span: Span, rates: Rates) -> Chunk:
        """Ask for all readings of a time."""
        length = span[1] - span[0]
        asked = []
        for reach, reaching in ((0, False), (REACH_MS, True)):
            for names in self.selection.alike(reaching=reaching).values():
                part = (span[0] - reach, span[1])
                asked += [(group, part) for group in rates.groups(names, length + reach)]
        return Chunk(span, [self.pool.submit(self._parts, names, part) for names, part in asked])

    def _parts(self, names: list[str], span: Span) -> list[Matrix]:
        return list(self._asked(names, span))

    def _asked(self, names: list[str], span: Span) -> Iterator[Matrix]:
        """Ask; what is too much is asked for in halves, of its time first, then of its metrics."""
        try:
            yield self.api.readings(self.selection.text(names), *span, self.api.url)
        except TooMuchError as error:
            for part_names, part in self._halves(names, span, error):
                yield from self._asked(part_names, part)

    def _halves(self, names: list[str], span: Span, error: TooMuchError) -> Iterable[tuple[list[str], Span]]:
        start, end = span
        if end - start >= 2 * SHORTEST_MS:
            middle = (start + end) // 2
            return (names, (start, middle)), (names, (middle, end))
        if len(names) > 1:
            half = len(names) // 2
            return (names[:half], span), (names[half:], span)
        raise SourceError(
            f"{self.api.url}: it refuses a minute of {names[0]} ({error}): raise its limits, or narrow --match."
        ) from error
