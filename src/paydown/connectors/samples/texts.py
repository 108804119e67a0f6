"""Cells of text as figures and moments: what says nothing is null, what is no number keeps its text."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.instants import booleans, local_instants, milliseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTHING = ("", "-", "N/A", "n/a", "NA", "ERR!", "null", "NULL", "None")
"""Texts by which tools say that they have no figure; so does anything in square brackets (`[Not Supported]`)."""

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_OFFSET = r"(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)$"


@dataclass(frozen=True)
class Figures:
    """A column of text as doubles."""

    values: pa.Array
    """float64; null where nothing is said, NaN where it is no number."""
    garbage: pa.Array | None
    """The text of what is no number, null elsewhere; None where everything is one."""


def figures(values: pa.Array, unit: str = "") -> Figures:
    """Read figures, with the letters of a unit behind them or not."""
    text = pc.ascii_trim(values, " \t" + unit)
    try:
        return Figures(text.cast(pa.float64()), None)
    except pa.ArrowInvalid:
        silent = pc.or_(pc.starts_with(text, "["), pc.is_in(text, pa.array([*NOTHING, "%"])))
        said = pc.if_else(pc.fill_null(silent, True), None, text)  # noqa: FBT003 -- Arrow's order
    fine = pc.match_substring_regex(said, _NUMBER)
    numbers = pc.if_else(fine, said, pa.scalar("nan")).cast(pa.float64())
    numbers = pc.if_else(said.is_valid(), numbers, None)
    return Figures(numbers, None if pc.all(fine, min_count=0).as_py() else pc.if_else(fine, None, said))


def scaled(values: pa.Array, factor: Fraction) -> pa.Array:
    """Multiply doubles by a fraction, exactly where that can be."""
    if factor.numerator != 1:
        values = pc.multiply(values, float(factor.numerator))
    return values if factor.denominator == 1 else pc.divide(values, float(factor.denominator))


@dataclass(frozen=True)
class Moments:
    """A column as moments."""

    ms: pa.Array
    """int64 ms since the epoch; null where there is none."""
    bad: NDArray[np.bool_]
    """Where something stands that is no time."""
    doubled: int = 0
    """How many local times the clock showed twice: the first was chosen."""


def moments(values: pa.Array, zone: ZoneInfo) -> Moments:
    """Read times as ISO 8601 or nvidia-smi (`2024/03/04 12:34:56.789`) has them; without an offset they are local."""
    text = pc.ascii_trim_whitespace(values)
    if pc.any(pc.match_substring(text, "/"), min_count=0).as_py():
        text = pc.replace_substring(text, "/", "-")
    try:
        return local(milliseconds(text.cast(pa.timestamp("us"))), zone, np.zeros(len(text), np.bool_))
    except pa.ArrowInvalid:
        return _mixed(text, zone)


def _mixed(text: pa.Array, zone: ZoneInfo) -> Moments:
    """Read times of which some have an offset, or are none."""
    text = pc.if_else(pc.equal(text, ""), None, text)
    fine = pc.match_substring_regex(text, _ISO + "($|" + _OFFSET.replace("$", "") + "$)")
    offset = pc.and_(fine, pc.match_substring_regex(text, _OFFSET))
    plain = _cast(pc.if_else(pc.and_not(fine, offset), text, None), pa.timestamp("us"))
    fixed = _cast(pc.if_else(offset, text, None), pa.timestamp("us", "UTC"))
    found = local(plain, zone, np.zeros(len(text), np.bool_))
    ms = pc.coalesce(fixed, found.ms)
    return Moments(ms, booleans(text.is_valid()) & booleans(ms.is_null()), found.doubled)


def _cast(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast times that look right; one such as 31 February makes it a matter of each."""
    try:
        return milliseconds(text.cast(kind))
    except pa.ArrowInvalid:
        return pa.array([_one(cell, kind) for cell in text], pa.int64())


def _one(cell: pa.Scalar, kind: pa.DataType) -> int | None:
    try:
        ms: int | None = milliseconds(pa.array([cell.as_py()]).cast(kind))[0].as_py()
    except pa.ArrowInvalid:
        return None
    return ms


def local(ms: pa.Array, zone: ZoneInfo, bad: NDArray[np.bool_]) -> Moments:
    """Turn wall-clock times into moments."""
    found = local_instants(ms, zone)
    return Moments(found.ms, bad | found.missing, int(found.ambiguous.sum()))


def array(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Give a column as one array."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
