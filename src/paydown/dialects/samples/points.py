"""Points of series, made figures of our columns: increases of counters, parts put together, blanks left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paydown.dialects.samples.answers import Series
from paydown.model.exporters import METRICS, Measure
from paydown.model.measures import Conversion, conversion, measured_columns
from paydown.model.units import MS_PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Reals = NDArray[np.float64]

_BLANK_FROM = float(1 << 47)
"""DCGM_FP64_BLANK: from here on a figure says that there is none (dcgm_structs.h); the int64 blanks lie above it."""

_BLANK_INT32 = (float(0x7FFFFFF0), float(0x7FFFFFF3))
"""DCGM_INT32_BLANK to DCGM_INT32_NOT_PERMISSIONED."""


@dataclass(frozen=True)
class Points:
    """Figures of one column of one device (or host), as one series has them."""

    measure: Measure
    at: Ints
    values: Reals
    """In the column's unit; each second where `rate`."""
    rate: bool


def points(series: Series, measure: Measure, step_ms: int) -> Points:
    """Make points of a series."""
    column = measured_columns(measure.table)[measure.column]
    how = conversion(column, measure.unit)
    at, values = series.at, _told(series.values)
    if measure.kind == "counter":
        at, values = _increases(at, values, step_ms)
        if column.unit == "milli-CPU":
            values = values / (step_ms / MS_PER_SECOND)
    there = ~np.isnan(values)
    return Points(measure, at[there], _scaled(values[there], how), how.rate)


def _told(values: Reals) -> Reals:
    blank = (values >= _BLANK_FROM) & np.isfinite(values)
    blank |= (values >= _BLANK_INT32[0]) & (values <= _BLANK_INT32[1])
    told: Reals = np.where(blank, np.nan, values)
    return told


def _increases(at: Ints, values: Reals, step_ms: int) -> tuple[Ints, Reals]:
    """Give what was counted in each step; nothing over a gap, and nothing where the counter began anew."""
    grown = np.diff(values)
    fine = (np.diff(at) == step_ms) & (grown >= 0)
    return at[1:], np.where(fine, grown, np.nan)


def _scaled(values: Reals, how: Conversion) -> Reals:
    scaled: Reals = values * float(how.factor.numerator) / float(how.factor.denominator)
    return scaled


def merged(found: list[Points]) -> tuple[Ints, Reals]:
    """Put the points of one column together: the first that speaks of a moment counts, or the sum of all parts."""
    family = [each for each in found if _family(each.measure) == _family(found[0].measure)]
    if family[0].measure.part:
        return _summed(family)
    at, first = np.unique(np.concatenate([each.at for each in found]), return_index=True)
    return at, np.concatenate([each.values for each in found])[first]


def _family(measure: Measure) -> str:
    """Give the exporter that a metric is of, by the first word of its name."""
    return measure.name.partition("_")[0]


def _summed(found: list[Points]) -> tuple[Ints, Reals]:
    """Sum parts at the moments at which all of them are there."""
    first = found[0].measure
    needed = {
        other.name
        for other in METRICS.values()
        if (other.table, other.column, _family(other)) == (first.table, first.column, _family(first)) and other.part
    }
    if not needed <= {each.measure.name for each in found}:
        return np.zeros(0, np.int64), np.zeros(0, np.float64)
    at, where = np.unique(np.concatenate([each.at for each in found]), return_inverse=True)
    total = np.bincount(where, np.concatenate([each.values * each.measure.part for each in found]), len(at))
    complete = np.bincount(where, minlength=len(at)) == len(found)
    return at[complete], total[complete]
