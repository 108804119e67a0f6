"""Instants as people write them, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydown.errors import UsageError
from paydown.model.when import WORDS, When, when, zone_named
from paydown.model.window import from_ms, to_ms

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = (datetime.fromisoformat(day) for day in ("1970-01-02", "2200-12-30"))
NOW = to_ms(datetime(2024, 5, 1, 13, 30, 15, 123_000, UTC))  # a Wednesday

GOLDEN = [
    ("2024-05-01", "2024-05-01T00:00:00+00:00"),
    ("20240501", "2024-05-01T00:00:00+00:00"),
    ("2024-05", "2024-05-01T00:00:00+00:00"),
    ("2024", "2024-01-01T00:00:00+00:00"),
    ("2024-W18", "2024-04-29T00:00:00+00:00"),
    ("2024-05-01T13:00", "2024-05-01T13:00:00+00:00"),
    ("2024-05-01 13:00:01.5", "2024-05-01T13:00:01.500000+00:00"),
    ("2024-05-01T13:00Z", "2024-05-01T13:00:00+00:00"),
    ("2024-05-01T13:00:00+02:00", "2024-05-01T11:00:00+00:00"),
    ("1714568400", "2024-05-01T13:00:00+00:00"),
    ("1714568400123", "2024-05-01T13:00:00.123000+00:00"),
    ("1714568400.1239", "2024-05-01T13:00:00.123000+00:00"),
    ("0", "1970-01-01T00:00:00+00:00"),
    ("@2024", "1970-01-01T00:33:44+00:00"),
    ("@20240501", "1970-08-23T06:21:41+00:00"),
    ("now", "2024-05-01T13:30:15.123000+00:00"),
    ("90s", "2024-05-01T13:28:45.123000+00:00"),
    ("30m", "2024-05-01T13:00:15.123000+00:00"),
    ("36h", "2024-04-30T01:30:15.123000+00:00"),
    ("7d", "2024-04-24T13:30:15.123000+00:00"),
    ("2w", "2024-04-17T13:30:15.123000+00:00"),
    ("today", "2024-05-01T00:00:00+00:00"),
    ("Yesterday", "2024-04-30T00:00:00+00:00"),
    ("tomorrow", "2024-05-02T00:00:00+00:00"),
    ("this-week", "2024-04-29T00:00:00+00:00"),
    ("last-week", "2024-04-22T00:00:00+00:00"),
    ("this-month", "2024-05-01T00:00:00+00:00"),
    (" last-month ", "2024-04-01T00:00:00+00:00"),
    ("this-year", "2024-01-01T00:00:00+00:00"),
    ("last-year", "2023-01-01T00:00:00+00:00"),
]


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_golden(text: str, expected: str) -> None:
    assert from_ms(when(text, now_ms=NOW, zone=UTC_ZONE).ms).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01", "2024-04-30T22:00:00+00:00"),
        ("2024-01-01T12:00", "2024-01-01T11:00:00+00:00"),
        ("yesterday", "2024-04-29T22:00:00+00:00"),
        ("last-month", "2024-03-31T22:00:00+00:00"),
    ],
)
def test_days_are_those_of_the_zone(text: str, expected: str) -> None:
    assert from_ms(when(text, now_ms=NOW, zone=BERLIN).ms).isoformat() == expected


def test_today_is_told_by_the_zone_not_by_utc() -> None:
    late = to_ms(datetime(2024, 4, 30, 23, 0, tzinfo=UTC))  # already May in Berlin
    assert from_ms(when("this-month", now_ms=late, zone=BERLIN).ms).isoformat() == "2024-04-30T22:00:00+00:00"


def test_an_hour_that_exists_twice_is_the_first_and_is_noted() -> None:
    found = when("2024-10-27T02:30", now_ms=NOW, zone=BERLIN)
    assert from_ms(found.ms).isoformat() == "2024-10-27T00:30:00+00:00"
    assert "exists twice" in found.note


def test_an_hour_that_does_not_exist_is_noted() -> None:
    found = when("2024-03-31T02:30", now_ms=NOW, zone=BERLIN)
    assert from_ms(found.ms).isoformat() == "2024-03-31T01:30:00+00:00"
    assert "does not exist" in found.note


def test_a_day_whose_midnight_is_left_out_begins_at_the_change() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # 2024-04-26 00:00 leapt to 01:00 (tzdata)
    assert from_ms(when("2024-04-26", now_ms=NOW, zone=cairo).ms).isoformat() == "2024-04-25T22:00:00+00:00"


def test_only_what_depends_on_the_clock_is_relative() -> None:
    told = {text: when(text, now_ms=NOW, zone=UTC_ZONE).relative for text, _ in GOLDEN}
    assert {text.strip().lower() for text, relative in told.items() if relative} == {
        *WORDS, "now", "90s", "30m", "36h", "7d", "2w",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("yestrday", "did you mean yesterday?"),
        ("2024-13-01", "write it as"),
        ("", "write it as"),
        ("7 days", "write it as"),
        ("99999999999", "outside the years"),
        ("2201-01-01", "outside the years"),
        ("1969-12-31T23:59Z", "outside the years"),
        ("9999-12-31T23:59:59-01:00", "outside the years"),
        ("999999999w", "outside the years"),
        ("9" * 10_000, "..."),
    ],
)
def test_what_is_no_time_is_told_in_one_short_sentence(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint.replace("?", r"\?").replace("...", r"\.\.\.")) as caught:
        when(text, now_ms=NOW, zone=UTC_ZONE)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["", "Europe", "../../etc/passwd", "Europe/Berln", "\x00", "a" * 5_000])
def test_what_is_no_zone_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="not an IANA time zone"):
        zone_named(name)


@given(st.text(max_size=40), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
def test_any_text_is_an_instant_or_a_usage_error(text: str, zone: str) -> None:
    try:
        found = when(text, now_ms=NOW, zone=ZoneInfo(zone))
    except UsageError:
        return
    assert isinstance(found.ms, int)


@given(st.datetimes(FIRST, LAST), st.sampled_from(["UTC", "Asia/Kolkata"]))
def test_a_local_time_means_itself(moment: datetime, zone: str) -> None:
    here = ZoneInfo(zone)
    expected = to_ms(moment.replace(tzinfo=here))
    assert when(moment.isoformat(), now_ms=NOW, zone=here) == When(expected)
    assert when(moment.replace(tzinfo=here).isoformat(), now_ms=0, zone=UTC_ZONE).ms == expected


@given(st.integers(10**9, 7 * 10**9))
def test_seconds_and_milliseconds_of_an_epoch_agree(second: int) -> None:
    told = {
        when(text, now_ms=NOW, zone=BERLIN).ms for text in (str(second), f"{second}000", f"@{second}", f"{second}.0")
    }
    assert told == {second * 1000}


@given(st.integers(0, 10_000))
def test_a_week_is_seven_days(weeks: int) -> None:
    a, b = (when(text, now_ms=NOW, zone=UTC_ZONE).ms for text in (f"{weeks % 500}w", f"{weeks % 500 * 7}d"))
    assert a == b
