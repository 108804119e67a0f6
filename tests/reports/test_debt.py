"""The debt report: hours, shares, equivalents, the change, and what it must not say."""

from __future__ import annotations

from datetime import date

import pytest

from paydown.errors import UsageError
from paydown.reports.debt import REPORT, run
from paydown.reports.parts.parameters import LedgerParameters


def rows(snapshot, **asked):
    return run(snapshot, LedgerParameters(**asked)).rows.to_pylist()


def test_one_row_says_it_all(two_days):
    (row,) = rows(two_days)
    assert row["tres"] == "gpu"
    assert (row["debt_hours"], row["debt_max_hours"], row["inactive_hours"], row["underused_hours"]) == (8, 8, 8, 0)
    assert (row["reported_hours"], row["not_held_hours"], row["idle_hours"]) == (48, 20, 20)
    assert (row["allocated_hours"], row["used_hours"], row["lost_hours"]) == (28, 20, 20)
    assert row["debt_share"] == 8 / 28
    assert row["not_held_share"] == 20 / 48
    assert row["debt_equivalent"] == 8 / 48
    assert row["observed_share"] == 1


def test_people_and_what_is_on_the_node(two_days):
    (row,) = rows(two_days, by=("user", "team", "account", "job_id", "state", "name"))
    shown = {name: row[name] for name in ("user", "team", "account", "job_id", "state", "name")}
    assert shown == {
        "user": "ada",
        "team": "vision",
        "account": "physics",
        "job_id": "1",
        "state": "FAILED",
        "name": "train",
    }
    (row,) = rows(two_days, by=("gpu_model", "node"))
    assert (row["gpu_model"], row["node"]) == ("A100", "n1")
    assert [row["node_partition"] for row in rows(two_days, by=("node_partition",))] == ["all", "gpu"]


def test_nobody_holds_what_is_not_held(two_days):
    (row,) = rows(two_days, by=("account",))
    assert row["not_held_hours"] is None
    assert row["not_held_share"] is None
    assert row["debt_hours"] == 8


def test_keys_on_request(two_days):
    assert rows(two_days, by=("user",), pseudonyms=True)[0]["user"] == "u1"


def test_user_filter_takes_names_and_keys(two_days):
    assert rows(two_days, user=("ada",))[0]["debt_hours"] == 8
    assert rows(two_days, user=("u1",))[0]["debt_hours"] == 8
    assert rows(two_days, user=("nobody",)) == []


def test_the_change_is_against_the_window_before(two_days, book):
    (row,) = rows(two_days, start_ms=book.ms(26), end_ms=book.ms(48))
    # 4 h of debt in hours 26 to 48, and in hours 4 to 26 as much.
    assert (row["debt_hours"], row["debt_before_hours"], row["debt_change_hours"]) == (4, 4, 0)
    (row,) = rows(two_days, start_ms=book.ms(30), end_ms=book.ms(40))
    assert (row["debt_hours"], row["debt_before_hours"], row["debt_change_hours"]) == (0, 4, -4)


def test_no_change_where_the_window_before_is_not_covered(two_days, book):
    answer = run(two_days, LedgerParameters(start_ms=book.ms(20), end_ms=book.ms(48)))
    assert answer.rows.to_pylist()[0]["debt_change_hours"] is None
    assert any("No change" in note for note in answer.notes)


def test_by_day_the_change_is_against_the_day_before(two_days):
    first, second = rows(two_days, by=("day",))
    assert (first["day"], first["debt_change_hours"]) == (date(2024, 5, 1), None)
    assert (second["debt_before_hours"], second["debt_change_hours"]) == (4, 0)
    assert first["debt_equivalent"] == 4 / 24


def test_local_days_are_made_of_buckets(two_days):
    found = rows(two_days, by=("day",), timezone="Asia/Tokyo")
    # Tokyo's 2 May begins at 15:00 UTC: 10 of the tail's hours fall so: 4 + 4, idle 9 + ... by hand below.
    assert [row["day"] for row in found] == [date(2024, 5, day) for day in (1, 2, 3)]
    assert [row["used_hours"] for row in found] == [5, 10, 5]
    assert [row["idle_hours"] for row in found] == [10, 10, 0]
    assert [row["debt_hours"] for row in found] == [0, 4, 4]


def test_without_inventory_capacity_is_null_and_said(two_days_without):
    answer = run(two_days_without("nodes"), LedgerParameters())
    (row,) = answer.rows.to_pylist()
    for name in ("reported", "not_held", "idle", "blocked", "down", "planned_down"):
        assert row[f"{name}_hours"] is None
    assert row["not_held_share"] is None
    assert row["debt_hours"] == 8
    assert any("cannot be stated" in note for note in answer.notes)


def test_unobserved_is_neither_debt_nor_zero(book):
    lines = [book.entry("unobserved", 6, detail="dark"), book.entry("inactive", 2, detail="gap")]
    answer = run(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]), LedgerParameters())
    (row,) = answer.rows.to_pylist()
    assert (row["debt_hours"], row["debt_max_hours"], row["unobserved_hours"]) == (2, 8, 6)
    assert row["observed_share"] == answer.coverage["observed_share"] == 0.25


def test_nothing_held_has_no_coverage(book):
    lines = [book.entry("reported", 24), book.entry("idle", 24)]
    answer = run(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]), LedgerParameters())
    (row,) = answer.rows.to_pylist()
    assert (row["allocated_hours"], row["debt_hours"], row["debt_share"]) == (0, 0, None)
    assert answer.coverage["observed_share"] is None


def test_ranking_is_by_hours(book):
    lines = [book.entry("inactive", 1, job_id=str(n), account=f"a{n}", detail="gap") for n in range(3)]
    lines.append(book.entry("inactive", 5, job_id="9", account="big", detail="gap"))
    lines += [book.entry("used", 1, job_id=f"x{n}", account="busy", detail="productive") for n in range(9)]
    found = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]), by=("account",))
    assert [row["account"] for row in found] == ["big", "a0", "a1", "a2", "busy"]


def test_where_no_debt_is_known_the_most_unobserved_comes_first(book):
    lines = [book.entry("unobserved", n, job_id=str(n), account=f"a{n}", detail="dark") for n in (1, 3, 2)]
    found = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]), by=("account",))
    assert [row["account"] for row in found] == ["a3", "a2", "a1"]


def test_what_is_held_beyond_the_stated_capacity_is_no_share_of_it(book):
    lines = [book.entry("reported", 24), book.entry("idle", 18), book.entry("used", 6)]
    lines.append(book.entry("used", 10, job_id="2", node="unlisted"))
    (row,) = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]))
    assert (row["allocated_hours"], row["allocated_share"], row["not_held_share"]) == (16, 0.25, 0.75)


def test_a_name_that_nobody_bears_is_said(two_days):
    said = "No user is known by the name 'nobody'; it was taken for a person key."
    assert said in run(two_days, LedgerParameters(user=("nobody",))).notes
    for known in ("ada", "u1"):
        assert not any("person key" in note for note in run(two_days, LedgerParameters(user=(known,))).notes)


def test_memory_is_no_part_of_the_debt(book):
    lines = [book.entry("underused", 1, tres="memory")]
    (row,) = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]), tres=("memory",))
    assert row["debt_hours"] is None
    assert row["underused_hours"] == book.GPU_HOUR / (1024 * 3_600_000)


def test_cpu_leads_where_no_gpu_is_known(book):
    lines = [book.entry("inactive", 3, tres="cpu", detail="tail")]
    (row,) = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]))
    assert (row["tres"], row["debt_hours"]) == ("cpu", 3)


def test_exact_amounts_are_integers(two_days, book):
    (row,) = rows(two_days, exact=True)
    assert row["debt_amount"] == 8 * book.GPU_HOUR
    assert "debt_amount" not in rows(two_days)[0]


def test_the_window_is_widened_and_said(two_days, book):
    answer = run(two_days, LedgerParameters(start_ms=book.ms(20) + 1, end_ms=book.ms(21) - 1))
    assert answer.window.start_ms == book.ms(20)
    assert answer.rows.to_pylist()[0]["debt_hours"] == 1
    assert any("widened" in note for note in answer.notes)


@pytest.mark.parametrize("by", ["usr", "category"])
def test_an_unknown_cut_is_an_error(two_days, by):
    with pytest.raises(UsageError, match="--by"):
        rows(two_days, by=(by,))


def test_an_unknown_cluster_is_an_error(two_days):
    with pytest.raises(UsageError, match="no cluster 'd'"):
        rows(two_days, cluster=("d",))


def test_sort_and_limit(two_days):
    found = rows(two_days, by=("day",), sort="-day", limit=1)
    assert [row["day"] for row in found] == [date(2024, 5, 2)]


def test_an_empty_store_says_so(book):
    answer = run(book.store(), LedgerParameters())
    assert answer.rows.num_rows == 0
    assert answer.coverage["observed_share"] is None
    assert any("Nothing is known" in note for note in answer.notes)


def test_it_declares_every_table_it_needs():
    assert {need.table for need in REPORT.needs} >= {"daily", "entries", "nodes", "jobs", "identities", "sources"}


def test_nothing_observed_is_not_nothing_used(book):
    lines = [book.entry("unobserved", 6, detail="dark", basis="none", signal=None)]
    answer = run(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]), LedgerParameters())
    (row,) = answer.rows.to_pylist()
    for name in ("debt_hours", "used_hours", "inactive_hours", "lost_hours", "debt_share", "used_share"):
        assert row[name] is None
    assert (row["debt_max_hours"], row["unobserved_hours"], row["observed_share"]) == (6, 6, 0)
    assert any("not known" in note for note in answer.notes)


def test_a_capability_that_no_source_supports_is_said(book):
    source = book.SOURCE | {"supports": "use"}
    store = book.store(daily=[book.entry("used", 3, detail="open")], posted=book.posted(book.DAY), sources=[source])
    assert "No source of c supports capacity or allocation." in run(store, LedgerParameters()).notes
    assert not any("supports" in note for note in run(store, LedgerParameters(account=("physics",))).notes)


def test_of_a_full_node_nothing_is_not_held_even_where_some_of_it_was_held_before_anybody_states_capacity(book):
    lines = [book.entry("reported", 10), book.entry("used", 11, detail="productive")]
    (row,) = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]))
    assert (row["reported_hours"], row["allocated_hours"], row["not_held_hours"]) == (10, 11, 0)
    assert (row["allocated_share"], row["not_held_share"]) == (1, 0)


def test_where_what_is_measured_is_pooled_it_is_said_with_what_mends_it(book):
    lines = [book.entry("unobserved", 6, detail="pooled", basis="none", signal=None), book.entry("inactive", 2)]
    shown = {"posted": book.posted(book.DAY), "sources": [book.SOURCE]}
    (note,) = [note for note in run(book.store(daily=lines, **shown), LedgerParameters()).notes if "pooled" in note]
    assert note.startswith("6.0 GPU-hours were held on devices that are measured")
    assert "hpc_job" in note
    for more in ([book.entry("used", 9)], [book.entry("unobserved", 9, detail="dark")]):
        some = [book.entry("unobserved", 1, detail="pooled", basis="none", signal=None), book.entry("used", 3), *more]
        assert not any("pooled" in note for note in run(book.store(daily=some, **shown), LedgerParameters()).notes)
