"""What ingesting samples costs against a bare `deltalake` write of the same rows, in one run.

    python benchmarks/ingest.py [--facts FOLDER] [--days 2]

The facts are a folder that make_month.py wrote (made here where none is given, of the size of that month, with few
days). Ingested are its gpu_samples and host_samples with `paydown ingest facts --no-post`, in a process of its own; the
bare write reads the same Parquet files with pyarrow, adds the day of each row, and hands each file's rows as they lie
to `deltalake.write_deltalake`, partitioned by cluster and day, with the same compression. Printed are CPU seconds (user
and system, children included), start-up included in both, the most memory, and the ratio.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TABLES = ("gpu_samples", "host_samples")
TARGET = 2.0
"""The most that an ingest may cost of a bare write."""

BARE = """
import sys
from pathlib import Path
import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
from deltalake import WriterProperties, write_deltalake
for name in {tables}:
    for place in sorted(Path(sys.argv[1], name).glob("*.parquet")):
        rows = pq.read_table(place)
        start = rows["start"].cast(pa.timestamp("us", "UTC"))
        rows = rows.set_column(rows.column_names.index("start"), "start", start)
        rows = rows.append_column("day", start.cast(pa.date32()))
        write_deltalake(
            f"{{sys.argv[2]}}/{{name}}", rows, mode="append", partition_by=["cluster", "day"],
            writer_properties=WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=1_000_000),
        )
"""


def cost(command: list[str]) -> tuple[float, int]:
    """Run a command; give its CPU seconds and its most memory in MiB."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def samples_alone(facts: Path, folder: Path) -> Path:
    """Give a folder with the sample tables alone, and what it vouches for."""
    folder.mkdir()
    for name in TABLES:
        (folder / name).symlink_to((facts / name).resolve())
    (folder / "facts.toml").write_text('cluster = "synthetic"\nsupports = ["use"]\n')
    return folder


def size(folder: Path) -> float:
    """Give the megabytes of Parquet in a folder."""
    return sum(place.stat().st_size for place in folder.rglob("*.parquet")) / 1e6


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--facts", type=Path)
    options.add_argument("--days", type=int, default=2)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if chosen.facts is None:
            maker = str(Path(__file__).parent / "make_month.py")
            made = [sys.executable, maker, str(scratch / "facts"), "--days", str(chosen.days)]
            subprocess.run([*made, "--jobs", str(16_700 * chosen.days)], check=True)
        facts = samples_alone(chosen.facts or scratch / "facts", scratch / "samples")
        paydown = [str(Path(sys.executable).parent / "paydown"), "--store", str(scratch / "store"), "-q"]
        own, own_memory = cost([*paydown, "ingest", "facts", str(facts), "--no-post"])
        own_size = size(scratch / "store")
        shutil.rmtree(scratch / "store")
        bare, bare_memory = cost([sys.executable, "-c", BARE.format(tables=TABLES), str(facts), str(scratch / "bare")])
        print(f"paydown ingest facts  {own:7.2f} CPU s {own_memory:6,} MiB {own_size:8.1f} MB on disk")
        print(f"bare deltalake write  {bare:7.2f} CPU s {bare_memory:6,} MiB {size(scratch / 'bare'):8.1f} MB on disk")
        print(f"ratio {own / bare:.2f}, target <= {TARGET}: {'held' if own <= TARGET * bare else 'missed'}")


if __name__ == "__main__":
    main()
