"""Days, weeks and months of a time zone, made from the ledger's five-minute buckets."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from paydown.model.window import EPOCH_DAY, Window, from_ms, to_ms

if TYPE_CHECKING:
    import pyarrow as pa


def midnight(day: date, zone: ZoneInfo) -> int:
    """Give the first instant of a local day, in ms since the epoch."""
    return to_ms(datetime(day.year, day.month, day.day, tzinfo=zone))


def local_day(ms: int, zone: ZoneInfo) -> date:
    """Give the local day of an instant."""
    return from_ms(ms).astimezone(zone).date()


def begin(day: date, unit: str) -> date:
    """Give the first day of the week (Monday, ISO 8601) or month of a day, or the day itself."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def after(day: date, unit: str) -> date:
    """Give the first day of the next day, week or month of one that `begin` gave."""
    if unit == "week":
        return day + timedelta(days=7)
    return (day + timedelta(days=31)).replace(day=1) if unit == "month" else day + timedelta(days=1)


def before(day: date, unit: str) -> date:
    """Give the first day of the day, week or month before one that `begin` gave."""
    return begin(day - timedelta(days=1), unit)


def span(day: date, unit: str, zone: ZoneInfo) -> Window:
    """Give the time from the beginning of a local day, week or month to the next."""
    return Window(midnight(day, zone), midnight(after(day, unit), zone))


def days_between(window: Window, zone: ZoneInfo) -> list[date]:
    """List the local days that a window touches."""
    if not window.length_ms:
        return []
    first, last = local_day(window.start_ms, zone), local_day(window.end_ms - 1, zone)
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def calendar(window: Window, zone: ZoneInfo, step_ms: int) -> pa.Table:
    """Give for each step (a bucket, a UTC day) that a window touches its local day, week and month, by `start_ms`."""
    import numpy as np
    import pyarrow as pa

    days = days_between(window, zone)
    steps = np.arange(window.start_ms // step_ms * step_ms, window.end_ms, step_ms, dtype=np.int64)
    starts = np.array([midnight(day, zone) for day in days[1:]], dtype=np.int64)
    place = np.searchsorted(starts, steps, side="right")

    def column(unit: str) -> pa.Array:
        numbers = np.array([(begin(day, unit) - EPOCH_DAY).days for day in days], dtype=np.int32)
        return pa.array(numbers[place], pa.int32()).cast(pa.date32())

    return pa.table({"start_ms": steps, **{unit: column(unit) for unit in ("day", "week", "month")}})
