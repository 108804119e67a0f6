"""What `utilization` and `coverage` cost: their CPU against a bare scan of the same samples, in one run.

    python benchmarks/utilization.py [--days 30] [--nodes 8] [--store PATH]

A synthetic cluster is made and posted as in ledger.py (or a posted store is taken as it is). The scan reads with DuckDB
seven columns of each sample table, and once more the mean, the zeros and five quantiles of the signal that counts as
use. Printed are the machine, CPU seconds after start-up (the median of five), and ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paydown.connectors.interface import Context
from paydown.connectors.synthetic import CONNECTOR
from paydown.ingest import ingest
from paydown.reports.registry import report
from paydown.store import open_store

RUNS = 5
SCAN = """SELECT count(*), max(start), sum(duration_ms), {figures}, max(node), max({name}) FROM {table}"""
SCANS = (
    SCAN.format(table="gpu_samples", name="gpu", figures="avg(gpu_util_ratio), avg(gr_engine_active_ratio)"),
    SCAN.format(table="host_samples", name="job_id", figures="avg(cpu_used_milli), avg(memory_used_mib)"),
)
QUANTILES = """SELECT count(*), avg(gr_engine_active_ratio), avg(CAST(gr_engine_active_ratio = 0 AS INTEGER)),
    quantile_disc(gr_engine_active_ratio, [0.05, 0.25, 0.5, 0.75, 0.95]) FROM gpu_samples"""
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "utilization": ("utilization", {"held": "all"}),
    "utilization --by node": ("utilization", {"by": ("node",)}),
    "utilization --by user": ("utilization", {"by": ("user",)}),
    "coverage": ("coverage", {}),
    "coverage, without its gaps": ("coverage", {"gaps": False}),
    "nodes": ("nodes", {}),
}
"""What is measured: the report and its parameters."""


def cpu_s(work: Callable[[], Any]) -> float:
    """Give the median CPU seconds of some runs, after one that is not counted."""
    work()
    taken = []
    for _ in range(RUNS):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    return statistics.median(taken)


def main() -> None:
    """Make the store where none is given, and print what reports cost there."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=int, default=30)
    options.add_argument("--nodes", type=int, default=8)
    options.add_argument("--store", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.store or Path(folder) / "store"
        if chosen.store is None:
            settings = CONNECTOR.settings(
                nodes=chosen.nodes, cpu_nodes=0, days=chosen.days, jobs=chosen.days * chosen.nodes * 134, interval=30,
                host_interval=60, faults=False,
            )  # fmt: skip
            ingest(open_store(path, create=True), CONNECTOR, settings, Context())
        print(f"python {' '.join(sys.argv)}: {os.cpu_count()} processors, {platform.platform()}")
        print(json.dumps(results(path), indent=2))


def results(path: Path) -> dict[str, Any]:
    """Measure scans and reports on a store."""
    snapshot = open_store(path).snapshot()
    counts = {name: snapshot.query(f"SELECT count(*) FROM {name}").column(0)[0].as_py() for name in _COUNTED}
    scan = cpu_s(lambda: [snapshot.query(text) for text in SCANS])
    found = {"scan of both, CPU s": scan, "quantiles from the samples, CPU s": cpu_s(lambda: snapshot.query(QUANTILES))}
    for said, (name, parameters) in ASKED.items():
        known = report(name)
        if set(parameters) <= set(known.parameters.model_fields):
            asked = known.parameters(**parameters)
            found[f"{said}, CPU s"] = spent = cpu_s(lambda known=known, asked=asked: known.run(snapshot, asked))
            found[f"{said}, ratio to the scan"] = spent / scan
    return counts | {name: round(value, 3) for name, value in found.items()}


_COUNTED = ("gpu_samples", "host_samples", "jobs", "entries", "histograms", "carried")


if __name__ == "__main__":
    main()
