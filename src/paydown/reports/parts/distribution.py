"""Distributions from posted histograms: sums by some cuts, and the quantiles that the bins give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paydown.model.entries import HISTOGRAM_BINS, HISTOGRAM_EDGES
from paydown.model.units import MS_PER_HOUR, PPM
from paydown.model.window import Window, from_ms
from paydown.reports.parts.cuts import CUTS, Cut
from paydown.reports.parts.joins import joined, selected
from paydown.reports.parts.members import UNITS, Place, condition
from paydown.reports.parts.scope import Scope
from paydown.reports.parts.statement import Statement, quoted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

QUANTILES = (5, 25, 50, 75, 95)
"""The quantiles shown, in percent."""

_LABELS = ("partition", "account", "user")

OWN_CUTS = {
    "gpu": Cut("gpu", "p.gpu", "The device's index on its node."),
    "hour": Cut("hour", "h.hour", "The hour of the day, 0 to 23, in the time zone asked for."),
    "partition": replace(CUTS["partition"], description="The job's partition; null where no single job holds it."),
}
"""Cuts of devices' samples that the ledger does not have, or has otherwise."""

SQL = """WITH {named}p AS (
    SELECT h.cluster, h.day, h.node, h.gpu, epoch_ms(h.hour) AS bucket_ms, h.signal, h.job_id, h.attempt, h.samples,
        h.ppm_ms, {bins}{labels}
    FROM histograms h {labelled}
    WHERE {where}
)
SELECT {keys}, CAST(sum(samples) AS BIGINT) AS samples, CAST(sum(ppm_ms) AS DOUBLE) AS ppm_ms,
    {sums}
FROM p {joins} GROUP BY ALL
"""


@dataclass(frozen=True)
class Chosen:
    """Which histograms are summed."""

    signal: str | None
    """The signal; None: whatever counts as use."""
    holders: Sequence[str]
    """How many held the device: `none`, `one`, `several`."""
    filters: Mapping[str, Sequence[object]]
    """Values that are let through, by column."""


def by_the_hour(scope: Scope) -> Scope:
    """Widen a report's window to whole hours, which is how finely histograms tell time."""
    window = scope.asked
    start = window.start_ms // MS_PER_HOUR * MS_PER_HOUR
    return replace(scope, asked=Window(start, -(-window.end_ms // MS_PER_HOUR) * MS_PER_HOUR))


def summed(scope: Scope, cuts: Sequence[Cut], chosen: Chosen) -> pa.Table:
    """Sum histograms by some cuts and by signal; `scope` on whole hours."""
    statement = Statement()
    names = {cut.name for cut in cuts} | set(chosen.filters)
    labels = [name for name in _LABELS if name in names or (name == "user" and names & set(UNITS))]
    named, joins = joined(scope, statement, [cut for cut in cuts if cut.name not in OWN_CUTS])
    if "hour" in names:
        statement.tables["hours_of_day"] = _hours(scope)
        joins += " JOIN hours_of_day h ON h.start_ms = p.bucket_ms"
    text = SQL.format(
        named="".join(f"{each}, " for each in named),
        bins=", ".join(f"h.{name}" for name in HISTOGRAM_BINS),
        labels="".join(f", l.{quoted(name)}" for name in labels),
        labelled=_LABELLED if labels else "",
        where=" AND ".join(_conditions(scope, statement, chosen)),
        keys=", ".join([*selected(cuts), "p.signal AS signal"]),
        sums=",\n    ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in HISTOGRAM_BINS),
        joins=joins,
    )
    return scope.query(text, statement, scope.window)


_HOLDER = Place("h.cluster", 'l."user"', "h.day", "h.job_id")
"""Whose a histogram is: on its day."""

_LABELLED = "LEFT JOIN jobs l ON l.cluster = h.cluster AND l.job_id = h.job_id AND l.attempt = h.attempt"


def _conditions(scope: Scope, statement: Statement, chosen: Chosen) -> list[str]:
    window = scope.window
    found = [
        f"h.hour >= {statement.bind(from_ms(window.start_ms))} AND h.hour < {statement.bind(from_ms(window.end_ms))}",
        statement.one_of("h.holders", chosen.holders),
        "h.counted" if chosen.signal is None else f"h.signal = {statement.bind(chosen.signal)}",
    ]
    for column, values in chosen.filters.items():
        prefix = "l" if column in _LABELS else "h"
        found.append(condition(statement, column, values, prefix, _HOLDER))
    return found


def _hours(scope: Scope) -> pa.Table:
    """Give for each hour of the window (UTC) which hour of the local day it begins in."""
    import pyarrow as pa

    starts = range(scope.window.start_ms, scope.window.end_ms, MS_PER_HOUR)
    hours = [from_ms(start).astimezone(scope.zone).hour for start in starts]
    return pa.table({"start_ms": pa.array(starts, pa.int64()), "hour": pa.array(hours, pa.int64())})


def figures(rows: pa.Table) -> dict[str, pa.Array]:
    """Give the figures of summed histograms: covered_hours, mean_ratio, zero_share and the quantiles."""
    import numpy as np
    import pyarrow as pa

    bins = np.stack([rows.column(name).to_numpy() for name in HISTOGRAM_BINS], axis=1).reshape(-1, len(HISTOGRAM_BINS))
    total = bins.sum(axis=1)
    known = np.maximum(total, 1)
    mean = rows.column("ppm_ms").to_numpy() / known / PPM
    shown = {
        "covered_hours": total / MS_PER_HOUR,
        "mean_ratio": mean,
        "zero_share": bins[:, 0] / known,
        **{f"p{percent:02d}": quantile(bins, percent) for percent in QUANTILES},
    }
    nothing = total == 0
    return {name: pa.array(values, mask=nothing & (name != "covered_hours")) for name, values in shown.items()}


def quantile(bins: npt.NDArray[np.int64], percent: int) -> npt.NDArray[np.float64]:
    """Give a quantile of each row of bins, as a ratio.

    It lies in the bin of the exact quantile (the least value such that that much time is at or below it), in
    proportion to how far into the bin's time it falls: it errs by less than the bin is wide.
    """
    import numpy as np

    reached = np.cumsum(bins, axis=1)
    wanted = percent * reached[:, -1]
    place = np.argmax(100 * reached >= wanted[:, None], axis=1)
    row = np.arange(len(bins))
    inside = bins[row, place]
    below = reached[row, place] - inside
    edges = np.array((0, *HISTOGRAM_EDGES), dtype=np.float64) / 100
    part = (wanted / 100 - below) / np.maximum(inside, 1)
    found: npt.NDArray[np.float64] = edges[place] + (edges[place + 1] - edges[place]) * np.clip(part, 0, 1)
    return found
