"""Sets the scene that was recorded, on both clusters of tests/services, and records it; run as a program.

The workload of slurm-jobs.sh, and beside it: a node that is down, one that drains, three reservations, jobs that wait
for limits, a reservation and a node, a suspended one, a preempted one, one that gave a node back, an interactive one.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.services.slurm import newer, this_machines  # noqa: E402 - found by the line above

SMALL = ("-c", "1", "--mem=100", "-t", "30")


def reserve(cluster):
    """Make reservations: maintenance now and tomorrow, and a team's in an hour."""
    make = ("scontrol", "create", "reservation")
    cluster.run(
        *make,
        "ReservationName=maint",
        "StartTime=now",
        "Duration=60",
        "Nodes=gpu03",
        "User=root",
        "Flags=MAINT,IGNORE_JOBS",
    )
    cluster.run(
        *make,
        "ReservationName=upgrade",
        "StartTime=now+1day",
        "Duration=120",
        "Nodes=gpu[01-02]",
        "User=root",
        "Flags=MAINT",
    )
    cluster.run(
        *make,
        "ReservationName=team",
        "StartTime=now+1hour",
        "Duration=60",
        "Nodes=gpu04",
        "Users=carol",
        "Flags=IGNORE_JOBS",
    )


def trouble(cluster):
    """Break a node and drain another."""
    number = (cluster.folder / "run/slurmd.cpu02.pid").read_text().split()[0]
    os.kill(int(number), signal.SIGTERM)  # else it would come back by itself
    cluster.run("scontrol", "update", "NodeName=cpu02", "State=DOWN", "Reason=not responding | ask Äb")
    cluster.run("scontrol", "update", "NodeName=gpu04", "State=DRAIN", "Reason=fan 3 is loud")


def limit(cluster):
    """Let jobs wait for what a site decides."""
    cluster.run("sacctmgr", "-i", "modify", "qos", "low", "set", "MaxTRESPerUser=gres/gpu=1")
    cluster.run("sacctmgr", "-i", "modify", "account", "vision", "set", "GrpTRES=gres/gpu=12")
    cluster.run("sacctmgr", "-i", "modify", "user", "carol", "set", "MaxJobs=8", "GrpTRESMins=gres/gpu=100000")
    return [
        cluster.submit("bob", "-p", "gpu", "-q", "low", "--gres=gpu:1", "-J", "qos-limit", *SMALL),
        cluster.submit("bob", "-p", "gpu", "--gres=gpu:8", "-J", "account-limit", *SMALL),
        cluster.submit("carol", "-p", "gpu", "--reservation=team", "--gres=gpu:1", "-J", "reserved", *SMALL),
        cluster.submit("alice", "-p", "cpu", "-w", "cpu02", "-J", "node-down", *SMALL),
        cluster.submit("alice", "-p", "cpu", "-J", 'a|b "c" ü', "--comment=x|y", *SMALL),
    ]


def live(cluster):
    """Let jobs be suspended, made smaller, preempted and interactive."""
    suspended = cluster.submit("alice", "-p", "gpu", "-w", "gpu04", "-J", "suspended", *SMALL)
    smaller = cluster.submit("carol", "-p", "gpu", "-N", "2", "-w", "gpu[02-03]", "-J", "smaller", *SMALL)
    victim = cluster.submit(
        "bob", "-p", "cpu", "-q", "low", "--requeue", "-c", "20", "-w", "cpu01", "-J", "victim", "-t", "30", "--mem=100"
    )
    for job in (suspended, smaller, victim):
        cluster.wait(job, "RUNNING")
    cluster.run("scontrol", "suspend", suspended)
    cluster.run("scontrol", "update", f"JobId={smaller}", "NumNodes=1", user="carol")
    urgent = cluster.submit(
        "alice", "-p", "cpu", "-q", "high", "-c", "24", "-w", "cpu01", "-J", "urgent", "-t", "30", "--mem=100"
    )
    cluster.wait(urgent, "RUNNING")
    argv = ["runuser", "-u", "alice", "--", "srun", "-p", "gpu", "--gres=gpu:1", *SMALL, "-J", "shell", "sleep", "300"]
    shell = subprocess.Popen(argv, env=cluster.environment, cwd="/", stdin=subprocess.DEVNULL)
    cluster.wait(urgent + 1, "RUNNING")
    return shell


def record(cluster):
    """Set the scene and write the files."""
    assert cluster.jobs
    shell = live(cluster)
    reserve(cluster)
    waiting = limit(cluster)
    trouble(cluster)
    time.sleep(8)  # the schedulers look at every job once more, and say why it waits
    assert [cluster.state(job) for job in waiting] == ["PENDING"] * 4 + ["RUNNING"]
    folder = HERE / cluster.version
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([HERE / "record.sh", folder], env=cluster.environment, check=True)
    private(cluster, folder / "private")
    shell.kill()
    usage(cluster, folder)


def private(cluster, folder):
    """Record what alice may see of it where a site hides others' jobs."""
    with cluster.setting(PrivateData="jobs"):
        argv = ["runuser", "-u", "alice", "--", HERE / "record.sh", folder]
        folder.mkdir()
        shutil.chown(folder, "alice")
        subprocess.run(argv, env=cluster.environment, check=True)
    for path in folder.iterdir():
        shutil.chown(path, "root", "root")
        if not path.name.startswith(("squeue", "sacct-", "scontrol-d-o", "sinfo-N")):
            path.unlink()


def usage(cluster, folder):
    """Record Slurm's own sums: it sums whole hours only, so all that happened is put three hours back."""
    for user in ("alice", "bob", "carol"):
        cluster.run("scancel", "-u", user)
    time.sleep(8)
    cluster.go_back(3 * 3600)
    cluster.roll_up(time.strftime("%Y-%m-%d", time.localtime(time.time() - 86400)))
    subprocess.run([HERE / "record-usage.sh", folder], env=cluster.environment, check=True)


if __name__ == "__main__":
    for made in (this_machines, newer):
        with made() as running:
            record(running)
