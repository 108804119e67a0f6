"""The mean of each device over the window: Prometheus' own `avg_over_time` against that of the samples in the store.

Both are plain means over readings, those that lie in [first, last] of what the store has in the window. Prometheus is
asked a day at a time, so that it need not hold more readings at once than it may.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from paydown.connectors.interface import Context
from paydown.connectors.prometheus.api import TooMuchError
from paydown.connectors.prometheus.asked import Asked, asked
from paydown.connectors.prometheus.naming import naming
from paydown.connectors.prometheus.settings import PrometheusSettings
from paydown.dialects.samples.answers import Series
from paydown.dialects.samples.devices import Labels
from paydown.dialects.samples.frames import Named
from paydown.errors import SourceError, UsageError
from paydown.model.measures import conversion, measured_columns
from paydown.model.units import MS_PER_DAY
from paydown.model.window import Window
from paydown.reconcile.causes import real
from paydown.reconcile.figures import Explanation, Figure

if TYPE_CHECKING:
    from paydown.model.exporters import Measure
    from paydown.reconcile.asked import Question

CHECK = "prometheus"

COMPARED = ("gpu_util_ratio", "gr_engine_active_ratio", "memory_used_mib", "power_w")
"""The columns that are compared, where an exporter has them."""

BLANK = 9.2e18
"""A mean from here on holds readings that are none: DCGM's blanks are about 2^63 (dcgm_structs.h)."""

_NONE = np.empty(0, np.float64)

_ROUNDING = 1e-6
"""Means of doubles, summed in another order."""

_STORED = """
SELECT node, gpu, {sums}, min(epoch_ms(start) + duration_ms) AS first_ms, max(epoch_ms(start) + duration_ms) AS last_ms
FROM gpu_samples WHERE epoch_ms(start) + duration_ms >= $from AND epoch_ms(start) + duration_ms < $to GROUP BY node, gpu
"""

Key = tuple[str, str, str]
"""Node, device and column."""


@dataclass
class Mean:
    """Readings summed: how many, their sum, the largest."""

    count: float = 0.0
    total: float = 0.0
    most: float = 0.0

    def add(self, count: float, mean: float, most: float) -> None:
        """Take more of them in."""
        self.count += count
        self.total += count * mean
        self.most = max(self.most, most)

    @property
    def mean(self) -> float:
        """Their mean."""
        return self.total / self.count


def settings_of(url: str, more: Mapping[str, Any]) -> PrometheusSettings:
    """Make the settings of the source; what it does not know is a `UsageError`."""
    values = {name.replace("-", "_"): value for name, value in more.items()}
    if isinstance(values.get("map"), str):
        values["map"] = tuple(values["map"].split(","))
    try:
        return PrometheusSettings.model_validate({"url": url, **values})
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise UsageError(f"--prometheus: {told}.") from None


def figures(question: Question, settings: PrometheusSettings) -> Iterator[Figure]:
    """Compare every device, which is shown only where it differs, and the mean over all of them."""
    ours, window = _stored(question)
    if window is None:
        reason = "the store has no samples of devices in this window"
        yield Figure(CHECK, question.cluster, "all", "", skipped=reason)
        return
    theirs = _asked(question, settings, window)
    for column in COMPARED:
        keys = sorted({key for key in (*ours, *theirs) if key[2] == column})
        each = [_figure(question, key, theirs.get(key), ours.get(key)) for key in keys]
        if any(key in theirs for key in keys):
            yield _total(question, column, each)
            yield from each


def _stored(question: Question) -> tuple[dict[Key, Mean], Window | None]:
    """Give the means of the store, and from its first reading to its last."""
    sums = ", ".join(
        f"count({name}) AS {name}_count, avg({name}) AS {name}_mean, max({name}) AS {name}_most" for name in COMPARED
    )
    window = question.window
    params = {"from": window.start_ms, "to": window.end_ms}
    near = Window(window.start_ms - MS_PER_DAY, window.end_ms)
    sql = _STORED.format(sums=sums)
    rows = question.snapshot.query(sql, params, clusters=[question.cluster], window=near).to_pylist()
    found: dict[Key, Mean] = defaultdict(Mean)
    for row in rows:
        for name in COMPARED:
            if row[f"{name}_count"]:
                figures = (row[f"{name}_{what}"] for what in ("count", "mean", "most"))
                found[row["node"], row["gpu"], name].add(*figures)
    if not rows:
        return found, None
    return found, Window(min(row["first_ms"] for row in rows), max(row["last_ms"] for row in rows) + 1)


def _asked(question: Question, settings: PrometheusSettings, window: Window) -> dict[Key, Mean]:
    """Ask for the means of every device, a day at a time."""
    found: dict[Key, Mean] = defaultdict(Mean)
    context = Context(question.cluster, clock=lambda: window.end_ms)
    with asked(settings.model_copy(update={"end_ms": window.end_ms}), context) as server:
        labels = Labels(server.mapped, Named(None, None, None, None), naming(settings))
        measures = {name: measure for name, measure in server.selection.measures.items() if _compared(measure)}
        for start in range(window.start_ms, window.end_ms, MS_PER_DAY):
            part = Window(start, min(start + MS_PER_DAY, window.end_ms))
            for name, measure in measures.items():
                _of_metric(server, labels, name, measure, part, found)
    return dict(found)


def _compared(measure: Measure) -> bool:
    """Say whether a metric is, as it stands, a column that is compared."""
    plain = measure.kind == "gauge" and not measure.part
    return plain and measure.table == "gpu_samples" and measure.column in COMPARED


def _of_metric(
    server: Asked, labels: Labels, name: str, measure: Measure, part: Window, found: dict[Key, Mean]
) -> None:
    """Add what Prometheus says of one metric in a part of the window."""
    span = f"{server.selection.text([name])}[{part.length_ms}ms]"
    counts, means, most = (
        _instant(server, f"{how}_over_time({span})", part.end_ms - 1) for how in ("count", "avg", "max")
    )
    factor = float(conversion(measured_columns("gpu_samples")[measure.column], measure.unit).factor)
    series = {key: Series(server.api.url, dict(key), _NONE.astype(np.int64), _NONE) for key in counts}
    labels.learn(series.values())
    for key, count in counts.items():
        subject = labels.subject(series[key])
        if subject.node and subject.gpu and key in means:
            figures = (means[key] * factor, most.get(key, means[key]) * factor)
            found[subject.node, subject.gpu, measure.column].add(count, *figures)


def _instant(server: Asked, query: str, at_ms: int) -> dict[tuple[tuple[str, str], ...], float]:
    try:
        rows = server.api.instant(query, at_ms).rows
    except TooMuchError as error:
        raise SourceError(f"{server.api.url} will not answer for a day of one metric at once: {error}") from error
    return {tuple(sorted(row.items())): value for row, value in rows}


def _figure(question: Question, key: Key, theirs: Mean | None, ours: Mean | None) -> Figure:
    node, gpu, column = key
    unit = measured_columns("gpu_samples")[column].unit
    skipped = ""
    if theirs is None or ours is None:
        side = "Prometheus" if theirs is None else "the store"
        skipped = f"{side} has no believed readings of it (unknown labels, doubted zeros, blanks)"
    return Figure(
        CHECK, f"{question.cluster} {node}/{gpu}", f"mean {column}", unit,
        theirs.mean if theirs else None, ours.mean if ours else None,
        rounding=_ROUNDING * max(theirs.mean if theirs else 0, ours.mean if ours else 0, 1),
        explanations=_causes(theirs, ours) if theirs and ours else (), skipped=skipped, detail=True,
    )  # fmt: skip


def _causes(theirs: Mean, ours: Mean) -> tuple[Explanation, ...]:
    lacking, more = theirs.count - ours.count, ours.count - theirs.count
    if lacking > 0 and theirs.mean > BLANK * lacking / theirs.count / 2:
        blanks = ours.mean - theirs.mean
        return (Explanation("blanks", blanks, blanks, f"{lacking:,.0f} readings say that there is none"),)
    reach = max(theirs.most, ours.most)
    left = reach * max(lacking, 0.0) / theirs.count
    kept = reach * max(more, 0.0) / ours.count
    return real([
        Explanation("not stored", -left, left, f"{lacking:,.0f} of {theirs.count:,.0f} readings are not in the store"),
        Explanation("not kept", -kept, kept, f"{more:,.0f} of {ours.count:,.0f} readings are no longer in Prometheus"),
    ])  # fmt: skip


def _total(question: Question, column: str, each: list[Figure]) -> Figure:
    """Give the mean over the devices that both sides know."""
    both = [figure for figure in each if not figure.skipped]
    count = len(both) or 1
    causes: dict[str, Explanation] = {}
    for cause in (cause for figure in both for cause in figure.explanations):
        before = causes.get(cause.rule, Explanation(cause.rule, 0.0, 0.0, ""))
        told = f"readings of {len(both)} devices, see each"
        causes[cause.rule] = Explanation(
            cause.rule, before.low + cause.low / count, before.high + cause.high / count, told
        )
    return Figure(
        CHECK, question.cluster, f"mean {column} of {len(both)} devices", measured_columns("gpu_samples")[column].unit,
        sum(figure.theirs or 0.0 for figure in both) / count if both else None,
        sum(figure.ours or 0.0 for figure in both) / count if both else None,
        rounding=sum(figure.rounding for figure in both) / count, explanations=real(list(causes.values())),
        skipped="" if both else "no device is known to both sides by the same name (paydown doctor)",
    )  # fmt: skip
