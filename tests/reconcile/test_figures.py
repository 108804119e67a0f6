"""The verdict on a figure: rounding, tolerance, explanations that reach, ones that are worked out, and red."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydown.reconcile.figures import Explanation, Figure, judged


def figure(theirs, ours, *explanations, rounding=0.0, skipped=""):
    return Figure("utilization", "lab gpu", "allocated", "GPU-hours", theirs, ours, rounding, explanations, skipped)


def cause(low, high, rule="rule"):
    return Explanation(rule, low, high, "it was seen")


@pytest.mark.parametrize(
    ("theirs", "ours", "verdict"),
    [(100, 100, "equal"), (100, 100.4, "within"), (100, 101, "red"), (0, 0, "equal"), (0, 1, "red"), (100, 0, "red"),
     (None, 1, "skipped"), (1, None, "skipped")],
)  # fmt: skip
def test_without_explanations(theirs, ours, verdict):
    assert judged(figure(theirs, ours), 0.005).verdict == verdict


def test_what_is_rounded_is_equal():
    assert judged(figure(100, 100.4, rounding=0.5), 0.0).verdict == "equal"
    assert judged(figure(100, 100.6, rounding=0.5), 0.0).verdict == "red"


def test_an_explanation_reaches_as_far_as_its_evidence():
    assert judged(figure(100, 90, cause(-10, 0)), 0.0).verdict == "explained"
    found = judged(figure(100, 80, cause(-10, 0)), 0.0)
    assert (found.verdict, found.why) == (
        "red", "10.0 GPU-hours that nothing seen explains (beside rule (up to 10.0 GPU-hours): it was seen)",
    )  # fmt: skip


def test_an_explanation_of_the_other_sign_says_nothing():
    assert judged(figure(100, 110, cause(-50, 0)), 0.0).why == "10.0 GPU-hours that nothing seen explains"


def test_as_few_explanations_are_told_as_it_takes():
    found = judged(figure(100, 90, cause(-1, 0, "small"), cause(-12, 0, "large"), cause(0, 5, "other")), 0.0)
    assert (found.verdict, found.why) == ("explained", "large (up to 12.0 GPU-hours): it was seen")
    found = judged(figure(100, 87, cause(-1, 0, "small"), cause(-12, 0, "large")), 0.0)
    assert (found.verdict, found.why.count("it was seen")) == ("explained", 2)


def test_what_is_worked_out_must_be_there_and_not_more():
    sure = cause(-10, -10, "exact")
    assert judged(figure(100, 90, sure), 0.001).verdict == "explained"
    assert judged(figure(100, 95, sure), 0.001).verdict == "red"
    assert judged(figure(100, 85, sure), 0.001).verdict == "red"
    assert judged(figure(100, 85, sure, cause(-5, 0)), 0.001).verdict == "explained"


def test_what_is_skipped_says_why_and_is_no_pass():
    found = judged(figure(1, 1, skipped="sreport cannot be run"), 1.0)
    assert (found.verdict, found.why) == ("skipped", "sreport cannot be run")


AMOUNTS = st.floats(0, 1e6, allow_nan=False)


@given(AMOUNTS, AMOUNTS, st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=4), st.floats(0, 0.1))
def test_a_figure_is_red_exactly_where_all_explanations_together_do_not_reach(theirs, ours, spans, tolerance):
    causes = [cause(-low, high) for low, high in spans if low or high]
    found = judged(figure(theirs, ours, *causes), tolerance)
    slack = tolerance * max(theirs, ours)
    reach = sum(each.high if ours > theirs else -each.low for each in causes)
    short = abs(ours - theirs) - slack - reach
    if abs(short) > 1e-6 * (1 + theirs + ours + reach):
        assert (found.verdict == "red") == (short > 0)
