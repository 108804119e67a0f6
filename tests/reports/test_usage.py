"""The accounting: clipped hours, attempts that held a node, plain mean waits, energy where it is known."""

from __future__ import annotations

from datetime import date

import pytest

from paydown.reports.usage import UsageQuestion, run

JOB = {"cluster": "c", "attempt": 0, "user": "u1", "account": "a", "partition": "p", "state": "COMPLETED"}


def facts(book, **more):
    jobs = [
        JOB | {"job_id": "1", "submit": book.at(0), "start": book.at(1), "end": book.at(26)},
        JOB | {"job_id": "2", "submit": book.at(0), "start": book.at(3), "account": "b"},
        JOB | {"job_id": "3", "submit": book.at(0), "end": book.at(4), "state": "CANCELLED"},
    ]
    held = {"cluster": "c", "attempt": 0, "node": "n1"}
    allocations = [
        held | {"job_id": "1", "gpu_milli": 2000, "cpu_milli": 4000, "start": book.at(1), "end": book.at(30)},
        held | {"job_id": "2", "gpu_milli": 1000, "start": book.at(3)},
    ]
    return {"sources": [book.SOURCE], "jobs": jobs, "allocations": allocations} | more


def rows(snapshot, **asked):
    return run(snapshot, UsageQuestion(**asked)).rows.to_pylist()


def test_everything_known(book):
    (row,) = rows(book.store(**facts(book)))
    assert (row["jobs_started"], row["jobs_ended"]) == (2, 1)
    # Job 1 ends its allocation at 26 h although that says 30; job 2 runs to the horizon at 48 h.
    assert (row["gpu_hours"], row["node_hours"], row["wall_hours"]) == (2 * 25 + 45, 25 + 45, 25 + 45)
    assert (row["cpu_hours"], row["cpu_unknown_node_hours"]) == (100, 45)
    assert row["wait_mean_hours"] == 1
    assert row["energy_kwh"] is None


def test_hours_are_clipped_to_the_millisecond(book):
    (row,) = rows(book.store(**facts(book)), start_ms=book.ms(2), end_ms=book.ms(2) + 1)
    assert row["gpu_hours"] == 2 / 3_600_000
    assert (row["jobs_started"], row["jobs_ended"], row["wait_mean_hours"]) == (0, 0, None)


def test_the_window_is_half_open(book):
    store = book.store(**facts(book))
    assert rows(store, start_ms=book.ms(0), end_ms=book.ms(26))[0]["jobs_ended"] == 0
    assert rows(store, start_ms=book.ms(26), end_ms=book.ms(27))[0]["jobs_ended"] == 1
    assert rows(store, start_ms=book.ms(1), end_ms=book.ms(3))[0]["jobs_started"] == 1


def test_without_an_end_the_last_instant_belongs_to_the_window(book):
    source = book.SOURCE | {"covers_to": book.at(26)}
    assert rows(book.store(**facts(book, sources=[source])))[0]["jobs_ended"] == 1


def test_by_day_hours_are_split_and_counts_go_to_their_day(book):
    first, second = rows(book.store(**facts(book)), by=("day",))
    assert (first["day"], first["gpu_hours"], first["jobs_started"], first["jobs_ended"]) == (
        date(2024, 5, 1),
        2 * 23 + 21,
        2,
        0,
    )
    assert (second["gpu_hours"], second["jobs_started"], second["jobs_ended"]) == (2 * 2 + 24, 0, 1)


def test_by_account_the_largest_first(book):
    found = rows(book.store(**facts(book)), by=("account",))
    assert [(row["account"], row["gpu_hours"], row["cpu_hours"]) for row in found] == [("a", 50, 100), ("b", 45, None)]


def test_filters(book):
    store = book.store(**facts(book, identities=[{"person": "u1", "kind": "user", "name": "ada"}]))
    assert rows(store, account=("b",))[0]["gpu_hours"] == 45
    assert rows(store, user=("ada",))[0]["gpu_hours"] == 95
    assert rows(store, partition=("q",))[0]["gpu_hours"] == 0
    assert rows(store, by=("user",))[0]["user"] == "ada"


def test_energy_of_all_gpus_and_of_labelled_samples(book):
    sample = {"cluster": "c", "node": "n1", "duration_ms": 3_600_000}
    samples = [
        sample | {"gpu": "0", "job_id": "1", "start": book.at(1.5), "power_w": 500.0},
        sample | {"gpu": "1", "start": book.at(2), "energy_mj": 3_600_000_000},
        sample | {"gpu": "2", "start": book.at(2), "gpu_util_ratio": 0.5},
    ]
    store = book.store(**facts(book, gpu_samples=samples))
    (row,) = rows(store)
    assert (row["energy_kwh"], row["energy_share"]) == (1.5, 2 / 3)
    (clipped,) = rows(store, start_ms=book.ms(2), end_ms=book.ms(2.25))
    assert clipped["energy_kwh"] == pytest.approx(0.25 * 0.5 + 0.25)
    found = {row["job_id"]: (row["energy_kwh"], row["energy_share"]) for row in rows(store, by=("job_id",))}
    assert found == {"1": (0.5, 1 / 50), "2": (None, None)}
    assert [row["energy_kwh"] for row in rows(store, by=("day",))] == [1.5, None]


@pytest.mark.parametrize(
    ("table", "null", "stands"),
    [("jobs", "jobs_ended", "gpu_hours"), ("allocations", "gpu_hours", None), ("sources", None, "jobs_ended")],
)
def test_what_is_missing_is_null_and_said(book, table, null, stands):
    tables = {name: rows for name, rows in facts(book).items() if name != table}
    asked = {} if table != "sources" else {"start_ms": book.ms(0), "end_ms": book.ms(48)}
    answer = run(book.store(**tables), UsageQuestion(**asked))
    (row,) = answer.rows.to_pylist()
    assert null is None or row[null] is None
    assert stands is None or row[stands] is not None
    assert table == "sources" or any(f"No {table} are known" in note for note in answer.notes)


def test_a_job_without_submit_has_no_wait(book):
    job = JOB | {"job_id": "1", "start": book.at(1), "end": book.at(2)}
    (row,) = rows(book.store(**facts(book, jobs=[job])))
    assert (row["jobs_ended"], row["wait_mean_hours"]) == (1, None)


def test_each_attempt_that_held_a_node_counts(book):
    jobs = [
        JOB | {"job_id": "1", "submit": book.at(0), "start": book.at(1), "end": book.at(2), "state": "NODE_FAIL"},
        JOB | {"job_id": "1", "attempt": 1, "submit": book.at(2), "start": book.at(5), "end": book.at(6)},
    ]
    held = {"cluster": "c", "job_id": "1", "node": "n1", "gpu_milli": 0, "cpu_milli": 1000}
    allocations = [
        held | {"attempt": 0, "start": book.at(1), "end": book.at(2)},
        held | {"attempt": 1, "start": book.at(5), "end": book.at(6)},
    ]
    (row,) = rows(book.store(**facts(book, jobs=jobs, allocations=allocations)))
    assert (row["jobs_ended"], row["wait_mean_hours"], row["cpu_hours"]) == (2, 2, 2)
