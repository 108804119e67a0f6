"""The figures of real records, computed from the connector's own rows."""

from collections import defaultdict

import pytest

from paydown.connectors.clustercockpit import CONNECTOR, Settings
from paydown.connectors.interface import Context
from paydown.model.batch import Batch, Vouch


@pytest.fixture(scope="module")
def read(real_data):
    items = list(CONNECTOR.read(Settings(path=real_data("clustercockpit-alex")), Context()))
    rows = defaultdict(list)
    for item in items:
        if isinstance(item, Batch):
            rows[item.table] += item.rows.to_pylist()
    return rows, items


@pytest.fixture(scope="module")
def gpu_hours(read):
    hours = defaultdict(float)
    for row in read[0]["allocations"]:
        if row["gpu_milli"]:
            hours[row["job_id"]] += row["gpu_milli"] / 1000 * (row["end"] - row["start"]).total_seconds() / 3600
    return hours


def test_jobs_and_gpu_hours(gpu_hours):
    assert len(gpu_hours) == 303
    assert round(sum(gpu_hours.values()), 2) == 3980.04


def test_use_weighted_by_gpu_hours(read, gpu_hours):
    use = {row["job_id"]: row["mean"] for row in read[0]["job_usage"] if row["signal"] == "gpu_util"}
    assert use.keys() == gpu_hours.keys()
    weighted = sum(use[job] * hours for job, hours in gpu_hours.items()) / sum(gpu_hours.values())
    assert round(100 * weighted, 2) == 71.86
    assert round(100 * sum(use.values()) / len(use), 2) == 44.85


def test_jobs_at_exactly_zero(read, gpu_hours):
    zero = {row["job_id"] for row in read[0]["job_usage"] if row["signal"] == "gpu_util" and row["mean"] == 0}
    assert len(zero) == 94
    assert round(sum(gpu_hours[job] for job in zero), 1) == 57.6


def test_no_capacity_and_no_submit(read):
    rows, items = read
    assert set(rows) == {"jobs", "allocations", "job_usage"}
    assert {row["submit"] for row in rows["jobs"]} == {None}
    assert {(v.cluster, v.supports) for v in items if isinstance(v, Vouch)} == {("alex", ("use",)), ("fritz", ("use",))}


def test_memory_of_a_job_is_over_all_its_nodes(read):
    devices = defaultdict(int)
    for row in read[0]["allocations"]:
        devices[row["job_id"]] += row["gpu_milli"] // 1000
    memory = {r["job_id"]: r["mean"] for r in read[0]["job_usage"] if r["signal"] == "gpu_memory_used_mib"}
    several = [job for job, count in devices.items() if count == 24]
    assert len(several) == 2
    assert {memory[job] / 24 for job in several} == {590.125}  # what the driver alone holds of an A100
