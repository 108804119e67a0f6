"""The figures of jobs, one row for each attempt: what was asked, what was held, what the ledger says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paydown.model.entries import ALLOCATED, UNSEEN
from paydown.model.units import MILLI, MS_PER_HOUR, TRES
from paydown.reports.interface import OutColumn
from paydown.reports.parts.balance import INDEBTED
from paydown.reports.parts.held import held
from paydown.reports.parts.members import UNITS, Place, condition
from paydown.reports.parts.postings import Filters, postings
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement
from paydown.reports.parts.unposted import Unposted, unposted

if TYPE_CHECKING:
    import pyarrow as pa

MIB_PER_GIB = 1024

OF_JOB = Place(
    "e.cluster", 'e."user"',
    "(DATE '1970-01-01' + CAST(epoch_ms(coalesce(e.start, e.submit)) // 86400000 AS INTEGER))", "e.job_id",
)  # fmt: skip
"""Where a job has whose it is: on the day of its start, else of its submission."""


def _place() -> str:
    """Number the TRES and categories of what is held: whole numbers are compared faster than words, and once."""
    tres = " ".join(f"WHEN '{name}' THEN {len(ALLOCATED) * number}" for number, name in enumerate(TRES))
    category = " ".join(f"WHEN '{name}' THEN {number}" for number, name in enumerate(ALLOCATED))
    return f"CASE tres {tres} END + CASE category {category} END"


def _ledger_sums() -> str:
    sums = []
    for number, tres in enumerate(TRES):
        first = len(ALLOCATED) * number
        sums.append(
            f"sum(amount) FILTER (WHERE place BETWEEN {first} AND {first + len(ALLOCATED) - 1}) AS {tres}_allocated"
        )
        sums += [
            f"coalesce(sum(amount) FILTER (WHERE place = {first + part}), 0) AS {tres}_{name}"
            for part, name in enumerate(ALLOCATED)
        ]
    return ",\n        ".join(sums)


POSTED = f"""
    SELECT cluster, job_id, attempt, any_value("user") AS "user", any_value(account) AS account,
        any_value("partition") AS "partition",
        {_ledger_sums()}
    FROM (
        SELECT *, {_place()} AS place FROM (
{{postings}}
        ) WHERE job_id IS NOT NULL AND job_id <> '{UNSEEN}'
    ) GROUP BY cluster, job_id, attempt"""
"""What the ledger says of each attempt in a window, by TRES and category."""

EVERY = """WITH sums AS ({sums}),
found AS (
    SELECT * FROM jobs
    WHERE (coalesce(epoch_ms(submit), epoch_ms(start)) < {end} OR (submit IS NULL AND start IS NULL))
        AND ("end" IS NULL OR epoch_ms("end") >= {start}) {some}
),
{held},
every AS (
    SELECT coalesce(f.cluster, s.cluster) AS cluster, coalesce(f.job_id, s.job_id) AS job_id,
        coalesce(f.attempt, s.attempt) AS attempt, coalesce(f."user", s."user") AS "user",
        coalesce(f.account, s.account) AS account, coalesce(f."partition", s."partition") AS "partition",
        f.* EXCLUDE (cluster, job_id, attempt, "user", account, "partition"),
        s.* EXCLUDE (cluster, job_id, attempt, "user", account, "partition")
    FROM found f FULL JOIN sums s ON s.cluster = f.cluster AND s.job_id = f.job_id AND s.attempt = f.attempt
)"""

RANKS = """{every}
SELECT e.cluster, e.job_id, e.attempt, {ranks}, count(*) OVER () AS total
FROM every e {where} ORDER BY {order} LIMIT {limit}
"""
"""The first attempts by few columns: the others are read of these alone."""

SQL = f"""{{every}},
shapes AS (
    SELECT cluster, job_id, attempt, count(*) AS nodes, sum(gpu_milli) AS gpu_milli, sum(cpu_milli) AS cpu_milli,
        sum(memory_mib) AS memory_mib, min(start_ms) AS first_ms, max(end_ms) AS last_ms
    FROM (
        SELECT cluster, job_id, attempt, node, max(gpu_milli) AS gpu_milli, max(cpu_milli) AS cpu_milli,
            max(memory_mib) AS memory_mib, min(start_ms) AS start_ms, max(end_ms) AS end_ms
        FROM held GROUP BY cluster, job_id, attempt, node
    ) GROUP BY cluster, job_id, attempt
)
SELECT e.cluster, e.job_id, e.attempt, e.array_id, e.name, e."user", e.account, e."partition", e.qos, e.kind, e.state,
    e.submit, coalesce(e.start, make_timestamptz(h.first_ms * 1000)) AS start, e."end", e.exit_code, e.pending_reason,
    (epoch_ms(e.start) - epoch_ms(e.submit)) / {float(MS_PER_HOUR)} AS wait_hours,
    (h.last_ms - h.first_ms) / {float(MS_PER_HOUR)} AS held_hours,
    e.time_limit_ms / {float(MS_PER_HOUR)} AS time_limit_hours,
    e.req_nodes, h.nodes,
    e.req_gpu_milli / {float(MILLI)} AS req_gpus, h.gpu_milli / {float(MILLI)} AS gpus,
    e.req_cpu_milli / {float(MILLI)} AS req_cpus, h.cpu_milli / {float(MILLI)} AS cpus,
    e.req_memory_mib / {float(MIB_PER_GIB)} AS req_memory_gib, h.memory_mib / {float(MIB_PER_GIB)} AS memory_gib,
    e.req_gpu_model,
    {{figures}}
FROM every e LEFT JOIN shapes h ON h.cluster = e.cluster AND h.job_id = e.job_id AND h.attempt = e.attempt
{{where}}
ORDER BY {{order}}
"""

_ORDER = (
    "gpu_debt_hours DESC NULLS LAST, gpu_debt_max_hours DESC NULLS LAST, cpu_debt_hours DESC NULLS LAST, "
    "e.submit, e.cluster, e.job_id, e.attempt"
)
_FIRST = "EXISTS (SELECT 1 FROM firsts r WHERE r.cluster = e.cluster AND r.job_id = e.job_id AND r.attempt = e.attempt)"


def _figures() -> str:
    """Shares of a TRES are of what the job held; an efficiency without any observation is not known."""
    return ",\n    ".join([text for name in TRES for text in _use(name)] + [t for n in INDEBTED for t in _owed(n)])


def _hours(tres: str, known: str, amount: str, name: str) -> str:
    return f"CASE WHEN {known} THEN CAST({amount} AS DOUBLE) END / {float(TRES[tres].per_hour)} AS {tres}_{name}"


def _measured(tres: str) -> str:
    """Say whether anything is known of the use: nothing observed is not nothing used."""
    return f"{tres}_unobserved < {tres}_allocated"


def _use(tres: str) -> list[str]:
    share = f"1 - CAST({tres}_unobserved AS DOUBLE) / nullif({tres}_allocated, 0)"
    return [
        _hours(tres, "true", f"{tres}_allocated", "allocated_hours"),
        _hours(tres, _measured(tres), f"{tres}_used", "used_hours"),
        f"CASE WHEN {_measured(tres)} THEN CAST({tres}_used AS DOUBLE) / {tres}_allocated END AS {tres}_efficiency",
        f"{share} AS {tres}_observed_share",
    ]


_DEBT = "{tres}_inactive + {tres}_underused"


def _owed_hours(tres: str) -> str:
    return _hours(tres, _measured(tres), _DEBT.format(tres=tres), "debt_hours")


def _most_hours(tres: str) -> str:
    most = f"{_DEBT.format(tres=tres)} + {tres}_unobserved"
    return _hours(tres, f"{tres}_allocated IS NOT NULL", most, "debt_max_hours")


def _owed(tres: str) -> list[str]:
    return [
        _owed_hours(tres),
        _hours(tres, _measured(tres), f"{tres}_inactive", "inactive_hours"),
        _most_hours(tres),
    ]


def _ranks() -> str:
    """What rows are ordered by."""
    return ", ".join([*(_owed_hours(name) for name in INDEBTED), _most_hours("gpu")])


@dataclass(frozen=True)
class JobRows:
    """Rows of jobs, the largest debt first."""

    rows: pa.Table
    """As many as were asked for."""
    total: int
    """How many there are."""
    unposted: Unposted | None
    """What was worked out of clusters that are not posted."""


def job_rows(
    scope: Scope,
    filters: Filters,
    conditions: Sequence[str] = (),
    statement: Statement | None = None,
    limit: int | None = None,
) -> JobRows:
    """Give a row for each attempt that waited, ran or held something in the window, the largest debt first.

    `conditions` are further SQL over a row `e` of `jobs`, with their values bound in `statement`; with `limit` the
    first so many rows alone are made.
    """
    statement = statement or Statement()
    kept = [
        *(condition(statement, name, values, "e", OF_JOB) for name, values in filters.items() if name != "node"),
        *_on_nodes(statement, filters),
        *conditions,
    ]
    others = unposted(scope, filters)
    if others:
        statement.tables["worked_out"] = others.sums
    total = None
    if limit:
        text = RANKS.format(
            every=_every(scope, statement, filters), ranks=_ranks(),
            where=_where(kept), order=_ORDER, limit=limit,
        )  # fmt: skip
        firsts = scope.query(text, statement)
        total = firsts.column("total")[0].as_py() if firsts.num_rows else 0
        statement.tables["firsts"] = firsts
        filters = {**filters, "job_id": firsts.column("job_id").unique().to_pylist() or [""]}
        kept.append(_FIRST)
    every = _every(scope, statement, filters)
    rows = scope.query(SQL.format(every=every, figures=_figures(), where=_where(kept), order=_ORDER), statement)
    return JobRows(rows, rows.num_rows if total is None else total, others)


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _every(scope: Scope, statement: Statement, filters: Filters) -> str:
    """Give the named subqueries of attempts with what the ledger says of them."""
    sums = [POSTED.format(postings=postings(statement, scope.window, {**_of_any_day(filters), "category": ALLOCATED}))]
    sums += ["SELECT * FROM worked_out"] if "worked_out" in statement.tables else []
    jobs = filters.get("job_id", ())
    return EVERY.format(
        sums="\n    UNION ALL BY NAME ".join(sums),
        held=held(scope, statement, jobs),
        start=statement.bind(scope.asked.start_ms),
        end=statement.bind(scope.asked.end_ms),
        some=f"AND {statement.one_of('job_id', jobs)}" if jobs else "",
    )


def _of_any_day(filters: Filters) -> Filters:
    """Leave out what depends on the day: a job belongs to one team, that of its start, with all of its hours."""
    return {name: values for name, values in filters.items() if name not in UNITS}


def _on_nodes(statement: Statement, filters: Filters) -> list[str]:
    if "node" not in filters:
        return []
    inside = statement.one_of("o.node", filters["node"])
    same = "o.cluster = e.cluster AND o.job_id = e.job_id AND o.attempt = e.attempt"
    return [f"EXISTS (SELECT 1 FROM held o WHERE {same} AND {inside})"]


_EFFICIENCY = "used / allocated, at least this much; null where nothing of it is observed"
_HOURS = {name: tres.hour_unit for name, tres in TRES.items()}


def _number(name: str, unit: str, says: str, role: str = "number", *, minor: bool = False) -> OutColumn:
    return OutColumn(name, unit, says, role, minor=minor)


def _of(tres: str, *, minor: bool) -> tuple[OutColumn, ...]:
    unit = _HOURS[tres]
    return (
        _number(f"{tres}_allocated_hours", unit, f"What was held of {tres}.", "allocation", minor=minor),
        _number(f"{tres}_used_hours", unit, f"What was used of {tres}.", "utilization", minor=True),
        _number(f"{tres}_efficiency", "share", f"Of {tres}: {_EFFICIENCY}.", "share", minor=minor),
        _number(f"{tres}_observed_share", "share", f"Coverage: the measured part of {tres} held.", "share", minor=True),
    )


def _debt(tres: str, *, minor: bool) -> tuple[OutColumn, ...]:
    unit = _HOURS[tres]
    return (
        _number(f"{tres}_debt_hours", unit, f"Debt of {tres}: inactive + underused.", "debt", minor=minor),
        _number(f"{tres}_inactive_hours", unit, f"Hard debt of {tres}: held and quiet.", "debt", minor=True),
        _number(f"{tres}_debt_max_hours", unit, f"The most the debt of {tres} can be.", "debt", minor=True),
    )


COLUMNS = (
    OutColumn("cluster", "", "The cluster.", minor=True),
    OutColumn("job_id", "", "The job."),
    OutColumn("attempt", "", "The attempt, 0 for the first start.", "number", minor=True),
    OutColumn("array_id", "", "The array's job id.", minor=True),
    OutColumn("user", "", "The user's name; the person key where none is known."),
    OutColumn("account", "", "The account that pays."),
    OutColumn("partition", "", "The partition.", minor=True),
    OutColumn("name", "", "The job's name."),
    OutColumn("state", "", "Its state, in Slurm's words; null where no jobs row explains the allocation."),
    *_debt("gpu", minor=False),
    *_of("gpu", minor=False),
    *_debt("cpu", minor=False),
    *_of("cpu", minor=False),
    *_of("memory", minor=True),
    *_of("gpu_memory", minor=True),
    OutColumn("qos", "", "The quality of service.", minor=True),
    OutColumn("kind", "", "batch, interactive or service.", minor=True),
    OutColumn("submit", "UTC", "When it was submitted.", "instant", minor=True),
    OutColumn("start", "UTC", "When it started; without that, from when it held something.", "instant", minor=True),
    OutColumn("end", "UTC", "When it ended.", "instant", minor=True),
    _number("wait_hours", "hours", "start - submit.", minor=True),
    _number("held_hours", "hours", "From the first to the last moment of holding, over its whole life.", minor=True),
    _number("time_limit_hours", "hours", "The enforced time limit.", minor=True),
    _number("req_nodes", "nodes", "Nodes asked for.", minor=True),
    _number("nodes", "nodes", "Nodes held.", minor=True),
    _number("req_gpus", "GPUs", "GPUs asked for.", minor=True),
    _number("gpus", "GPUs", "GPUs held: the sum over nodes of the most held there."),
    _number("req_cpus", "cores", "CPUs asked for.", minor=True),
    _number("cpus", "cores", "CPUs held, likewise.", minor=True),
    _number("req_memory_gib", "GiB", "Memory asked for.", minor=True),
    _number("memory_gib", "GiB", "Memory held, likewise.", minor=True),
    OutColumn("req_gpu_model", "", "The GPU model asked for.", minor=True),
    OutColumn("exit_code", "", "Exit code and signal.", minor=True),
    OutColumn("pending_reason", "", "Why it waits or waited.", minor=True),
)
"""A row: who, what state, the debt and use of each TRES in the window, then what was asked for and held."""
