"""CPU time of `paydown --help` against a bare `python -c pass`: what a person waits for before anything happens."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

RUNS = 7
TARGET_S = 0.5
"""The most CPU time that `paydown --help` may take."""

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "paydown --help": [sys.executable, "-m", "paydown.surfaces.cli.main", "--help"],
    "paydown debt --help": [sys.executable, "-m", "paydown.surfaces.cli.main", "debt", "--help"],
}


def cpu_seconds(command: list[str]) -> float:
    """Run a command and give the user and system time of it and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure() -> dict[str, float]:
    """Give the median CPU seconds of each command, taken in turns so that a busy moment meets all of them."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            taken[name].append(cpu_seconds(command))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def main() -> None:
    """Print the medians, the ratio to bare Python, and whether the target holds."""
    medians = measure()
    bare = medians["python -c pass"]
    for name, seconds in medians.items():
        print(f"{name:<22}{seconds:8.3f} CPU s  {seconds / bare:6.1f} x bare Python")
    held = medians["paydown --help"] <= TARGET_S
    print(f"target for paydown --help: <= {TARGET_S} CPU s: {'held' if held else 'missed'}")


if __name__ == "__main__":
    main()
