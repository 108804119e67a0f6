"""Recorded answers of a real Slurm 24.11 (tests/dumps/slurm/24.11.5/asked), replayed by a program before the commands.

By hand: the clock is an hour later, so that the figures of steps are settled, and one node has its GPUs in slices.
"""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
DUMPS = HERE.parents[1] / "dumps" / "slurm"
FROM = 1_795_000_000_000
"""Before all that was recorded."""


def make(folder):
    """Write the answers and give the settings that are answered by them."""
    return answered(folder, "24.11.5")


def answered(folder, version):
    """Write the answers of a version of Slurm, and give the settings."""
    answers = folder / "asked"
    shutil.copytree(DUMPS / version / "asked", answers)
    config = answers / "scontrol-config.txt"
    later = re.sub(
        r"(?<=data as of ....-..-..T)\d\d", lambda hour: f"{int(hour[0]) + 1:02}", config.read_text(), count=1
    )
    config.write_text(later)
    nodes = answers / "scontrol-node.txt"
    sliced = nodes.read_text().splitlines()[-1].replace("gpu04", "mig01")
    sliced = re.sub(r"Gres=\S+", "Gres=gpu:1g.10gb:7", sliced)
    sliced = re.sub(r"GresUsed=\S+", "GresUsed=gpu:1g.10gb:0(IDX:N/A)", sliced)
    nodes.write_text(f"{nodes.read_text()}{sliced}\n")
    return {"ssh": f"{sys.executable} {HERE / 'replay.py'} {answers}", "start_ms": FROM}
