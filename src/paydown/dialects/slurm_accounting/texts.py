"""Columns of text read at once: what says nothing, distinct texts parsed once, counts, amounts, durations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.slurm import NOTHING
from paydown.model.units import MILLI

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[np.float64]

_NOTHING = pa.array(sorted({*NOTHING, *map(str.capitalize, NOTHING), *map(str.upper, NOTHING)}))
_UNITS = pa.array([b"", b"K", b"M", b"G", b"T", b"P", b"E"])
_FACTORS = np.array([1024.0**power for power in range(7)])
_LETTERS = "KMGTPE"
_AMOUNT = r"^[0-9]+(\.[0-9]+)?[KMGTPE]?$"
_USUAL = (
    ("00:00:00", np.array([36_000_000, 3_600_000, 0, 600_000, 60_000, 0, 10_000, 1_000])),
    ("00:00.000", np.array([600_000, 60_000, 0, 10_000, 1_000, 0, 100, 10, 1])),
)
"""The usual forms of a duration, told by their lengths, and what each digit weighs in ms."""
_TIME = r"^(?:(?P<d>[0-9]+)-)?(?:(?P<h>[0-9]+):)?(?P<m>[0-9]+):(?P<s>[0-9]+(?:\.[0-9]+)?)$"


def column(rows: pa.Table, name: str) -> pa.Array:
    """Give a column as one array; all null where the dump has none."""
    return rows[name].combine_chunks() if name in rows.column_names else pa.nulls(len(rows), pa.string())


def said(values: pa.Array) -> pa.Array:
    """Give the values with null where Slurm has nothing to say."""
    return pc.if_else(pc.is_in(values, _NOTHING), None, values)


def decoded(values: pa.Array) -> list[str]:
    """Give texts as Python strings, whatever bytes they hold."""
    return [raw.decode(errors="replace") for raw in values.cast(pa.binary()).to_pylist()]


def by_distinct(values: pa.Array, parse: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    """Parse each distinct text once; null stays null."""
    distinct = values.dictionary_encode()
    return pa.array([parse(text) for text in decoded(distinct.dictionary)], kind).take(distinct.indices)


def whole_numbers(values: pa.Array, factor: int = 1) -> pa.Array:
    """Read counts such as ReqCPUS, in thousandths or the like; null where there is none."""
    found = pc.if_else(pc.match_substring_regex(values, "^[0-9]{1,12}$"), values, None).cast(pa.int64())
    return pc.multiply(found, factor)


def floats(values: pa.Array) -> Reals:
    """Give numbers as doubles, NaN where there is none."""
    found: Reals = values.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return found.copy()


def amounts_of_text(values: pa.Array) -> Reals:
    """Read amounts such as `3816K`, `62.50G` or `98304` in bytes or percent; NaN where there is none."""
    try:
        figures = floats(pc.utf8_rtrim(values, _LETTERS).cast(pa.float64()))
    except pa.ArrowInvalid:
        values = pc.if_else(pc.match_substring_regex(values, _AMOUNT), values, None)
        figures = floats(pc.utf8_rtrim(values, _LETTERS).cast(pa.float64()))
    unit = pc.index_in(pc.binary_slice(values.cast(pa.binary()), -1), _UNITS)
    scaled: Reals = figures * _FACTORS[unit.fill_null(0).to_numpy(zero_copy_only=False)]
    return scaled


def member(values: pa.Array, name: str) -> pa.Array:
    """Give the amount of one TRES of texts such as `cpu=1,mem=2K`; null where it is not named."""
    named = f",{name}="
    first = pc.starts_with(values, pattern=named[1:])
    if pc.any(first, min_count=0).as_py():
        values = pc.binary_join_element_wise("", values, ",")
    values = pc.if_else(pc.match_substring(values, named), values, None)
    at = pc.indices_nonzero(values.is_valid())
    after = pc.list_element(pc.split_pattern(values.take(at), named, max_splits=1), 1)
    amounts = pc.list_element(pc.split_pattern(after, ",", max_splits=1), 0)
    places = np.full(len(values), -1, np.int64)
    places[at.to_numpy()] = np.arange(len(at))
    return amounts.take(pa.array(places, mask=places < 0))


def durations_ms(values: pa.Array) -> Reals:
    """Read durations such as `1-02:03:04` or `03:04.567` in ms; NaN where there is none."""
    found = np.full(len(values), np.nan)
    if len(values) == values.null_count:
        return found
    _, ends, data = values.buffers()
    offsets = np.frombuffer(ends, np.int32)[values.offset : values.offset + len(values) + 1].astype(np.int64)
    lengths = np.diff(offsets)
    rest = lengths > 0
    for form, weights in _USUAL:
        usual = np.flatnonzero(lengths == len(form))
        cells = np.frombuffer(data, np.uint8)[offsets[usual, None] + np.arange(len(form))]
        shape = np.frombuffer(form.encode(), np.uint8)
        digits = cells - shape  # a mark that is another one, or a digit that is none, wraps around or comes out large
        plain = (digits <= np.where(shape == ord("0"), 9, 0)).all(1)
        found[usual[plain]] = digits[plain] @ weights
        rest[usual[plain]] = False
    if rest.any():
        found[rest] = _other_durations_ms(values.filter(pa.array(rest)))
    return found


def _other_durations_ms(values: pa.Array) -> Reals:
    """Read durations with days, without hours, or with parts of a second."""
    parts = pc.extract_regex(values, _TIME)
    total = floats(pc.struct_field(parts, "s").cast(pa.float64()))
    for name, seconds in (("m", 60), ("h", 3_600), ("d", 86_400)):
        text = pc.struct_field(parts, name)
        total += np.nan_to_num(floats(pc.if_else(pc.equal(text, ""), None, text).cast(pa.float64()))) * seconds
    rounded: Reals = np.rint(total * MILLI)
    return rounded
