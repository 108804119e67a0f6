"""The reports on jobs and on one job: figures of the window, what is not known, and the phases of a job."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paydown.errors import UsageError
from paydown.reports import job, jobs


def rows(snapshot, **asked):
    return jobs.run(snapshot, jobs.JobsQuestion(**asked)).rows.to_pylist()


def parts(snapshot, **asked):
    answer = job.run(snapshot, job.JobQuestion(**asked))
    return {part.report: part.rows.to_pylist() for part in (answer, *answer.more)}


def test_a_job_with_its_figures(two_days):
    (row,) = rows(two_days)
    assert (row["job_id"], row["user"], row["state"], row["wait_hours"]) == ("1", "ada", "FAILED", 1)
    assert (row["req_gpus"], row["gpus"], row["nodes"]) == (1, 1, 1)
    assert (row["gpu_debt_hours"], row["gpu_allocated_hours"], row["gpu_used_hours"]) == (8, 28, 20)
    assert row["gpu_efficiency"] == 20 / 28
    # CPUs are not tracked here: nothing of theirs is zero.
    for name in ("cpus", "cpu_debt_hours", "cpu_allocated_hours", "cpu_used_hours", "cpu_efficiency"):
        assert row[name] is None


def test_nothing_observed_has_no_efficiency(book):
    lines = [book.entry("unobserved", 6, detail="dark", basis="none", signal=None)]
    (row,) = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]))
    assert (row["gpu_efficiency"], row["gpu_used_hours"], row["gpu_debt_hours"]) == (None, None, None)
    assert (row["gpu_debt_max_hours"], row["gpu_observed_share"]) == (6, 0)


def test_an_allocation_without_a_jobs_row_has_no_state(two_days_without):
    (row,) = rows(two_days_without("jobs"))
    assert (row["state"], row["gpu_debt_hours"], row["user"]) == (None, 8, "ada")


def test_the_unseen_are_no_job(book):
    lines = [book.entry("unobserved", 6, detail="unseen", job_id="(unseen)", user=None, account=None)]
    assert rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE])) == []


def test_a_job_that_waits_is_listed(book):
    waits = {
        "cluster": "c",
        "job_id": "7",
        "attempt": 0,
        "state": "PENDING",
        "submit": book.at(1),
        "req_gpu_milli": 4000,
    }
    (row,) = rows(book.store(jobs=[waits], sources=[book.SOURCE]))
    assert (row["job_id"], row["req_gpus"], row["gpus"], row["gpu_debt_hours"]) == ("7", 4, None, None)


def test_only_jobs_of_the_window(two_days, book):
    assert rows(two_days, start_ms=book.ms(0), end_ms=book.ms(8)) == []
    (row,) = rows(two_days, start_ms=book.ms(20), end_ms=book.ms(22))
    assert (row["gpu_debt_hours"], row["gpu_efficiency"]) == (2, 0)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"node": ("n1",)}, 1),
        ({"node": ("n2",)}, 0),
        ({"name": "tr*n"}, 1),
        ({"name": "[t]rain"}, 0),
        ({"name": "x*"}, 0),
        ({"state": ("failed",)}, 1),
        ({"state": ("COMPLETED",)}, 0),
        ({"user": ("ada",), "account": ("physics",), "partition": ("gpu",)}, 1),
        ({"user": ("bob",)}, 0),
        ({"job_id": ("1",)}, 1),
        ({"job_id": ("2",)}, 0),
        ({"qos": ("high",)}, 0),
    ],
)
def test_filters(two_days, asked, found):
    assert len(rows(two_days, **asked)) == found


def test_the_largest_debt_first(book):
    lines = [book.entry("inactive", n, job_id=str(n), detail="gap") for n in (1, 3, 2)]
    lines.append(book.entry("unobserved", 9, job_id="9", detail="dark"))
    found = rows(book.store(daily=lines, posted=book.posted(book.DAY), sources=[book.SOURCE]))
    assert [row["job_id"] for row in found] == ["3", "2", "1", "9"]


def test_one_job_whole(two_days, book):
    found = parts(two_days, job_id="1", bucket="1d")
    assert [row["gpu_debt_hours"] for row in found["job"]] == [8]
    lines = {(row["category"], row["detail"]): (row["hours"], row["share"]) for row in found["job.ledger"]}
    assert lines == {("used", "lost"): (20, 20 / 28), ("inactive", "tail"): (8, 8 / 28)}
    (held,) = found["job.allocations"]
    assert (held["node"], held["gpus"], held["cpus"], held["end"]) == ("n1", 1, None, book.at(48))
    assert {row["what"] for row in found["job.unknown"]} == {"cpus", "memory_gib", "time_limit_hours"}
    # Its life begins with its submission, at 9 h of the first day.
    assert [(row["bucket"], row["used"]) for row in found["job.timeline"]] == [
        (book.at(9), 10 / 15),
        (book.at(24), 10 / 24),
    ]


def phased(book, summary):
    base = {"cluster": "c", "job_id": "1", "attempt": 0, "node": "n1", "tres": "gpu", "gpu": "0"}
    base |= {"allocated_from": book.at(10)}
    run = base | {"basis": "sampled", "signal": "gpu_util", "milli": 1000}
    day2 = book.DAY + timedelta(days=1)
    runs = [
        run | {"day": book.DAY, "start": book.at(10), "end": book.at(11), "run_start": book.at(10)},
        run | {"day": book.DAY, "start": book.at(22), "end": book.at(24), "run_start": book.at(22)},
        run | {"day": day2, "start": book.at(24), "end": book.at(25), "run_start": book.at(22)},
        run | {"day": day2, "start": book.at(40), "end": book.at(48), "run_start": book.at(40)},
    ]
    first = base | {"day": book.DAY, "samples": 14, "first_sample": book.at(10)}
    second = base | {"day": day2, "samples": 24, "first_sample": book.at(24)}
    summaries = [first | summary[0], second | summary[1]]
    return book.store(**book.two_days(), runs=runs, summaries=summaries)


def test_phases_are_whole_over_midnight(book):
    active = [
        {"first_active": book.at(11), "last_active": book.at(21.5)},
        {"first_active": book.at(25), "last_active": book.at(39.5)},
    ]
    found = parts(phased(book, active), job_id="1")
    assert [(row["phase"], row["start"], row["hours"]) for row in found["job.phases"]] == [
        ("startup", book.at(10), 1),
        ("gap", book.at(22), 3),
        ("tail", book.at(40), 8),
    ]
    (device,) = found["job.devices"]
    assert (device["samples"], device["first_active"], device["last_active"]) == (38, book.at(11), book.at(39.5))


def test_never_active_is_never_used(book):
    found = parts(phased(book, [{}, {}]), job_id="1")
    assert {row["phase"] for row in found["job.phases"]} == {"never_used"}


def test_without_summaries_a_phase_is_not_known(book):
    store = phased(book, [{}, {}])
    tables = {
        name: store.rows(name).to_pylist() for name in ("runs", "sources", "jobs", "allocations", "daily", "posted")
    }
    found = parts(book.store(**tables), job_id="1")
    assert {row["phase"] for row in found["job.phases"]} == {None}


def test_what_is_not_observed_and_why(book):
    dark = [book.entry("unobserved", 1, detail="dark", bucket=book.at(10 + n / 12)) for n in (0, 1, 2, 5)]
    tables = book.two_days()
    store = book.store(**tables | {"entries": [*tables["entries"], *dark]})
    found = [row for row in parts(store, job_id="1")["job.unknown"] if row["what"] == "use of gpu"]
    assert [(row["start"], row["end"], row["hours"]) for row in found] == [
        (book.at(10), book.at(10.25), 3),
        (book.at(10 + 5 / 12), book.at(10.5), 1),
    ]
    assert all("no valid sample" in row["why"] for row in found)


def test_what_a_waiting_job_holds_is_not_unknown(book):
    waits = {"cluster": "c", "job_id": "7", "attempt": 0, "state": "PENDING", "submit": book.at(1)}
    found = parts(book.store(jobs=[waits], sources=[book.SOURCE]), job_id="7")["job.unknown"]
    assert {row["what"] for row in found} >= {"start", "end"}
    assert not {row["what"] for row in found} & {"cpus", "memory_gib"}


def test_an_unknown_job_is_an_error(two_days):
    with pytest.raises(UsageError, match="no job '2'"):
        parts(two_days, job_id="2")
    with pytest.raises(UsageError, match="no job '1'"):
        parts(two_days, job_id="1", attempt=3)
