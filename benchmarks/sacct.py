"""From a dump of 100,000 jobs to the report on jobs: CPU and memory against two peers, in one run.

    python benchmarks/sacct.py [--jobs 100000] [--runs 3]

Paydown: `paydown ingest sacct dump.txt --no-post`, then `paydown jobs`, two processes summed. The peers, from PyPI in
environments of their own (kept under /tmp), run `sacct` themselves: a stub of that name on PATH prints the same jobs in
the format that they ask for, so that reading Slurm's database costs nobody anything. reportseff lists the CPU and
memory efficiency of every job; job_defense_shield, which looks at jobs alone (-X), finds users of low CPU and GPU
efficiency. Start-up is measured apart: Paydown's with a dump of its header alone, the peers' with
`--help`. Printed are the medians of CPU seconds (user and system, children included), the most memory, and the ratios.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

from make_dump import REPORTSEFF, make

PEERS = Path(tempfile.gettempdir()) / "paydown-peers"
PACKAGES = {"reportseff": "reportseff==2.10.3", "job_defense_shield": "job_defense_shield==1.3.4"}
ALERTS = ("low-cpu-efficiency", "low-gpu-efficiency")
WHOLE, WORK, MEMORY_MIB = 1 / 4, 1 / 10, 250
"""The targets: of each peer's whole CPU, of its work after start-up, and the most memory."""

_STUB = """#!/bin/sh
case "$*" in
*--helpformat*) echo "{fields}" ;;
*) cat "$SACCT_ROWS" ;;
esac
"""
_CONFIG = """violation-logs-path: {folder}/violations
email-files-path: {folder}
email-domain-name: "@example.org"
sender: a@example.org
reply-to: a@example.org
"""
_ALERT = """{name}:
  cluster: made
  partitions: ["*"]
  min_run_time: 0
  eff_thres_pct: 60
  eff_target_pct: 90
  absolute_thres_hours: 0
  tb_hours_threshold: 0
  ratio_threshold: 1
  mean_ratio_threshold: 1
  median_ratio_threshold: 1
  num_top_users: 1000
"""


@dataclass
class Cost:
    """What a command took."""

    cpu_s: float
    memory_mib: int


def run(command: list[str], folder: Path, rows: str = "") -> Cost:
    """Run a command; give its CPU seconds and its most memory."""
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "SACCT_ROWS": str(folder / rows),
        "TZ": "UTC", "PYTHONUTF8": "1",
    }  # fmt: skip
    with (folder / "out.txt").open("wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=folder)
        _, status, used = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{(folder / 'out.txt').read_text()[-2000:]}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)


def several(commands: list[list[str]], folder: Path, rows: str, runs: int) -> Cost:
    """Run commands one after another, several times: the median of their summed CPU, the most memory of any."""
    found = []
    for _ in range(runs):
        shutil.rmtree(folder / "store", ignore_errors=True)
        costs = [run(command, folder, rows) for command in commands]
        found.append(Cost(sum(cost.cpu_s for cost in costs), max(cost.memory_mib for cost in costs)))
    return Cost(statistics.median(cost.cpu_s for cost in found), max(cost.memory_mib for cost in found))


def peer(name: str) -> str:
    """Give the program of a peer, installing it where it is not yet."""
    place = PEERS / name
    if not (place / "bin" / name).exists():
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "pip", "install", "-q", PACKAGES[name]], check=True)
    return str(place / "bin" / name)


def prepared(folder: Path, jobs: int) -> None:
    """Make the dump, the stub of sacct and the settings of job_defense_shield."""
    rows, steps = make(folder, jobs)
    print(f"{jobs:,} jobs: {rows:,} rows, of which {steps:,} are steps")
    (folder / "empty.txt").write_text((folder / "dump.txt").open().readline())
    (folder / "bin").mkdir()
    stub = _STUB.format(fields=" ".join(REPORTSEFF))
    for name, text in (("sacct", stub), ("scontrol", "#!/bin/sh\necho PartitionName=gpu MaxTime=UNLIMITED\n")):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    text = _CONFIG.format(folder=folder) + "".join(_ALERT.format(name=name) for name in ALERTS)
    (folder / "config.yaml").write_text(text)


def measured(folder: Path, runs: int) -> dict[str, tuple[Cost, Cost]]:
    """Give (start-up, whole) of each program."""
    paydown = [str(Path(sys.executable).parent / "paydown"), "--store", "store"]
    ingest = [*paydown, "ingest", "sacct", "--no-post"]
    shield = [peer("job_defense_shield"), "--config-file", "config.yaml", "-S", "2024-03-01T00:00:00"]
    shield += ["-E", "2024-04-15T00:00:00", *(f"--{alert}" for alert in ALERTS)]
    seff = peer("reportseff")
    jobs = [*paydown, "jobs"]
    plans = {
        "paydown": ("", [[*ingest, "--cluster", "made", "empty.txt"], jobs], [[*ingest, "dump.txt"], jobs]),
        "reportseff": ("reportseff.txt", [[seff, "--help"]], [[seff, "--since", "2024-03-01"]]),
        "job_defense_shield": ("shield.txt", [[shield[0], "--help"]], [shield]),
    }  # fmt: skip
    found = {}
    for name, (rows, start, whole) in plans.items():
        several(start, folder, rows, 1)  # compiles, and fills the page cache
        found[name] = several(start, folder, rows, runs), several(whole, folder, rows, runs)
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=100_000)
    options.add_argument("--runs", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared(folder, chosen.jobs)
        found = measured(folder, chosen.runs)
    start, whole = found["paydown"]
    for name, (begun, cost) in found.items():
        work = cost.cpu_s - begun.cpu_s
        line = f"{name:<20} whole {cost.cpu_s:6.2f} CPU s  work {work:6.2f} CPU s  {cost.memory_mib:4} MiB"
        if name != "paydown":
            line += f"  paydown: whole 1/{cost.cpu_s / whole.cpu_s:.1f} (target 1/{1 / WHOLE:.0f})"
            line += f", work 1/{work / (whole.cpu_s - start.cpu_s):.1f} (target 1/{1 / WORK:.0f})"
        print(line)
    print(f"target for memory: <= {MEMORY_MIB} MiB")


if __name__ == "__main__":
    main()
