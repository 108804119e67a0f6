"""Posting: the days whose facts changed become entries again, in any order and in parallel processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.book import daily_table
from paydown.ledger.columns import instants
from paydown.ledger.day import DayTables, Known, Sampled, post_day
from paydown.ledger.details import finished, merged, phase_of
from paydown.ledger.frame import Horizons
from paydown.ledger.load import Loader, labelled_samples
from paydown.ledger.pure import sampled_of
from paydown.ledger.resolve import Key, resolve, unnamed
from paydown.ledger.settings import LedgerSettings
from paydown.model.entries import DERIVED, META, POSTED
from paydown.model.facts import FACTS
from paydown.model.units import MS_PER_DAY
from paydown.model.window import Window, date_of, from_ms

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot
    from paydown.store.store import Store
    from paydown.store.transaction import Transaction

Progress = Callable[[str, float | None], None]
FACTS_NEEDED = ("gpu_samples", "host_samples", "allocations", "jobs", "nodes", "devices", "job_usage")
"""Tables without which a day cannot be worked out again: what retention dropped of them stays posted as it is."""


def _silent(text: str, share: float | None) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Posted:
    """What a posting did."""

    days: int
    """Days whose tables were written because something in them changed."""
    looked_at: int
    """Days that were worked out or whose details were."""
    entries: int
    """Entries written."""
    cpu_s: float
    """CPU seconds of this process."""
    serial_s: float
    """Seconds that passed outside the executor's tasks, which more processes cannot shorten."""
    kept: int = 0
    """Days that were not worked out again because their samples were dropped by retention."""


def post(
    store: Store,
    clusters: Collection[str] | None = None,
    days: Iterable[date] | None = None,
    *,
    settings: LedgerSettings | None = None,
    executor: Executor | None = None,
    progress: Progress = _silent,
) -> Posted:
    """Post the days that are marked as changed.

    Args:
        store: The store.
        clusters: Which clusters; default: all.
        days: UTC days to post whether marked or not; default: those that are marked.
        settings: The ledger's settings. Days posted with others are posted again.
        executor: Where to work out days; default: here. Anything of `concurrent.futures` will do.
        progress: Told what is done.

    Raises:
        StoreBusyError: Another writer holds the store.
    """
    settings = settings or LedgerSettings()
    began, clock = time.process_time(), time.perf_counter()
    total = Total()
    forced = None if days is None else {_number(day) for day in days}
    with store.write(command="post") as transaction:
        base = transaction.base
        for cluster in sorted(set(base.clusters()) & set(clusters or base.clusters())):

            def write(name: str, day: int, rows: pa.Table, cluster: str = cluster) -> None:
                transaction.replace(name, cluster, [date_of(day)], rows)

            work = ClusterPosting(base, cluster, settings, write, executor, progress)
            done = work.run(forced, total)
            clear_marks(transaction, cluster, None if forced is None else done)
        transaction.commit()
    return Posted(
        total.written, total.looked_at, total.entries, time.process_time() - began,
        time.perf_counter() - clock - total.away_s, total.kept,
    )  # fmt: skip


@dataclass
class Total:
    """What a posting has done so far."""

    written: int = 0
    looked_at: int = 0
    entries: int = 0
    kept: int = 0
    away_s: float = 0.0


@dataclass
class _Found:
    """The days that were worked out, their details not yet."""

    days: dict[int, DayTables] = field(default_factory=dict)

    def all(self, name: str) -> pa.Table:
        """Give a derived table of all the days."""
        return pa.concat_tables([DERIVED[name].arrow.empty_table(), *(getattr(d, name) for d in self.days.values())])


def work_out(
    snapshot: Snapshot, cluster: str, days: Sequence[int], settings: LedgerSettings, known: Known
) -> list[tuple[int, DayTables]]:
    """Work out a stretch of days: the task that an executor runs, with nothing in it but values."""
    loader = Loader(snapshot, cluster, settings)
    return [(day, post_day(*loader.day(day), known)) for day in days]


@dataclass
class ClusterPosting:
    """Posting one cluster from a pinned state."""

    base: Snapshot
    cluster: str
    settings: LedgerSettings
    write: Callable[[str, int, pa.Table], None]
    """Called with (derived table, day, rows) for every day of a table that is not as it stands."""
    executor: Executor | None = None
    progress: Progress = _silent

    def run(self, forced: set[int] | None, total: Total) -> set[int]:
        """Post what is marked (or forced), finish the details of every day that this touches, and give these days."""
        post_days, detail_days = self._wanted(forced, total)
        if not post_days and not detail_days:
            return set()
        resolved = self.resolved(post_days)
        found = self._first_round(post_days, resolved, total)
        self._second_round(found, resolved, total)
        extra = self._other_days(found) - set(found.days)
        detail_days = (detail_days | extra) & self.posted() - set(found.days)
        self._finish(found, detail_days, total)
        return post_days | detail_days

    # ---- what to do

    def _wanted(self, forced: set[int] | None, total: Total) -> tuple[set[int], set[int]]:
        marked = self.base.rows("dirty", clusters=[self.cluster]).to_pylist()
        to_post = {_number(row["day"]) for row in marked if row["need"] == "post"}
        details = {_number(row["day"]) for row in marked if row["need"] == "details"}
        if forced is not None:
            to_post, details = set(forced), set()
        elif self._posted_otherwise():
            to_post |= self.posted()
        gone = self.out_of_reach(FACTS_NEEDED, to_post)
        total.kept += len(gone)
        return to_post - gone, details | gone

    def out_of_reach(self, tables: Iterable[str], days: set[int] | None = None) -> set[int]:
        """Give the days (of all that are posted, or of some) that cannot be worked out since facts were dropped.

        The day whose neighbour's facts are gone is among them: its edges would not come out to the integer.
        """
        dropped = [self.base.dropped_before(self.cluster, name) for name in tables]
        edge = max((_number(day) for day in dropped if day is not None), default=None)
        every = self.posted() if days is None else days
        return set() if edge is None else {day for day in every if day <= edge}

    def posted(self) -> set[int]:
        """Give the days that are posted."""
        return {_number(day) for day in self.base.rows("posted", clusters=[self.cluster]).column("day").to_pylist()}

    def _posted_otherwise(self) -> bool:
        made = set(self.base.rows("posted", clusters=[self.cluster]).column("settings").to_pylist())
        return bool(made - {self.settings.model_dump_json()})

    def resolved(self, days: set[int]) -> dict[Key, list[tuple[str, int]]]:
        """Find the devices of allocations that name none, and mark more days where that may change them."""
        if not days:
            return {}
        low, high = min(days) * MS_PER_DAY - MS_PER_DAY, (max(days) + 2) * MS_PER_DAY
        sql = """SELECT * FROM allocations WHERE (job_id, attempt, node) IN (
            SELECT (job_id, attempt, node) FROM allocations
            WHERE gpus IS NULL AND gpu_milli > 0 AND start < $high AND coalesce("end", 'infinity') > $low)"""
        rows = self._query(sql, "allocations", {"low": from_ms(low), "high": from_ms(high)})
        if not rows.num_rows:
            return {}
        held = {"held": rows.select(["job_id", "attempt"])}
        facts = {name: self.base.rows(name, clusters=[self.cluster]) for name in ("nodes", "devices", "sources")}
        facts["allocations"] = rows
        facts["jobs"] = self._query("SELECT * FROM jobs SEMI JOIN held USING (job_id)", "jobs", {}, held)
        usage = "SELECT * FROM job_usage SEMI JOIN held USING (job_id, attempt)"
        facts["job_usage"] = self._query(usage, "job_usage", {}, held)
        wanted = unnamed(facts)
        wanted = wanted.append_column("start_ms", pa.array(instants(wanted, "start", 0)))
        facts["gpu_samples"] = labelled_samples(self.base, self.cluster, self.settings, wanted)
        days |= self._open_questions(wanted, facts["gpu_samples"], days)
        return resolve(self.cluster, self.settings, facts)

    def _open_questions(self, wanted: pa.Table, samples: pa.Table, days: set[int]) -> set[int]:
        """Give posted days of allocations without named devices that have labelled samples on a day to be posted.

        Their devices may come out otherwise now, and that changes all their days.
        """
        labelled = set(samples.column("job_id").unique().to_pylist())
        posted = self.posted()
        more: set[int] = set()
        for job, start, end in zip(
            wanted.column("job_id").to_pylist(), wanted.column("start_ms").to_pylist(),
            wanted.column("until").to_pylist(), strict=True,
        ):  # fmt: skip
            span = set(range(start // MS_PER_DAY, (end - 1) // MS_PER_DAY + 1))
            if job in labelled and span & days:
                more |= span & posted
        return more

    def _query(
        self, sql: str, table: str, params: dict[str, object], given: dict[str, pa.Table] | None = None
    ) -> pa.Table:
        rows = self.base.query(sql, params, clusters=[self.cluster], tables=given or {})
        schema = FACTS[table].arrow if table in FACTS else DERIVED[table].arrow
        return rows.select(schema.names).cast(schema)

    # ---- working out days

    def _first_round(self, days: set[int], resolved: dict[Key, list[tuple[str, int]]], total: Total) -> _Found:
        found = _Found()
        known = Known(resolved, self._sampled_elsewhere(days))
        self._work(found, sorted(days), known, total)
        return found

    def _second_round(self, found: _Found, resolved: dict[Key, list[tuple[str, int]]], total: Total) -> None:
        """Work days out again that took an attempt to be without samples where another day has some (L3.5)."""
        if not any(each.assumed for each in found.days.values()):
            return
        sampled = sampled_of(found.all("summaries")) | self._sampled_elsewhere(set(found.days))
        wrong = sorted(day for day, each in found.days.items() if each.assumed & sampled)
        if wrong:
            self._work(found, wrong, Known(resolved, sampled), total)

    def _sampled_elsewhere(self, days: set[int]) -> Sampled:
        """Give who has samples on posted days other than these, of those for whom whole-job figures are known."""
        sql = """SELECT DISTINCT job_id, attempt, node, tres FROM summaries SEMI JOIN job_usage USING (job_id, attempt)
            WHERE day NOT IN (SELECT day FROM fresh)"""
        fresh = pa.table({"day": pa.array([date_of(day) for day in days], pa.date32())})
        return sampled_of(self.base.query(sql, {}, clusters=[self.cluster], tables={"fresh": fresh}))

    def _work(self, found: _Found, days: list[int], known: Known, total: Total) -> None:
        done = 0
        clock = time.perf_counter()
        for stretch in self._worked_out(_stretches(days, self._workers()), known):
            for day, tables in stretch:
                found.days[day] = tables
                done += 1
            self.progress(f"{self.cluster}: {done} of {len(days)} days", done / max(len(days), 1))
        total.away_s += time.perf_counter() - clock

    def _workers(self) -> int:
        return int(getattr(self.executor, "_max_workers", 1)) if self.executor is not None else 1

    def _worked_out(self, stretches: list[list[int]], known: Known) -> Iterable[list[tuple[int, DayTables]]]:
        arguments = [(self.base, self.cluster, stretch, self.settings, known) for stretch in stretches]
        if self.executor is None or len(arguments) < 2:  # noqa: PLR2004 - one task is quicker here than a new process
            return (work_out(*each) for each in arguments)
        return self.executor.map(work_out, *zip(*arguments, strict=True))

    # ---- details

    def _other_days(self, found: _Found) -> set[int]:
        """Give posted days whose details change because of what the fresh days say of the same allocations (L3.6)."""
        fresh = found.all("summaries")
        if not fresh.num_rows:
            return set()
        keys = {"keys": fresh.select(["job_id", "attempt"]).group_by(["job_id", "attempt"]).aggregate([])}
        elsewhere = "day NOT IN (SELECT day FROM fresh_days)"
        days = {"fresh_days": pa.table({"day": pa.array([date_of(day) for day in found.days], pa.date32())})}
        runs = self._query(
            f"SELECT * FROM runs SEMI JOIN keys USING (job_id, attempt) WHERE {elsewhere}", "runs", {}, keys | days
        )
        if not runs.num_rows:
            return set()
        sql = "SELECT * FROM summaries SEMI JOIN keys USING (job_id, attempt)"
        stood = self._query(sql, "summaries", {}, keys)
        kept = self._query(f"{sql} WHERE {elsewhere}", "summaries", {}, keys | days)
        moved = phase_of(runs, merged(stood)) != phase_of(runs, merged(pa.concat_tables([kept, fresh])))
        return {_number(day) for day in runs.column("day").filter(pa.array(moved)).unique().to_pylist()}

    def _finish(self, found: _Found, detail_days: set[int], total: Total) -> None:
        """Give every day its details, and replace in the store what differs from what stands there."""
        every = sorted({*found.days, *detail_days})
        for done, day in enumerate(every):
            tables = found.days.get(day)
            entries, runs = self._base_of(day, tables)
            phases = self._phases(runs, found)
            entries = finished(entries, runs, phases, self._jobs_of(entries, runs), stored=tables is None)
            self._replace(day, entries, tables, total)
            total.looked_at += 1
            self.progress(f"{self.cluster}: details of {done + 1} of {len(every)} days", (done + 1) / len(every))

    def _base_of(self, day: int, tables: DayTables | None) -> tuple[pa.Table, pa.Table]:
        if tables is not None:
            return tables.entries, tables.runs
        window = Window(day * MS_PER_DAY, (day + 1) * MS_PER_DAY)
        rows = [self.base.rows(name, clusters=[self.cluster], window=window) for name in ("entries", "runs")]
        return rows[0], rows[1]

    def _phases(self, runs: pa.Table, found: _Found) -> pa.Table:
        keys = {"keys": runs.select(["job_id", "attempt"]).group_by(["job_id", "attempt"]).aggregate([])}
        days = {"fresh_days": pa.table({"day": pa.array([date_of(day) for day in found.days], pa.date32())})}
        sql = """SELECT * FROM summaries SEMI JOIN keys USING (job_id, attempt)
            WHERE day NOT IN (SELECT day FROM fresh_days)"""
        stored = self._query(sql, "summaries", {}, keys | days)
        return merged(pa.concat_tables([stored, found.all("summaries")]))

    def _jobs_of(self, entries: pa.Table, runs: pa.Table) -> pa.Table:
        both = [pc.drop_null(each.column("job_id").unique().cast(pa.string())) for each in (entries, runs)]
        held = pa.table({"job_id": pa.chunked_array(both)})
        return self._query("SELECT * FROM jobs SEMI JOIN held USING (job_id)", "jobs", {}, {"held": held})

    def _replace(self, day: int, entries: pa.Table, tables: DayTables | None, total: Total) -> None:
        fresh = {"entries": entries, "daily": daily_table(entries)}
        if tables is not None:
            fresh |= {name: getattr(tables, name) for name in ("runs", "summaries", "pools", "doubts", "demand")}
        changed = {name: rows for name, rows in fresh.items() if not self._stands(name, day, rows)}
        for name, rows in changed.items():
            self.write(name, day, rows)
        posted = self._posted_row(day)
        if tables is not None and not self._stands("posted", day, posted):
            self.write("posted", day, posted)
        total.written += bool(changed)
        total.entries += len(entries) if "entries" in changed else 0

    def _stands(self, name: str, day: int, rows: pa.Table) -> bool:
        """Tell whether the store holds exactly these rows of a day already."""
        window = Window(day * MS_PER_DAY, (day + 1) * MS_PER_DAY)
        stored = self.base.rows(name, clusters=[self.cluster], window=window)
        stored = stored.filter(pc.equal(stored.column("day"), pa.scalar(date_of(day), pa.date32())))
        if stored.num_rows != rows.num_rows:
            return False
        order = [(column, "ascending") for column in DERIVED[name].names]
        return bool(stored.sort_by(order).equals(rows.select(DERIVED[name].names).sort_by(order)))

    def _posted_row(self, day: int) -> pa.Table:
        end = min((day + 1) * MS_PER_DAY, Horizons.of(self.base.rows("sources", clusters=[self.cluster])).end)
        settings = self.settings.model_dump_json()
        row = {"cluster": self.cluster, "day": date_of(day), "settings": settings, "end": from_ms(end)}
        return pa.Table.from_pylist([row], schema=POSTED.arrow)


def clear_marks(transaction: Transaction, cluster: str, done: set[int] | None) -> None:
    """Forget the marks of the days that were done (None: of all of the cluster)."""
    staged = transaction.staged("dirty")
    marks = staged.read(staged.in_order())
    own = np.array([name == cluster for name in marks.column("cluster").to_pylist()], dtype=bool)
    if done is not None:
        own &= np.array([_number(day) in done for day in marks.column("day").to_pylist()], dtype=bool)
    if own.any():
        transaction.overwrite("dirty", marks.filter(pa.array(~own)).select(META["dirty"].names))


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _stretches(days: list[int], workers: int) -> list[list[int]]:
    """Part days into stretches of neighbours, a few for each worker, so that edges are seldom read twice."""
    size = max(1, min(4, -(-len(days) // max(workers, 1))))
    stretches: list[list[int]] = []
    for day in days:
        if stretches and len(stretches[-1]) < size and stretches[-1][-1] == day - 1:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return stretches
