"""Columns of a batch cast to their kinds, cell by cell: what cannot be believed becomes null, with a reason.

docs/spec/ledger.md, section 3, "Rejects": what can be told from one row alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.instants import INSTANT, LATEST_MS, believed, booleans, instants_of_text, milliseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paydown.model.schema import Column

RATIO_TOLERANCE = 0.01
"""By how much a ratio may lie outside [0, 1] and be clipped (docs/spec/ledger.md, section 3, Rejects)."""

AMOUNT_LIMIT = 10**10
"""The largest amount of milli-units or MiB that is believed: times a day in ms it still fits 64 bits."""

TEXT_LIMIT = 65_536
"""The longest text that is believed, in bytes."""

SENTENCES: dict[str, str] = {
    "not-a-number": "is not a number",
    "not-a-time": "is neither RFC 3339 nor whole milliseconds since the epoch",
    "not-a-flag": "is neither true nor false",
    "negative": "is negative",
    "out-of-range": "is outside what can be believed",
    "unknown-value": "is none of the values that the column may have",
    "nul-byte": "holds a NUL byte",
    "not-utf8": "is not UTF-8",
    "too-long": f"is longer than {TEXT_LIMIT:,} bytes",
    "bad-key": "is missing, and the row has no identity without it",
    "missing": "is missing and must be there",
    "non-positive-duration": "is not above zero",
    "nothing-left": "no measurement is left in the row",
    "end-before-start": "lies before the start",
}
"""What each reason of a reject means, as the end of a sentence on the column."""

_SIGNED = ("priority",)
_MAY_BE_EMPTY = ("partitions", "supports")
_REAL_TEXT = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_INT_TEXT = r"^[0-9]{1,18}$"
_FLAGS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}


@dataclass(frozen=True)
class Fault:
    """Cells of one column that are not believed, all for one reason."""

    reason: str
    """A key of `SENTENCES`."""
    where: NDArray[np.bool_]
    """For each row, whether its cell is one of them."""


@dataclass(frozen=True)
class Cells:
    """A column as cast."""

    values: pa.Array
    """Of the kind's Arrow type; null where missing or not believed."""
    faults: tuple[Fault, ...] = ()
    """What was not believed; no row is in two of them."""


def nulled(values: pa.Array, where: NDArray[np.bool_]) -> pa.Array:
    """Give the values with null in some places."""
    return pc.if_else(pa.array(where), pa.scalar(None, values.type), values)


def cast(column: Column, values: pa.Array) -> Cells | None:
    """Cast a column; None where its Arrow type cannot be read as the column's kind at all."""
    if pa.types.is_null(values.type):
        return Cells(pa.nulls(len(values), _ARROW[column.kind]))
    if pa.types.is_dictionary(values.type):
        return _of_distinct(column, values)
    plain = _plain(values)
    if column.kind != "text" and pa.types.is_string(plain.type):
        plain = _without_empty(plain)
    return _KINDS[column.kind](column, plain)


def _without_empty(values: pa.Array) -> pa.Array:
    """Make empty texts missing values."""
    shortest = pc.min(pc.binary_length(values)).as_py()
    return nulled(values, booleans(pc.equal(values, ""))) if shortest == 0 else values


def _of_distinct(column: Column, values: pa.DictionaryArray) -> Cells | None:
    """Cast each distinct value once and spread the outcome."""
    inner = cast(column, values.dictionary)
    if inner is None:
        return None
    faults = tuple(Fault(f.reason, booleans(pa.array(f.where).take(values.indices))) for f in inner.faults)
    return Cells(inner.values.take(values.indices), tuple(f for f in faults if f.where.any()))


def _plain(values: pa.Array) -> pa.Array:
    """Reduce the many Arrow types of text and decimals to one each."""
    kind = values.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return values.cast(pa.binary())
    return values.cast(pa.float64()) if pa.types.is_decimal(kind) else values


def _text(column: Column, values: pa.Array) -> Cells | None:
    if pa.types.is_integer(values.type):
        values = values.cast(pa.string())
    if not (pa.types.is_string(values.type) or pa.types.is_binary(values.type)):
        return None
    values, faults = _decoded(values)
    lengths = pc.min_max(pc.binary_length(values)).as_py()
    if lengths["min"] == 0 and column.name not in _MAY_BE_EMPTY:
        values = _without_empty(values)
    if column.name in _MAY_BE_EMPTY:
        values = values.fill_null("")
    if (lengths["max"] or 0) > TEXT_LIMIT:
        faults.append(Fault("too-long", booleans(pc.greater(pc.binary_length(values), TEXT_LIMIT))))
    if has_byte(values, 0):
        faults.append(Fault("nul-byte", booleans(pc.match_substring(values, "\0"))))
    if column.choices:
        faults.append(Fault("unknown-value", ~booleans(pc.is_in(values, pa.array((*column.choices, None))))))
    return _settled(values, faults)


def _decoded(values: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """Give the values as UTF-8 text, and which are none."""
    try:
        if pa.types.is_binary(values.type):
            return values.cast(pa.string()), []
        values.validate(full=True)
    except pa.ArrowInvalid:
        read = [_utf8(raw) for raw in values.cast(pa.binary()).to_pylist()]
        bad = np.fromiter((text is False for text in read), np.bool_, len(read))
        return pa.array([text or None for text in read], pa.string()), [Fault("not-utf8", bad)]
    return values, []


def _utf8(raw: bytes | None) -> str | bool | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return False


def has_byte(values: pa.Array, byte: int) -> bool:
    """Say whether any text holds an ASCII character, by one look at the bytes of them all."""
    if len(values) == values.null_count:
        return False
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, np.int32)
    first, last = ends[values.offset], ends[values.offset + len(values)]
    return re.search(re.escape(bytes([byte])), memoryview(data)[first:last]) is not None


def _int(column: Column, values: pa.Array) -> Cells | None:
    faults: list[Fault] = []
    if pa.types.is_string(values.type):
        values, faults = _ints_of_text(values)
    elif pa.types.is_floating(values.type):
        values, faults = _rounded(values.cast(pa.float64()))
    elif pa.types.is_uint64(values.type):
        faults = [Fault("out-of-range", booleans(pc.greater(values, (1 << 63) - 1)))]
        values = nulled(values, faults[0].where).cast(pa.int64())
    elif pa.types.is_integer(values.type):
        values = values.cast(pa.int64())
    else:
        return None
    return _settled(values, [*faults, *_amounts(column, values)])


def _amounts(column: Column, values: pa.Array) -> list[Fault]:
    """Find negative amounts, and those too large for the ledger's 64-bit products."""
    span = pc.min_max(values).as_py()
    limit = {"MiB": AMOUNT_LIMIT, "ms": LATEST_MS}.get(column.unit, AMOUNT_LIMIT if "milli" in column.unit else 1 << 62)
    found = []
    if span["min"] is not None and span["min"] < 0 and column.name not in _SIGNED:
        found.append(Fault("negative", booleans(pc.less(values, 0))))
    if span["max"] is not None and span["max"] > limit:
        found.append(Fault("out-of-range", booleans(pc.greater(values, limit))))
    return found


def _ints_of_text(values: pa.Array) -> tuple[pa.Array, list[Fault]]:
    try:
        return values.cast(pa.int64()), []
    except pa.ArrowInvalid:
        text = pc.ascii_trim_whitespace(values)
        whole = nulled(text, ~booleans(pc.match_substring_regex(text, _INT_TEXT))).cast(pa.int64())
        reals, faults = _reals_of_text(nulled(text, booleans(whole.is_valid())))
        rounded, more = _rounded(reals)
        return pc.coalesce(whole, rounded), [*faults, *more]


def _rounded(values: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """Round doubles half up to whole numbers."""
    raw = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    finite = np.isfinite(raw)
    fits = np.abs(raw, where=finite, out=np.zeros_like(raw)) < float(1 << 62)
    safe = np.where(finite & fits, raw, 0.0)
    floor = np.floor(safe)
    whole = floor.astype(np.int64) + (safe - floor >= 0.5)  # noqa: PLR2004 -- a half
    bad = [Fault("not-a-number", ~finite), Fault("out-of-range", finite & ~fits)]
    return pa.array(whole, mask=booleans(values.is_null()) | ~finite | ~fits), bad


def _real(column: Column, values: pa.Array) -> Cells | None:
    faults: list[Fault] = []
    if pa.types.is_string(values.type):
        values, faults = _reals_of_text(values)
    elif pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        values = values.cast(pa.float64(), safe=False)
    else:
        return None
    if not pc.all(pc.is_finite(values), min_count=0).as_py():
        faults.append(Fault("not-a-number", booleans(pc.invert(pc.is_finite(values)))))
    return ratios(values, faults) if column.ratio else _settled(values, [*faults, *_below_zero(column, values)])


def _below_zero(column: Column, values: pa.Array) -> list[Fault]:
    least = pc.min(values).as_py()
    if least is None or least >= 0 or column.name in _SIGNED:
        return []
    return [Fault("negative", booleans(pc.and_(pc.is_finite(values), pc.less(values, 0.0))))]


def ratios(values: pa.Array, faults: list[Fault], where: NDArray[np.bool_] | None = None) -> Cells:
    """Hold doubles (or those of some rows) to [0, 1]: within the tolerance clipped, else not believed."""
    span = pc.min_max(values).as_py()
    if span["min"] is None or (span["min"] >= 0 and span["max"] <= 1):
        return _settled(values, faults)
    raw = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    outside = np.isfinite(raw) & ((raw < -RATIO_TOLERANCE) | (raw > 1 + RATIO_TOLERANCE))
    ratio = np.ones(len(raw), np.bool_) if where is None else where
    clipped = np.where(ratio, np.clip(raw, 0.0, 1.0), raw)
    held = pa.array(clipped, mask=booleans(values.is_null()))
    return _settled(held, [*faults, Fault("out-of-range", outside & ratio)])


def _reals_of_text(values: pa.Array) -> tuple[pa.Array, list[Fault]]:
    try:
        return values.cast(pa.float64()), []
    except pa.ArrowInvalid:
        text = pc.ascii_trim_whitespace(values)
        fine = booleans(pc.match_substring_regex(text, _REAL_TEXT))
        plain = pc.ascii_ltrim(text, "+")
        return nulled(plain, ~fine).cast(pa.float64()), [Fault("not-a-number", booleans(values.is_valid()) & ~fine)]


def _instant(_column: Column, values: pa.Array) -> Cells | None:
    faults: list[Fault] = []
    if pa.types.is_string(values.type):
        ms = instants_of_text(values)
        faults = [Fault("not-a-time", booleans(values.is_valid()) & booleans(ms.is_null()))]
    elif pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        ms = milliseconds(values)
    elif pa.types.is_floating(values.type):
        ms, faults = _rounded(values.cast(pa.float64()))
    elif pa.types.is_integer(values.type):
        ms = values.cast(pa.int64(), safe=False)
    else:
        return None
    cells = _settled(ms, [*faults, Fault("out-of-range", ~believed(ms))])
    return Cells(cells.values.cast(INSTANT), cells.faults)


def _flag(_column: Column, values: pa.Array) -> Cells | None:
    if pa.types.is_boolean(values.type):
        return Cells(values)
    if not (pa.types.is_string(values.type) or pa.types.is_integer(values.type)):
        return None
    text = pc.ascii_lower(pc.ascii_trim_whitespace(values.cast(pa.string())))
    at = pc.index_in(text, pa.array(list(_FLAGS)))
    flags = pa.array(list(_FLAGS.values())).take(at)
    return Cells(flags, _kept([Fault("not-a-flag", booleans(values.is_valid()) & booleans(flags.is_null()))]))


def _settled(values: pa.Array, faults: list[Fault]) -> Cells:
    """Null what is not believed, and drop faults that concern no row."""
    kept = _kept(faults)
    if kept:
        values = nulled(values, np.logical_or.reduce([fault.where for fault in kept]))
    return Cells(values, kept)


def _kept(faults: list[Fault]) -> tuple[Fault, ...]:
    return tuple(fault for fault in faults if fault.where.any())


_KINDS: dict[str, Callable[[Any, pa.Array], Cells | None]] = {
    "text": _text,
    "int": _int,
    "real": _real,
    "instant": _instant,
    "flag": _flag,
}
_ARROW: dict[str, pa.DataType] = {
    "text": pa.string(),
    "int": pa.int64(),
    "real": pa.float64(),
    "instant": INSTANT,
    "flag": pa.bool_(),
}
