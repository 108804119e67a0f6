"""One reading of a server: chunk by chunk, each with the time that it covers and a mark at its end."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from paydown.connectors.interface import Context, Item
from paydown.connectors.prometheus.api import Api
from paydown.connectors.prometheus.covered import Covered, Span
from paydown.connectors.prometheus.fetch import Chunk, Fetcher
from paydown.connectors.prometheus.naming import naming
from paydown.connectors.prometheus.proof import proven
from paydown.connectors.prometheus.questions import Rates, Selection, surveyed
from paydown.connectors.prometheus.settings import PrometheusSettings
from paydown.dialects.samples.answers import Series
from paydown.dialects.samples.devices import Labels
from paydown.dialects.samples.frames import Named
from paydown.dialects.samples.mapping import Mapped
from paydown.dialects.samples.prometheus import Joiner
from paydown.dialects.samples.settle import Settler
from paydown.dialects.samples.spacing import Spaced, Targets
from paydown.model.batch import Mark, Reject, Vouch
from paydown.model.units import MS_PER_HOUR, MS_PER_MINUTE

FIRST_MS = MS_PER_HOUR
"""How far back the first reading goes where nothing says it."""

_FIRST_CHUNK_MS = 10 * MS_PER_MINUTE
"""The first chunk is short: only then it is known how many readings there are."""


class Reading:
    """Reads what of a time is not read yet."""

    def __init__(
        self, api: Api, settings: PrometheusSettings, context: Context, cluster: str, selection: Selection, told: Mapped
    ) -> None:
        self._api, self._settings, self._context = api, settings, context
        self._cluster, self._selection = cluster, selection
        self._labels = Labels(told, Named(None, None, None, None), naming(settings))
        self._joiner = Joiner(told, self._labels)
        self._source = context.source or "prometheus"
        self._settler = Settler(self._source, cluster, believe_zeros=settings.believe_zeros)
        self._mark = mark_name(settings)
        self._covered = Covered.of(context.mark(cluster, self._mark))
        self._targets = Targets(self._covered.steps)
        self._rates = Rates()

    def items(self) -> Iterator[Item]:
        """Yield the samples of each chunk, the time that they cover, and the mark that says so."""
        whole = self._window()
        todo = [whole] if self._settings.again and whole[0] < whole[1] else self._covered.without(whole)
        if todo and not self._settings.believe_zeros:
            self._settler.zeros.proven |= proven(self._api, self._selection, self._labels, whole)
        pool = ThreadPoolExecutor(self._settings.concurrency)
        try:
            for span in todo:
                for chunk in self._chunks(span, Fetcher(self._api, self._selection, pool)):
                    yield from self._chunk(chunk)
        finally:
            pool.shutdown(cancel_futures=True)

    def _window(self) -> Span:
        latest = self._context.clock() - self._settings.lag_ms
        end = latest if self._settings.end_ms is None else min(self._settings.end_ms, latest)
        start = self._settings.start_ms
        if start is None:
            start = end - FIRST_MS if self._covered.end_ms is None else self._covered.end_ms
        return start, max(start, end)

    def _chunks(self, span: Span, fetcher: Fetcher) -> Iterator[Chunk]:
        """Ask for a time chunk by chunk, for the next one while the last is worked upon."""
        self._rates = surveyed(self._api, self._selection, span)
        first = min(span[0] + min(self._rates.chunk_ms(), _FIRST_CHUNK_MS), span[1])
        yield fetcher.chunk((span[0], first), self._rates)
        start, asked = first, None
        while start < span[1]:
            end = min(start + self._rates.chunk_ms(), span[1])
            following = fetcher.chunk((start, end), self._rates)
            if asked is not None:
                yield asked
            asked, start = following, end
            self._context.progress(self._api.url, (start - span[0]) / (span[1] - span[0]))
        if asked is not None:
            yield asked

    def _chunk(self, chunk: Chunk) -> Iterator[Item]:
        series, longs = [], 0
        for part in chunk.parts():
            series += part.series
            longs += part.long
        self._learn(series, chunk.span)
        spaced, lost = self._spaced(series)
        for frame in self._joiner.frames(spaced, self._api.url, since_ms=chunk.span[0]):
            if isinstance(frame, Reject):
                yield frame
            else:
                yield from self._settler.take(frame)
        yield from self._settler.rest()
        yield from self._left_out(lost, longs)
        yield self._vouch(chunk.span)
        self._covered = self._covered.and_(chunk.span, self._targets.jobs)
        yield Mark(self._cluster, self._mark, self._covered.text())

    def _learn(self, series: list[Series], span: Span) -> None:
        points: Counter[str] = Counter()
        for each in series:
            points[each.labels.get("__name__", "")] += len(each.at)
        self._rates.learn(points, span)

    def _spaced(self, series: list[Series]) -> tuple[list[Spaced], list[Series]]:
        given = self._settings.interval_ms
        return ([(each, given) for each in series], []) if given else self._targets.spaced(series)

    def _left_out(self, lost: list[Series], longs: int) -> Iterator[Reject]:
        """Tell what was left out as a whole."""
        if lost:
            count = sum(len(each.at) for each in lost)
            detail = "a single reading of its target does not say how long it lasts: give --interval"
            yield Reject("", self._api.url, None, "unknown-duration", detail, "", count, self._cluster)
        if longs:
            detail = "a label is longer than any that is meant: its series were left out"
            yield Reject("", self._api.url, None, "long-label", detail, "", longs, self._cluster)

    def _vouch(self, span: Span) -> Vouch:
        notes = [*self._joiner.notes, *(f"{self._api.url} said: {text}." for text in sorted(self._api.warnings))]
        return Vouch(self._cluster, self._source, ("use",), span[0], span[1], note=" ".join(notes) or None, joins=True)


def mark_name(settings: PrometheusSettings) -> str:
    """Name the mark of what is asked: who asks for other series or names them otherwise begins anew."""
    asked = (
        settings.url,
        settings.tenant,
        settings.match,
        settings.map,
        str(settings.map_file),
        str(settings.node_map),
    )
    return "read " + hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
