"""The figures of waits, by any cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paydown.model.units import BUCKET_MS, MILLI, MS_PER_DAY, MS_PER_HOUR
from paydown.reports.interface import OutColumn
from paydown.reports.parts.calendar import calendar
from paydown.reports.parts.cuts import Cut
from paydown.reports.parts.joins import joined, selected
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement, quoted
from paydown.reports.parts.waits import SIZES

if TYPE_CHECKING:
    import pyarrow as pa

_WAIT = "CASE WHEN eligible_ms <= start_ms THEN start_ms - eligible_ms END"
_MARK = {"started": "start_ms", "ended": "end_ms"}

POSTINGS = """
marked AS (
    SELECT *, start_ms IS NOT NULL AND {mark} >= {start} AND {mark} < {until} AS counts,
        since_ms < {end} AND (until_ms >= {end} OR coalesce(start_ms, end_ms) IS NULL AND until_ms >= {start})
            AND (start_ms IS NULL OR start_ms >= {end}) AND (end_ms IS NULL OR end_ms >= {end}) AS waits,
        start_ms IS NULL AND end_ms >= {start} AND end_ms < {until} AS leaves,
        greatest(high_ms - low_ms, 0) AS in_ms
    FROM waits
),
postings AS (
    SELECT *, least(greatest(CASE WHEN counts THEN {mark} WHEN leaves THEN end_ms ELSE {end} END,
            {start}), greatest({end} - 1, {start})) AS moment_ms,
        DATE '1970-01-01' + CAST(moment_ms // {day} AS INTEGER) AS day,
        CASE WHEN counts THEN {wait} END AS wait_ms,
        CASE WHEN counts AND submit_ms <= start_ms THEN start_ms - submit_ms END AS submit_wait_ms
    FROM marked WHERE counts OR waits OR leaves OR in_ms > 0
)"""

SQL = """WITH {postings}{named}
SELECT {keys} {whole} AS whole,
    count(*) FILTER (WHERE counts) AS jobs,
    count(*) FILTER (WHERE waits) AS pending,
    count(*) FILTER (WHERE leaves) AS cancelled,
    avg(wait_ms) / {hour} AS wait_mean_hours,
    quantile_cont(wait_ms, [0.5, 0.9, 0.95]) AS waited,
    waited[1] / {hour} AS wait_p50_hours, waited[2] / {hour} AS wait_p90_hours, waited[3] / {hour} AS wait_p95_hours,
    max(wait_ms) / {hour} AS wait_max_hours,
    sum(CAST(wait_ms AS DOUBLE) * gpu_milli) / nullif(sum(CASE WHEN wait_ms IS NOT NULL THEN gpu_milli END), 0)
        / {hour} AS wait_gpu_mean_hours,
    avg(submit_wait_ms) / {hour} AS since_submit_mean_hours,
    quantile_cont(submit_wait_ms, [0.5, 0.9, 0.95]) AS since,
    since[1] / {hour} AS since_submit_p50_hours, since[2] / {hour} AS since_submit_p90_hours,
    since[3] / {hour} AS since_submit_p95_hours,
    max(submit_wait_ms) / {hour} AS since_submit_max_hours,
    count(*) FILTER (WHERE counts AND eligible_ms IS NULL) AS eligible_unknown,
    count(*) FILTER (WHERE counts AND eligible_ms > start_ms) AS contradicting,
    CASE WHEN count(since_ms) > 0 THEN coalesce(sum(in_ms), 0) / {hour} END AS waited_hours,
    CASE WHEN count(since_ms) > 0 AND count(gpu_milli) > 0
        THEN coalesce(sum(CAST(in_ms AS DOUBLE) * gpu_milli), 0) / {milli_hour} END AS waited_gpu_hours,
    sum(free_milli_ms) FILTER (WHERE gpu_milli > 0) / nullif(sum(known_ms) FILTER (WHERE gpu_milli > 0), 0) / {milli}
        AS free_gpus_mean,
    sum(free_milli_ms) FILTER (WHERE NOT coalesce(gpu_milli > 0, false))
        / nullif(sum(known_ms) FILTER (WHERE NOT coalesce(gpu_milli > 0, false)), 0) / {milli} AS free_cpus_mean,
    sum(enough_ms) / nullif(sum(known_ms) FILTER (WHERE enough_ms IS NOT NULL), 0) AS enough_free_share,
    sum(fit_ms) / nullif(sum(known_ms) FILTER (WHERE fit_ms IS NOT NULL), 0) AS fit_free_share,
    sum(known_ms) / nullif(sum(in_ms), 0) AS free_known_share
FROM postings p {joins}
{group}
ORDER BY {order}
"""


def wait_rows(scope: Scope, cuts: Sequence[Cut], jobs: pa.Table, counted: str) -> tuple[pa.Table, dict[str, Any]]:
    """Give a row for each cut, the longest waited first (by time: in its order; by size: in that of the classes).

    And the figures of all jobs together.
    """
    import pyarrow.compute as pc

    statement = Statement(tables={"waits": jobs})
    end = scope.asked.end_ms
    text = POSTINGS.format(
        mark=_MARK[counted],
        wait=_WAIT,
        day=MS_PER_DAY,
        start=statement.bind(scope.asked.start_ms),
        end=statement.bind(end),
        until=statement.bind(end + scope.ends_open),
    )
    named, joins = joined(scope, statement, [cut for cut in cuts if cut.join != "calendar"])
    if any(cut.join == "calendar" for cut in cuts):
        joins += _calendar(scope, statement)
    sets = ", ".join(cut.sql for cut in cuts)
    sql = SQL.format(
        postings=text.strip(),
        named="".join(f",\n{each}" for each in named),
        keys="".join(f"{each}, " for each in selected(cuts)),
        joins=joins,
        group=f"GROUP BY GROUPING SETS (({sets}), ())" if cuts else "",
        whole=f"grouping({sets}) > 0" if cuts else "true",
        hour=float(MS_PER_HOUR),
        milli=float(MILLI),
        milli_hour=float(MILLI * MS_PER_HOUR),
        order=_order(cuts),
    )
    rows = scope.query(sql, statement)
    whole = rows.filter(rows.column("whole"))
    return (rows.filter(pc.invert(rows.column("whole"))) if cuts else rows), dict(whole.to_pylist()[0])


def _calendar(scope: Scope, statement: Statement) -> str:
    """Find the local day of the moment at which a job is counted."""
    days = calendar(scope.window, scope.zone, BUCKET_MS).rename_columns({"start_ms": "bucket_ms"})
    statement.tables["calendar"] = days
    return f" LEFT JOIN calendar c ON c.bucket_ms = p.moment_ms - p.moment_ms % {BUCKET_MS}"


def _order(cuts: Sequence[Cut]) -> str:
    times = [quoted(cut.name) for cut in cuts if cut.unit]
    listed = ", ".join(f"'{size}'" for size in SIZES)
    sizes = [f"list_position([{listed}], size) NULLS LAST" for cut in cuts if cut.name == "size"]
    names = [f"{quoted(cut.name)} NULLS LAST" for cut in cuts if not cut.unit]
    return ", ".join([*times, *sizes, "waited_hours DESC NULLS LAST", *names])


def _wait(name: str, says: str, *, minor: bool = False) -> OutColumn:
    return OutColumn(name, "hours", says, "number", minor)


def _since(name: str, says: str, *, minor: bool = True) -> OutColumn:
    return _wait(f"since_submit_{name}_hours", f"{says} start - submit, of what is counted in jobs.", minor=minor)


_MEANWHILE = "on nodes that the job may use, weighted by waiting time"

COLUMNS = (
    OutColumn("jobs", "jobs", "Attempts that started in the window; with --counted ended: ended in it.", "number"),
    OutColumn("pending", "jobs", "Jobs that wait at the end of the window, as last known.", "number"),
    OutColumn("cancelled", "jobs", "Jobs that ended in the window without having started.", "number", minor=True),
    _wait("wait_mean_hours", "Plain mean of start - eligible; every job weighs the same."),
    _wait("wait_p50_hours", "Median of start - eligible."),
    _wait("wait_p90_hours", "90th percentile (interpolated) of start - eligible."),
    _wait("wait_p95_hours", "95th percentile (interpolated) of start - eligible."),
    _wait("wait_max_hours", "The longest start - eligible."),
    _wait("wait_gpu_mean_hours", "Mean of start - eligible, weighted by the GPUs asked for."),
    _since("mean", "Plain mean of", minor=False),
    _since("p50", "Median of"),
    _since("p90", "90th percentile of"),
    _since("p95", "95th percentile of"),
    _since("max", "The longest"),
    OutColumn("waited_hours", "job-hours", "Hours in the window that all of these waited.", "number"),
    OutColumn("waited_gpu_hours", "GPU-hours", "The same times the GPUs that each asks for.", "number"),
    OutColumn("free_gpus_mean", "GPUs", f"GPUs free {_MEANWHILE}; of jobs that ask for GPUs.", "number"),
    OutColumn("free_cpus_mean", "cores", f"CPUs free {_MEANWHILE}; of jobs that ask for none.", "number", minor=True),
    OutColumn("enough_free_share", "share", "Of the waited hours: enough was free on such nodes together.", "share"),
    OutColumn("fit_free_share", "share", "The same, on as many such nodes as the job asks for.", "share"),
    OutColumn("free_known_share", "share", "Coverage: the part of the waited hours of which that is known.", "share"),
    OutColumn(
        "eligible_unknown", "jobs", "Of jobs: nobody says when they were eligible.", "number", minor=True
    ),
    OutColumn("contradicting", "jobs", "Of jobs: those that started before they were eligible.", "number", minor=True),
)  # fmt: skip
"""The figures of a row; before them stand the cuts."""
