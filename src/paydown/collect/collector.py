"""The collector: sources are read in threads, each at its interval; one thread commits what they bring, and posts."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from paydown.collect import health
from paydown.collect.log import tell
from paydown.collect.posting import Posting
from paydown.collect.reader import Begun, Ended, Event, Failed, Part, Reader, StoppedError, Surroundings
from paydown.errors import PaydownError, StoreBusyError
from paydown.ingest.run import Part as Work
from paydown.ledger.settings import LedgerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paydown.collect.health import Health
    from paydown.collect.settings import CollectSettings
    from paydown.collect.source import Source
    from paydown.ingest import Ingested
    from paydown.store.lock import Lease
    from paydown.store.store import Store

_LOOK_S = 1.0
_BUSY_S = 10.0
_STOP_S = 2.0
_FIRST_COMPACTION = 24
"""The first compaction comes after this part of the interval: a process that is often started anew needs one too."""


@dataclass
class Round:
    """How one source fared."""

    reader: Reader
    over: bool = False
    good: bool = False
    late: bool = False
    """Whether it was said that it takes too long."""


@dataclass
class Collector:
    """Collects until it is stopped, or every source once."""

    store: Store
    sources: Sequence[Source]
    settings: CollectSettings
    clock: Callable[[], int]
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    shown: Callable[[str], str] = str
    """What is said of an error: with no name in it, where none may be shown."""
    left_behind: tuple[str, ...] = field(default=(), init=False)
    """The sources that hung in the world outside when it stopped, and hang there still."""
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _gate: threading.RLock = field(default_factory=threading.RLock, init=False)
    _events: SimpleQueue[Event | None] = field(default_factory=SimpleQueue, init=False)
    _rounds: dict[str, Round] = field(default_factory=dict, init=False)
    _health: dict[str, Health] = field(default_factory=dict, init=False)
    _lease: Lease | None = field(default=None, init=False)
    _posting: Posting = field(init=False)
    _compaction: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._posting = Posting(self.store, self.settings, self.ledger, self._check)

    def stop(self) -> None:
        """Stop soon: a commit that is being made is finished. May be called by a signal's handler."""
        self._stopping.set()
        self._events.put(None)

    def run(self, *, once: bool = False) -> tuple[str, ...]:
        """Collect; give the names of the sources that failed, where each is read once.

        Raises `StoreBusyError` where another process collects into this store.
        """
        with self.store.sole("collector", command="collect") as self._lease:
            self._begin(once=once)
            try:
                while not self._stopping.is_set() and not self._over(once=once):
                    self._turn(once=once)
                if once:
                    self._post_all()
            finally:
                self._end()
        return tuple(name for name, each in self._rounds.items() if once and not each.good)

    def _begin(self, *, once: bool) -> None:
        known = health.read(self.store.snapshot())
        self._health = {source.name: health.of(source, known) for source in self.sources}
        around = Surroundings(self.store, self.settings, self.clock, self._events.put, self._stopping, self._gate, once)
        self._rounds = {source.name: Round(Reader(source, around)) for source in self.sources}
        self._compaction = time.monotonic() + self.settings.compact_ms / 1000 / _FIRST_COMPACTION
        tell("started", store=self.store.path, sources=",".join(self._rounds), once=once)
        for each in self._rounds.values():
            each.reader.start()

    def _over(self, *, once: bool) -> bool:
        """Tell whether every source was read, where each is read once; those that are late are waited for no more."""
        return once and all(each.over or each.late for each in self._rounds.values())

    def _turn(self, *, once: bool) -> None:
        """Take what comes next, and do what is due."""
        try:
            event = self._events.get(timeout=self._wait_s(once=once))
        except Empty:
            event = None
        if event is not None:
            self._take(event)
        self._look_for_late()
        if once or self._stopping.is_set():
            return
        if self._posting.wait_s() == 0.0:
            self._post()
        if time.monotonic() >= self._compaction:
            self._compact()

    def _wait_s(self, *, once: bool) -> float:
        due = None if once else self._posting.wait_s()
        return _LOOK_S if due is None else min(due, _LOOK_S)

    def _take(self, event: Event) -> None:
        name = event.source.name
        if isinstance(event, Begun):
            self._rounds[name].late = False
            self._health[name] = self._health[name].begun(self.clock())
        elif isinstance(event, Part):
            event.answer.put(self._committed(event))
        elif isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, Ended):
            self._rounds[name].over, self._rounds[name].good = True, event.good and not self._rounds[name].late

    # ---- commits

    def _committed(self, part: Part) -> bool | Exception:
        """Commit what a source brought; whatever hinders that is the source's failure, and no one else's."""
        try:
            return self._patiently(part)
        except StoppedError as error:
            return error
        except Exception as error:  # noqa: BLE001 -- as above
            return error

    def _patiently(self, part: Part) -> bool:
        """Commit as soon as nobody else writes the store."""
        waiting = False
        while True:
            try:
                return self._commit(part)
            except StoreBusyError as error:
                if not waiting:
                    tell("waiting", logging.WARNING, source=part.source.name, why=str(error))
                waiting = True
                self._check()

    def _commit(self, part: Part) -> bool:
        begun = time.monotonic()
        name = part.source.name
        with self._gate, self.store.write(wait_s=_LOOK_S, command=f"collect {name}") as transaction:
            if part.asked.stale(transaction.base):
                tell("read again", source=name, why="others changed what it goes on from")
                return False
            self._still_alone()
            work = Work(transaction, name)
            for item in part.items:
                work.take(item)
            after = self._health[name]

            def beside(done: Ingested) -> None:
                nonlocal after
                after = after.took(done)
                after = after.ended(self.clock()) if part.last else after
                health.write(transaction, after)

            done = work.commit(self.clock(), beside=beside)
        self._health[name] = after
        self._posting.wanted |= bool(done.dirty)
        self._tell(part, done, time.monotonic() - begun)
        return True

    def _tell(self, part: Part, done: Ingested, seconds: float) -> None:
        rows = {table: count for table, count in done.rows.items() if count}
        tell(
            "collected", source=part.source.name, rows=sum(rows.values()), new=sum(done.inserted.values()),
            replaced=sum(done.replaced.values()), rejects=sum(done.rejects.values()), days=done.dirty,
            commit_s=round(seconds, 3), whole=part.last,
        )  # fmt: skip

    def _still_alone(self) -> None:
        """Raise `StoreBusyError` where another took this process for dead and collects in its place."""
        if self._lease is not None:
            self._lease.check()

    # ---- failures

    def _failed(self, event: Failed) -> None:
        why = _said(event.error)
        expected = isinstance(event.error, PaydownError | OSError)
        tell(
            "failed", logging.ERROR, source=event.source.name, why=self.shown(why), again_s=event.pause_s,
            defect=None if expected else event.error,
        )  # fmt: skip
        self._note(event.source.name, why)

    def _note(self, name: str, why: str) -> None:
        """Keep a failure; where not even that can be written, the log has it."""
        after = self._health[name] = self._health[name].failing(self.clock(), why)
        try:
            with self._gate, self.store.write(wait_s=_LOOK_S, command="collect") as transaction:
                self._still_alone()
                health.write(transaction, after)
                transaction.commit()
        except (PaydownError, OSError) as error:
            tell("health not written", logging.WARNING, source=name, why=str(error))

    def _look_for_late(self) -> None:
        now = time.monotonic()
        for name, each in self._rounds.items():
            took = now - each.reader.since
            if each.reader.reading and not each.late and took > self.settings.patience_s:
                each.late = True
                why = f"it has been read for {took:,.0f} s without an end or a mark; nothing else waits for it."
                tell("late", logging.WARNING, source=name, why=why)
                self._note(name, why)

    # ---- posting, compaction, the end

    def _post(self) -> bool:
        """Post some days; tell whether that went well."""
        try:
            with self._gate:
                written, left, seconds = self._posting.post()
            tell("posted", days=written, left=left, seconds=round(seconds, 3))
        except StoppedError:
            return False
        except StoreBusyError as error:
            self._posting.put_off(_BUSY_S)
            tell("not posted", logging.WARNING, why=str(error))
        except Exception as error:  # noqa: BLE001 -- collecting goes on; what was not posted stays marked
            self._posting.put_off(max(self.settings.post_ms / 1000, _BUSY_S))
            defect = None if isinstance(error, PaydownError | OSError) else error
            tell("not posted", logging.ERROR, why=self.shown(_said(error)), defect=defect)
        else:
            return True
        return False

    def _post_all(self) -> None:
        while self._posting.wanted and not self._stopping.is_set() and self._post():
            pass

    def _compact(self) -> None:
        self._compaction = time.monotonic() + self.settings.compact_ms / 1000
        try:
            with self._gate:
                done = self.store.compact()
            tell("compacted", merged=done.merged, removed=done.removed, freed_bytes=done.freed_bytes)
        except (PaydownError, OSError) as error:
            self._compaction = time.monotonic() + _BUSY_S
            tell("not compacted", logging.WARNING, why=str(error))

    def _check(self) -> None:
        if self._stopping.is_set():
            raise StoppedError

    def _end(self) -> None:
        """Let the readers go; one that hangs in the world outside is left behind."""
        self._stopping.set()
        until = time.monotonic() + _STOP_S
        for each in self._rounds.values():
            each.reader.join(max(until - time.monotonic(), 0.0))
        self.left_behind = tuple(name for name, each in self._rounds.items() if each.reader.is_alive())
        left: dict[str, Any] = {"left_behind": ",".join(self.left_behind)} if self.left_behind else {}
        tell("stopped", **left)


def _said(error: BaseException) -> str:
    """Say an error in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, PaydownError) and text else f"{type(error).__name__}: {text}"


def named(sources: Sequence[Source], wanted: Sequence[str]) -> list[Source]:
    """Give the sources of these names (none: all), or say which there are."""
    from paydown.errors import UsageError
    from paydown.model.nearest import suggestion

    known: dict[str, Any] = {source.name: source for source in sources}
    for name in wanted:
        if name not in known:
            raise UsageError(f"There is no [sources.{name}] in the configuration{suggestion(name, known)}")
    return [known[name] for name in dict.fromkeys(wanted)] if wanted else list(sources)
