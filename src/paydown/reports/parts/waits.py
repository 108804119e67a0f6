"""Who waited, and how long: from the jobs rows alone, as the ledger sees it (docs/spec/ledger.md, section 1.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paydown.ledger.waiting import NOT_ELIGIBLE
from paydown.model.units import MILLI
from paydown.reports.parts.held import horizons
from paydown.reports.parts.members import Place, condition
from paydown.reports.parts.postings import Filters
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

SIZES = ("0", "<1", "1", "2-4", "5-8", "9-16", "17-32", "33-64", "65-128", ">128")
"""The classes of how many GPUs a job asks for, in order."""

_FROM = (0, 1, MILLI, 1001, 4001, 8001, 16_001, 32_001, 64_001, 128_001)
"""The least milli-GPUs of each class."""


def size_class(milli: str) -> str:
    """Give the SQL of the class of so many milli-GPUs asked for; null where it is not known."""
    classes = reversed(tuple(zip(_FROM, SIZES, strict=True)))
    cases = " ".join(f"WHEN {milli} >= {least} THEN '{name}'" for least, name in classes)
    return f"CASE {cases} END"


ASKED = """
silent AS (SELECT cluster, job_id, attempt FROM touching WHERE req_gpu_milli IS NULL OR req_cpu_milli IS NULL),
asked AS (
    SELECT cluster, job_id, attempt, sum(gpu_milli) AS gpu_milli, sum(cpu_milli) AS cpu_milli FROM (
        SELECT cluster, job_id, attempt, node, max(gpu_milli) AS gpu_milli, max(cpu_milli) AS cpu_milli
        FROM allocations WHERE (cluster, job_id, attempt) IN (SELECT (cluster, job_id, attempt) FROM silent)
        GROUP BY cluster, job_id, attempt, node
    ) GROUP BY cluster, job_id, attempt
),"""
"""What jobs held that do not say what they ask for (docs/spec/ledger.md, section 5)."""

_FIXED = ("cluster", "job_id", "attempt", "partition", "pending_reason", "req_nodes", "req_gpu_model")
"""What is always read of a job."""

WAITS = f"""WITH touching AS (
    SELECT {{columns}}, j.req_gpu_milli, j.req_cpu_milli, epoch_ms(j.submit) AS submit_ms,
        epoch_ms(j.eligible) AS eligible_ms, epoch_ms(j.start) AS start_ms, epoch_ms(j."end") AS end_ms,
        h.open_ms, h.last_ms
    FROM jobs j JOIN horizons h ON h.cluster = j.cluster
    WHERE coalesce(epoch_ms(j.eligible), epoch_ms(j.submit), 0) < {{end}}
        AND coalesce(epoch_ms(j."end"), {{start}}) >= {{start}} {{kept}}
),
{{asked}}
lives AS (
    SELECT t.* EXCLUDE (req_gpu_milli, req_cpu_milli), {{gpu}} AS gpu_milli, {{cpu}} AS cpu_milli,
        CASE WHEN eligible_ms IS NOT NULL OR coalesce(pending_reason, '') NOT IN ({{barred}})
            THEN coalesce(eligible_ms, submit_ms) END AS since_ms,
        least(coalesce(start_ms, end_ms, open_ms), last_ms) AS until_ms
    FROM touching t {{join}}
)
SELECT * EXCLUDE ({{unshown}} open_ms, last_ms), {size_class("gpu_milli")} AS size,
    CASE WHEN since_ms IS NOT NULL THEN greatest(since_ms, {{start}}) END AS low_ms, least(until_ms, {{end}}) AS high_ms
FROM lives
"""
"""Jobs that were there in a window, with the part of their wait in it: [low_ms, high_ms), where that is one."""


_HOLDER = Place("j.cluster", 'j."user"', 'CAST(coalesce(j.start, j."end", j.submit) AS DATE)', "j.job_id")
"""Whose a job is: on the day of its start, else of its end, else of its submission."""

_SILENT = "SELECT 1 FROM jobs WHERE req_gpu_milli IS NULL OR req_cpu_milli IS NULL LIMIT 1"
_JOIN = "LEFT JOIN asked a ON a.cluster = t.cluster AND a.job_id = t.job_id AND a.attempt = t.attempt"


def waits(scope: Scope, filters: Filters, columns: Sequence[str] = ()) -> pa.Table:
    """Give the jobs of a window and how they waited, with some further columns of theirs; without these, nameless."""
    statement = Statement()
    statement.tables["horizons"] = horizons(scope)
    kept = [_kept(statement, name, values) for name, values in filters.items()]
    silent = bool(scope.query(_SILENT).num_rows)
    text = WAITS.format(
        columns=", ".join(f"j.{quoted(name)}" for name in dict.fromkeys([*_FIXED, *columns])),
        unshown="".join(f"{name}, " for name in ("job_id", "attempt", "pending_reason") if name not in columns),
        asked=ASKED.strip() if silent else "",
        join=_JOIN if silent else "",
        gpu="coalesce(t.req_gpu_milli, a.gpu_milli)" if silent else "req_gpu_milli",
        cpu="coalesce(t.req_cpu_milli, a.cpu_milli)" if silent else "req_cpu_milli",
        start=statement.bind(scope.asked.start_ms),
        end=statement.bind(scope.asked.end_ms),
        kept="".join(f" AND {each}" for each in kept),
        barred=", ".join(f"'{name}'" for name in NOT_ELIGIBLE),
    )
    return scope.query(text, statement)


def _kept(statement: Statement, name: str, values: Sequence[object]) -> str:
    """A job that may run in several partitions is one of each of them."""
    if name != "partition":
        return condition(statement, name, values, "j", _HOLDER)
    return f"list_has_any(string_split(j.\"partition\", ';'), {statement.bind(list(values))})"


def unsupported(scope: Scope) -> list[str]:
    """Say of which clusters no source states the whole queue."""
    rows = scope.snapshot.rows("sources", columns=["cluster", "supports"], clusters=list(scope.clusters)).to_pylist()
    able = {row["cluster"] for row in rows if "wait" in row["supports"].split(";")}
    lacking = [name for name in scope.clusters if name not in able]
    return [f"No source of {name} supports wait: who waited there is known in part at most." for name in lacking]
