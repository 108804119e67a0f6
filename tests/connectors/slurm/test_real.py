"""Against running Slurms of both versions: jobs from submission to end, devices, nodes; nothing is told in two ways."""

import time

import pytest

from paydown.connectors.interface import Context
from paydown.connectors.slurm import CONNECTOR
from paydown.connectors.slurm.settings import SlurmSettings
from paydown.ingest import ingest
from paydown.store import open_store


@pytest.fixture
def cluster(either_slurm, monkeypatch):
    found = either_slurm
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, found.environment[name])
    return found


class Collected:
    """A store into which a cluster is read, round by round."""

    def __init__(self, path, **settings):
        self.store = open_store(path, create=True)
        self.settings = SlurmSettings(**settings)

    def round(self):
        time.sleep(1)  # Slurm's clock has whole seconds, and one that was read is not read again
        done = ingest(self.store, CONNECTOR, self.settings, Context(), post=False)
        # Other tests' jobs of the cluster are read too, and may have used no CPU.
        assert set(done.rejects) <= {"unproven-zero"}
        return done

    def rows(self, table, **which):
        rows = self.store.snapshot().rows(table).to_pylist()
        return [row for row in rows if all(row[name] == value for name, value in which.items())]

    def job(self, number):
        return self.rows("jobs", job_id=str(number))


def test_a_job_from_its_submission_to_its_end(cluster, tmp_path):
    collected = Collected(tmp_path / "store")
    held = cluster.submit("alice", "-p", "gpu", "--gres=gpu:2", "-J", "late", "--hold")
    gone = cluster.submit("alice", "-p", "gpu", "--gres=gpu:2", "-J", "gone", "--hold")
    collected.round()
    (row,) = collected.job(held)
    assert (row["state"], row["pending_reason"], row["eligible"]) == ("PENDING", "JobHeldUser", None)
    assert (row["req_gpu_milli"], row["account"], row["array_id"]) == (2000, "nlp", None)
    cluster.run("scontrol", "release", held)
    cluster.wait_accounted(held, "RUNNING")
    cluster.run("scancel", gone)
    cluster.wait_accounted(gone, "CANCELLED")
    collected.round()
    (row,) = collected.job(held)
    assert row["state"] == "RUNNING"
    assert row["eligible"] is not None
    assert collected.job(gone)[0]["end"] is not None, "a held job that is cancelled is not among those of a window"
    (holds,) = collected.rows("allocations", job_id=str(held))
    assert holds["end"] is None
    assert holds["gpu_milli"] == 2000
    assert len(holds["gpus"].split(";")) == 2
    cluster.run("scancel", held)
    cluster.wait_accounted(held, "CANCELLED")
    collected.round()
    (row,), (ended,) = collected.job(held), collected.rows("allocations", job_id=str(held))
    assert row["state"] == "CANCELLED"
    assert {**ended, "end": None} == holds
    assert ended["end"] == row["end"] is not None
    again = collected.round()
    assert not any(again.replaced.get(table) for table in ("jobs", "allocations"))


def test_the_nodes_and_what_they_hold(cluster, tmp_path):
    collected = Collected(tmp_path / "store")
    job = cluster.submit("bob", "-p", "gpu", "--gres=gpu:4", "-w", "gpu02")
    cluster.wait_accounted(job, "RUNNING")
    collected.round()
    nodes = {row["node"]: row for row in collected.rows("nodes")}
    assert sorted(nodes) == ["cpu01", "cpu02", "gpu01", "gpu02", "gpu03", "gpu04"]
    assert (nodes["gpu02"]["gpus"], nodes["gpu02"]["gpu_model"], nodes["gpu02"]["end"]) == (8, "a100", None)
    (held,) = collected.rows("node_allocations", node="gpu02")
    assert held["gpu_milli"] == sum(
        row["gpu_milli"] for row in collected.rows("allocations", node="gpu02") if row["end"] is None
    )
    cluster.run("scontrol", "update", "NodeName=gpu04", "State=DRAIN", "Reason=fan 3 is loud")
    collected.round()
    cluster.run("scontrol", "update", "NodeName=gpu04", "State=RESUME")
    while "*" in cluster.run("sinfo", "-h", "-n", "gpu04", "-o", "%T"):
        time.sleep(0.2)  # a resumed node counts as not responding until it does
    collected.round()
    states = [(row["state"], row["reason"]) for row in collected.rows("node_states", node="gpu04")]
    assert sorted(states) == [("planned_down", "fan 3 is loud"), ("up", None)]
    cluster.run("scancel", job)


def test_requeues_are_attempts(cluster, tmp_path):
    collected = Collected(tmp_path / "store")
    job = cluster.submit("carol", "-p", "cpu", "--requeue")
    cluster.wait_accounted(job, "RUNNING")
    collected.round()
    cluster.run("scontrol", "requeuehold", job)
    cluster.wait(job, "PENDING")
    collected.round()
    assert [(row["attempt"], row["state"]) for row in sorted(collected.job(job), key=lambda row: row["attempt"])] in (
        [(0, "REQUEUED"), (1, "PENDING")],
        [(0, "RUNNING"), (1, "PENDING")],  # accounting has not heard of it yet
    )
    cluster.run("scontrol", "release", job)
    cluster.run("scontrol", "update", f"JobId={job}", "StartTime=now")
    cluster.wait_accounted(job, "REQUEUED,RUNNING", "RUNNING")
    collected.round()
    states = [(row["attempt"], row["state"]) for row in sorted(collected.job(job), key=lambda row: row["attempt"])]
    assert states == [(0, "REQUEUED"), (1, "RUNNING")]
    cluster.run("scancel", job)
