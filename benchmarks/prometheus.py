"""Cost of a job's telemetry from a real Prometheus: one set of queries for each job, as jobstats asks, or bulk reads.

`python -m benchmarks.prometheus` starts Debian's prometheus in a temporary folder (ports 29800 on), writes 12 hours of
256 GPUs scraped every 30 s by remote write, waits until most lie in blocks, and asks both ways in one run. The series
are written twice: as newer exporters label them with their job, and as older ones tell it as a value.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from tests.services.remote_write import write

from paydown.connectors.interface import Context
from paydown.connectors.prometheus import CONNECTOR
from paydown.ingest import ingest
from paydown.model.batch import Batch
from paydown.store import open_store

PORT = 29_800
NODES, GPUS, HOURS, STEP = 32, 8, 12, 30
POINTS = HOURS * 3600 // STEP
SIZES, SHARES = (1, 2, 4, 8), (0.4, 0.25, 0.15, 0.2)
GIB = 1 << 30
BATCH = 20
"""Scrapes that are written at once."""


@dataclass(frozen=True)
class Job:
    """A job on one node, by its first and one past its last scrape."""

    number: int
    node: int
    gpus: tuple[int, ...]
    first: int
    last: int

    @property
    def seconds(self) -> int:
        """How long it ran."""
        return (self.last - self.first) * STEP


def scheduled(seed: int = 1) -> list[Job]:
    """Fill every node with jobs of 1 to 8 GPUs and one to six hours."""
    random = np.random.default_rng(seed)
    jobs: list[Job] = []
    for node in range(NODES):
        free = np.zeros(GPUS, np.int64)
        while free.min() < POINTS:
            size = int(random.choice(SIZES, p=SHARES))
            gpus = np.argsort(free, kind="stable")[:size]
            first = int(free[gpus].max())
            last = min(first + int(random.integers(3600, 6 * 3600) // STEP), POINTS)
            free[gpus] = last
            if last > first:
                jobs.append(Job(1000 + len(jobs), node, tuple(map(int, gpus)), first, last))
    return jobs


Written = tuple[dict[str, str], int, np.ndarray]
"""Labels, the first scrape, and a figure for each scrape from there on."""


def series(jobs: list[Job]) -> Iterator[Written]:
    """Give every series, of both clusters."""
    random = np.random.default_rng(2)
    for job in jobs:
        node, length = f"gpu{job.node:03}", job.last - job.first
        host = {"instance": f"{node}:9306", "job": "cgroup", "jobid": str(job.number), "step": "", "task": ""}
        cpu = np.cumsum(random.integers(0, STEP * 8, length)).astype(float)
        memory = random.integers(1, 64, length) * float(GIB)
        for cluster in ("new", "old"):
            for name, values in (
                ("cgroup_cpu_total_seconds", cpu), ("cgroup_cpus", np.full(length, 8.0)),
                ("cgroup_memory_total_bytes", np.full(length, 64.0 * GIB)), ("cgroup_memory_rss_bytes", memory),
                ("cgroup_memory_shmem_bytes", np.zeros(length)),
            ):  # fmt: skip
                yield {"__name__": name, "cluster": cluster, **host}, job.first, values
        for gpu in job.gpus:
            card = {"instance": f"{node}:9445", "job": "gpu", "minor_number": str(gpu), "uuid": f"GPU-{node}-{gpu}",
                    "ordinal": str(gpu), "name": "NVIDIA A100-SXM4-80GB", "cluster": "new"}  # fmt: skip
            yield from _card({**card, "jobid": str(job.number)}, job.first, length, random)
    by_card: dict[tuple[int, int], np.ndarray] = {}
    for job in jobs:
        for gpu in job.gpus:
            by_card.setdefault((job.node, gpu), np.zeros(POINTS))[job.first : job.last] = job.number
    for (node, gpu), ids in by_card.items():
        card = {"instance": f"gpu{node:03}:9445", "job": "gpu", "minor_number": str(gpu), "ordinal": str(gpu),
                "uuid": f"GPU-gpu{node:03}-{gpu}", "name": "NVIDIA A100-SXM4-80GB", "cluster": "old"}  # fmt: skip
        yield {"__name__": "nvidia_gpu_jobId", **card}, 0, ids
        yield from _card(card, 0, POINTS, random)


def _card(labels: dict[str, str], first: int, length: int, random: np.random.Generator) -> Iterator[Written]:
    yield {"__name__": "nvidia_gpu_duty_cycle", **labels}, first, random.integers(0, 101, length).astype(float)
    used = random.integers(1, 80, length) * float(GIB)
    yield {"__name__": "nvidia_gpu_memory_used_bytes", **labels}, first, used
    yield {"__name__": "nvidia_gpu_memory_total_bytes", **labels}, first, np.full(length, 80.0 * GIB)


def fill(url: str, jobs: list[Job], start_ms: int) -> int:
    """Write everything, scrape after scrape as a server would have got it; give how many samples."""
    found, count = list(series(jobs)), 0
    for at in range(0, POINTS, BATCH):
        part = []
        for labels, first, values in found:
            low, high = max(at, first), min(at + BATCH, first + len(values))
            if low < high:
                times = range(start_ms + low * STEP * 1000, start_ms + high * STEP * 1000, STEP * 1000)
                part.append((labels, list(zip(values[low - first : high - first].tolist(), times, strict=True))))
                count += high - low
        write(url, part)
    return count


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a Prometheus; give its URL and process."""
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
               f"--web.listen-address=127.0.0.1:{PORT}", "--web.enable-remote-write-receiver"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{PORT}"
    try:
        for _ in range(100):
            try:
                if httpx.get(f"{url}/-/ready").is_success:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def used_by(pid: int) -> float:
    """Give the CPU seconds of another process (proc(5), stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def used_here() -> float:
    """Give the CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def jobstats(url: str, jobs: list[Job], start_ms: int, cluster: str) -> None:
    """Ask as jobstats does: one set of instant queries for each job, at its end (jobstats.py, 371 to 395)."""
    with httpx.Client() as client:
        for job in jobs:
            whole = f"cluster='{cluster}',jobid='{job.number}',step='',task=''"
            span = f"[{job.seconds}s:]"
            queries = (
                f"max_over_time(cgroup_memory_total_bytes{{{whole}}}[{job.seconds}s])",
                f"max_over_time((cgroup_memory_rss_bytes{{{whole}}} + cgroup_memory_shmem_bytes{{{whole}}}){span})",
                f"max_over_time(cgroup_cpu_total_seconds{{{whole}}}[{job.seconds}s])",
                f"max_over_time(cgroup_cpus{{{whole}}}[{job.seconds}s])",
                f"max_over_time({_of(job, 'nvidia_gpu_memory_total_bytes', cluster)}{span})",
                f"max_over_time({_of(job, 'nvidia_gpu_memory_used_bytes', cluster)}{span})",
                f"avg_over_time({_of(job, 'nvidia_gpu_duty_cycle', cluster)}{span})",
            )
            for query in queries:
                at = start_ms / 1000 + job.last * STEP - 1
                client.get(f"{url}/api/v1/query", params={"query": query, "time": at}).raise_for_status()


def _of(job: Job, name: str, cluster: str) -> str:
    """Select the series of a job's devices: by their label, or by the value of another series."""
    if cluster == "new":
        return f"{name}{{cluster='new',jobid='{job.number}'}}"
    return f"({name}{{cluster='old'}} and nvidia_gpu_jobId{{cluster='old'}} == {job.number})"


def bulk(url: str, start_ms: int, cluster: str, store: Path | None) -> int:
    """Read all of it, into a store where one is named; give how many samples there are."""
    settings = CONNECTOR.settings(
        url=url, start_ms=start_ms, end_ms=start_ms + HOURS * 3_600_000, lag="0s", match=f'cluster="{cluster}"'
    )
    context = Context(cluster=cluster)
    if store is not None:
        return sum(ingest(open_store(store, create=True), CONNECTOR, settings, context, post=False).rows.values())
    return sum(len(item.rows) for item in CONNECTOR.read(settings, context) if isinstance(item, Batch))


def timed(pid: int, work: Callable[[], object]) -> tuple[float, float, float, object]:
    """Give wall time, CPU time here and of the server in seconds, and what the work gave."""
    wall, here, there = time.monotonic(), used_here(), used_by(pid)
    found = work()
    return time.monotonic() - wall, used_here() - here, used_by(pid) - there, found


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asked", type=int, default=60, help="how many jobs are asked for one by one")
    parser.add_argument("--settle", type=float, default=90, help="seconds to wait until the samples lie in blocks")
    asked = parser.parse_args()
    jobs = scheduled()
    chosen = jobs[:: max(len(jobs) // asked.asked, 1)]
    with tempfile.TemporaryDirectory() as place, server(Path(place)) as (url, pid):
        start_ms = (int(time.time()) - HOURS * 3600) // STEP * STEP * 1000
        begun = time.monotonic()
        count = fill(url, jobs, start_ms)
        print(f"{count:,} samples of {len(jobs)} jobs written in {time.monotonic() - begun:.0f} s", flush=True)
        time.sleep(asked.settle)
        print("way | wall ms a job | CPU ms a job here | CPU ms a job of the server | samples")
        for cluster in ("old", "new"):
            ways: list[tuple[str, int, Callable[[], object]]] = [
                ("jobstats", len(chosen), lambda: jobstats(url, chosen, start_ms, cluster)),  # noqa: B023
                ("bulk, read", len(jobs), lambda: bulk(url, start_ms, cluster, None)),  # noqa: B023
                ("bulk, ingested", len(jobs), lambda: bulk(url, start_ms, cluster, Path(place) / cluster)),  # noqa: B023
            ]
            for name, number, work in ways:
                wall, here, there, found = timed(pid, work)
                shown = f"{found:,}" if isinstance(found, int) else ""
                figures = " | ".join(f"{1000 * each / number:.2f}" for each in (wall, here, there))
                print(f"{cluster}, {name} | {figures} | {shown}", flush=True)


if __name__ == "__main__":
    main()
