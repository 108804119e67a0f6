"""What the scheduler does: nothing starts too early, nothing is held twice but what is planted, waits are real."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import pytest

END = datetime(2026, 6, 7, tzinfo=UTC)


@pytest.fixture(scope="session")
def jobs(small):
    return {(row["job_id"], row["attempt"]): row for row in small.rows("jobs")}


@pytest.fixture(scope="session")
def overbooked(small):
    return {row["job_id"] for row in small.rows("jobs") if (row["name"] or "").startswith("overbooked")}


def held(small, leave_out=()):
    for row in small.rows("allocations"):
        if row["job_id"] not in leave_out:
            yield row, row["start"], row["end"] or END


def most_held(rows, amount):
    """The largest sum of amounts held at once, by node."""
    steps = defaultdict(list)
    for row, start, end in rows:
        for key, value in amount(row):
            steps[key] += [(start, value), (end, -value)]
    most = {}
    for key, moves in steps.items():
        level = 0
        for _, change in sorted(moves):
            level += change
            most[key] = max(most.get(key, 0), level)
    return most


def test_times_are_in_order(jobs):
    for row in jobs.values():
        times = [row[name] for name in ("submit", "eligible", "start", "end") if row[name] is not None]
        assert times == sorted(times), row


def test_an_allocation_is_its_jobs_time(small, jobs):
    for row in small.rows("allocations"):
        job = jobs[row["job_id"], row["attempt"]]
        assert (row["start"], row["end"]) == (job["start"], job["end"])


def test_what_is_held_adds_up_to_what_was_asked_for(small, jobs):
    total = Counter()
    for row in small.rows("allocations"):
        total[row["job_id"], row["attempt"]] += row["gpu_milli"]
    for key, milli in total.items():
        assert milli == jobs[key]["req_gpu_milli"]


def test_no_node_is_over_allocated_but_by_the_overbooked(small, overbooked):
    nodes = {row["node"]: row for row in small.rows("nodes")}
    for column, capacity in (
        ("gpu_milli", lambda n: n["gpus"] * 1_000),
        ("cpu_milli", lambda n: n["cpus"] * 1_000),
        ("memory_mib", lambda n: n["memory_mib"]),
    ):
        most = most_held(held(small, overbooked), lambda row, column=column: [(row["node"], row[column])])
        assert all(value <= capacity(nodes[node]) for node, value in most.items()), column


def test_no_device_is_held_twice_but_by_the_overbooked(small, overbooked):
    devices = {(row["node"], row["gpu"]): row["milli"] for row in small.rows("devices")}

    def shares(row):
        names = (row["gpus"] or "").split(";") if row["gpus"] else []
        return [((row["node"], name), row["gpu_milli"] // len(names)) for name in names]

    most = most_held(held(small, overbooked), shares)
    assert all(milli <= devices.get(key, 1_000) for key, milli in most.items())
    planted = most_held(held(small), shares)
    over = {key for key, milli in planted.items() if milli > devices.get(key, 1_000)}
    wanted = {key for row, _, _ in held(small) if row["job_id"] in overbooked for key, _ in shares(row)}
    assert over == wanted != set()


def test_nothing_starts_on_a_node_that_is_away(small):
    away = [(row["node"], row["start"], row["end"] or END) for row in small.rows("node_states")]
    away += [(node, row["start"], row["end"]) for row in small.rows("reservations") for node in row["nodes"].split(";")]
    assert away
    for row, start, _ in held(small):
        assert not any(node == row["node"] and begin < start < end for node, begin, end in away), row


def test_jobs_die_with_a_failed_node_and_stay_on_a_drained_one(small, jobs):
    failed = [(row["node"], row["start"]) for row in small.rows("node_states") if row["state"] == "down"]
    for row, start, end in held(small):
        for node, at in failed:
            assert not (node == row["node"] and start < at < end), row
    assert any(job["state"] == "NODE_FAIL" for job in jobs.values())


def test_a_requeued_job_comes_back_later_as_its_next_attempt(jobs):
    again = [(key, row) for key, row in jobs.items() if row["attempt"]]
    assert again
    for (job, attempt), row in again:
        before = jobs[job, attempt - 1]
        assert before["state"] in ("NODE_FAIL", "PREEMPTED", "REQUEUED")
        assert row["submit"] >= before["end"]
        assert row["restarts"] == attempt


def test_the_limited_account_holds_no_more_than_its_limit(small, jobs):
    limit = next(row["amount"] for row in small.rows("quotas") if row["kind"] == "limit")
    mine = [
        (row, start, end)
        for row, start, end in held(small)
        if jobs[row["job_id"], row["attempt"]]["account"] == "teaching"
        and jobs[row["job_id"], row["attempt"]]["kind"] != "service"
    ]
    assert max(most_held(mine, lambda row: [("all", row["gpu_milli"])]).values(), default=0) <= limit


def test_some_wait_and_some_do_not(jobs):
    waits = sorted((row["start"] - row["eligible"]).total_seconds() for row in jobs.values() if row["start"])
    assert waits[len(waits) // 10] == 0
    assert waits[len(waits) * 9 // 10] > 600


def test_a_job_of_higher_priority_goes_first(jobs):
    """Of two jobs of one shape that wait at the same time, the one of higher priority starts first."""
    shapes = defaultdict(list)
    names = ("partition", "req_nodes", "req_gpu_milli", "req_cpu_milli", "req_memory_mib", "req_gpu_model")
    for row in jobs.values():
        if row["start"] and row["eligible"] and row["account"] != "teaching":
            shapes[tuple(row[name] for name in names)].append(row)
    compared = 0
    for rows in shapes.values():
        rows.sort(key=lambda row: -row["priority"])
        for first, second in pairwise(rows):
            both = max(first["eligible"], second["eligible"])
            if first["priority"] > second["priority"] and both < min(first["start"], second["start"]):
                compared += 1
                assert first["start"] <= second["start"]
    assert compared
