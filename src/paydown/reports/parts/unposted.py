"""What jobs held and used on clusters of which nothing is posted and accounting alone is known, worked out at once.

Where there is neither inventory nor any sample, a holding is one piece of the ledger, cut at the five-minute grid alone
(docs/spec/ledger.md, section 4): its sums over a window need no entries. They are what posting would give, to the
integer, so that a dump of accounting can be asked about its jobs before it is posted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paydown.ledger.settings import LedgerSettings
from paydown.model.entries import ALLOCATED
from paydown.model.units import BUCKET_MS, MS_PER_DAY, PPM
from paydown.model.window import Window
from paydown.reports.parts.held import held
from paydown.reports.parts.members import Place, condition
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from paydown.reports.parts.postings import Filters

_NOTE = "what jobs held and used was worked out from accounting alone, as posting would do it."

_OTHERS = ("nodes", "devices", "node_allocations", "gpu_samples", "host_samples", "posted")
"""Tables of which a cluster must have nothing: with them pieces are cut elsewhere, or it is posted already."""

_EVER = Window(0, 1 << 53)
_START_DAY = f"(DATE '1970-01-01' + CAST(pieces.start_ms // {MS_PER_DAY} AS INTEGER))"
_OF_PIECE = Place("pieces.cluster", 'pieces."user"', _START_DAY, "pieces.job_id")
_HELD = {"gpu": "gpu_milli", "cpu": "cpu_milli", "memory": "memory_mib"}
_USED = {"cpu": "cpu_used_milli", "memory": "memory_used_mib"}

SQL = f"""WITH {{held}},
figures AS (
    SELECT cluster, job_id, attempt, {{figures}} FROM job_usage GROUP BY cluster, job_id, attempt
),
several AS (
    SELECT cluster, job_id, attempt FROM held WHERE end_ms > start_ms
    GROUP BY cluster, job_id, attempt HAVING count(*) > 1
),
totals AS (
    SELECT cluster, job_id, attempt, sum(cpu_milli) AS cpu_total, sum(memory_mib) AS memory_total
    FROM (
        SELECT cluster, job_id, attempt, node, max(cpu_milli) AS cpu_milli, max(memory_mib) AS memory_mib
        FROM held SEMI JOIN several USING (cluster, job_id, attempt)
        WHERE end_ms > start_ms GROUP BY cluster, job_id, attempt, node
    ) GROUP BY cluster, job_id, attempt
),
pieces AS (
    SELECT h.*, h.job_partition AS "partition", h.job_user AS "user", h.job_account AS account,
        greatest(h.start_ms, {{start}}) AS low, least(h.end_ms, {{end}}) - low AS length,
        least(length, ({BUCKET_MS} - low % {BUCKET_MS}) % {BUCKET_MS}) AS head,
        (length - head) % {BUCKET_MS} AS tail, (length - head) // {BUCKET_MS} AS buckets,
        f.* EXCLUDE (cluster, job_id, attempt),
        coalesce(t.cpu_total, h.cpu_milli) AS cpu_total, coalesce(t.memory_total, h.memory_mib) AS memory_total
    FROM held h
    LEFT JOIN figures f ON f.cluster = h.cluster AND f.job_id = h.job_id AND f.attempt = h.attempt
    LEFT JOIN totals t ON t.cluster = h.cluster AND t.job_id = h.job_id AND t.attempt = h.attempt
    WHERE least(h.end_ms, {{end}}) > greatest(h.start_ms, {{start}})
),
uses AS (SELECT *, {{uses}} FROM pieces {{where}}),
summed AS (
    SELECT cluster, job_id, attempt, any_value("user") AS "user", any_value(account) AS account,
        any_value("partition") AS "partition", {{sums}}
    FROM uses GROUP BY cluster, job_id, attempt
)
SELECT cluster, job_id, attempt, "user", account, "partition", {{categories}} FROM summed
"""


@dataclass(frozen=True)
class Unposted:
    """What was worked out of clusters that are not posted."""

    names: tuple[str, ...]
    """These clusters."""
    sums: pa.Table
    """For each of their attempts the amount of each TRES and category."""

    @property
    def totals(self) -> pa.Table:
        """The totals as rows of (tres, category, amount)."""
        return totals(self.sums)

    @property
    def note(self) -> str:
        """What must be said of them."""
        words = "is not posted" if len(self.names) == 1 else "are not posted"
        return f"{', '.join(self.names)} {words}: {_NOTE}"


def unposted(scope: Scope, filters: Filters) -> Unposted | None:
    """Work out what jobs held and used on clusters of which nothing is posted and accounting alone is known."""
    names = clusters(scope)
    return Unposted(tuple(names), sums(scope, filters, names)) if names else None


def clusters(scope: Scope) -> list[str]:
    """Give the clusters of which nothing is posted and accounting alone is known."""
    return [name for name in scope.clusters if not _more(scope, name)]


def _more(scope: Scope, cluster: str) -> bool:
    """Say whether more than accounting is known of a cluster: then only posting tells its figures."""
    if any(scope.snapshot.files(table, clusters=[cluster]) for table in _OTHERS):
        return True
    sql = """SELECT 1 FROM allocations WHERE gpus IS NOT NULL
        UNION ALL SELECT 1 FROM job_usage WHERE node IS NOT NULL LIMIT 1"""
    return bool(scope.snapshot.query(sql, clusters=[cluster]).num_rows)


def sums(scope: Scope, filters: Filters, names: Sequence[str]) -> pa.Table:
    """Give for each attempt of some such clusters the amount of each TRES and category in the window."""
    # What an attempt holds in all counts, whatever its time.
    own = replace(scope, clusters=tuple(names), asked=_EVER)
    statement = Statement()
    kept = [condition(statement, name, values, "pieces", _OF_PIECE) for name, values in filters.items()]
    text = SQL.format(
        held=held(own, statement, filters.get("job_id", ())),
        figures=", ".join(_figures()),
        start=statement.bind(scope.window.start_ms),
        end=statement.bind(scope.window.end_ms),
        uses=", ".join(_uses()),
        where=f"WHERE {' AND '.join(kept)}" if kept else "",
        sums=", ".join(_sums()),
        categories=", ".join(_categories()),
    )
    return own.query(text, statement)


def totals(rows: pa.Table) -> pa.Table:
    """Give the totals of such sums as rows of (tres, category, amount)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.schema([("tres", pa.string()), ("category", pa.string()), ("amount", pa.decimal128(38, 0))])
    found = [(tres, name, pc.sum(rows.column(f"{tres}_{name}")).as_py()) for tres in _HELD for name in ALLOCATED]
    return pa.Table.from_pylist([dict(zip(kind.names, row, strict=True)) for row in found if row[2]], schema=kind)


def _figures() -> list[str]:
    """Read each signal's figure: the mean where there is one, else the max; of GPUs the first signal in order."""

    def of(signal: str) -> str:
        return f"any_value(coalesce(mean, max)) FILTER (WHERE signal = '{signal}')"

    gpu = ", ".join(of(signal) for signal in LedgerSettings().gpu_signals)
    return [f"coalesce({gpu}) AS gpu_figure", *(f"{of(signal)} AS {tres}_figure" for tres, signal in _USED.items())]


def _uses() -> list[str]:
    """Say what each piece used: of GPUs a share, rounded in each bucket, of the others an amount (L3.4, L3.5)."""
    ratio = f"CAST(least(greatest(floor(gpu_figure * {PPM} + 0.5), 0), {PPM}) AS BIGINT)"

    def part(length: str) -> str:
        return f"(2 * gpu_milli * {length} * {ratio} + {PPM}) // {2 * PPM}"

    found = [f"{part('head')} + {part('tail')} + buckets * ({part(str(BUCKET_MS))}) AS gpu_use"]
    for tres in _USED:
        amount = f"CAST(floor({tres}_figure + 0.5) AS HUGEINT)"
        spread = f"(2 * {amount} * {_HELD[tres]} + {tres}_total) // (2 * {tres}_total)"
        share = f"CASE WHEN {tres}_total > 0 THEN {spread} ELSE {amount} END"
        found.append(f"CAST(least({share}, {_HELD[tres]}) AS BIGINT) * length AS {tres}_use")
    return found


def _sums() -> list[str]:
    """Sum what was held of each TRES and used of it; a figure is one of the whole attempt, so it is not summed."""
    # What is not tracked was not used either: DuckDB's least() passes over null.
    return [
        f"any_value({tres}_figure) AS {tres}_figure, sum({held} * length) AS {tres}_whole, "
        f"sum({tres}_use) FILTER (WHERE {held} IS NOT NULL) AS {tres}_use"
        for tres, held in _HELD.items()
    ]


def _categories() -> list[str]:
    """Part what was held of each TRES by category; nothing held is not tracked, or none."""
    found = []
    for tres in _HELD:
        parts = _parts(tres)
        # What is held and neither of the others; a sum less costs less than a condition on every row.
        parts["underused"] = " - ".join(parts[name] for name in ("allocated", "used", "inactive", "unobserved"))
        found.append(f"nullif(CAST({tres}_whole AS DECIMAL(38, 0)), 0) AS {tres}_allocated")
        found += [f"CAST({parts[category]} AS DECIMAL(38, 0)) AS {tres}_{category}" for category in ALLOCATED]
    return found


def _parts(tres: str) -> dict[str, str]:
    """Part a holding's time: without a figure it is unobserved, at exactly zero GPUs and CPUs were never used."""
    whole, figure = f"coalesce({tres}_whole, 0)", f"{tres}_figure"
    never = "false" if tres == "memory" else f"coalesce({figure} = 0, false)"
    return {
        "allocated": whole,
        "used": f"CASE WHEN {figure} IS NOT NULL AND NOT {never} THEN coalesce({tres}_use, 0) ELSE 0 END",
        "inactive": f"CASE WHEN {never} THEN {whole} ELSE 0 END",
        "unobserved": f"CASE WHEN {figure} IS NULL THEN {whole} ELSE 0 END",
    }
