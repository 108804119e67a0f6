"""The services run, and can be made to do what tests ask of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.services.running import take


def test_a_cluster_has_its_nodes_and_says_its_version(either_slurm):
    nodes = either_slurm.run("sinfo", "-h", "-N", "-p", "gpu", "-o", "%N %G").splitlines()
    assert nodes == [f"gpu0{i} gpu:a100:8" for i in range(1, 5)]
    assert either_slurm.version in either_slurm.run("sinfo", "-V")


def test_the_newer_slurm_is_newer(slurm, newer_slurm):
    assert newer_slurm.version.startswith("24.11.")
    assert slurm.version < newer_slurm.version
    assert slurm.folder != newer_slurm.folder


def test_an_ordinary_user_runs_a_job(either_slurm):
    job = either_slurm.submit("alice", "-p", "cpu", "-c", "1", "--mem=100", "-t", "5", wrap="true")
    assert either_slurm.wait(job, "COMPLETED", "FAILED") == "COMPLETED"
    assert either_slurm.wait_accounted(job, "COMPLETED", "FAILED") == "COMPLETED"
    said = either_slurm.run("sacct", "-n", "-X", "-P", "-o", "User,Account", "-j", job, user="alice")
    assert said == "alice|nlp\n"


def test_others_jobs_are_hidden_while_the_setting_says_so(either_slurm):
    job = either_slurm.submit("bob", "-p", "cpu", "-c", "1", "--mem=100", "-t", "5", wrap="sleep 60")
    either_slurm.wait_accounted(job, "RUNNING")

    def seen():
        listed = either_slurm.run("squeue", "-h", "-o", "%A", user="alice").split()
        accounted = either_slurm.run("sacct", "-a", "-n", "-X", "-P", "-o", "JobIDRaw", user="alice").split()
        return str(job) in listed, str(job) in accounted

    assert seen() == (True, True)
    with either_slurm.setting(PrivateData="jobs"):
        assert seen() == (False, False)
    assert seen() == (True, True)


def test_one_process_of_several_runs_all_tests_with_services(prometheus, request):
    if not hasattr(request.config, "workerinput"):
        pytest.skip("there is but one process")
    assert request.node.nodeid.endswith("@services")


def test_what_a_test_sets_is_what_prometheus_answers(prometheus):
    prometheus.set(**{"gpu03/2": {"util": 37, "hpc_job": "17"}})
    ((labels, value),) = prometheus.wait('DCGM_FI_DEV_GPU_UTIL{hpc_job="17"} == 37')
    assert (labels["Hostname"], labels["gpu"], labels["instance"], value) == ("gpu03", "2", "gpu03:9400", 37)
    prometheus.reset()
    prometheus.wait('DCGM_FI_DEV_GPU_UTIL{Hostname="gpu03", gpu="2", hpc_job=""} == 0')
    assert len(prometheus.query("DCGM_FI_DEV_FB_USED")) == 32


def test_the_past_is_what_a_test_writes(prometheus):
    now = int(time.time()) * 1000
    ago = now - 30 * 86_400_000
    prometheus.past("old01", 5, [({"util": 80}, ago + 60_000 * i) for i in range(10)], hpc_job="4")
    ((labels, value),) = prometheus.query('DCGM_FI_PROF_GR_ENGINE_ACTIVE{Hostname="old01"}', at=ago / 1000 + 540)
    assert (labels["hpc_job"], labels["gpu"], value) == ("4", "5", 0.8)
    assert prometheus.query('DCGM_FI_DEV_GPU_UTIL{Hostname="old01"}', at=now / 1000) == []


KEPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from tests.services.prometheus import scraping
with scraping() as server:
    print(server.folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def killed(prometheus, request):
    """Kill a run that started a service, with its keeper or without, and give the service's processes."""

    def kill(*, keeper):
        root = str(request.config.rootpath)
        with subprocess.Popen([sys.executable, "-c", KEPT, root], stdout=subprocess.PIPE, text=True) as run:
            folder = Path(run.stdout.readline().strip())
            assert folder != prometheus.folder
            numbers = [int(path.read_text().split()[0]) for path in (folder / "run").glob("*.pid")]
            assert len(numbers) == 3
            if keeper:
                os.kill(_child(run.pid), signal.SIGKILL)
            os.kill(run.pid, signal.SIGKILL)
        return numbers

    return kill


def test_a_service_goes_when_its_test_run_is_killed(killed):
    numbers = killed(keeper=False)
    until = time.monotonic() + 30
    while any(map(_exists, numbers)):
        assert time.monotonic() < until, "what the killed run started still runs"
        time.sleep(0.05)


def test_the_next_run_ends_what_a_killed_keeper_left(killed):
    numbers = killed(keeper=True)
    assert all(map(_exists, numbers))
    taken = []
    while any(map(_exists, numbers)):
        taken.append(take())  # an error where no place is left
    for place in taken:
        os.close(place.lock)


def _child(parent):
    said = subprocess.run(["pgrep", "-P", str(parent), "-f", "keep.sh"], capture_output=True, text=True, check=True)
    return int(said.stdout)


def _exists(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
