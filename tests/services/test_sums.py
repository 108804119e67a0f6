"""What the ledger says is held is what Slurm itself sums up (sreport), on both versions: of a past of thousands
of jobs, and of a workload that really ran.

Slurm sums whole hours that are over, so the workload's times are put back by three hours before it does.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from tests.services.command import paydown, rows
from tests.services.slurm import newer, this_machines

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("services")]
HOUR = 3600
DAY = 24 * HOUR
SLURMS = {"cpu": "cpu", "gres/gpu": "gpu"}
UNIT = 1_000_000
"""Milli-units x ms in a unit x s."""


def wall(seconds):
    """Write an instant as Slurm reads it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))


def said_by_slurm(cluster, report, since, until):
    """Give the rows of one of sreport's reports, in TRES seconds."""
    argv = ("sreport", "-P", "-n", "-t", "Seconds", "-T", ",".join(SLURMS), "cluster", report)
    said = cluster.run(*argv, f"Start={wall(since)}", f"End={wall(until)}")
    return [line.split("|") for line in said.splitlines()]


def summed_by_slurm(cluster, since, until):
    """Give TRES seconds by user and account, without reservations and what is summed over users."""
    found = said_by_slurm(cluster, "AccountUtilizationByUser", since, until)
    return {(account, user, SLURMS[tres]): int(used) for _, account, user, _, tres, used in found if user and int(used)}


def summed_by_paydown(store, since, until, timezone="UTC"):
    """Give the same of the ledger."""
    window = ("--from", since, "--to", until, "--category", "allocated", "--tres", "cpu", "--tres", "gpu")
    found = rows(store, "ledger", "--exact", "--by", "account", "--by", "user", *window)
    assert all(row["amount"] % UNIT == 0 for row in found)
    return {(row["account"], row["user"], row["tres"]): row["amount"] // UNIT for row in found if row["amount"]}


def dumped(cluster, store, folder, since):
    """Read the cluster's own dumps into a store."""
    jobs, nodes = folder / "sacct.txt", folder / "nodes.txt"
    jobs.write_text(cluster.run("sacct", "-a", "-D", "-P", "-o", "ALL", "-S", wall(since), "-E", "now"))
    nodes.write_text(cluster.run("scontrol", "-d", "show", "node"))
    zone = ("--timezone", time.strftime("%Z"))
    paydown(store, "ingest", "slurm-nodes", nodes, "--cluster", "lab", *zone, "--no-post")
    paydown(store, "ingest", "sacct", jobs, *zone)


@pytest.fixture(scope="module")
def worked():
    """Give a cluster of each version on which the workload ran and all jobs are over, three hours ago."""
    with ExitStack() as stack:
        clusters = {made.__name__: stack.enter_context(made()) for made in (this_machines, newer)}
        with ThreadPoolExecutor() as pool:
            list(pool.map(finish, clusters.values()))
        yield clusters


def finish(cluster):
    """Run the workload, end what still runs, put it into the past, and let Slurm sum it."""
    numbers = cluster.jobs
    for user in ("alice", "bob", "carol"):
        cluster.run("scancel", "-u", user)
    for name in ("gpu2", "gpu4", "gpu8", "multinode", "het", "lowqos"):
        cluster.wait_accounted(numbers[name], "CANCELLED")
    cluster.go_back(3 * HOUR)
    cluster.roll_up(wall(time.time() - DAY)[:10])


@pytest.mark.parametrize("version", ["this_machines", "newer"])
def test_the_workload_that_ran_is_summed_as_slurm_sums_it(worked, version, tmp_path):
    cluster = worked[version]
    until = int(time.time()) // HOUR * HOUR
    since = until - 5 * HOUR
    dumped(cluster, tmp_path / "store", tmp_path, since)
    slurms = summed_by_slurm(cluster, since, until)
    assert summed_by_paydown(tmp_path / "store", since, until) == slurms
    assert {user for _, user, tres in slurms if tres == "gpu"} == {"alice", "bob", "carol"}
    allocated = {row[1]: int(row[2]) for row in said_by_slurm(cluster, "Utilization", since, until)}
    for slurms_name, name in SLURMS.items():
        assert sum(used for (_, _, tres), used in slurms.items() if tres == name) == allocated[slurms_name]


def test_thousands_of_jobs_are_summed_as_slurm_sums_them(either_slurm, tmp_path):
    cluster = either_slurm
    past = cluster.history(3000, 4)
    cluster.roll_up(wall(time.time() - 6 * DAY)[:10])
    until = int(time.time()) // HOUR * HOUR
    since = until - 2 * DAY
    dumped(cluster, tmp_path / "store", tmp_path, until - 10 * DAY)
    slurms = summed_by_slurm(cluster, since, until)
    assert summed_by_paydown(tmp_path / "store", since, until) == slurms
    within = sum(job.gpus * max(0, min(job.end, until) - max(job.start, since)) for job in past)
    assert sum(used for (_, _, tres), used in slurms.items() if tres == "gpu") == within
