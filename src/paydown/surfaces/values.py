"""Values of an answer as people and programs read them. What a cell says is hostile input: jobs are named by anyone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.model.window import Window
    from paydown.reports.interface import Answer, OutColumn

MISSING = "-"
"""How a value that is not known looks to people. It is never shown as zero."""

ALARM = "red"
"""The word of a verdict that stands out wherever it is shown."""

FIGURES = frozenset({"number", "share", "capacity", "allocation", "utilization", "debt"})
"""The roles of columns that hold figures, which stand to the right and are never cut."""

_CHUNK_ROWS = 10_000
_DECIMALS_FROM = 100
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""C0 and C1 controls, line separators, and the invisible characters that turn the direction of text (UAX 9)."""


def escaped(text: str) -> str:
    r"""Show control characters and those that reorder text as escapes, so that a name can do nothing but be read.

    >>> escaped("a\x1b[31m")
    'a\\x1b[31m'
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def instant(moment: datetime, zone: ZoneInfo) -> str:
    """Write an instant as RFC 3339 says, in a time zone, with milliseconds only where there are some."""
    local = moment.astimezone(zone)
    text = local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")
    return text.removesuffix("+00:00") + "Z" if zone.key == "UTC" else text


def span(window: Window, zone: ZoneInfo) -> str:
    """Write a window: its two instants, or the one where it has no length."""
    start, end = (instant(moment, zone) for moment in (window.start, window.end))
    return f"{start} to {end}" if window.length_ms else start


def plain(value: Any, zone: ZoneInfo) -> Any:
    """Give a value as JSON knows it: exact integers, RFC 3339 text, None for what is missing."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, date):
        return instant(value, zone) if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(inner, zone) for key, inner in value.items()}
    return [plain(inner, zone) for inner in value] if isinstance(value, Iterable) else str(value)


def _number(value: float | Decimal) -> int | float | None:
    if not math.isfinite(value):
        return None
    exact = isinstance(value, Decimal) and value == value.to_integral_value()
    return int(value) if exact else float(value)


def plain_rows(rows: pa.Table, zone: ZoneInfo) -> Iterator[list[tuple[Any, ...]]]:
    """Give the rows in chunks of plain values."""
    for batch in rows.to_batches(max_chunksize=_CHUNK_ROWS):
        columns = [[plain(value, zone) for value in _milliseconds(column).to_pylist()] for column in batch.columns]
        yield list(zip(*columns, strict=True))


def _milliseconds(column: pa.Array) -> pa.Array:
    """Python's instants end at microseconds; ours at milliseconds (facts.md)."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pa.timestamp("ms", column.type.tz), safe=False)
    return column


def shown_rows(answer: Answer, rows: pa.Table, zone: ZoneInfo) -> list[list[str]]:
    """Give rows as text for people: figures of one column with the same decimals, names made harmless."""
    columns = zip(answer.columns, rows.columns, strict=True)
    shown = [_shown_column(column, [plain(v, zone) for v in values.to_pylist()]) for column, values in columns]
    return [list(row) for row in zip(*shown, strict=True)]


def _shown_column(column: OutColumn, values: list[Any]) -> list[str]:
    show = _shower(column, values)
    return [MISSING if value is None else show(value) for value in values]


def _shower(column: OutColumn, values: list[Any]) -> Callable[[Any], str]:
    figures = [abs(value) for value in values if isinstance(value, int | float)]
    if column.role == "share":
        return _share
    if column.role == "instant":
        return _clock(values)
    if any(isinstance(value, float) for value in values):
        decimals = 1 if max(figures, default=0) >= _DECIMALS_FROM else 2
        return lambda value: _real(value, decimals)
    if column.role in FIGURES:
        return lambda value: f"{value:,}" if isinstance(value, int) else escaped(str(value))
    return _words


def _clock(values: list[Any]) -> Callable[[Any], str]:
    """Write instants as people do: the zone is told beside the table, seconds only where the column has some."""
    texts = [value[:-1] if value.endswith("Z") else value[:-6] for value in values if isinstance(value, str)]
    minutes = all(text.endswith(":00") for text in texts)

    def show(value: Any) -> str:
        local = str(value)[:-1] if str(value).endswith("Z") else str(value)[:-6]
        return escaped((local[:16] if minutes else local).replace("T", " "))

    return show


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ";".join(_words(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escaped(str(value))


def _real(value: Any, decimals: int) -> str:
    """A figure that is not zero does not look like zero."""
    if not isinstance(value, int | float):
        return escaped(str(value))
    least = 10**-decimals
    if 0 < abs(value) < least / 2:
        return f"<{least:g}" if value > 0 else f">-{least:g}"
    return f"{value:,.{decimals}f}"


def _share(value: Any) -> str:
    return _real(value * 100, 1) + " %" if isinstance(value, int | float) else escaped(str(value))


def counted(count: int, thing: str) -> str:
    """Count things in words.

    >>> counted(1, "day"), counted(1200, "day")
    ('1 day', '1,200 days')
    """
    return f"{count:,} {thing if count == 1 else thing + 's'}"
