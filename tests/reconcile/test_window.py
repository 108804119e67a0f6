"""The window is cut to whole hours of which both sides know, and says so."""

from tests.reconcile.conftest import ms

from paydown.model.window import Window
from paydown.reconcile.asked import cut
from paydown.reports.parts.scope import said


def window(start, end):
    return Window(ms(start), ms(end))


def test_whole_hours_that_both_know_are_left_alone():
    found = cut(window("00:00", "04:00"), [window("00:00", "05:00")], ms("06:00"), said)
    assert (found.window, found.gaps_ms, found.notes) == (window("00:00", "04:00"), 0, ())


def test_it_is_cut_inward_to_what_sources_cover_and_what_is_rolled_up():
    found = cut(window("00:00", "09:00"), [window("00:30", "08:10")], ms("06:00"), said)
    assert found.window == window("01:00", "06:00")
    assert found.notes == (
        (
            "Compared are the whole hours 2026-11-24T01:00:00Z to 2026-11-24T06:00:00Z: Paydown's sources cover "
            "2026-11-24T00:30:00Z to 2026-11-24T08:10:00Z of what was asked; Slurm has rolled up usage no further."
        ),
    )


def test_gaps_inside_are_counted():
    found = cut(window("00:00", "09:00"), [window("00:00", "02:00"), window("03:30", "09:00")], None, said)
    assert (found.window, found.gaps_ms) == (window("00:00", "09:00"), 90 * 60_000)


def test_where_nothing_is_left_it_says_why():
    assert cut(window("00:00", "04:00"), [window("05:00", "06:00")], None, said).notes == (
        "Paydown's sources cover nothing of 2026-11-24T00:00:00Z to 2026-11-24T04:00:00Z.",
    )
    assert "no whole hour" in cut(window("00:00", "04:00"), [window("00:10", "00:50")], None, said).notes[0]
    assert cut(window("02:00", "04:00"), [window("00:00", "04:00")], ms("01:00"), said).window is None
