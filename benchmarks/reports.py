"""How long reports on a posted store take after start-up: wall and CPU seconds of the first run in a new process.

    python benchmarks/reports.py --store STORE [--runs 3]

Start-up is: imports, opening the store, starting the engine. The store is one of make_month.py's months, ingested and
posted (`paydown ingest facts FOLDER`). Printed are the medians over new processes, and the target of each report.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

QUICK, CUT_BY_JOB = 0.2, 1.0
"""The targets in wall seconds: of a report, and of one that has a row for each job."""

ASKED: dict[str, tuple[str, dict[str, object], float]] = {
    "debt": ("debt", {}, QUICK),
    "debt --by account": ("debt", {"by": ("account",)}, QUICK),
    "ledger": ("ledger", {}, QUICK),
    "ledger --by user": ("ledger", {"by": ("user",)}, QUICK),
    "ledger --by job_id": ("ledger", {"by": ("job_id",)}, CUT_BY_JOB),
    "timeline, days": ("timeline", {"bucket": "1d"}, QUICK),
    "timeline, hours": ("timeline", {"bucket": "1h"}, QUICK),
    "usage": ("usage", {}, QUICK),
    "usage --by account": ("usage", {"by": ("account",)}, QUICK),
    "jobs, the first 20": ("jobs", {"limit": 20}, QUICK),
    "jobs, all": ("jobs", {}, CUT_BY_JOB),
    "wait": ("wait", {}, QUICK),
    "now": ("now", {}, QUICK),
    "nodes": ("nodes", {}, QUICK),
    "utilization": ("utilization", {}, QUICK),
}
"""What is asked, by what is said of it: report, parameters, target."""


def once(store: str, asked: str) -> tuple[float, float, int]:
    """Run a report in this process, which must be new: wall seconds, CPU seconds, rows."""
    from paydown.store import open_store

    name, parameters, _ = ASKED[asked]
    report = import_module(f"paydown.reports.{name}").REPORT
    question = report.parameters(**parameters)
    # Arrow imports numpy.ma when it is given the first array of numpy.
    for late in ("pyarrow.compute", "pyarrow.parquet", "duckdb", "numpy.ma"):
        import_module(late)
    snapshot = open_store(Path(store)).snapshot()
    snapshot.query("SELECT 1")
    wall, cpu = time.perf_counter(), time.process_time()
    answer = report.run(snapshot, question)
    return time.perf_counter() - wall, time.process_time() - cpu, answer.rows.num_rows


def measured(store: str, asked: str, runs: int) -> tuple[float, float, int]:
    """Run a report in new processes; give the medians."""
    command = [sys.executable, __file__, "--store", store, "--once", asked]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)]
    return statistics.median(f[0] for f in found), statistics.median(f[1] for f in found), found[0][2]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--store", required=True)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--once", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.once:
        print(json.dumps(once(chosen.store, chosen.once)))
        return
    for asked, (_, _, target) in ASKED.items():
        wall, cpu, rows = measured(chosen.store, asked, chosen.runs)
        held = "held" if wall <= target else f"missed, {wall / target:.1f} x"
        print(f"{asked:<20}{rows:>9,} rows {wall:8.3f} s {cpu:8.3f} CPU s   target {target:.1f} s: {held}", flush=True)


if __name__ == "__main__":
    main()
