"""Instants as people write them: dates, times, epochs, `7d`, `yesterday`. Pure: the clock is an argument.

Every text means one instant. A date or a word that covers more (`2024-05-01`, `last-month`) means its first instant,
so that `--from last-month --to this-month` is exactly last month: windows are half-open.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from paydown.errors import UsageError
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from paydown.model.window import from_ms, to_ms

FORMS = "2024-05-01, 2024-05-01T13:00, 2024-05-01T13:00Z, 1714568400, @1714568400, 36h, 7d, yesterday, last-month"
"""An example of each form, for messages and help."""

YEARS = range(1970, 2201)
"""The years in which an instant is believed."""

_AGO = re.compile(r"(?P<count>\d{1,9})(?P<unit>[smhdw])")
_EPOCH = re.compile(r"@?(?P<whole>\d{1,13})(?:\.(?P<part>\d{1,9}))?")
_YEAR, _BASIC_DATE, _EPOCH_MS = 4, 8, 13
_UNIT_MS = {"s": MS_PER_SECOND, "m": MS_PER_MINUTE, "h": MS_PER_HOUR, "d": MS_PER_DAY, "w": 7 * MS_PER_DAY}


@dataclass(frozen=True)
class When:
    """An instant, and how it was told."""

    ms: int
    """Milliseconds since the epoch."""
    relative: bool = False
    """Whether it depends on the clock."""
    note: str = ""
    """What its reader should know: an hour that the clock change doubles or leaves out."""


def _this_month(today: date) -> date:
    return today.replace(day=1)


def _last_month(today: date) -> date:
    return _this_month(_this_month(today) - timedelta(days=1))


def _this_week(today: date) -> date:
    return today - timedelta(days=today.weekday())


WORDS: dict[str, Callable[[date], date]] = {
    "today": lambda today: today,
    "yesterday": lambda today: today - timedelta(days=1),
    "tomorrow": lambda today: today + timedelta(days=1),
    "this-week": _this_week,
    "last-week": lambda today: _this_week(today) - timedelta(days=7),
    "this-month": _this_month,
    "last-month": _last_month,
    "this-year": lambda today: today.replace(month=1, day=1),
    "last-year": lambda today: date(today.year - 1, 1, 1),
}
"""Words for a day, by which day; weeks begin on Monday (ISO 8601). `now` is the one that is not a midnight."""


def zone_named(name: str) -> ZoneInfo:
    """Give the IANA time zone of a name, or say which one was probably meant."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        pass
    close = get_close_matches(name, available_timezones(), n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else ", such as Europe/Berlin or UTC."
    raise UsageError(f"{name!r} is not an IANA time zone{hint}")


def when(text: str, *, now_ms: int, zone: ZoneInfo) -> When:
    """Read an instant. `zone` holds for dates and times that name no offset, and for what a day is.

    >>> when("1970-01-02", now_ms=0, zone=ZoneInfo("UTC"))
    When(ms=86400000, relative=False, note='')
    >>> when("2h", now_ms=7_200_000, zone=ZoneInfo("UTC"))
    When(ms=0, relative=True, note='')
    """
    cleaned = text.strip()
    found = _relative(cleaned.lower(), now_ms, zone) or _epoch(cleaned) or _written(cleaned, zone)
    if found is None:
        close = get_close_matches(cleaned.lower(), [*WORDS, "now"], n=1)
        hint = f"did you mean {close[0]}?" if close else f"write it as one of these: {FORMS}."
        raise UsageError(f"{_short(text)} is not a time; {hint}")
    return _believed(found, text)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")  # noqa: PLR2004 - what fits in a sentence


def _believed(found: When, text: str) -> When:
    lowest, highest = (to_ms(datetime(year, 1, 1, tzinfo=UTC)) for year in (YEARS.start, YEARS.stop))
    if lowest <= found.ms < highest:
        return found
    raise UsageError(f"{_short(text)} lies outside the years {YEARS.start} to {YEARS.stop - 1}.")


def _relative(text: str, now_ms: int, zone: ZoneInfo) -> When | None:
    if text == "now":
        return When(now_ms, relative=True)
    if text in WORDS:
        day = WORDS[text](from_ms(now_ms).astimezone(zone).date())
        return When(_midnight(day, zone), relative=True)
    match = _AGO.fullmatch(text)
    if match:
        return When(now_ms - int(match["count"]) * _UNIT_MS[match["unit"]], relative=True)
    return None


def _midnight(day: date, zone: ZoneInfo) -> int:
    """Where the clocks leave midnight out, fold 0 gives the change itself: the first instant of that day."""
    return to_ms(datetime(day.year, day.month, day.day, tzinfo=zone))


def _epoch(text: str) -> When | None:
    """Digits alone are seconds, 13 of them milliseconds; 4 are a year and 8 a date, unless `@` stands before them."""
    match = _EPOCH.fullmatch(text)
    if not match or (match[0].isdigit() and len(match[0]) in {_YEAR, _BASIC_DATE}):
        return None
    if len(match["whole"]) == _EPOCH_MS:
        return When(int(match["whole"]))
    milli = (match["part"] or "").ljust(3, "0")[:3]
    return When(int(match["whole"]) * MS_PER_SECOND + int(milli))


def _written(text: str, zone: ZoneInfo) -> When | None:
    """Read ISO 8601: a year, a year and month, a date, or a date and time."""
    if re.fullmatch(r"\d{4}(-\d{2})?", text, re.ASCII):
        text = f"{text}-01" if "-" in text else f"{text}-01-01"
    try:
        return When(_midnight(date.fromisoformat(text), zone))
    except (ValueError, OverflowError):
        pass
    try:
        return _local(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        return None


def _local(moment: datetime, zone: ZoneInfo) -> When:
    if moment.tzinfo is not None:
        return When(to_ms(moment))
    early, late = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return When(to_ms(early), note=_doubt(moment, early, late, zone))


def _doubt(moment: datetime, early: datetime, late: datetime, zone: ZoneInfo) -> str:
    """Say so where a local time exists twice or not at all (PEP 495)."""
    if early.utcoffset() == late.utcoffset():
        return ""
    exists = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment
    how = "exists twice, the first is meant" if exists else "does not exist, the clocks leap over it"
    return f"{moment.isoformat()} in {zone.key} {how}; it was read as {early.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}."
