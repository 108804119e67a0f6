"""The default month, which the demo shows: everything occurs in it, and its figures are those of a real cluster."""

import numpy as np
import pytest

from paydown.connectors.synthetic.generate import simulate
from paydown.connectors.synthetic.patterns import PATTERNS
from paydown.connectors.synthetic.settings import SyntheticSettings


@pytest.fixture(scope="module")
def month():
    return simulate(SyntheticSettings(), "synthetic")


@pytest.fixture(scope="module")
def gpu_ms(month):
    gpus = np.array([f.nodes * f.count * f.milli / 1_000 for f in month.work.families])[month.lives.family]
    return gpus * (month.lives.end - month.lives.start)


def test_every_pattern_runs(month):
    ran = month.lives.end > month.lives.start
    assert {PATTERNS[i].name for i in np.unique(month.lives.pattern[ran])} == {pattern.name for pattern in PATTERNS}


def test_every_way_to_end_occurs(month):
    assert set(month.attempts.state) == {
        "COMPLETED",
        "FAILED",
        "CANCELLED",
        "TIMEOUT",
        "OUT_OF_MEMORY",
        "NODE_FAIL",
        "PREEMPTED",
        "REQUEUED",
        "RUNNING",
        "PENDING",
    }


def test_some_give_up_waiting_and_some_never_may_start(month):
    attempts = month.attempts
    never = attempts.start < 0
    assert (never & (attempts.state == "CANCELLED")).any()
    assert (month.work.eligible[attempts.job[never]] > month.machines.days * 86_400).any()


def test_every_kind_of_outage_occurs(month):
    assert {outage.kind for outage in month.off} == {"down", "planned_down", "maintenance", "user", "absent"}


def test_the_gpus_are_held_for_60_to_85_percent_of_the_time(month, gpu_ms):
    capacity = sum(n.gpus for n in month.machines.nodes) * (month.machines.end_ms - month.machines.start_ms)
    assert 0.60 < gpu_ms.sum() / capacity < 0.85


def test_40_to_60_percent_of_what_is_held_is_used(month, gpu_ms):
    figures = month.lives.figures
    level = figures["level"] * (1 - figures["spread"] / 2) * (1 - figures["unused"]) * month.lives.mean()
    assert 0.40 < (level * gpu_ms).sum() / gpu_ms.sum() < 0.60


def test_one_job_in_ten_fails(month):
    assert 0.07 < (month.attempts.state == "FAILED").mean() < 0.14


def test_waits_are_of_minutes_to_hours(month):
    attempts = month.attempts
    started = attempts.start >= 0
    waits = (attempts.start - attempts.eligible)[started] / 3_600
    assert 0.5 < waits.mean() < 6
    assert np.quantile(waits, 0.9) < 24
    assert (waits == 0).mean() > 0.3


def test_fewer_jobs_are_submitted_at_night_and_at_weekends(month):
    hours = month.work.submit // 3_600
    by_hour = np.bincount(hours % 24, minlength=24)
    by_day = np.bincount(hours // 24 % 7, minlength=7)
    assert by_hour[13:16].min() > by_hour[1:5].max()
    assert by_day[:5].min() > by_day[5:].max()
