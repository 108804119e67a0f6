"""Times as text, numbers and Arrow arrays, turned into whole milliseconds since the epoch (rounded down).

An instant is believed from 1970 up to and including the year 2200.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.units import MS_PER_MINUTE
from paydown.model.window import to_ms

if TYPE_CHECKING:
    from numpy.typing import NDArray

INSTANT = pa.timestamp("ms", "UTC")
"""The Arrow type of every instant."""

EARLIEST_MS = 0
"""The first instant that is believed, 1970-01-01."""

LATEST_MS = to_ms(datetime(2201, 1, 1, tzinfo=UTC))
"""The first instant that is no longer believed, 2201-01-01."""

_QUARTER_MS = 15 * MS_PER_MINUTE
_SLICE = 65_536
"""Rows parsed at once: a text that Arrow cannot read costs a slow pass over its slice only."""

_PER_MS: dict[str, tuple[int, int]] = {"s": (1_000, 1), "ms": (1, 1), "us": (1, 1_000), "ns": (1, 1_000_000)}
"""For each Arrow unit, what to multiply and divide its counts by to get milliseconds."""


def parse_instant(text: str) -> int | None:
    """Give the milliseconds since the epoch of RFC 3339 text or of whole epoch milliseconds; None: neither.

    Text without an offset is UTC. Any instant is returned here, believed or not.

    >>> parse_instant("1970-01-01T01:00:00.5+01:00")
    500
    """
    text = text.strip()
    try:
        if text.lstrip("-").isdecimal():
            return int(text)
        instant = datetime.fromisoformat(text.upper().replace(" ", "T", 1))
        return to_ms(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def instants_of_text(values: pa.Array) -> pa.Array:
    """Give int64 milliseconds of an array of text; null where it is null or no time at all."""
    parts = [_slice_of_text(values.slice(at, _SLICE)) for at in range(0, len(values), _SLICE)]
    return pa.concat_arrays(parts) if parts else pa.array([], pa.int64())


def _slice_of_text(values: pa.Array) -> pa.Array:
    """Parse one slice: all numbers, all RFC 3339 with an offset, or one by one."""
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        pass
    try:
        return milliseconds(values.cast(pa.timestamp("us", "UTC")))
    except pa.ArrowInvalid:
        distinct = values.dictionary_encode()
        parsed = [None if text is None else parse_instant(text) for text in distinct.dictionary.to_pylist()]
        held = [ms if ms is not None and abs(ms) < 1 << 62 else None for ms in parsed]
        return pa.array(held, pa.int64()).take(distinct.indices)


def milliseconds(values: pa.Array) -> pa.Array:
    """Give int64 milliseconds (rounded down) of Arrow timestamps of any unit and zone, or of dates.

    Counts too large for milliseconds in 64 bits come back as the largest 62-bit figure: far from any believed instant.
    """
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("s"), safe=False)
    counts = values.cast(pa.int64())
    times, per = _PER_MS[values.type.unit]
    if (times, per) == (1, 1):
        return counts
    raw = counts.fill_null(0).to_numpy(zero_copy_only=False)
    limit = (1 << 62) // times
    scaled = np.clip(raw, -limit, limit) * times // per
    return pa.array(scaled, pa.int64(), mask=_nulls(counts))


def believed(ms: pa.Array) -> NDArray[np.bool_]:
    """Say for each int64 millisecond figure whether it is null or within the years that are believed."""
    span = pc.min_max(ms).as_py()
    if span["min"] is None or (span["min"] >= EARLIEST_MS and span["max"] < LATEST_MS):
        return np.ones(len(ms), np.bool_)
    raw = ms.fill_null(EARLIEST_MS).to_numpy(zero_copy_only=False)
    within: NDArray[np.bool_] = (raw >= EARLIEST_MS) & (raw < LATEST_MS)
    return within


def _nulls(values: pa.Array) -> NDArray[np.bool_] | None:
    return values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None


@dataclass(frozen=True)
class LocalInstants:
    """Local times of one time zone as instants."""

    ms: pa.Array
    """int64 milliseconds since the epoch; null where there is no time, or none that is."""
    ambiguous: NDArray[np.bool_]
    """Where the clock showed this time twice: the first of the two was chosen."""
    missing: NDArray[np.bool_]
    """Where the clock never showed this time."""


def local_instants(local_ms: pa.Array, zone: ZoneInfo) -> LocalInstants:
    """Turn local wall-clock times (int64 ms as if they were UTC) into instants.

    Each quarter of an hour that occurs is looked up once: offsets have changed at no finer step since 1972.
    """
    if zone.key == "UTC":
        nowhere = np.zeros(len(local_ms), np.bool_)
        return LocalInstants(local_ms, nowhere, nowhere)
    known = booleans(local_ms.is_valid())
    raw = local_ms.fill_null(0).to_numpy(zero_copy_only=False)
    quarters, at = np.unique(raw // _QUARTER_MS, return_inverse=True)
    found = np.array([_offsets(int(quarter) * _QUARTER_MS, zone) for quarter in quarters], np.int64).reshape(-1, 3)
    offset, twice, never = found[at].T if len(at) else found.T
    gone = (never != 0) & known
    return LocalInstants(pa.array(raw - offset, pa.int64(), mask=~known | gone), (twice != 0) & known, gone)


def booleans(mask: pa.Array) -> NDArray[np.bool_]:
    """Give an Arrow boolean array as numpy, null as false."""
    plain: NDArray[np.bool_] = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)  # noqa: FBT003 -- Arrow's order
    return plain


def _offsets(local_ms: int, zone: ZoneInfo) -> tuple[int, bool, bool]:
    """Give the offset of a local time in ms, and whether the clock showed it twice, or never."""
    if not -LATEST_MS < local_ms < 2 * LATEST_MS:
        return 0, False, False
    naive = datetime(1970, 1, 1) + timedelta(milliseconds=local_ms)  # noqa: DTZ001 -- a wall clock's time
    first, second = (naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first is None or second is None:
        return 0, False, False
    offset = first // timedelta(milliseconds=1)
    # A clock set forward has the smaller offset before the change; a time in the gap is after it with that offset.
    return offset, first > second, first < second
