"""The proof of a store: both identities, every roll-up, and every posted day worked out again (L2, L5)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from paydown.ledger.day import DayTables, post_day
from paydown.ledger.load import Loader
from paydown.ledger.posting import FACTS_NEEDED, ClusterPosting, Progress, Total
from paydown.ledger.settings import LedgerSettings
from paydown.ledger.world import Known
from paydown.model.entries import ALLOCATED, DERIVED, REPORTED, UNALLOCATED
from paydown.model.units import MS_PER_DAY
from paydown.model.window import Window, date_of

if TYPE_CHECKING:
    from paydown.store.delta import DataFile
    from paydown.store.snapshot import Snapshot
    from paydown.store.store import Store


@dataclass(frozen=True)
class Cell:
    """Something that does not balance."""

    rule: str
    """What does not hold, as a sentence."""
    cluster: str
    day: date
    table: str
    """The derived table that is off."""
    where: str
    """Node, TRES, job and so on, as `name=value` texts."""
    found: int | None
    """What the store says; None where it says nothing."""
    expected: int | None
    """What it must be; None where there must be nothing."""


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_KEY = 'cluster, day, node, partition, tres, category, detail, job_id, attempt, "user", account, basis, signal'
_HOUR = "cluster, day, hour, partition, tres, category, detail, account"
_TOTAL = 'cluster, day, partition, tres, category, detail, "user", account, basis, signal'

# Each gives cluster, day, found, expected and what names the cell; only where the two differ.
_SQL = {
    ("daily", "the daily roll-up is the sum of its entries"): f"""
        SELECT {_KEY}, sum(d) AS found, sum(e) AS expected FROM (
            SELECT {_KEY}, amount AS d, 0 AS e FROM daily UNION ALL SELECT {_KEY}, 0, amount FROM entries)
        GROUP BY ALL HAVING sum(d) <> sum(e)""",
    ("hourly", "the hourly roll-up is the sum of its entries"): f"""
        SELECT {_HOUR}, sum(d) AS found, sum(e) AS expected FROM (
            SELECT {_HOUR}, amount AS d, 0 AS e FROM hourly UNION ALL
            SELECT cluster, day, date_trunc('hour', bucket) AS hour, {_HOUR.split(", ", 3)[3]}, 0, amount FROM entries)
        SEMI JOIN (SELECT DISTINCT cluster, day FROM hourly) USING (cluster, day)
        GROUP BY ALL HAVING sum(d) <> sum(e)""",
    ("day_totals", "the totals of a day are the sums of its daily roll-up"): f"""
        SELECT {_TOTAL}, sum(d) AS found, sum(e) AS expected FROM (
            SELECT {_TOTAL}, amount AS d, 0 AS e FROM day_totals UNION ALL SELECT {_TOTAL}, 0, amount FROM daily)
        SEMI JOIN (SELECT DISTINCT cluster, day FROM day_totals) USING (cluster, day)
        GROUP BY ALL HAVING sum(d) <> sum(e)""",
    ("runs", "inactive that was sampled is the sum of its runs"): """
        SELECT cluster, day, node, tres, job_id, attempt, basis, signal, sum(r) AS found, sum(e) AS expected FROM (
            SELECT cluster, day, node, tres, job_id, attempt, basis, signal,
                (epoch_ms("end") - epoch_ms(start)) * milli AS r, 0 AS e FROM runs
            UNION ALL SELECT cluster, day, node, tres, job_id, attempt, basis, signal, 0, amount FROM entries
            WHERE category = 'inactive' AND basis IN ('sampled', 'shared'))
        GROUP BY ALL HAVING sum(r) <> sum(e)""",
    ("pools", "what is pooled of a node is the sum of its parts"): """
        SELECT cluster, day, node, sum(p) AS found, sum(e) AS expected FROM (
            SELECT cluster, day, node, used + inactive + underused AS p, 0 AS e FROM pools WHERE kind = 'pooled'
            UNION ALL SELECT cluster, day, node, 0, amount FROM entries WHERE detail = 'pooled')
        GROUP BY ALL HAVING sum(p) <> sum(e)""",
    ("demand", "what demand says was allocated is what the entries say"): f"""
        SELECT cluster, day, hour, partition, account, tres, sum(d) AS found, sum(e) AS expected FROM (
            SELECT cluster, day, hour, partition, account, tres, allocated AS d, 0 AS e FROM demand
            UNION ALL SELECT cluster, day, date_trunc('hour', bucket), partition, account, tres, 0, amount FROM entries
            WHERE category IN ({_names(ALLOCATED)}))
        GROUP BY ALL HAVING sum(d) <> sum(e)""",
}

_SUMS = f"""
SELECT node, tres, job_id, attempt, sum(amount) AS amount,
    CASE WHEN category IN ({_names(ALLOCATED)}) THEN 'allocated' ELSE category END AS category
FROM {{table}} WHERE day = $day AND cluster = $cluster GROUP BY ALL
"""


def check(
    store: Store, *, recompute: bool = True, executor: Executor | None = None, progress: Progress | None = None
) -> list[Cell]:
    """Prove a store, and give everything that does not balance.

    Args:
        store: The store.
        recompute: Also work every posted day out again from its facts, and compare every derived table.
        executor: Where to work out days.
        progress: Told what is done.
    """
    snapshot = store.snapshot()
    cells = [cell for (table, rule), sql in _SQL.items() for cell in _differing(snapshot, table, rule, sql)]
    for cluster in snapshot.clusters():
        settings = posted_settings(snapshot, cluster)
        if settings is None:
            continue
        cells += _against_facts(snapshot, cluster, settings)
        if recompute:
            cells += _again(snapshot, cluster, settings, executor, progress)
    return cells


def posted_settings(snapshot: Snapshot, cluster: str) -> LedgerSettings | None:
    """Give the settings that a cluster is posted with; None where nothing is."""
    made = snapshot.rows("posted", clusters=[cluster]).column("settings").to_pylist()
    return LedgerSettings.model_validate(json.loads(made[-1])) if made else None


def _cells(table: str, rule: str, rows: list[dict[str, Any]]) -> Iterator[Cell]:
    for row in rows:
        found, expected = (None if row[name] is None else int(row[name]) for name in ("found", "expected"))
        skip = ("found", "expected", "cluster", "day")
        where = " ".join(f"{name}={value}" for name, value in row.items() if name not in skip and value is not None)
        yield Cell(rule, row["cluster"], row["day"], table, where, found, expected)


def _differing(snapshot: Snapshot, table: str, rule: str, sql: str) -> list[Cell]:
    return list(_cells(table, rule, snapshot.query(sql).to_pylist()))


def _against_facts(snapshot: Snapshot, cluster: str, settings: LedgerSettings) -> list[Cell]:
    """Compare what is posted with the capacity of the inventory and the holdings of the allocations, day by day."""
    posting = ClusterPosting(snapshot, cluster, settings, _ignore)
    days = sorted(posting.posted() - posting.out_of_reach(("allocations", "nodes", "devices")))
    known = Known(posting.resolved(set(days)))
    loader = Loader(snapshot, cluster, settings)
    cells: list[Cell] = []
    for day in days:
        frame, facts = loader.day(day)
        blank = {name: facts[name].slice(0, 0) for name in ("gpu_samples", "host_samples", "job_usage")}
        cells += _of_day(snapshot, cluster, day, post_day(frame, facts | blank, known))
    return cells


def _ignore(name: str, day: int, rows: pa.Table, file: DataFile | None) -> None:
    """Write nothing."""


def _of_day(snapshot: Snapshot, cluster: str, day: int, expected: DayTables) -> list[Cell]:
    params = {"day": date_of(day), "cluster": cluster}
    window = Window(day * MS_PER_DAY, (day + 1) * MS_PER_DAY)
    posted = snapshot.query(_SUMS.format(table="entries"), params, clusters=[cluster], window=window)
    wanted = snapshot.query(_SUMS.format(table="expected"), params, tables={"expected": expected.entries})
    sql = """SELECT p.amount AS found, w.amount AS expected, coalesce(p.node, w.node) AS node,
            coalesce(p.tres, w.tres) AS tres, coalesce(p.category, w.category) AS category,
            coalesce(p.job_id, w.job_id) AS job_id, coalesce(p.attempt, w.attempt) AS attempt
        FROM found_sums p FULL JOIN wanted w ON p.node = w.node AND p.tres = w.tres AND p.category = w.category
            AND p.job_id IS NOT DISTINCT FROM w.job_id AND p.attempt IS NOT DISTINCT FROM w.attempt
        WHERE p.amount IS DISTINCT FROM w.amount"""
    rows = snapshot.query(sql, {}, tables={"found_sums": posted, "wanted": wanted}).to_pylist()
    rule = "what is posted is what inventory and allocations say"
    cells = list(_cells("entries", rule, [row | {"cluster": cluster, "day": date_of(day)} for row in rows]))
    return cells + _first_identity(cluster, day, posted, expected.inside)


def _first_identity(cluster: str, day: int, posted: pa.Table, inside: dict[tuple[str, str], int]) -> list[Cell]:
    """Reported is what is not held, and what is held while capacity is reported (L2)."""
    reported: dict[tuple[str, str], int] = {}
    parts = dict(inside)
    for row in posted.to_pylist():
        key = (row["node"], row["tres"])
        if row["category"] == REPORTED:
            reported[key] = reported.get(key, 0) + int(row["amount"])
        elif row["category"] in UNALLOCATED:
            parts[key] = parts.get(key, 0) + int(row["amount"])
    rule = "reported = down + planned_down + idle + blocked + allocated"
    return [
        Cell(rule, cluster, date_of(day), "entries", f"node={node} tres={tres}", found, expected)
        for node, tres in sorted({*reported, *parts})
        if (found := reported.get((node, tres), 0)) != (expected := parts.get((node, tres), 0))
    ]


def _again(
    snapshot: Snapshot, cluster: str, settings: LedgerSettings, executor: Executor | None, progress: Progress | None
) -> list[Cell]:
    """Work every posted day out again, and name what does not stand as it comes out."""
    cells: list[Cell] = []

    def differs(name: str, day: int, rows: pa.Table, _: DataFile | None) -> None:
        cells.extend(_changed_rows(snapshot, cluster, name, day, rows))

    posting = ClusterPosting(snapshot, cluster, settings, differs, executor, *(() if progress is None else (progress,)))
    days = posting.posted() - posting.out_of_reach(FACTS_NEEDED)
    posting.run(days, Total())
    return cells


def _changed_rows(snapshot: Snapshot, cluster: str, name: str, day: int, rows: pa.Table) -> list[Cell]:
    table = DERIVED[name]
    window = Window(day * MS_PER_DAY, (day + 1) * MS_PER_DAY)
    stood = snapshot.rows(name, clusters=[cluster], window=window).to_pylist()
    before = {tuple(sorted(row.items(), key=str)) for row in stood if row["day"] == date_of(day)}
    after = {tuple(sorted(row.items(), key=str)) for row in rows.to_pylist()}
    odd = [(1, None, row) for row in before - after] + [(None, 1, row) for row in after - before]
    return [
        Cell(
            "a posted day comes out the same when it is worked out again", cluster, date_of(day), name,
            " ".join(f"{column}={value}" for column, value in row if column in table.names and value is not None),
            found, expected,
        )
        for found, expected, row in odd
    ]  # fmt: skip
