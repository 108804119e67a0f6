"""One thread for each source: it reads outside of the store's lock, and hands over what it read, part by part."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_not_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential,
    wait_random,
)

from paydown.collect.asked import Asked
from paydown.connectors.interface import Context
from paydown.errors import SourceError
from paydown.model.batch import Batch, Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from paydown.collect.settings import CollectSettings
    from paydown.collect.source import Source
    from paydown.connectors.interface import Item
    from paydown.store.store import Store

READINGS = 3
"""How often a part is read while others change what it goes on from."""

ATTEMPTS = 3
"""How often a source is tried where every source is read once only."""

MOST_BYTES = 2 << 30
"""How much a source may bring from one mark to the next: it is held in memory."""

JITTER = 0.05
"""The part of an interval by which rounds are put off or brought forward, so that they do not fall together."""

_LEAST_PAUSE_S = 0.05
_LOOK_S = 0.5


class StoppedError(Exception):
    """The collector stops: what was read and not handed over is forgotten."""


@dataclass(frozen=True)
class Begun:
    """A round began."""

    source: Source


@dataclass(frozen=True)
class Part:
    """What a source brought, to be committed as one."""

    source: Source
    items: list[Item] = field(repr=False)
    asked: Asked = field(repr=False)
    last: bool
    """Whether the round ends with it."""
    answer: SimpleQueue[bool | Exception] = field(repr=False)
    """Told whether it was committed, or why not; False: others changed what it goes on from."""


@dataclass(frozen=True)
class Failed:
    """A round failed."""

    source: Source
    error: BaseException
    pause_s: float | None
    """When it is tried again; None: not at all."""


@dataclass(frozen=True)
class Ended:
    """A reader has nothing more to do."""

    source: Source
    good: bool


Event = Begun | Part | Failed | Ended


@dataclass(frozen=True)
class Surroundings:
    """What every reader works with."""

    store: Store
    settings: CollectSettings
    clock: Callable[[], int]
    tell: Callable[[Event], None]
    stopping: threading.Event
    gate: threading.RLock
    """Held by whoever asks a store that cannot be asked by two at once."""
    once: bool = False


class Reader(threading.Thread):
    """Reads one source at its interval until the collector stops."""

    def __init__(self, source: Source, around: Surroundings) -> None:
        super().__init__(name=f"paydown-{source.name}", daemon=True)
        self.source = source
        self.since = time.monotonic()
        """When it began to read the part that it reads."""
        self.reading = False
        """Whether it reads at the moment."""
        self._around = around
        self._asked = Asked(around.store, source, around.gate)

    def run(self) -> None:
        """Read round after round."""
        around = self._around
        while not around.stopping.is_set():
            begun = time.monotonic()
            try:
                self._retrying()(self._round)
            except StoppedError:
                return
            except BaseException as error:  # noqa: BLE001 -- whatever a source raises must not stop the others
                around.tell(Failed(self.source, error, None))
                around.tell(Ended(self.source, good=False))
                return
            if around.once:
                around.tell(Ended(self.source, good=True))
                return
            spread = 1 + random.uniform(-JITTER, JITTER)  # noqa: S311 -- nothing is secret about it
            pause = self.source.interval_ms / 1000 * spread - (time.monotonic() - begun)
            around.stopping.wait(max(pause, _LEAST_PAUSE_S))

    def _retrying(self) -> Retrying:
        around, first = self._around, self._around.settings.retry_s
        longest = max(first, min(self.source.interval_ms / 1000, around.settings.patience_s))
        stopping = stop_when_event_set(around.stopping)
        return Retrying(
            retry=retry_if_not_exception_type(StoppedError),
            wait=wait_exponential(multiplier=first, max=longest) + wait_random(0, first / 2),
            stop=stop_after_attempt(ATTEMPTS) | stopping if around.once else stopping,
            sleep=sleep_using_event(around.stopping),
            before_sleep=self._failed,
            reraise=True,
        )

    def _failed(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else None
        self._around.tell(Failed(self.source, error or SourceError("it failed"), pause))

    def _round(self) -> None:
        self._around.tell(Begun(self.source))
        for _ in range(READINGS):
            self.reading = True
            try:
                if self._read():
                    return
            finally:
                self.reading = False
        raise SourceError(f"what {self.source.name} goes on from was changed by others each time that it was read.")

    def _read(self) -> bool:
        """Read until the connector is done; False where others changed what it goes on from."""
        source = self.source
        self._begin_part()
        plain = Context(source.cluster, source.timezone, source=source.name, clock=self._around.clock)
        items: list[Item] = []
        held = 0
        with closing(_generator(source, self._asked.context(plain))) as found:
            for item in found:
                items.append(item)
                held += item.rows.nbytes if isinstance(item, Batch) else 0
                if held > MOST_BYTES:
                    raise SourceError(_too_much(source))
                if isinstance(item, Mark):
                    if not self._hand_over(items, last=False):
                        return False
                    items, held = [], 0
                    self._begin_part()
                if self._around.stopping.is_set():
                    raise StoppedError
        return self._hand_over(items, last=True)

    def _begin_part(self) -> None:
        self.since = time.monotonic()
        self._asked.renew()

    def _hand_over(self, items: list[Item], *, last: bool) -> bool:
        answer: SimpleQueue[bool | Exception] = SimpleQueue()
        self.reading = False
        self._around.tell(Part(self.source, items, self._asked, last, answer))
        found = self._wait_for(answer)
        self.reading = True
        if isinstance(found, Exception):
            raise found
        return found

    def _wait_for(self, answer: SimpleQueue[bool | Exception]) -> bool | Exception:
        from queue import Empty

        while True:
            try:
                return answer.get(timeout=_LOOK_S)
            except Empty:
                if self._around.stopping.is_set():
                    raise StoppedError from None


def _generator(source: Source, context: Context) -> Any:
    return source.connector.read(source.settings, context)


def _too_much(source: Source) -> str:
    return (
        f"{source.name} brought more than {MOST_BYTES >> 20:,} MiB without a mark, which is held in memory here: "
        f"read it with `paydown ingest {source.connector.name}`."
    )
