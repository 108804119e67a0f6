"""The moment that a report on one moment is about, and how far each source reaches there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paydown.model.units import BUCKET_MS, MS_PER_HOUR, MS_PER_MINUTE
from paydown.model.window import Window, from_ms
from paydown.reports.interface import Answer, OutColumn
from paydown.reports.parts.answers import table
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.stated import stated

if TYPE_CHECKING:
    import pyarrow as pa

CAPABILITIES = ("capacity", "allocation", "use")
"""What must reach a moment for its capacity, allocation and use to be known."""


def reach(scope: Scope) -> dict[str, int]:
    """Give for each cluster up to when (ms) its capacity, allocation and use are all vouched for.

    A capability that no source of the cluster supports counts as all of its sources do (docs/spec/ledger.md, 1.2).
    """
    spans = [stated(scope, capability) for capability in CAPABILITIES]
    ends = {name: [max((s.end_ms for s in found[name]), default=0) for found in spans] for name in scope.clusters}
    return {name: min(each) for name, each in ends.items() if min(each)}


def last_known(scope: Scope) -> int | None:
    """Give the last moment (ms) of the last whole five minutes known, in the cluster that is known the longest."""
    latest = max(reach(scope).values(), default=None)
    return None if latest is None else latest // BUCKET_MS * BUCKET_MS - 1


def behind(scope: Scope, moment_ms: int) -> list[str]:
    """Say which clusters are not known at a moment, and at which they would be."""
    return [
        f"{name} is known up to {from_ms(end).isoformat().replace('+00:00', 'Z')} only: "
        f"`paydown now --cluster {name}` shows its own last moment."
        for name, end in sorted(reach(scope).items())
        if end <= moment_ms
    ]


SOURCES = """
SELECT cluster, source, supports, covers_to, ingested_at,
    (epoch_ms({moment}) - epoch_ms(covers_to)) / {hour} AS behind_hours,
    ({asked} - epoch_ms(covers_to)) / {minute} AS age_minutes
FROM (
    SELECT cluster, source, max(covers_to) AS covers_to, max(ingested_at) AS ingested_at,
        array_to_string(list_sort(list_distinct(flatten(list(string_split(supports, ';'))))), ';') AS supports
    FROM sources GROUP BY cluster, source
) ORDER BY cluster, source
"""


def sources(scope: Scope, moment_ms: int, asked_ms: int | None) -> Answer:
    """Say up to when each source vouches, how far that lies behind the moment, and how old it is."""
    text = SOURCES.format(
        moment=f"make_timestamptz({moment_ms + 1} * 1000)", hour=float(MS_PER_HOUR), minute=float(MS_PER_MINUTE),
        asked="CAST(NULL AS BIGINT)" if asked_ms is None else asked_ms,
    )  # fmt: skip
    columns = (
        OutColumn("cluster", "", "The cluster."),
        OutColumn("source", "", "The source."),
        OutColumn("supports", "", "What it can support, the parts of it together."),
        OutColumn("covers_to", "UTC", "The horizon: up to when it vouches.", "instant"),
        OutColumn("ingested_at", "UTC", "When it was last ingested.", "instant"),
        OutColumn(
            "behind_hours",
            "hours",
            "How far that lies before the end of the moment; negative: after.",
            "number",
        ),
        OutColumn("age_minutes", "min", "How long before the time of asking that was.", "number"),
    )
    rows: pa.Table = scope.query(text)
    return table("now.sources", scope, columns, rows)


COLLECTED = """
SELECT health.source, errors, max(epoch_ms(covers_to)) AS covers_to
FROM health JOIN sources ON sources.source = health.source GROUP BY health.source, errors ORDER BY health.source
"""


def ages(scope: Scope, asked_ms: int | None) -> list[str]:
    """Say how old what each collected source of these clusters told is, and whether it fails."""
    if asked_ms is None or not scope.snapshot.data_files("health"):
        return []
    rows = scope.query(COLLECTED).to_pylist()
    told = [
        f"{row['source']} {(asked_ms - row['covers_to']) / MS_PER_MINUTE:,.0f} min"
        + (f" (failing, {row['errors']:,} in a row)" if row["errors"] else "")
        for row in rows
    ]
    return [f"Age of what is known: {', '.join(told)}."] if told else []


def at(moment_ms: int) -> Window:
    """Give the window of one millisecond that is a moment."""
    return Window(moment_ms, moment_ms + 1)
