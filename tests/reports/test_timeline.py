"""The timeline: buckets, means over what is known, and the difference between nothing and not known."""

from __future__ import annotations

import pytest

from paydown.reports.timeline import TimelineQuestion, run


def rows(snapshot, **asked):
    return run(snapshot, TimelineQuestion(**asked)).rows.to_pylist()


def test_hours_show_the_three_curves(two_days, book):
    found = rows(two_days, bucket="1h")
    assert len(found) == 48
    assert [row["capacity"] for row in found] == [1] * 48
    assert [row["allocated"] for row in found[:24]] == [0] * 10 + [1] * 14
    assert [row["used"] for row in found[:24]] == [0] * 10 + [1] * 10 + [0] * 4
    assert [row["inactive"] for row in found[:24]] == [0] * 20 + [1] * 4
    assert found[1]["bucket"] == book.at(1)


def test_days_are_means_over_the_day(two_days):
    first, second = rows(two_days, bucket="1d")
    assert (first["capacity"], first["allocated"], first["used"]) == (1, 14 / 24, 10 / 24)
    assert first["capacity_hours"] == second["capacity_hours"] == 24


def test_the_last_bucket_is_a_mean_over_what_is_known(book):
    source = book.SOURCE | {"covers_to": book.at(1.5)}
    entries = [book.entry("reported", 1, bucket=book.at(0)), book.entry("used", 1, bucket=book.at(0), detail="open")]
    entries += [
        book.entry("reported", 0.5, bucket=book.at(1)),
        book.entry("used", 0.5, bucket=book.at(1), detail="open"),
    ]
    found = rows(book.store(entries=entries, daily=entries_by_day(entries), sources=[source]), bucket="1h")
    assert [(row["capacity"], row["used"]) for row in found] == [(1, 1), (1, 1)]
    assert [row["used_hours"] for row in found] == [1, 0.5]


def entries_by_day(entries):
    return [{name: value for name, value in row.items() if name != "bucket"} for row in entries]


def test_nothing_held_is_zero_and_not_known_is_null(book):
    source = book.SOURCE | {"covers_from": book.at(1), "covers_to": book.at(3)}
    entries = [book.entry("used", 1, bucket=book.at(1), detail="open")]
    store = book.store(entries=entries, daily=entries_by_day(entries), sources=[source])
    found = rows(store, bucket="1h", start_ms=book.ms(0), end_ms=book.ms(4))
    assert [row["allocated"] for row in found] == [None, 1, 0, None]
    assert [row["capacity"] for row in found] == [None] * 4


def test_a_tres_that_nobody_tracks_is_null(two_days):
    assert {row["allocated"] for row in rows(two_days, bucket="1d", tres=("memory",))} == {None}


@pytest.mark.parametrize(("hours", "buckets"), [(1, 12), (24, 288), (48, 48), (24 * 40, 40)])
def test_auto_buckets_follow_the_length_of_the_window(two_days, book, hours, buckets):
    assert len(rows(two_days, start_ms=book.ms(0), end_ms=book.ms(hours))) == buckets


def test_days_of_a_zone_begin_at_its_midnight(two_days, book):
    found = rows(two_days, bucket="1d", timezone="Asia/Tokyo")
    assert [row["bucket"] for row in found] == [book.at(0), book.at(15), book.at(39)]
    assert [row["used_hours"] for row in found] == [5, 10, 5]
    assert [row["used"] for row in found] == [5 / 15, 10 / 24, 5 / 9]


def test_cut_by_account_has_no_capacity(two_days):
    found = rows(two_days, bucket="1d", by=("account",))
    assert [(row["account"], row["capacity"], row["allocated"]) for row in found] == [("physics", None, 14 / 24)] * 2


def test_a_day_with_a_clock_change_has_23_hours(book):
    # Europe/Berlin leaps forward on 31 March 2024: its day has 23 hours, from 23:00 UTC to 22:00 UTC.
    start = -31 * 24 - 1  # hours from 1 May back to 30 March, 23:00 UTC
    source = book.SOURCE | {"covers_from": book.at(start), "covers_to": book.at(start + 23)}
    answer = run(book.store(sources=[source]), TimelineQuestion(bucket="1d", timezone="Europe/Berlin"))
    (row,) = answer.rows.to_pylist()
    assert (row["bucket_end"] - row["bucket"]).total_seconds() == 23 * 3600
