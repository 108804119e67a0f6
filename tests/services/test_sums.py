"""What the ledger says is held is what Slurm itself sums up (sreport), on both versions, to the second.

Of a workload that really ran and was collected meanwhile, of dumps of it, and of a past of thousands of jobs. Slurm
sums whole hours that are over, so the workload's times are put back by three hours before it does.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.services.command import paydown, rows
from tests.services.slurm import Slurm, newer, this_machines

from paydown.store import open_store

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("services")]
HOUR = 3600
DAY = 24 * HOUR
BACK = 3 * HOUR
SLURMS = {"cpu": "cpu", "gres/gpu": "gpu"}
UNIT = 1_000_000
"""Milli-units x ms in a unit x s."""
VERSIONS = {"22.05": this_machines, "24.11": newer}
ENDS = {
    "cpu-ok": "COMPLETED", "fails": "FAILED", "steps": "COMPLETED", "cancelled": "CANCELLED", "timesout": "TIMEOUT",
    "waits": "PENDING", "held": "PENDING", "later": "PENDING", "never": "PENDING", "gpu8": "RUNNING", "het": "RUNNING",
}  # fmt: skip
RUNNING = ("gpu2", "gpu4", "gpu8", "multinode", "het", "lowqos")
UTIL = 40
"""Per cent, of all GPUs while the workload runs."""


def wall(seconds):
    """Write an instant as Slurm reads it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))


def said_by_slurm(cluster, report, since, until):
    """Give the rows of one of sreport's reports, in TRES seconds."""
    argv = ("sreport", "-P", "-n", "-t", "Seconds", "-T", ",".join(SLURMS), "cluster", report)
    said = cluster.run(*argv, f"Start={wall(since)}", f"End={wall(until)}")
    return [line.split("|") for line in said.splitlines()]


def summed_by_slurm(cluster, since, until):
    """Give TRES seconds by account, user and TRES, without what is summed over users."""
    found = said_by_slurm(cluster, "AccountUtilizationByUser", since, until)
    return {(account, user, SLURMS[tres]): int(used) for _, account, user, _, tres, used in found if user and int(used)}


def summed_by_paydown(store, since, until):
    """Give the same of the ledger."""
    window = ("--from", f"@{since}", "--to", f"@{until}", "--category", "allocated", "--tres", "cpu", "--tres", "gpu")
    found = rows(store, "ledger", "--exact", "--by", "account", "--by", "user", *window)
    assert all(row["amount"] % UNIT == 0 for row in found)
    return {(row["account"], row["user"], row["tres"]): row["amount"] // UNIT for row in found if row["amount"]}


def dumped(cluster, folder, since):
    """Read the cluster's own dumps into a store."""
    jobs, nodes, store = folder / "sacct.txt", folder / "nodes.txt", folder / "store"
    jobs.write_text(cluster.run("sacct", "-a", "-D", "-P", "-o", "ALL", "-S", wall(since), "-E", "now"))
    nodes.write_text(cluster.run("scontrol", "-d", "show", "node"))
    zone = ("--timezone", time.strftime("%Z"))
    paydown(store, "ingest", "slurm-nodes", nodes, "--cluster", "lab", *zone, "--no-post")
    paydown(store, "ingest", "sacct", jobs, *zone)
    return store


@dataclass(frozen=True)
class Worked:
    """A cluster on which the workload ran and all jobs are over, three hours ago, and what was collected meanwhile."""

    cluster: Slurm
    folder: Path
    states: dict = field(default_factory=dict)
    """Of the workload's jobs by name, when it had just been run."""

    @property
    def store(self):
        return self.folder / "collected"

    def collect(self):
        """Read each source once."""
        config = self.folder / "config.toml"
        paydown(self.store, "--quiet", "collect", "--once", environment=self.cluster.environment, config=config)

    def work(self):
        """Run the workload, end what still runs, put it into the past, and let Slurm sum it; collect three times."""
        self.collect()
        numbers = self.cluster.jobs
        self.states.update({name: self.cluster.state(number) for name, number in numbers.items()})
        self.collect()
        for user in ("alice", "bob", "carol"):
            self.cluster.run("scancel", "-u", user)
        for name in RUNNING:
            self.cluster.wait_accounted(numbers[name], "CANCELLED")
        self.collect()
        self.cluster.go_back(BACK)
        self.cluster.roll_up(wall(time.time() - DAY)[:10])


@pytest.fixture(scope="module")
def worked(prometheus, tmp_path_factory):
    """Give what ran on a cluster of each version, all of whose GPUs Prometheus saw at the same utilization."""
    prometheus.set(**{"*/*": {"util": UTIL}})
    prometheus.wait(f"count(DCGM_FI_DEV_GPU_UTIL == {UTIL}) == 32")
    with ExitStack() as stack:
        found = {}
        for version, made in VERSIONS.items():
            folder = tmp_path_factory.mktemp("worked")
            found[version] = Worked(stack.enter_context(made()), folder)
            (folder / "config.toml").write_text(
                f'[sources.slurm]\n[sources.prometheus]\nurl = "{prometheus.url}"\ncluster = "lab"\nlag = "0s"\n'
            )
        with ThreadPoolExecutor() as pool:
            list(pool.map(Worked.work, found.values()))
        yield found
    prometheus.reset()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_workload_has_jobs_in_every_common_state(worked, version):
    states = worked[version].states
    assert {name: states[name] for name in ENDS} == ENDS
    assert states["array"] == "COMPLETED,FAILED"
    if worked[version].cluster.cgroups:
        assert states["oom"] == "OUT_OF_MEMORY"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("source", ["collected", "dumped"])
def test_the_workload_that_ran_is_summed_as_slurm_sums_it(worked, version, source, tmp_path):
    cluster = worked[version].cluster
    until = int(time.time()) // HOUR * HOUR
    since = until - 5 * HOUR
    slurms = summed_by_slurm(cluster, since, until)
    if source == "collected":
        found = summed_by_paydown(worked[version].store, since + BACK, until + BACK)
    else:
        found = summed_by_paydown(dumped(cluster, tmp_path, since), since, until)
    assert found == slurms
    assert {user for _, user, tres in slurms if tres == "gpu"} == {"alice", "bob", "carol"}
    allocated = {row[1]: int(row[2]) for row in said_by_slurm(cluster, "Utilization", since, until)}
    assert {name: sum(found[key] for key in found if key[2] == SLURMS[name]) for name in SLURMS} == allocated


@pytest.mark.parametrize("version", VERSIONS)
def test_devices_seen_while_jobs_ran_give_each_job_its_use(worked, version):
    number = str(worked[version].cluster.jobs["gpu8"])
    held = open_store(worked[version].store).snapshot().rows("allocations").to_pylist()
    assert [row["gpus"] for row in held if row["job_id"] == number] == ["0;1;2;3;4;5;6;7"]
    found = rows(worked[version].store, "ledger", "--exact", "--tres", "gpu", "--by", "job_id", "--by", "detail")
    amounts = {(row["category"], row["detail"]): row["amount"] for row in found if row["job_id"] == number}
    allocated = amounts.pop(("allocated", None))
    assert sum(amounts.values()) == allocated
    observed = amounts["used", "open"] + amounts["underused", None]
    assert ("unobserved", "pooled") not in amounts
    assert observed > 0.7 * allocated
    assert amounts["used", "open"] == pytest.approx(observed * UTIL / 100, rel=1e-6)


def test_thousands_of_jobs_are_summed_as_slurm_sums_them(either_slurm, tmp_path):
    past = either_slurm.history(3000, 4)
    either_slurm.roll_up(wall(time.time() - 6 * DAY)[:10])
    until = int(time.time()) // HOUR * HOUR - DAY  # nothing really ran then
    since = until - 2 * DAY
    store = tmp_path / "store"
    paydown(store, "ingest", "slurm", "--from", f"@{until - 6 * DAY}", environment=either_slurm.environment)
    slurms = summed_by_slurm(either_slurm, since, until)
    assert summed_by_paydown(store, since, until) == slurms
    within = sum(job.gpus * max(0, min(job.end, until) - max(job.start, since)) for job in past)
    assert sum(used for (_, _, tres), used in slurms.items() if tres == "gpu") == within
