"""The ledger report: every cut balances, sums are exact, days and buckets come from the same entries."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydown.errors import UsageError
from paydown.reports.ledger import LedgerQuestion, run

START = datetime(2024, 5, 1, tzinfo=UTC)


def rows(snapshot, **asked):
    return run(snapshot, LedgerQuestion(**asked)).rows.to_pylist()


def by_category(found, column="hours"):
    return {row["category"]: row[column] for row in found}


def test_categories_from_the_whole_to_its_parts(two_days):
    found = rows(two_days)
    assert [(row["category"], row["hours"]) for row in found] == [
        ("reported", 48),
        ("idle", 20),
        ("allocated", 28),
        ("used", 20),
        ("inactive", 8),
    ]


def test_exact_amounts_beyond_64_bits(book):
    most = 2**62
    lines = [book.entry("used", 0, amount=most, job_id=str(n), detail="open") for n in range(4)]
    found = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]), exact=True)
    assert by_category(found, "amount") == {"allocated": 4 * most, "used": 4 * most}


def test_a_window_within_days_reads_the_same_as_days(two_days, book):
    whole = by_category(rows(two_days, exact=True), "amount")
    parts = [(0, 7), (7, 25), (25, 48)]
    pieces = [
        by_category(rows(two_days, start_ms=book.ms(a), end_ms=book.ms(b), exact=True), "amount") for a, b in parts
    ]
    assert {name: sum(piece.get(name, 0) for piece in pieces) for name in whole} == whole


@given(st.lists(st.integers(0, 48 * 12), min_size=1, max_size=3, unique=True), st.sampled_from(["node", "user", "day"]))
@settings(max_examples=12, deadline=None)
def test_windows_that_touch_add_up_in_every_cut(two_days, cuts, by):
    start = round(START.timestamp() * 1000)
    edges = sorted({0, 48 * 12, *cuts})
    total: Counter = Counter()
    for first, last in pairwise(edges):
        window = {"start_ms": start + first * 300_000, "end_ms": start + last * 300_000}
        for row in rows(two_days, by=(by,), exact=True, **window):
            total[row[by], row["category"]] += int(row["amount"])
    assert total == {(row[by], row["category"]): int(row["amount"]) for row in rows(two_days, by=(by,), exact=True)}


def test_details_leave_the_sum_line_whole(two_days):
    found = {(row["category"], row["detail"]): row["hours"] for row in rows(two_days, by=("detail",))}
    assert found[("used", "lost")] == 20
    assert found[("inactive", "tail")] == 8
    assert found[("allocated", None)] == 28


@pytest.mark.parametrize(
    "by", ["node", "partition", "node_partition", "gpu_model", "cluster", "day", "week", "month", "bucket"]
)
def test_both_identities_hold_in_every_cut_of_nodes_and_time(two_days, by):
    cells = {}
    for row in rows(two_days, by=(by,), exact=True):
        cells.setdefault(row[by], {})[row["category"]] = int(row["amount"])
    assert cells
    for cell in cells.values():
        assert cell["reported"] == cell.get("idle", 0) + cell.get("allocated", 0)
        assert cell.get("allocated", 0) == cell.get("used", 0) + cell.get("inactive", 0)


def test_buckets_are_instants(two_days, book):
    found = rows(two_days, by=("bucket",), category=("inactive",))
    assert [row["bucket"] for row in found] == [book.at(hour) for hour in (20, 21, 22, 23, 44, 45, 46, 47)]


def test_category_filter_knows_the_sum_line(two_days):
    assert by_category(rows(two_days, category=("allocated", "idle"))) == {"idle": 20, "allocated": 28}


def test_different_tres_are_never_added(book):
    lines = [book.entry("used", 1, detail="open"), book.entry("used", 2, detail="open", tres="cpu")]
    found = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]), category=("used",))
    assert [(row["tres"], row["hours"]) for row in found] == [("gpu", 1), ("cpu", 2)]


def test_a_filter_lets_through_what_it_names(two_days):
    assert by_category(rows(two_days, account=("physics",))) == {"allocated": 28, "used": 20, "inactive": 8}
    assert rows(two_days, account=("chemistry",)) == []
    assert rows(two_days, node=("n2",)) == []
    assert rows(two_days, tres=("memory",)) == []


def test_input_is_never_part_of_the_statement(two_days):
    assert rows(two_days, account=("x') OR true --",)) == []
    with pytest.raises(UsageError):
        rows(two_days, by=('node" FROM daily --',))
    with pytest.raises(UsageError):
        rows(two_days, sort='hours" DESC')


def test_a_team_is_that_of_the_day(book):
    lines = [book.entry("used", 1, detail="open", day=date(2024, 5, day)) for day in (1, 2, 3)]
    people = [
        {"person": "u1", "kind": "user", "name": "ada", "team": "old", "start": book.at(-240), "end": book.at(30)},
        {"person": "u1", "kind": "user", "name": "ada", "team": "new", "start": book.at(30)},
        {"person": "u1", "kind": "e-mail", "name": "ada@example.org"},
    ]
    store = book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE], identities=people)
    found = rows(store, by=("team",), category=("used",), end_ms=book.ms(96))
    assert [(row["team"], row["hours"]) for row in found] == [("new", 2), ("old", 1)]


def test_a_clusters_own_team_wins_and_nothing_counts_twice(book):
    people = [
        {"person": "u1", "kind": "user", "name": "ada", "team": "all"},
        {"person": "u1", "kind": "user", "name": "ada", "team": "here", "cluster": "c"},
    ]
    lines = [book.entry("used", 1, detail="open")]
    store = book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE], identities=people)
    found = rows(store, by=("team",), category=("used",))
    assert [(row["team"], row["hours"]) for row in found] == [("here", 1)]


def test_a_node_of_several_models_has_none(book):
    devices = [
        {"cluster": "c", "node": "n1", "gpu": str(n), "gpu_model": model, "milli": 1000, "start": book.at(0)}
        for n, model in enumerate(["A100", "H100"])
    ]
    nodes = [{"cluster": "c", "node": "n1", "partitions": "gpu", "gpu_model": "A100", "start": book.at(0)}]
    lines = [book.entry("used", 1, detail="open")]
    more = {"daily": lines, "posted": book.posted(book.DAY), "sources": [book.SOURCE]}
    (row,) = rows(book.store(**more, nodes=nodes, devices=devices), by=("gpu_model",), category=("used",))
    assert row["gpu_model"] is None
    (row,) = rows(book.store(**more, devices=devices[:1], nodes=nodes), by=("gpu_model",), category=("used",))
    assert row["gpu_model"] == "A100"


def test_settings_that_are_not_the_usual_are_said(book):
    posted = book.posted(book.DAY, settings='{"inactive_ratio": 0.05}')
    answer = run(book.store(daily=[book.entry("idle", 1)], posted=posted, sources=[book.SOURCE]), LedgerQuestion())
    assert any("inactive_ratio = 0.05" in note for note in answer.notes)


def test_days_that_are_not_posted_are_said(book):
    dirty = [{"cluster": "c", "day": book.DAY, "need": "post"}]
    answer = run(book.store(daily=[book.entry("idle", 1)], dirty=dirty, sources=[book.SOURCE]), LedgerQuestion())
    assert any("not posted yet" in note for note in answer.notes)


def test_the_first_rows_are_those_of_all_rows(two_days):
    every = run(two_days, LedgerQuestion(by=("day",)))
    first = run(two_days, LedgerQuestion(by=("day",), limit=3))
    assert first.rows.to_pylist() == every.rows.to_pylist()[:3]
    assert first.coverage["rows"] == every.coverage["rows"] == every.rows.num_rows > 3
    largest = run(two_days, LedgerQuestion(by=("day",), limit=1, sort="-hours"))
    assert largest.rows.column("hours")[0].as_py() == max(every.rows.column("hours").to_pylist())
