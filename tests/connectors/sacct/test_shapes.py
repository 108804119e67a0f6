"""The shapes of other versions than the recorded ones.

No real 23.x and 25.x was at hand: their samples are made here by hand, from the recorded answer of 24.11 and what is
known of the data_parser plugins v0.0.39 to v0.0.44 (Slurm's release notes of its REST API).
"""

import copy
import json

import pytest
from tests.connectors.sacct.test_json import NEW, answer, keyed, read

from paydown.dialects.slurm_accounting import json_rows, shapes

RECORDED = frozenset({"kind", "kind_source", "restarts"})


def is_wrapped(value):
    return isinstance(value, dict) and value.keys() == {"set", "infinite", "number"}


def bare(value):
    """Give a value with its figures bare, null where they are not set."""
    if is_wrapped(value):
        return value["number"] if value["set"] else None
    if isinstance(value, dict):
        return {name: bare(inner) for name, inner in value.items()}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def wrapped(value):
    """Give a value with every figure wrapped."""
    if type(value) is int:
        return {"set": True, "infinite": False, "number": value}
    if isinstance(value, dict) and not is_wrapped(value):
        return {name: wrapped(inner) for name, inner in value.items()}
    return [wrapped(inner) for inner in value] if isinstance(value, list) else value


def as_23_02(job):
    """Make a job as data_parser v0.0.39 writes it: states are words, codes bare, -127 where there is none."""
    job = copy.deepcopy(job)
    flags = [word for word in job["state"]["current"] if word in {"RESIZING", "REQUEUED"}]
    job["state"]["current"] = (flags or job["state"]["current"])[0]
    for name in ("submit_line", "restart_cnt"):
        del job[name]
    for one in (job, *job["steps"]):
        one["exit_code"] = v39_code(one["exit_code"])
    for step in job["steps"]:
        step["state"] = step["state"][0]
        step["time"] = bare(step["time"])
    return job


def v39_code(code):
    signal = bare(code["signal"]["id"])
    found = {"status": code["status"][0], "return_code": -127 if signal else bare(code["return_code"])}
    return {**found, "signal": {"signal_id": signal, "name": "x"}} if signal else found


def as_25_11(job):
    """Make a job as data_parser v0.0.44 might write it: more fields, and figures wrapped that were bare."""
    job = {**job, "segment_size": 0, "sluid": "s1", "resv_ports": [], "unheard": {"of": [1]}}
    return {**job, "time": wrapped(job["time"]), "allocation_nodes": wrapped(job["allocation_nodes"])}


def written(tmp_path, jobs):
    path = tmp_path / "dump.json"
    path.write_text(json.dumps({"jobs": jobs, "errors": [], "warnings": []}))
    return read(path)


@pytest.fixture
def jobs():
    return answer(NEW)["jobs"]


def test_a_job_of_25_11(tmp_path, jobs):
    found, expected = written(tmp_path, [as_25_11(job) for job in jobs]), written(tmp_path, jobs)
    for table in ("jobs", "allocations", "usage"):
        assert keyed(found, table) == keyed(expected, table)


def test_a_job_of_23_02(tmp_path, jobs):
    found, expected = written(tmp_path, [as_23_02(job) for job in jobs]), written(tmp_path, jobs)
    gone = (*RECORDED, "exit_code")
    assert keyed(found, "jobs", gone) == keyed(expected, "jobs", gone)
    for table in ("allocations", "usage"):
        assert keyed(found, table) == keyed(expected, table)
    right = keyed(expected, "jobs")
    for key, job in keyed(found, "jobs").items():
        assert job["exit_code"] in {right[key]["exit_code"], None}
        assert (job["exit_code"] is None) <= (job["state"] != "COMPLETED")
    assert keyed(found, "jobs")["2", 0]["exit_code"] == "3:0"
    assert keyed(found, "jobs")["32", 0]["exit_code"] == "0:9"


@pytest.mark.parametrize("change", [wrapped, bare])
def test_any_figure_may_be_bare_or_wrapped(tmp_path, jobs, change):
    found, expected = written(tmp_path, change(jobs)), written(tmp_path, jobs)
    for table in ("jobs", "allocations", "usage"):
        assert keyed(found, table, ("exit_code",)) == keyed(expected, table, ("exit_code",))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5), (0, 0), (-2, -2), (None, None), ("5", None), (True, None), (5.0, None), ([5], None), ({}, None),
        ({"set": True, "infinite": False, "number": 5}, 5), ({"set": False, "infinite": False, "number": 5}, None),
        ({"set": True, "infinite": True, "number": 0}, None), ({"set": True, "number": 5.0}, 5),
        (0xFFFFFFFE, None), (0xFFFFFFFF, None), (0xFFFFFFFFFFFFFFFE, None), (1 << 80, None),
    ],
)  # fmt: skip
def test_numbers(value, number):
    assert shapes.number(value) == number


@pytest.mark.parametrize(
    ("value", "endless"),
    [
        ({"set": False, "infinite": True, "number": 0}, True), (0xFFFFFFFF, True), ("UNLIMITED", True), (60, False),
        (None, False), ([], False), ({"set": True, "infinite": False, "number": 60}, False),
    ],
)  # fmt: skip
def test_limits(value, endless):
    assert shapes.is_infinite(value) is endless


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("COMPLETED", "COMPLETED"), (["RUNNING"], "RUNNING"), (["PENDING", "REQUEUED"], "REQUEUED"),
        (["RUNNING", "COMPLETING"], "RUNNING"), (["COMPLETING", "CANCELLED"], "CANCELLED"), (["ODD"], "ODD"),
        ([], None), (None, None), ([7], None),
    ],
)  # fmt: skip
def test_states(value, state):
    assert shapes.state(value) == state


@pytest.mark.parametrize(
    ("seconds", "micros", "text"),
    [(2, 389_999, "00:02.389"), (61, 0, "01:01.000"), (3_600, 999_999, "1:00:00"), (90_061, 0, "25:01:01")],
)
def test_cpu_time_is_written_as_sacct_writes_it(seconds, micros, text):
    assert shapes.clock({"seconds": seconds, "microseconds": micros}) == text
    assert shapes.clock({"seconds": None}) is None


def test_tres_that_are_not_counted_are_left_out():
    listed = [
        {"type": "cpu", "name": None, "count": 2}, {"type": "energy", "name": "", "count": -2},
        {"type": "energy", "name": None, "count": None}, {"type": "gres", "name": "gpu:a100", "count": 3}, 7,
    ]  # fmt: skip
    assert shapes.tres(listed) == "cpu=2,gres/gpu:a100=3"
    assert shapes.tres([]) is None


@pytest.mark.parametrize(
    ("asked", "memory"),
    [
        ({"memory": 2_000}, "2000Mn"), ({"memory": (1 << 63) + 150}, "150Mc"), ({"memory": 0}, None), ({}, None),
        ({"memory_per_cpu": {"set": True, "infinite": False, "number": 150}}, "150Mc"),
        ({"memory_per_node": {"set": True, "infinite": False, "number": 9}, "memory_per_cpu": {"set": False}}, "9Mn"),
    ],
)  # fmt: skip
def test_memory_asked_for(asked, memory):
    row = next(json_rows.rows_of({"job_id": 1, "required": asked}))
    assert row["ReqMem"] == memory


@pytest.mark.parametrize(
    ("array", "job"),
    [
        ({"job_id": 3, "task_id": 0}, "3_0"), ({"job_id": 0, "task_id": 0}, "9"),
        ({"job_id": 3, "task_id": None, "task": "0x15"}, "3_[0,2,4]"),
        ({"job_id": 3, "task": "0x3", "limits": {"max": {"running": {"tasks": 2}}}}, "3_[0,1%2]"),
        ({"job_id": 3, "task": "1-4"}, "3_[1-4]"), ({"job_id": 3, "task": "0xoh"}, "3_[0xoh]"),
        ({"job_id": 3, "task": "0x" + "f" * (1 << 22)}, "3_[0x" + "f" * (1 << 22) + "]"),
    ],
)  # fmt: skip
def test_tasks_of_arrays(array, job):
    assert json_rows.job_id({"job_id": 9, "array": array}) == job
