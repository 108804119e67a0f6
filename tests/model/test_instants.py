"""Local times, and instants as text."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydown.model.instants import instants_of_text, local_instants, parse_instant
from paydown.model.window import to_ms

BERLIN = ZoneInfo("Europe/Berlin")


def local(*texts):
    return pa.array(texts).cast(pa.timestamp("ms")).cast(pa.int64())


def utc(text):
    return to_ms(datetime.fromisoformat(text + "+00:00"))


@pytest.mark.parametrize(
    ("given", "instant", "twice", "never"),
    [
        ("2024-01-15T12:00:00", "2024-01-15T11:00:00", False, False),
        ("2024-07-15T12:00:00", "2024-07-15T10:00:00", False, False),
        ("2024-10-27T01:59:59", "2024-10-26T23:59:59", False, False),
        ("2024-10-27T02:30:00", "2024-10-27T00:30:00", True, False),
        ("2024-10-27T03:00:00", "2024-10-27T02:00:00", False, False),
        ("2024-03-31T01:59:59", "2024-03-31T00:59:59", False, False),
        ("2024-03-31T02:00:00", None, False, True),
        ("2024-03-31T03:00:00", "2024-03-31T01:00:00", False, False),
        (None, None, False, False),
    ],
)
def test_around_a_clock_change(given, instant, twice, never):
    found = local_instants(local(given), BERLIN)
    assert found.ms.to_pylist() == [instant and utc(instant)]
    assert (found.ambiguous.tolist(), found.missing.tolist()) == ([twice], [never])


@settings(max_examples=200, deadline=None)
@given(
    st.datetimes(datetime(1972, 1, 1), datetime(2190, 1, 1)),  # noqa: DTZ001 -- Hypothesis wants naive bounds
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
)
def test_an_instant_goes_to_local_time_and_back(moment, name):
    zone = ZoneInfo(name)
    instant = moment.replace(microsecond=0, tzinfo=UTC)
    there = instant.astimezone(zone)
    found = local_instants(local(there.replace(tzinfo=None).isoformat()), zone)
    assert not found.missing[0]
    back = found.ms.to_pylist()[0]
    assert back == to_ms(instant) or (found.ambiguous[0] and 0 < to_ms(instant) - back <= 7_200_000)


@settings(max_examples=100, deadline=None)
@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2300, 1, 1)),  # noqa: DTZ001 -- Hypothesis wants naive bounds
    st.integers(-14 * 60, 14 * 60),
)
def test_rfc_3339_is_read_exactly(moment, offset):
    text = moment.isoformat() + f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    expected = to_ms(moment.replace(tzinfo=UTC) - timedelta(minutes=offset))
    assert parse_instant(text) == expected
    assert instants_of_text(pa.array([text, "no time", None])).to_pylist() == [expected, None, None]
