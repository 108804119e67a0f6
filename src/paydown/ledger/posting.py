"""Posting: the days whose facts changed become entries again, in any order and in parallel processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.book import daily_table
from paydown.ledger.columns import instants
from paydown.ledger.details import inactive_entries, merged, phase_of, refreshed
from paydown.ledger.frame import Horizons
from paydown.ledger.load import labelled_samples
from paydown.ledger.pure import sampled_of
from paydown.ledger.resolve import Key, resolve, unnamed
from paydown.ledger.rollups import SUMS, Lines, rollups, with_more
from paydown.ledger.settings import LedgerSettings
from paydown.ledger.workers import Worked, stretches_of, work_out, work_out_away
from paydown.ledger.world import Known, Sampled
from paydown.model.entries import DAILY, DERIVED, META, POSTED
from paydown.model.facts import FACTS
from paydown.model.units import MS_PER_DAY
from paydown.model.window import Window, date_of, from_ms

if TYPE_CHECKING:
    from paydown.store.delta import DataFile
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

            def write(name: str, day: int, rows: pa.Table, aside: DataFile | None, cluster: str = cluster) -> None:
                files = () if aside is None else (aside,)
                transaction.replace(name, cluster, [date_of(day)], rows, files)

            work = ClusterPosting(base, cluster, settings, write, executor, progress, aside=True)
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
class ClusterPosting:
    """Posting one cluster from a pinned state."""

    base: Snapshot
    cluster: str
    settings: LedgerSettings
    write: Callable[[str, int, pa.Table, DataFile | None], None]
    """Called with (derived table, day, rows, file with more rows) for every day of a table that is not as it stands."""
    executor: Executor | None = None
    progress: Progress = _silent
    aside: bool = False
    """Whether workers may write into the store; else all rows come back to `write`."""

    def run(self, forced: set[int] | None, total: Total) -> set[int]:
        """Post what is marked (or forced), finish the details of every day that this touches, and give these days."""
        post_days, detail_days = self._wanted(forced, total)
        if not post_days and not detail_days:
            return set()
        resolved = self.resolved(post_days)
        found = self._first_round(post_days, resolved, total)
        self._second_round(found, resolved, total)
        extra = self._other_days(found) - set(found)
        detail_days = (detail_days | extra) & self.posted() - set(found)
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

    def _first_round(
        self, days: set[int], resolved: dict[Key, list[tuple[str, int]]], total: Total
    ) -> dict[int, Worked]:
        found: dict[int, Worked] = {}
        self._work(found, sorted(days), Known(resolved, self._sampled_elsewhere(days)), total)
        return found

    def _second_round(self, found: dict[int, Worked], resolved: dict[Key, list[tuple[str, int]]], total: Total) -> None:
        """Work days out again that took an attempt to be without samples where another day has some (L3.5)."""
        if not any(each.tables.assumed for each in found.values()):
            return
        sampled = sampled_of(_edges(found)) | self._sampled_elsewhere(set(found))
        wrong = sorted(day for day, each in found.items() if each.tables.assumed & sampled)
        if wrong:
            for day in wrong:
                self._forget(found[day])
            self._work(found, wrong, Known(resolved, sampled), total)

    def _forget(self, worked: Worked) -> None:
        for name, file in worked.files.items():
            self.base.forget_aside(name, file)

    def _sampled_elsewhere(self, days: set[int]) -> Sampled:
        """Give who has samples on posted days other than these, of those for whom whole-job figures are known."""
        sql = """SELECT DISTINCT job_id, attempt, node, tres FROM summaries SEMI JOIN job_usage USING (job_id, attempt)
            WHERE day NOT IN (SELECT day FROM fresh)"""
        fresh = pa.table({"day": pa.array([date_of(day) for day in days], pa.date32())})
        return sampled_of(self.base.query(sql, {}, clusters=[self.cluster], tables={"fresh": fresh}))

    def _work(self, found: dict[int, Worked], days: list[int], known: Known, total: Total) -> None:
        done = 0
        clock = time.perf_counter()
        for stretch in self._worked_out(days, known):
            for day, worked in stretch:
                found[day] = worked
                done += 1
                self.progress(f"{self.cluster}: {done} of {len(days)} days", done / max(len(days), 1))
        total.away_s += time.perf_counter() - clock

    def _workers(self) -> int:
        return int(getattr(self.executor, "_max_workers", 1)) if self.executor is not None else 1

    def _worked_out(self, days: list[int], known: Known) -> Iterable[Iterable[tuple[int, Worked]]]:
        stretches = stretches_of(days, self._workers())
        same: Any = {"settings": self.settings, "known": known, "aside": self.aside}
        if self.executor is None or len(stretches) < 2:  # noqa: PLR2004 - one task is quicker here than a new process
            return (work_out(self.base, self.cluster, each, **same) for each in stretches)
        return self.executor.map(partial(work_out_away, self.base, self.cluster, **same), stretches)

    # ---- details

    def _other_days(self, found: dict[int, Worked]) -> set[int]:
        """Give posted days whose details change because of what the fresh days say of the same allocations (L3.6)."""
        fresh = _edges(found)
        if not fresh.num_rows:
            return set()
        keys = {"keys": fresh.select(["job_id", "attempt"]).group_by(["job_id", "attempt"]).aggregate([])}
        elsewhere = "day NOT IN (SELECT day FROM fresh_days)"
        days = {"fresh_days": pa.table({"day": pa.array([date_of(day) for day in found], pa.date32())})}
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

    def _finish(self, found: dict[int, Worked], detail_days: set[int], total: Total) -> None:
        """Give every day its details, and replace in the store what differs from what stands there."""
        every = sorted({*found, *detail_days})
        edges = _edges(found)
        for done, day in enumerate(every):
            if day in found:
                self._take(day, found.pop(day), edges, set(every) - detail_days, total)
            else:
                self._refresh(day, edges, set(every) - detail_days, total)
            total.looked_at += 1
            self.progress(f"{self.cluster}: details of {done + 1} of {len(every)} days", (done + 1) / len(every))

    def _take(self, day: int, worked: Worked, edges: pa.Table, fresh_days: set[int], total: Total) -> None:
        """Take a day that was worked out into the store."""
        tables = worked.tables
        phases = self._phases(tables.open, edges, fresh_days)
        rest = inactive_entries(tables.open, phases, self._jobs_of(tables.open))
        names = ("runs", "summaries", "pools", "doubts", "demand", "histograms", "carried", "energy")
        fresh = {name: getattr(tables, name) for name in names}
        fresh["entries"] = pa.concat_tables([tables.entries.cast(rest.schema), rest])
        fresh["daily"] = pa.concat_tables([tables.daily.cast(DAILY.arrow), daily_table(rest)])
        more = rollups(Lines.of(day, rest))
        fresh |= {name: with_more(name, rows, more[name]) for name, rows in tables.rollups.items() if name in SUMS}
        fresh |= {name: rows for name, rows in tables.rollups.items() if name not in SUMS}
        self._replace(day, fresh, worked.files, total)
        posted = self._posted_row(day)
        if not self._stands("posted", day, posted, None):
            self.write("posted", day, posted, None)

    def _refresh(self, day: int, edges: pa.Table, fresh_days: set[int], total: Total) -> None:
        """Give a posted day's details anew."""
        window = Window(day * MS_PER_DAY, (day + 1) * MS_PER_DAY)
        entries, runs = (self.base.rows(name, clusters=[self.cluster], window=window) for name in ("entries", "runs"))
        phases = self._phases(runs, edges, fresh_days)
        entries = refreshed(entries, runs, phases, self._jobs_of(entries, runs))
        sums = {"daily": daily_table(entries)} | rollups(Lines.of(day, entries))
        self._replace(day, {"entries": entries} | sums, {}, total)

    def _phases(self, runs: pa.Table, edges: pa.Table, fresh_days: set[int]) -> pa.Table:
        """Merge what the fresh days (`edges`) and the posted others say of the allocations of runs."""
        keys = {"keys": runs.select(["job_id", "attempt"]).group_by(["job_id", "attempt"]).aggregate([])}
        days = {"fresh_days": pa.table({"day": pa.array([date_of(day) for day in fresh_days], pa.date32())})}
        sql = """SELECT * FROM summaries SEMI JOIN keys USING (job_id, attempt)
            WHERE day NOT IN (SELECT day FROM fresh_days)"""
        stored = self._query(sql, "summaries", {}, keys | days)
        own = edges.join(keys["keys"], ["job_id", "attempt"], join_type="left semi", use_threads=False)
        return merged(pa.concat_tables([stored, own.select(stored.column_names).cast(stored.schema)]))

    def _jobs_of(self, *tables: pa.Table) -> pa.Table:
        names = [pc.drop_null(each.column("job_id").unique().cast(pa.string())) for each in tables]
        held = pa.table({"job_id": pa.chunked_array(names)})
        return self._query("SELECT * FROM jobs SEMI JOIN held USING (job_id)", "jobs", {}, {"held": held})

    def _replace(self, day: int, fresh: dict[str, pa.Table], files: dict[str, DataFile], total: Total) -> None:
        changed = {name for name, rows in fresh.items() if not self._stands(name, day, rows, files.get(name))}
        for name, rows in fresh.items():
            if name in changed:
                self.write(name, day, rows, files.get(name))
            elif name in files:
                self.base.forget_aside(name, files[name])
        total.written += bool(changed)
        if "entries" in changed:
            total.entries += len(fresh["entries"]) + (files["entries"].rows if "entries" in files else 0)

    def _stands(self, name: str, day: int, rows: pa.Table, file: DataFile | None) -> bool:
        """Tell whether the store holds exactly these rows of a day already, those of the file included."""
        window = Window(day * MS_PER_DAY, (day + 1) * MS_PER_DAY)
        stored = self.base.rows(name, clusters=[self.cluster], window=window)
        stored = stored.filter(pc.equal(stored.column("day"), pa.scalar(date_of(day), pa.date32())))
        if stored.num_rows != rows.num_rows + (file.rows if file else 0):
            return False
        rows = rows.select(DERIVED[name].names).cast(stored.schema)
        rows = pa.concat_tables([rows, self.base.read_aside(name, file)]) if file else rows
        order = [(column, "ascending") for column in DERIVED[name].names]
        return bool(stored.sort_by(order).equals(rows.sort_by(order)))

    def _posted_row(self, day: int) -> pa.Table:
        end = min((day + 1) * MS_PER_DAY, Horizons.of(self.base.rows("sources", clusters=[self.cluster])).end)
        settings = self.settings.model_dump_json()
        row = {"cluster": self.cluster, "day": date_of(day), "settings": settings, "end": from_ms(end)}
        return pa.Table.from_pylist([row], schema=POSTED.arrow)


def _edges(found: dict[int, Worked]) -> pa.Table:
    """Give what the days say of the attempts that hold something on several days."""
    empty = DERIVED["summaries"].arrow.empty_table()
    return pa.concat_tables([empty, *(each.tables.edge.cast(empty.schema) for each in found.values())])


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
