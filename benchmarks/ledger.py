"""What the ledger costs: the CPU of posting against a bare scan of the same samples, in one run.

    python benchmarks/ledger.py [--days 7] [--nodes 125] [--workers 1] [--gpu-only]

A synthetic cluster is made: with 125 nodes 1,000 GPUs, a sample of each every 30 s, so that seven days are 20 million
samples and thirty are 86 million, and host samples of each job on each node every 60 s. With `--gpu-only` nothing but
GPUs is kept: no host samples, no CPUs, memory or device memory. Printed are CPU seconds, the ratio to the scan, and the
memory of the posting process.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from paydown.connectors.interface import Context, Item
from paydown.connectors.synthetic import CONNECTOR
from paydown.ingest import ingest
from paydown.ledger.posting import post
from paydown.model.batch import Batch
from paydown.store import open_store

GPU_COLUMNS = (
    "count(*), max(start), sum(duration_ms), avg(gpu_util_ratio), avg(gr_engine_active_ratio), max(node), max(gpu)"
)
HOST_COLUMNS = (
    "count(*), max(start), sum(duration_ms), avg(cpu_used_milli), avg(memory_used_mib), max(node), max(job_id)"
)


def cpu_s() -> float:
    """Give the CPU seconds of this process and of its children that ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measured(work: Any) -> tuple[Any, float, float]:
    """Run something; give its result, its CPU seconds and its wall seconds."""
    cpu, wall = cpu_s(), time.perf_counter()
    result = work()
    return result, cpu_s() - cpu, time.perf_counter() - wall


def main() -> None:
    """Make the store, scan it, post it, and print what that cost."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=int, default=7)
    options.add_argument("--nodes", type=int, default=125)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--gpu-only", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        # In a process of its own, so that the memory printed is that of posting.
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            apart.submit(make, path, chosen.days, chosen.nodes, gpu_only=chosen.gpu_only).result()
        print(json.dumps(results(open_store(path), chosen.workers), indent=2))


def make(path: Path, days: int, nodes: int, *, gpu_only: bool = False) -> None:
    """Make a synthetic cluster's facts, as many jobs a day and GPU as the month of make_month.py has."""
    settings = CONNECTOR.settings(
        nodes=nodes, cpu_nodes=0, days=days, jobs=days * nodes * 134, interval=30, host_interval=60, faults=False
    )
    connector = replace(CONNECTOR, read=only_gpus) if gpu_only else CONNECTOR
    ingest(open_store(path, create=True), connector, settings, Context(), post=False)


NOT_GPUS = ("cpus", "memory_mib", "gpu_memory_mib", "cpu_milli", "memory_used_mib", "req_cpu_milli", "req_memory_mib")


def only_gpus(settings: Any, context: Context) -> Iterator[Item]:
    """Leave out of the synthetic cluster all that is not about GPUs."""
    for item in CONNECTOR.read(settings, context):
        if not isinstance(item, Batch):
            yield item
        elif item.table not in {"host_samples", "job_usage"}:
            some = [name for name in NOT_GPUS if name in item.rows.column_names]
            yield replace(item, rows=item.rows.drop_columns(some))


def results(store: Any, workers: int) -> dict[str, Any]:
    """Scan and post a store."""
    snapshot = store.snapshot()
    snapshot.query("SELECT count(*) FROM nodes")  # what loading the engine costs is no part of the scan
    gpu, gpu_scan, _ = measured(lambda: snapshot.query(f"SELECT {GPU_COLUMNS} FROM gpu_samples"))
    host, host_scan, _ = measured(lambda: snapshot.query(f"SELECT {HOST_COLUMNS} FROM host_samples"))
    if workers > 1:
        with ProcessPoolExecutor(workers, get_context("forkserver")) as executor:
            done, cpu, wall = measured(lambda: post(store, executor=executor))
    else:
        done, cpu, wall = measured(lambda: post(store))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "gpu_samples": gpu.column(0)[0].as_py(),
        "host_samples": host.column(0)[0].as_py(),
        "jobs": snapshot.query("SELECT count(*) FROM jobs").column(0)[0].as_py(),
        "days": done.days,
        "entries": done.entries,
        "scan_gpu_cpu_s": round(gpu_scan, 2),
        "scan_both_cpu_s": round(gpu_scan + host_scan, 2),
        "post_cpu_s": round(cpu, 2),
        "post_wall_s": round(wall, 2),
        "serial_s": round(done.serial_s, 2),
        "own_process_cpu_s": round(done.cpu_s, 2),
        "ratio_to_scan_of_both": round(cpu / (gpu_scan + host_scan), 1),
        "own_peak_rss_mb": peak // 1024,
    }


if __name__ == "__main__":
    main()
