"""What is made of each row of a ClusterCockpit database."""

import json
import shutil
import sqlite3
from collections import defaultdict

import pytest

from paydown.connectors.clustercockpit import CONNECTOR, Settings
from paydown.connectors.clustercockpit.states import STATES
from paydown.connectors.interface import Context
from paydown.errors import InputError
from paydown.model.batch import Batch, Reject, Vouch
from paydown.model.facts import JOB_STATES


@pytest.fixture
def sample(sample_of):
    return sample_of("clustercockpit")


@pytest.fixture
def read(sample, tmp_path):
    def run(*rows, context=None, **settings):
        path = sample.write(tmp_path / "job.db", rows)
        tables, rejects, vouches = gather({"path": path, **settings}, context or Context())
        return tables, rejects, vouches

    return run


def gather(settings, context):
    tables, rejects, vouches = defaultdict(list), [], []
    for item in CONNECTOR.read(Settings(**settings), context):
        if isinstance(item, Batch):
            tables[item.table] += item.rows.to_pylist()
        elif isinstance(item, Reject):
            rejects.append(item)
        elif isinstance(item, Vouch):
            vouches.append(item)
    return tables, rejects, vouches


def usage(tables):
    return {(row["job_id"], row["signal"]): row["mean"] for row in tables["job_usage"]}


def test_a_job(read, sample):
    tables, rejects, _ = read({})
    (job,) = tables["jobs"]
    assert (job["job_id"], job["attempt"], job["user"], job["account"], job["partition"]) == (
        "1", 0, "annabel", "physics", "gpu",
    )  # fmt: skip
    assert (job["state"], job["name"], job["labels"], job["exclusive"]) == (
        "COMPLETED",
        "train",
        "subcluster=small",
        False,
    )
    assert (job["start"].timestamp(), job["end"].timestamp()) == (sample.START, sample.START + 600)
    assert (job["submit"].timestamp(), job["time_limit_ms"], job["array_id"]) == (sample.START - 60, 3_600_000, None)
    assert rejects == []


def test_what_it_held_and_used(read, sample):
    tables, _, _ = read({})
    (held,) = tables["allocations"]
    assert (held["node"], held["gpu_milli"], held["gpus"], held["cpu_milli"]) == ("g1", 1000, sample.CARDS[1], 4000)
    assert usage(tables) == {("1", "gpu_util"): 0.725, ("1", "gpu_memory_used_mib"): 2048.0}


@pytest.mark.parametrize("shared", ["none", "single_user", "multi_user"])
def test_load_and_host_memory_are_nobodys(read, shared):
    tables, _, _ = read({"shared": shared})
    assert {signal for _, signal in usage(tables)} == {"gpu_util", "gpu_memory_used_mib"}
    assert tables["jobs"][0]["exclusive"] == (shared == "none")


def test_times_that_are_not_known_are_null(read):
    tables, _, _ = read({"submit_time": 0, "walltime": 0})
    assert tables["jobs"][0]["submit"] is None
    assert tables["jobs"][0]["time_limit_ms"] is None


def test_every_state_is_one_of_slurms(read):
    assert set(STATES.values()) <= set(JOB_STATES)
    tables, _, _ = read(*({"job_id": at, "job_state": state} for at, state in enumerate(STATES, 1)))
    assert [row["state"] for row in tables["jobs"]] == list(STATES.values())


def test_a_job_that_runs_is_open_and_its_use_is_not_read_yet(read):
    tables, rejects, vouches = read({"job_state": "running", "duration": 90, "monitoring_status": 1})
    assert tables["jobs"][0]["end"] is None
    assert tables["allocations"][0]["end"] is None
    assert tables["job_usage"] == []
    assert rejects == []
    assert "1 jobs had not ended" in vouches[0].note


def test_a_job_that_never_ran_held_nothing(read):
    pending = {"job_state": "pending", "resources": [], "start_time": 0, "duration": 0, "footprint": None}
    tables, rejects, _ = read(pending, {"job_id": 2, "job_state": "cancelled", "start_time": 0})
    assert [row["start"] for row in tables["jobs"]] == [None, None]
    assert tables["allocations"] == []
    assert rejects == []


@pytest.mark.parametrize("status", [0, 1, 2])
def test_a_footprint_of_half_a_life_is_not_believed(read, status):
    tables, rejects, _ = read({"monitoring_status": status})
    assert tables["job_usage"] == []
    assert [reject.reason for reject in rejects] == ["not-archived"]


def test_a_zero_counts_where_others_are_above_it(read):
    zero = {"job_id": 2, "footprint": {"acc_utilization_avg": 0, "acc_mem_used_avg": 590}}
    tables, rejects, _ = read({}, zero)
    assert usage(tables)["2", "gpu_util"] == 0
    assert rejects == []


def test_a_zero_that_nothing_proves_is_null(read):
    dead = {"job_id": 2, "subcluster": "blind", "footprint": {"acc_utilization_avg": 0, "acc_mem_used_avg": 0}}
    tables, rejects, _ = read({}, dead)
    assert {job for job, _ in usage(tables)} == {"1"}
    assert [(reject.reason, reject.line) for reject in rejects] == [("unproven-zero", 2)] * 2


def test_memory_is_the_mean_over_nodes_of_each_nodes_sum(read, sample):
    nodes = [{"hostname": name, "hwthreads": [0], "accelerators": sample.CARDS} for name in ("g1", "g2", "g3")]
    tables, _, _ = read({"resources": nodes, "num_nodes": 3, "num_acc": 6})
    assert usage(tables)["1", "gpu_memory_used_mib"] == 3 * 2048
    assert [row["gpu_milli"] for row in tables["allocations"]] == [2000] * 3


@pytest.mark.parametrize(("unit", "mib"), [("MiB", 2048.0), ("GiB", 2097152.0), ("MB", 1953.125), ("GB", 1953125.0)])
def test_the_unit_of_memory_is_a_setting(read, unit, mib):
    tables, _, _ = read({}, gpu_memory_unit=unit)
    assert usage(tables)["1", "gpu_memory_used_mib"] == mib


def test_nodes_without_lists_share_the_totals(read):
    nodes = [{"hostname": "a"}, {"hostname": "b"}]
    tables, _, _ = read(
        {"resources": nodes, "num_nodes": 2, "num_hwthreads": 144, "num_acc": 3},
        {"job_id": 2, "resources": nodes, "num_nodes": 2, "num_hwthreads": 145, "num_acc": 0},
    )
    held = [(row["gpu_milli"], row["gpus"], row["cpu_milli"]) for row in tables["allocations"]]
    assert held == [(2000, None, 72_000), (1000, None, 72_000), (0, None, None), (0, None, None)]


def test_a_device_without_an_address_is_counted_not_named(read, sample):
    nodes = [{"hostname": "a", "hwthreads": [0], "accelerators": ["", sample.CARDS[0]]}]
    tables, _, _ = read({"resources": nodes, "num_acc": 2})
    assert [(row["gpu_milli"], row["gpus"]) for row in tables["allocations"]] == [(2000, None)]


def test_the_topology_names_devices_by_index(sample, tmp_path):
    tables, _, _ = gather(sample.make(tmp_path), Context())
    assert [row["gpus"] for row in tables["allocations"] if row["node"] == "g1"][:3] == ["1", "1", "0;1"]
    other = tmp_path / "other.json"
    described = sample.cluster_json()
    described["subClusters"][0]["topology"]["accelerators"].reverse()
    other.write_text(json.dumps(described))
    tables, _, _ = gather({"path": tmp_path, "topology": (other,)}, Context())
    assert tables["allocations"][0]["gpus"] == "0"


def test_starts_of_one_job_are_attempts(read, sample):
    later = {"start_time": sample.START + 9_000, "job_state": "completed"}
    tables, _, _ = read({**later}, {"job_state": "node_fail"}, {"cluster": "elsewhere"})
    assert [(row["cluster"], row["attempt"], row["state"]) for row in tables["jobs"]] == [
        ("gpuland", 1, "COMPLETED"), ("gpuland", 0, "NODE_FAIL"), ("elsewhere", 0, "COMPLETED"),
    ]  # fmt: skip


def test_tasks_of_an_array(read):
    tables, _, _ = read(
        {"job_id": 10, "array_job_id": 10},
        {"job_id": 11, "array_job_id": 10},
        {"job_id": 12, "array_job_id": 12},
    )
    assert [row["array_id"] for row in tables["jobs"]] == ["10", "10", None]


@pytest.mark.parametrize(
    "bad", [{"resources": "[{"}, {"resources": '{"hostname": 1}'}, {"start_time": "soon"}, {"duration": 1 << 60}]
)
def test_a_row_that_cannot_be_read_is_a_reject(read, bad):
    tables, rejects, _ = read({}, {"job_id": 2, **bad})
    assert [row["job_id"] for row in tables["jobs"]] == ["1"]
    assert [(reject.reason, reject.line, reject.cluster) for reject in rejects] == [("bad-row", 2, "gpuland")]
    assert "annabel" not in rejects[0].row


def test_a_footprint_that_cannot_be_read_leaves_the_job(read):
    tables, rejects, _ = read({"footprint": "[1"})
    assert len(tables["jobs"]) == len(tables["allocations"]) == 1
    assert [reject.table for reject in rejects] == ["job_usage"]


def test_several_clusters(sample, tmp_path):
    settings = sample.make(tmp_path)
    _, _, vouches = gather(settings, Context())
    assert [(v.cluster, v.supports) for v in vouches] == [("cpuland", ("use",)), ("gpuland", ("use",))]
    with pytest.raises(InputError, match="--only"):
        gather(settings, Context(cluster="mine"))
    tables, _, vouches = gather({**settings, "only": ("cpuland",)}, Context(cluster="mine"))
    assert {row["cluster"] for row in tables["jobs"]} == {"mine"}
    assert [v.cluster for v in vouches] == ["mine"]
    with pytest.raises(InputError, match="nowhere"):
        gather({**settings, "only": ("nowhere",)}, Context())


def test_pages_that_are_only_in_the_log_are_read(sample, tmp_path):
    sample.write(tmp_path / "job.db", [{}])
    live = sqlite3.connect(tmp_path / "job.db")
    live.execute("PRAGMA journal_mode = WAL")
    live.execute("UPDATE job SET project = 'chemistry'")
    live.commit()
    taken = tmp_path / "taken"
    taken.mkdir()
    for name in ("job.db", "job.db-wal", "job.db-shm"):
        shutil.copyfile(tmp_path / name, taken / name)
    live.close()
    before = {file.name: file.stat().st_mtime_ns for file in taken.iterdir()}
    taken.chmod(0o500)
    try:
        tables, _, _ = gather({"path": taken / "job.db"}, Context())
    finally:
        taken.chmod(0o700)
    assert [row["account"] for row in tables["jobs"]] == ["chemistry"]
    assert {file.name: file.stat().st_mtime_ns for file in taken.iterdir()} == before


def test_the_columns_of_older_versions(sample, tmp_path):
    newer = {"hpc_user": "user", "cluster_partition": "partition", "shared": "exclusive"}
    schema = sample.SCHEMA
    for name, older in newer.items():
        schema = schema.replace(f"{name} ", f'"{older}" ')
    defaults = {newer.get(name, name): value for name, value in sample.DEFAULTS.items()}
    path = sample.write(tmp_path / "job.db", [{"exclusive": 1}], schema, defaults)
    tables, _, _ = gather({"path": path}, Context())
    assert [(row["user"], row["partition"], row["exclusive"]) for row in tables["jobs"]] == [("annabel", "gpu", True)]


def test_what_is_no_job_database(tmp_path):
    with pytest.raises(InputError, match="no job database"):
        gather({"path": tmp_path}, Context())
    (tmp_path / "job.db").write_text("something else entirely, and long enough to have a header" * 9)
    with pytest.raises(InputError, match="cannot be read"):
        gather({"path": tmp_path}, Context())
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE job (id)").connection.close()
    with pytest.raises(InputError, match="lacks"):
        gather({"path": tmp_path / "empty.db"}, Context())
    (tmp_path / "cluster.json").write_text("{}")
    with pytest.raises(InputError, match=r"cluster\.json"):
        gather({"path": tmp_path / "empty.db"}, Context())
