"""Which days' entries a change of the facts can change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.columns import instants, texts
from paydown.ledger.frame import FOREVER, Horizons
from paydown.ledger.intervals import Bools, Ints, complement, union
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot

Cell = tuple[str, int, str]
"""(cluster, day number, `post` or `details`)."""

REACH_MS = 2 * MS_PER_HOUR
"""How far a sample or a border can reach into the day beside it: 3/2 of the longest believed duration, and a span."""

_INVENTORY = ("nodes", "devices", "node_states", "node_allocations", "reservations")
_SAMPLES = ("gpu_samples", "host_samples")
_COVERING = ("capacity", "allocation", "wait")
_FIRSTS = (
    ("nodes", "start"), ("allocations", "start"), ("jobs", "coalesce(eligible, submit)"), ("gpu_samples", "start"),
    ("host_samples", "start"),
)  # fmt: skip
"""Where the first instant of any fact may stand."""
_DETAIL_ONLY = (
    "state",
    "user",
    "exit_code",
    "name",
    "project",
    "labels",
    "kind",
    "kind_source",
    "template",
    "restarts",
)


def affected(
    table: str,
    changed: pa.Table | None,
    before: pa.Table | None,
    spans: pa.Table | None,
    horizons: Mapping[str, tuple[int | None, int]],
    base: Snapshot | None = None,
) -> set[Cell]:
    """Give the (cluster, day, need) that an upsert touches: a superset of the days whose entries change.

    Args:
        table: The fact table.
        changed: The rows that were inserted or that replaced others.
        before: The rows that they replaced.
        spans: For sample tables (cluster, day, first, last) of what was inserted.
        horizons: Up to when each cluster's sources vouched before (None: not at all) and vouch now, in epoch ms.
        base: The store as it was, for facts that tell no time themselves (job_usage, earlier attempts).
    """
    if table in _SAMPLES:
        return _of_samples(spans, horizons)
    if changed is None or not changed.num_rows:
        return set()
    if table in _INVENTORY:
        return _of_intervals(changed, before, horizons)
    if table == "allocations":
        return _of_intervals(changed, before, horizons) | _of_waits(changed, horizons, base)
    if table == "jobs":
        return _of_jobs(changed, before, horizons, base)
    others = {"sources": _of_sources, "job_usage": _of_usage}
    return others[table](changed, horizons, base) if table in others else set()


def _days(
    clusters: tuple[Ints, list[str]], starts: Ints, ends: Ints, need: str,
    horizons: Mapping[str, tuple[int | None, int]],
) -> set[Cell]:  # fmt: skip
    """Give the days that intervals touch, cut at the horizon; where nobody vouches yet, the day of the start."""
    codes, names = clusters
    cells: set[Cell] = set()
    for code, cluster in enumerate(names):
        start, end = starts[codes == code], ends[codes == code]
        last = np.minimum(end, horizons[cluster][1] if cluster in horizons else start + 1)
        start, last = start[last > start], last[last > start]
        if len(start):
            cells |= {(cluster, day, need) for day in _touched(start // MS_PER_DAY, (last - 1) // MS_PER_DAY + 1)}
    return cells


def _touched(first: Ints, end: Ints) -> list[int]:
    """Give the days that lie in any of the stretches [first, end): those where more have begun than ended."""
    low = int(first.min())
    length = int(end.max()) - low + 1
    open_ones = np.cumsum(np.bincount(first - low, minlength=length) - np.bincount(end - low, minlength=length))
    days: list[int] = (low + np.flatnonzero(open_ones)).tolist()
    return days


def _of_samples(spans: pa.Table | None, horizons: Mapping[str, tuple[int | None, int]]) -> set[Cell]:
    if spans is None or not spans.num_rows:
        return set()
    first, last = instants(spans, "first", 0) - REACH_MS, instants(spans, "last", 0) + REACH_MS
    return _days(texts(spans, "cluster"), first, last, "post", horizons)


def _ends(rows: pa.Table) -> Ints:
    return instants(rows, "end", FOREVER)


def _of_intervals(
    changed: pa.Table, before: pa.Table | None, horizons: Mapping[str, tuple[int | None, int]]
) -> set[Cell]:
    """Of rows with start and end: all of the row; where only the end moved, what lies between."""
    start, end = instants(changed, "start", 0), _ends(changed)
    first = np.where(_only_end_moved(changed, before), np.minimum(end, _former_horizon(changed, horizons)), start)
    last = np.where(end == FOREVER, FOREVER, np.maximum(end, first))
    moved = first != start
    last = np.where(moved, np.maximum(last, _former_horizon(changed, horizons)), last)
    edge = np.where(last == FOREVER, FOREVER, last + REACH_MS)
    return _days(texts(changed, "cluster"), first - REACH_MS, edge, "post", horizons)


def _of_waits(changed: pa.Table, horizons: Mapping[str, tuple[int | None, int]], base: Snapshot | None) -> set[Cell]:
    """What a job that does not say so waits for is what it holds later (those of this ingest are marked already)."""
    if base is None or not base.data_files("jobs"):
        return set()
    sql = """SELECT cluster, coalesce(eligible, submit) AS start, coalesce(start, "end") AS "end"
        FROM jobs SEMI JOIN held USING (cluster, job_id, attempt) WHERE coalesce(eligible, submit) IS NOT NULL
            AND (req_gpu_milli IS NULL OR req_cpu_milli IS NULL OR req_memory_mib IS NULL)"""
    rows = base.query(sql, tables={"held": changed.select(["cluster", "job_id", "attempt"])})
    start, end = instants(rows, "start", 0), _ends(rows)
    return _days(texts(rows, "cluster"), start, end, "post", horizons)


def _former_horizon(rows: pa.Table, horizons: Mapping[str, tuple[int | None, int]]) -> Ints:
    codes, names = texts(rows, "cluster")
    former: Ints = np.array([horizons.get(name, (None, 0))[0] or 0 for name in names], dtype=np.int64)[codes]
    return former


def _only_end_moved(changed: pa.Table, before: pa.Table | None) -> Bools:
    """Tell which rows replaced an open one that said the same but for its end."""
    if before is None or not before.num_rows:
        return np.zeros(changed.num_rows, dtype=bool)
    names = [name for name in before.column_names if name != "end" and not name.startswith("_")]
    former = set(zip(*(before.column(name).to_pylist() for name in names), strict=True))
    rows = zip(*(changed.column(name).to_pylist() for name in names), strict=True)
    return np.fromiter((row in former for row in rows), dtype=bool, count=changed.num_rows)


def _of_sources(changed: pa.Table, horizons: Mapping[str, tuple[int | None, int]], base: Snapshot | None) -> set[Cell]:
    """Of sources: the time that became covered, and that by which a horizon moved (open rows end there)."""
    stood = base.rows("sources") if base is not None else changed.slice(0, 0)
    cells: set[Cell] = set()
    for cluster in set(changed.column("cluster").to_pylist()):
        old = stood.filter(pc.equal(stood.column("cluster"), cluster))
        new = changed.filter(pc.equal(changed.column("cluster"), cluster)).select(old.column_names)
        spans = [_fresh_cover(_of_capability(old, each), _of_capability(new, each)) for each in _COVERING]
        if old.num_rows:
            spans.append(_moved(Horizons.of(old), Horizons.of(pa.concat_tables([old, new]))))
        else:
            spans.append(_everything(cluster, new, base))
        for low, high in spans:
            cells |= _days((np.zeros(len(low), np.int64), [cluster]), low, high, "post", horizons)
    return cells


def _moved(before: Horizons, after: Horizons) -> tuple[Ints, Ints]:
    """Give what lies between the old and the new horizons."""
    names = ("capacity_end", "allocation_end", "end")
    pairs = [sorted((getattr(before, name), getattr(after, name))) for name in names]
    array = np.array([pair for pair in pairs if pair[0] < pair[1]], dtype=np.int64).reshape(-1, 2)
    return array[:, 0] - REACH_MS, array[:, 1]


def _everything(cluster: str, sources: pa.Table, base: Snapshot | None) -> tuple[Ints, Ints]:
    """Give the time from the first fact on: nobody vouched for any of them before."""
    first = [int(instants(sources, "covers_from", FOREVER).min())]
    for table, column in _FIRSTS:
        if base is None or not base.data_files(table, clusters=[cluster]):
            continue
        sql = f"SELECT epoch_ms(min({column})) AS first FROM {table}"
        found = base.query(sql, clusters=[cluster]).column("first")[0].as_py()
        first += [] if found is None else [int(found)]
    return np.array([min(first)], dtype=np.int64), np.array([FOREVER], dtype=np.int64)


def _of_capability(sources: pa.Table, capability: str) -> tuple[Ints, Ints]:
    chosen = [capability in (text or "").split(";") for text in sources.column("supports").to_pylist()]
    rows = sources.filter(pa.array(chosen, pa.bool_()))
    return instants(rows, "covers_from", 0), instants(rows, "covers_to", 0)


def _fresh_cover(old: tuple[Ints, Ints], new: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """Give what of the new intervals no old one covers."""
    zero = np.zeros(len(old[0]), dtype=np.int64)
    _, low, high = complement(*union(zero, *old), 1, FOREVER >> 20)
    parts = [
        (max(a, c), min(b, d))
        for a, b in zip(*(edge.tolist() for edge in new), strict=True)
        for c, d in zip(low.tolist(), high.tolist(), strict=True)
        if max(a, c) < min(b, d)
    ]
    array = np.array(parts, dtype=np.int64).reshape(len(parts), 2)
    return array[:, 0], array[:, 1]


def _of_jobs(
    changed: pa.Table, before: pa.Table | None, horizons: Mapping[str, tuple[int | None, int]], base: Snapshot | None
) -> set[Cell]:
    """Of jobs: the time waited; the details of the time run; where who pays or asks changed, all of it anew."""
    light = _differ_lightly(changed, before)
    cells: set[Cell] = set()
    for rows, waits_changed in ((changed, ~light), (before, None)):
        if rows is None or not rows.num_rows:
            continue
        submit = instants(rows, "submit", FOREVER)
        wait = np.where(instants(rows, "eligible", FOREVER) != FOREVER, instants(rows, "eligible", FOREVER), submit)
        start, end = instants(rows, "start", FOREVER), _ends(rows)
        over = np.minimum(start, end)
        some = wait < over if waits_changed is None else (wait < over) & waits_changed
        codes, names = texts(rows, "cluster")
        cells |= _days((codes[some], names), wait[some], over[some], "post", horizons)
        ran = start != FOREVER
        cells |= _days((codes[ran], names), start[ran], end[ran], "details", horizons)
    return cells | _of_new_ends(changed, before, horizons) | _of_earlier_attempts(changed, horizons, base)


def _differ_lightly(changed: pa.Table, before: pa.Table | None) -> Bools:
    """Tell which rows replaced one from which they differ only in what changes details, or in how they ended."""
    if before is None or not before.num_rows:
        return np.zeros(changed.num_rows, dtype=bool)
    skip = {*_DETAIL_ONLY, "end", "priority"}
    names = [name for name in before.column_names if name not in skip and not name.startswith("_")]
    former = set(zip(*(before.column(name).to_pylist() for name in names), strict=True))
    rows = zip(*(changed.column(name).to_pylist() for name in names), strict=True)
    return np.fromiter((row in former for row in rows), dtype=bool, count=changed.num_rows)


def _of_new_ends(
    changed: pa.Table, before: pa.Table | None, horizons: Mapping[str, tuple[int | None, int]]
) -> set[Cell]:
    """A job's end ends its allocations too; and who pays counts where the job ran."""
    if before is None or not before.num_rows:
        return set()
    key = ("cluster", "job_id", "attempt")
    former = {tuple(row[name] for name in key): row for row in before.to_pylist()}
    cells: set[Cell] = set()
    for row, start, end in zip(
        changed.to_pylist(), instants(changed, "start", FOREVER).tolist(), _ends(changed).tolist(), strict=True
    ):
        old = former.get(tuple(row[name] for name in key))
        if old is None or start == FOREVER:
            continue
        paid = all(row[name] == old[name] for name in ("partition", "account", "start"))
        past = horizons.get(row["cluster"], (None, 0))[0] or 0
        first = min(end, past) - REACH_MS if paid else start
        until = np.array([max(end, past) if paid else FOREVER], np.int64)
        cells |= _days((np.zeros(1, np.int64), [row["cluster"]]), np.array([first], np.int64), until, "post", horizons)
    return cells


def _of_earlier_attempts(
    changed: pa.Table, horizons: Mapping[str, tuple[int | None, int]], base: Snapshot | None
) -> set[Cell]:
    """A later attempt makes what the earlier ones used `lost`."""
    later = changed.filter(pc.greater(changed.column("attempt"), 0))
    if base is None or not later.num_rows or not base.data_files("jobs"):
        return set()
    sql = (
        "SELECT j.cluster, j.start, j.end FROM jobs j SEMI JOIN later USING (cluster, job_id) WHERE j.start IS NOT NULL"
    )
    rows = base.query(sql, tables={"later": later.select(["cluster", "job_id"])})
    start, end = instants(rows, "start", 0), _ends(rows)
    return _days(texts(rows, "cluster"), start, end, "details", horizons)


def _of_usage(changed: pa.Table, horizons: Mapping[str, tuple[int | None, int]], base: Snapshot | None) -> set[Cell]:
    """Whole-job figures count over all of their attempt's allocations (those of this ingest are marked already)."""
    if base is None or not base.data_files("allocations"):
        return set()
    sql = "SELECT a.cluster, a.start, a.end FROM allocations a SEMI JOIN used USING (cluster, job_id, attempt)"
    rows = base.query(sql, tables={"used": changed.select(["cluster", "job_id", "attempt"])})
    start, end = instants(rows, "start", 0), _ends(rows)
    return _days(texts(rows, "cluster"), start, end, "post", horizons)
