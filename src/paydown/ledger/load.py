"""What a day's posting reads from the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.columns import counts, narrow
from paydown.ledger.frame import Frame, halo_for
from paydown.ledger.settings import LedgerSettings
from paydown.model.entries import HISTOGRAM_SIGNALS
from paydown.model.facts import FACTS
from paydown.model.units import MS_PER_DAY
from paydown.model.window import Window, from_ms

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot

WHOLE = ("nodes", "devices", "reservations", "sources")
"""Tables read whole for a cluster: the inventory at any moment may matter."""

_OVERLAPPING = """
SELECT * FROM {table} WHERE start < $high AND coalesce("end", 'infinity') > $low
"""

_WAITS = "coalesce(eligible, submit) < $high AND coalesce(start, \"end\", 'infinity') > $low"

# All rows of the attempts that hold something: a row's end may lie in the next row, a job's total in all of them.
# And of those that wait and do not say what for: it is what they hold later.
_ALLOCATIONS = f"""
SELECT * FROM allocations WHERE (job_id, attempt) IN (
    SELECT (job_id, attempt) FROM allocations WHERE start < $high AND coalesce("end", 'infinity') > $low
    UNION ALL SELECT (job_id, attempt) FROM jobs
    WHERE {_WAITS} AND (req_gpu_milli IS NULL OR req_cpu_milli IS NULL OR req_memory_mib IS NULL))
"""

# All attempts of the jobs that hold something, and everybody who waits.
_JOBS = f"SELECT * FROM jobs WHERE job_id IN (SELECT job_id FROM held) OR ({_WAITS})"

_USAGE = "SELECT * FROM job_usage SEMI JOIN held USING (job_id, attempt)"

_SIGNALS = ("gpu_util", "gr_engine_active", "sm_active")


class Loader:
    """Reads days of one cluster, keeping sample tables of neighbouring days at hand."""

    def __init__(self, snapshot: Snapshot, cluster: str, settings: LedgerSettings) -> None:
        self.snapshot = snapshot
        self.cluster = cluster
        self.settings = settings
        self._whole: dict[str, pa.Table] = {name: snapshot.rows(name, clusters=[cluster]) for name in WHOLE}
        self._days: dict[tuple[str, int], tuple[pa.Table, int]] = {}

    def day(self, day: int) -> tuple[Frame, dict[str, pa.Table]]:
        """Read what posting a day needs; gives the frame and the facts."""
        names = ("gpu_samples", "host_samples")
        longest = 0
        for each in (day - 1, day, day + 1):
            self._forget(day)
            longest = max(longest, *(self._day(name, each)[1] for name in names))
        frame = Frame(self.cluster, day, halo_for(self.settings, longest), self.settings)
        return frame, self._whole | {name: self._samples(name, frame) for name in names} | self._events(frame)

    def samples(self, name: str, day: int) -> pa.Table:
        """Give the samples of a day that `day` has read, of the columns that the ledger reads."""
        return self._day(name, day)[0]

    def _forget(self, day: int) -> None:
        """Keep of the days before only what the longest halo reaches."""
        edge = _instant(day * MS_PER_DAY - halo_for(self.settings, self.settings.max_duration_ms))
        for name, each in list(self._days):
            rows, longest = self._days[name, each]
            if each < day - 1:
                del self._days[name, each]
            elif each < day:
                self._days[name, each] = (rows.filter(pc.greater_equal(rows.column("start"), edge)), longest)

    def _day(self, name: str, day: int) -> tuple[pa.Table, int]:
        """Give the samples of a day, and the longest duration among them."""
        key = (name, day)
        if key not in self._days:
            window = Window(max(day, 0) * MS_PER_DAY, (max(day, 0) + 1) * MS_PER_DAY)
            columns = [*sample_columns(name, self.settings), *self._extra(name, window)]
            rows = pa.table({column: self._column(name, column, window) for column in columns})
            if not pc.any(pc.not_equal(rows.column("_rejected"), 0)).as_py():
                rows = rows.drop_columns(["_rejected"])
            self._days[key] = (rows, int(pc.max(rows.column("duration_ms")).as_py() or 0))
            pa.default_memory_pool().release_unused()
        return self._days[key]

    def _column(self, name: str, column: str, window: Window) -> pa.ChunkedArray:
        """Read one column, so that only one at a time is there in its full width."""
        rows = self.snapshot.rows(name, columns=[column], clusters=[self.cluster], window=window, dictionaries=True)
        return narrow(rows).column(0)

    def _extra(self, name: str, window: Window) -> list[str]:
        """Give the ratios that only histograms read, where any sample carries them."""
        read = sample_columns(name, self.settings)
        extra = [
            f"{s}_ratio" for s in HISTOGRAM_SIGNALS if f"{s}_ratio" in FACTS[name].names and f"{s}_ratio" not in read
        ]
        found = self.snapshot.carried(name, extra, clusters=[self.cluster], window=window) if extra else frozenset()
        return [column for column in extra if column in found]

    def _samples(self, name: str, frame: Frame) -> pa.Table:
        before, today, after = (self._day(name, frame.day + offset)[0] for offset in (-1, 0, 1))
        low, high = frame.origin, frame.origin + frame.length
        edge_before = before.filter(pc.greater_equal(before.column("start"), _instant(low)))
        edge_after = after.filter(pc.less(after.column("start"), _instant(high)))
        return pa.concat_tables([edge_before, today, edge_after], promote_options="default")

    def _events(self, frame: Frame) -> dict[str, pa.Table]:
        bounds = {"low": from_ms(frame.origin), "high": from_ms(frame.origin + frame.length)}
        found = {
            name: self._query(_OVERLAPPING.format(table=name), name, bounds)
            for name in ("node_states", "node_allocations")
        }
        allocations = self._query(_ALLOCATIONS, "allocations", bounds)
        held = {"held": allocations.select(["job_id", "attempt"])}
        jobs = self._query(_JOBS, "jobs", bounds, held)
        return found | {
            "allocations": allocations, "jobs": jobs, "job_usage": self._query(_USAGE, "job_usage", {}, held)
        }  # fmt: skip

    def _query(
        self, sql: str, table: str, params: Mapping[str, Any], given: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        rows = self.snapshot.query(sql, dict(params), clusters=[self.cluster], tables=given or {})
        schema = FACTS[table].arrow
        return rows.select(schema.names).cast(schema)


def sample_columns(name: str, settings: LedgerSettings) -> list[str]:
    """Give the columns of a sample table that the ledger reads."""
    common = ["node", "job_id", "start", "duration_ms", "memory_used_mib", "_rejected"]
    if name == "host_samples":
        return [*common, "cpu_used_milli"]
    return [*common, "gpu", *(f"{signal}_ratio" for signal in dict.fromkeys([*settings.gpu_signals, *_SIGNALS]))]


def _instant(ms: int) -> pa.Scalar:
    return pa.scalar(ms, pa.int64()).cast(pa.timestamp("ms", "UTC"))


def labelled_samples(snapshot: Snapshot, cluster: str, settings: LedgerSettings, unnamed: pa.Table) -> pa.Table:
    """Read the samples that are labelled with jobs whose allocations name no devices."""
    columns = sample_columns("gpu_samples", settings)
    schema = pa.schema([*FACTS["gpu_samples"].arrow, pa.field("_rejected", pa.int32())])
    if not unnamed.num_rows:
        return pa.schema([schema.field(name) for name in columns]).empty_table()
    start, end = counts(unnamed, "start_ms"), counts(unnamed, "until")
    window = Window(int(start.min()), int(np.maximum(end, start).max()))
    sql = f"SELECT {', '.join(columns)} FROM gpu_samples SEMI JOIN named USING (job_id, node)"
    named = unnamed.select(["job_id", "node"])
    rows = snapshot.query(sql, {}, clusters=[cluster], window=window, tables={"named": named})
    return rows.cast(pa.schema([schema.field(name) for name in columns]))
