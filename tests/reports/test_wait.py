"""Waits: what counts as one, its figures, and what was free meanwhile, reckoned by hand and by brute force."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from paydown.errors import UsageError
from paydown.reports.wait import WaitQuestion, run

MINUTES = 60_000


def job(book, number, hours, **more):
    """Make a job of (submit, eligible, start, end) in hours of the first day; None: not (yet)."""
    names = ("submit", "eligible", "start", "end")
    times = {name: None if hour is None else book.at(hour) for name, hour in zip(names, hours, strict=True)}
    row = {"cluster": "c", "job_id": str(number), "attempt": 0, "user": "u1", "account": "physics", "partition": "gpu"}
    return row | times | {"state": "COMPLETED", "req_gpu_milli": 1000, "req_cpu_milli": 1000, "req_nodes": 1} | more


def rows(snapshot, **asked):
    return run(snapshot, WaitQuestion(**asked)).rows.to_pylist()


JOBS = (
    (1, (0, 0, 2, 4), {}),
    (2, (0, 1, 2, 4), {"req_gpu_milli": 8000}),
    (3, (1, 1, 6, None), {"state": "RUNNING", "partition": "gpu;all"}),
    (4, (2, 2, None, None), {"state": "PENDING"}),
    (5, (2, 2, None, 5), {"state": "CANCELLED"}),
    (6, (1, None, 3, 4), {}),
    (7, (1, None, None, None), {"state": "PENDING", "pending_reason": "Dependency"}),
    (8, (3, 5, 4, 6), {}),
)


@pytest.fixture
def queue(book):
    return book.store(jobs=[job(book, n, hours, **more) for n, hours, more in JOBS], sources=[book.SOURCE])


def test_the_wait_is_from_eligible_to_start(queue, book):
    (row,) = rows(queue, by=(), end_ms=book.ms(10))
    assert (row["jobs"], row["pending"], row["cancelled"]) == (5, 1, 1)
    assert (row["eligible_unknown"], row["contradicting"]) == (1, 1)
    assert row["wait_mean_hours"] == pytest.approx((2 + 1 + 5) / 3)
    assert (row["wait_p50_hours"], row["wait_max_hours"]) == (2, 5)
    assert row["wait_gpu_mean_hours"] == pytest.approx((2 + 8 * 1 + 5) / 10)
    assert row["since_submit_mean_hours"] == pytest.approx((2 + 2 + 5 + 2 + 1) / 5)


def test_hours_waited_are_those_of_the_window_and_of_all_who_wait(queue, book):
    (row,) = rows(queue, by=(), start_ms=book.ms(1), end_ms=book.ms(3))
    # Jobs 1 (1 to 2), 2 (1 to 2), 3 (1 to 3), 4, 5 (2 to 3), 6 (submitted at 1, to 3).
    assert row["waited_hours"] == 1 + 1 + 2 + 1 + 1 + 2
    assert row["waited_gpu_hours"] == 1 + 8 + 2 + 1 + 1 + 2
    assert (row["jobs"], row["pending"]) == (2, 4)


def test_windows_add_up(queue, book):
    whole = rows(queue, by=(), start_ms=book.ms(0), end_ms=book.ms(8))[0]
    halves = [rows(queue, by=(), start_ms=book.ms(a), end_ms=book.ms(a + 4))[0] for a in (0, 4)]
    for name in ("jobs", "cancelled", "waited_hours", "waited_gpu_hours"):
        assert whole[name] == sum(half[name] for half in halves)


def test_jobs_that_ended_can_be_told_instead(queue, book):
    (row,) = rows(queue, by=(), start_ms=book.ms(3.5), end_ms=book.ms(5), counted="ended")
    assert (row["jobs"], row["wait_mean_hours"]) == (3, 1.5)


def test_sizes_come_in_order_and_a_job_is_of_each_of_its_partitions(queue, book):
    found = rows(queue, by=("size",), end_ms=book.ms(10))
    assert [(row["size"], row["jobs"]) for row in found] == [("1", 4), ("5-8", 1)]
    assert [row["jobs"] for row in rows(queue, by=(), partition=("all",))] == [1]
    assert [row["partition"] for row in rows(queue)] == ["gpu", "gpu;all"]


@pytest.mark.parametrize(
    ("milli", "size"),
    [
        (0, "0"),
        (500, "<1"),
        (1000, "1"),
        (1500, "2-4"),
        (4000, "2-4"),
        (4001, "5-8"),
        (9000, "9-16"),
        (200_000, ">128"),
    ],
)
def test_the_class_of_a_size(book, milli, size):
    store = book.store(jobs=[job(book, 1, (0, 0, 1, 2), req_gpu_milli=milli)], sources=[book.SOURCE])
    assert [row["size"] for row in rows(store, by=("size",))] == [size]


def test_who_does_not_say_what_he_asks_for_asked_for_what_he_held(book):
    held = [
        {"cluster": "c", "job_id": "1", "attempt": 0, "node": node, "gpu_milli": 4000, "start": book.at(1)}
        for node in ("n1", "n2")
    ]
    store = book.store(jobs=[job(book, 1, (0, 0, 1, 2), req_gpu_milli=None)], allocations=held, sources=[book.SOURCE])
    assert [(row["size"], row["waited_gpu_hours"]) for row in rows(store, by=("size",))] == [("5-8", 8)]
    less = book.store(jobs=[job(book, 1, (0, 0, 1, 2), req_gpu_milli=None)], sources=[book.SOURCE])
    assert [(row["size"], row["waited_gpu_hours"]) for row in rows(less, by=("size",))] == [(None, None)]


def test_a_local_day_is_that_of_the_start(book):
    store = book.store(jobs=[job(book, 1, (0, 0, 16, 17))], sources=[book.SOURCE])
    assert [str(row["day"]) for row in rows(store, by=("day",), timezone="Asia/Tokyo")] == ["2024-05-02"]


def test_an_unknown_cut_names_the_nearest(queue):
    with pytest.raises(UsageError, match="did you mean size"):
        rows(queue, by=("sizes",))


def test_without_eligible_only_the_time_since_submission_is_known(book):
    answer = run(
        book.store(jobs=[job(book, 1, (0, None, 2, 3))], sources=[book.SOURCE | {"supports": "allocation"}]),
        WaitQuestion(by=()),
    )
    (row,) = answer.rows.to_pylist()
    assert (row["wait_mean_hours"], row["since_submit_mean_hours"], row["waited_hours"]) == (None, 2, 2)
    assert any("1 job no source says" in note for note in answer.notes)
    assert any("No source of c supports wait" in note for note in answer.notes)


# ---- what was free meanwhile


def listed(book, node, partitions="gpu", tres="gpu", gpus=8):
    more = {"node": node, "partition": partitions, "tres": tres}
    return [book.entry("reported", 24 * gpus, **more)]


def free(book, node, bucket, gpus, category="blocked", partitions="gpu", tres="gpu"):
    more = {"node": node, "partition": partitions, "tres": tres, "bucket": book.at(bucket / 12)}
    return book.entry(category, gpus / 12, **more)


def test_what_was_free_meanwhile(book):
    """Two nodes have 4 GPUs left each in the first hour of the wait, one has 8 in the second, nothing in the third."""
    entries = [free(book, node, bucket, 4) for node in ("n1", "n2") for bucket in range(12)]
    entries += [free(book, "n1", bucket, 8, "idle" if bucket < 18 else "blocked") for bucket in range(12, 24)]
    store = book.store(
        jobs=[job(book, 1, (0, 0, 3, 4), req_gpu_milli=8000)],
        sources=[book.SOURCE],
        entries=entries,
        daily=[*listed(book, "n1"), *listed(book, "n2")],
        posted=book.posted(book.DAY),
    )
    (row,) = rows(store)
    assert row["free_gpus_mean"] == pytest.approx(16 / 3)
    assert row["enough_free_share"] == pytest.approx(2 / 3)
    assert row["fit_free_share"] == pytest.approx(1 / 3)
    assert row["free_known_share"] == 1
    (row,) = rows(store, free=False)
    assert (row["free_gpus_mean"], row["fit_free_share"], row["free_known_share"]) == (None, None, None)


def test_other_partitions_models_and_times_without_a_source_do_not_count(book):
    entries = [free(book, "n1", bucket, 8, partitions="cpu;all") for bucket in range(36)]
    entries += [free(book, "n2", bucket, 8) for bucket in range(36)]
    nodes = [
        {"cluster": "c", "node": "n2", "partitions": "gpu", "gpu_model": "A100", "gpus": 8, "start": book.at(0)},
    ]
    jobs = [
        job(book, 1, (0, 0, 2, 4), partition="all"),
        job(book, 2, (0, 0, 2, 4), req_gpu_model="A100"),
        job(book, 3, (0, 0, 2, 4), req_gpu_model="H100"),
        job(book, 4, (0, 0, 2, 4), partition="none"),
        job(book, 5, (0, 0, 2, 4), partition=None),
    ]
    daily = [*listed(book, "n1", "cpu;all"), *listed(book, "n2")]
    source = book.SOURCE | {"covers_from": book.at(1)}
    store = book.store(jobs=jobs, sources=[source], entries=entries, daily=daily, nodes=nodes)
    found = {row["account"]: row for row in rows(store, by=("account",))}
    assert found["physics"]["free_known_share"] == pytest.approx(3 / 5)
    found = {row["req_gpu_model"]: row for row in rows(store, by=("req_gpu_model",))}
    assert (found["A100"]["fit_free_share"], found["A100"]["free_gpus_mean"]) == (1, 8)
    assert found["H100"]["free_known_share"] is None
    found = {row["partition"]: row for row in rows(store)}
    assert (found[None]["free_gpus_mean"], found["all"]["free_gpus_mean"]) == (16, 8)
    assert found["none"]["free_gpus_mean"] is None


@pytest.mark.parametrize("seed", range(12))
def test_it_agrees_with_brute_force(book, seed):
    rng = random.Random(seed)
    nodes = {f"n{n}": rng.choice(["a", "b", "a;b"]) for n in range(4)}
    amounts = {
        (node, tres, bucket): rng.choice([0, 0, 500, 1000, 2000, 4000])
        for node in nodes
        for tres in ("gpu", "cpu")
        for bucket in range(24 * 12 * 2)
    }
    entries, daily = [], []
    for (node, tres, bucket), milli in amounts.items():
        part = rng.randrange(milli + 1) if milli else 0
        for category, much in (("idle", part), ("blocked", milli - part)):
            if much:
                row = free(book, node, bucket, much / 1000, category, nodes[node], tres)
                entries.append(row | {"day": book.DAY + timedelta(days=bucket // 288)})
    for node, label in nodes.items():
        for tres in ("gpu", "cpu"):
            for day in (0, 1):
                daily += [row | {"day": book.DAY + timedelta(days=day)} for row in listed(book, node, label, tres)]
    jobs = [_random_job(rng, book, number) for number in range(30)]
    store = book.store(jobs=jobs, sources=[book.SOURCE], entries=entries, daily=daily)
    start, end = book.ms(rng.randrange(600) / 60), book.ms(rng.randrange(1200, 2880) / 60)
    answer = rows(store, by=("array_id",), start_ms=start, end_ms=end)
    found = {row["array_id"]: row for row in answer}
    for row in jobs:
        expected = _brute(row, nodes, amounts, (start, end), book)
        got = found.get(row["array_id"])
        if expected is None:
            assert got is None or got["free_known_share"] is None
            continue
        names = ("free_gpus_mean" if row["req_gpu_milli"] else "free_cpus_mean", "enough_free_share", "fit_free_share")
        assert [got[name] for name in names] == [pytest.approx(value) for value in expected]


def _random_job(rng, book, number):
    since = rng.randrange(2400) / 60
    begin = since + rng.choice([0, 1 / 60, 18 / 60, 5, 30])
    started = begin < 47 and rng.random() < 0.8
    hours = (since - 1, since, begin if started else None, begin + 1 if started else None)
    more = {
        "partition": rng.choice(["a", "b", "a;b", None, "c"]),
        "req_gpu_milli": rng.choice([0, 500, 1000, 4000, 8000]),
        "req_cpu_milli": rng.choice([1000, 4000, 16_000]),
        "req_nodes": rng.choice([None, 1, 2, 3, 9]),
        "array_id": f"a{number}",
    }
    return job(book, number, hours, **more)


def _brute(row, nodes, amounts, window, book):
    """Look at each bucket and node of a wait by itself."""
    tres = "gpu" if row["req_gpu_milli"] else "cpu"
    need = row[f"req_{tres}_milli"]
    wanted = None if row["partition"] is None else row["partition"].split(";")
    able = [node for node, label in nodes.items() if wanted is None or set(wanted) & set(label.split(";"))]
    stop = row["start"] or book.at(48)
    low = max(window[0], round(row["eligible"].timestamp() * 1000))
    high = min(window[1], round(stop.timestamp() * 1000))
    known = total = enough = fit = 0
    for bucket in range(24 * 12 * 2):
        first = book.ms(0) + bucket * 5 * MINUTES
        length = min(high, first + 5 * MINUTES) - max(low, first)
        if length <= 0 or not able:
            continue
        there = [amounts[node, tres, bucket] for node in able]
        count = row["req_nodes"] or 1
        known += length
        total += sum(there) * length
        enough += length * (sum(there) >= need)
        fit += length * (sum(milli >= need / count for milli in there) >= count)
    return (total / known / 1000, enough / known, fit / known) if known else None


def test_who_waited_where_accounting_ends_still_waits_at_the_end_of_a_window_that_another_source_lengthens(book):
    nodes = {"source": "nodes", "supports": "capacity", "covers_to": book.at(49)}
    store = book.store(
        jobs=[job(book, n, hours, **more) for n, hours, more in JOBS], sources=[book.SOURCE, book.SOURCE | nodes]
    )
    assert rows(store, by=())[0]["pending"] == 1
    assert rows(store, by=(), start_ms=book.ms(48.5), end_ms=book.ms(49))[0]["pending"] == 0
