"""Columns of tables of any Arrow type, as names, figures, moments and lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.samples.texts import Figures, Moments, array, figures, local, moments, scaled
from paydown.dialects.samples.frames import encoded
from paydown.dialects.samples.mapping import Mapped
from paydown.errors import InputError
from paydown.model.instants import milliseconds
from paydown.model.measures import TIMES

if TYPE_CHECKING:
    from numpy.typing import NDArray


def names(rows: pa.Table, mapped: Mapped, name: str) -> pa.Array | None:
    """Give a column of names as a dictionary, empty ones null; None where the map does not have it."""
    source = mapped.sources.get(name)
    if source is None:
        return None
    values = array(rows[source.name])
    if pa.types.is_floating(values.type):
        values = pc.round(values).cast(pa.int64())
    found = encoded(values if _is_text(values) else values.cast(pa.string()))
    texts = pc.ascii_trim_whitespace(found.dictionary)
    return pa.DictionaryArray.from_arrays(found.indices, pc.if_else(pc.equal(texts, ""), None, texts))


def numbers(values: pa.Array, origin: str, name: str) -> Figures:
    """Give a column of figures as doubles."""
    if _is_text(values):
        return figures(_plain(values))
    if not _is_number(values):
        raise InputError(f"{origin}: the column for {name} is of type {values.type}, which is no figure.")
    return Figures(values.cast(pa.float64(), safe=False), None)


def at_and_faults(values: pa.Array, unit: str | None, zone: ZoneInfo, origin: str, name: str) -> Moments:
    """Give a column of times as moments: timestamps, text, or numbers since the epoch in a unit."""
    nowhere: NDArray[np.bool_] = np.zeros(len(values), np.bool_)
    if pa.types.is_timestamp(values.type):
        ms = milliseconds(values)
        return Moments(ms, nowhere) if values.type.tz else local(ms, zone, nowhere)
    if _is_text(values) and unit is None and not _counts(values):
        return moments(_plain(values), zone)
    if unit is None:
        raise InputError(
            f"{origin}: the times for {name} are numbers ({values.type}): say what they count since 1970, "
            f"such as --map {name}=...:s (or ms, us, ns)."
        )
    counted = numbers(values, origin, name)
    whole = pc.floor(scaled(counted.values, TIMES[unit]))
    fits = pc.less(pc.abs(whole), float(1 << 53))
    bad = pc.and_(counted.values.is_valid(), pc.invert(pc.fill_null(fits, False)))  # noqa: FBT003 -- Arrow's order
    return Moments(pc.if_else(fits, whole, None).cast(pa.int64()), bad.to_numpy(zero_copy_only=False))


def durations(rows: pa.Table, mapped: Mapped, origin: str) -> pa.Array | None:
    """Give how long each row lasts in ms; None where the map does not say it."""
    source = mapped.sources.get("duration_ms")
    if source is None:
        return None
    found = numbers(array(rows[source.name]), origin, "duration_ms")
    ms = pc.round(scaled(found.values, TIMES[source.unit or "ms"]))
    fits = pc.less(pc.abs(ms), float(1 << 53))
    return pc.if_else(fits, ms, None).cast(pa.int64())


def _counts(values: pa.Array) -> bool:
    """Say whether texts are numbers: a date without separators is none that is read."""
    first = _plain(values).drop_null().slice(0, 1)
    return bool(pc.any(pc.match_substring_regex(first, r"^ *[0-9]{9,19}([.][0-9]*)? *$"), min_count=0).as_py())


def _is_text(values: pa.Array) -> bool:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(values: pa.Array) -> bool:
    kind = values.type
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    )


def _plain(values: pa.Array) -> pa.Array:
    return values.cast(pa.string())
