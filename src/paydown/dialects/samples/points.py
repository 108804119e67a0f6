"""Points of many series at once, made figures of our columns: increases of counters, sums of parts, blanks left out.

All of it works on flat columns, a row for each point: series come by the ten thousand, with few points each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from paydown.dialects.samples.answers import Series
from paydown.model.exporters import METRICS, Measure
from paydown.model.instants import EARLIEST_MS, LATEST_MS
from paydown.model.measures import conversion, measured_columns
from paydown.model.units import MS_PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Reals = NDArray[np.float64]

AT_BITS = 43
"""Bits that hold every instant that is believed, in ms: what is before them in a key tells of whom a point is."""

_BLANK_FROM = float(1 << 47)
"""DCGM_FP64_BLANK: from here on a figure says that there is none (dcgm_structs.h); the int64 blanks lie above it."""

_BLANK_INT32 = (float(0x7FFFFFF0), float(0x7FFFFFF3))
"""DCGM_INT32_BLANK to DCGM_INT32_NOT_PERMISSIONED."""


@dataclass(frozen=True)
class Told:
    """A series that counts, and what it is."""

    series: Series
    measure: Measure
    subject: int
    """Of which device or host it is, as a number."""
    target: int
    """What was scraped, as a number: parts of one sum come from one target."""
    step_ms: int
    """How far its readings are apart."""


@dataclass(frozen=True)
class Points:
    """Points of series, a row for each."""

    at: Ints
    """Moments in ms since the epoch."""
    values: Reals
    who: Ints
    """The index of the series that each is of."""

    def where(self, chosen: NDArray[np.bool_]) -> Points:
        """Give some of the points."""
        return Points(self.at[chosen], self.values[chosen], self.who[chosen])


def laid(found: list[Series]) -> Points:
    """Lay out series one after the other, each ascending in time and without moments that it told before."""
    if not found:
        return Points(np.zeros(0, np.int64), np.zeros(0, np.float64), np.zeros(0, np.int64))
    at = np.concatenate([each.at for each in found])
    who = np.repeat(np.arange(len(found)), [len(each.at) for each in found])
    made = Points(at, np.concatenate([each.values for each in found]), who)
    made = made.where((at >= EARLIEST_MS) & (at < LATEST_MS))
    key = (made.who << AT_BITS) | made.at
    if (np.diff(key) > 0).all():
        return made
    order = np.argsort(key, kind="stable")
    fresh = np.diff(key[order], prepend=-1) > 0
    return Points(made.at[order][fresh], made.values[order][fresh], made.who[order][fresh])


def figures(points: Points, told: list[Told]) -> Points:
    """Give figures in the units of the columns, without blanks and what a counter says over a gap or a restart."""
    values = _without_blanks(points.values)
    counted = np.array([each.measure.kind == "counter" for each in told], np.bool_)
    if counted.any():
        values = _increases(points, values, told, counted)
    factors = np.array([_factor(each) for each in told], np.float64).reshape(-1, 3)
    values = values * factors[points.who, 0] / factors[points.who, 1] * factors[points.who, 2]
    there = ~np.isnan(values)
    return Points(points.at[there], values[there], points.who[there])


def _factor(told: Told) -> tuple[float, float, float]:
    """Give by what a figure is multiplied and divided, and for how many seconds it holds where it is told a second."""
    numerator, denominator, rate = _conversion(told.measure)
    return numerator, denominator, told.step_ms / MS_PER_SECOND if rate else 1.0


@cache
def _conversion(measure: Measure) -> tuple[float, float, bool]:
    how = conversion(measured_columns(measure.table)[measure.column], measure.unit)
    return float(how.factor.numerator), float(how.factor.denominator), how.rate


def _without_blanks(values: Reals) -> Reals:
    blank = (values >= _BLANK_FROM) & np.isfinite(values)
    blank |= (values >= _BLANK_INT32[0]) & (values <= _BLANK_INT32[1])
    told: Reals = np.where(blank, np.nan, values)
    return told


def _increases(points: Points, values: Reals, told: list[Told], counted: NDArray[np.bool_]) -> Reals:
    """Turn what was counted so far into the increase since the reading before, CPU time into that of each second.

    There is none after a gap (of more than one and a half steps), and none where the counter began anew.
    """
    steps = np.array([each.step_ms for each in told], np.int64)
    cpu = np.array([each.measure.column == "cpu_used_milli" for each in told], np.bool_)
    grown = np.diff(values, prepend=np.nan)
    gap = np.diff(points.at, prepend=0)
    same = np.diff(points.who, prepend=-1) == 0
    fine = same & (2 * gap <= 3 * steps[points.who]) & (grown >= 0)
    grown = np.where(fine, grown, np.nan)
    grown = np.where(cpu[points.who], grown / (np.where(same, gap, 1) / MS_PER_SECOND), grown)
    increases: Reals = np.where(counted[points.who], grown, values)
    return increases


def distinct(keys: Ints) -> tuple[Ints, Ints]:
    """Give the distinct keys, ascending, and for each key which of them it is.

    As numpy.unique, but fast where keys come in ascending runs, as those of series do: timsort merges runs.
    """
    order = np.argsort(keys, kind="stable")
    ascending = keys[order]
    fresh = np.ones(len(keys), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=fresh[1:])
    where = np.empty(len(keys), np.int64)
    where[order] = np.cumsum(fresh) - 1
    return ascending[fresh], where


def summed(points: Points, told: list[Told], group: Ints) -> tuple[Ints, Ints, Reals]:
    """Sum the points of each group at the moments at which all series of the group speak.

    Gives group, moment and sum; a group that lacks a part of its sum gives none.
    """
    signs = np.array([each.measure.part for each in told], np.float64)
    key = (group << AT_BITS) | points.at
    keys, where = distinct(key)
    total = np.bincount(where, points.values * signs[points.who], len(keys))
    whole = np.bincount(where, minlength=len(keys)) == _expected(points, told, group)[keys >> AT_BITS]
    return keys[whole] >> AT_BITS, keys[whole] & ((1 << AT_BITS) - 1), total[whole]


def _expected(points: Points, told: list[Told], group: Ints) -> Ints:
    """Count the series of each group; of one that lacks a part, more than there can be."""
    pairs = np.array(np.divmod(distinct(group * len(told) + points.who)[0], len(told)))
    counts: Ints = np.bincount(pairs[0])
    names: dict[int, set[str]] = {}
    first: dict[int, Measure] = {}
    for where, who in pairs.T.tolist():
        names.setdefault(where, set()).add(told[who].measure.name)
        first.setdefault(where, told[who].measure)
    for where, present in names.items():
        if not parts_of(first[where]) <= present:
            counts[where] = len(told) + 1
    return counts


@cache
def parts_of(measure: Measure) -> frozenset[str]:
    """Give the metrics of one exporter of which a sum needs every one."""
    return frozenset(
        other.name
        for other in METRICS.values()
        if (other.table, other.column, family(other)) == (measure.table, measure.column, family(measure))
        and other.part
        and not other.optional
    )


def family(measure: Measure) -> str:
    """Give the exporter that a metric is of, by the first word of its name."""
    return measure.name.partition("_")[0]
