"""Write the month that the benchmarks run on: 1,000 GPUs, 30 days, 30 s, 500,000 jobs, as a folder of Parquet facts.

`python benchmarks/make_month.py FOLDER`; flags make it smaller or larger. Read it with `paydown ingest facts FOLDER`.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from paydown.connectors.interface import Context
from paydown.connectors.synthetic import CONNECTOR
from paydown.model.batch import Batch

ROW_GROUP = 1_000_000
"""Rows in a row group of the files, as in the store."""

KIB_PER_MIB = 1_024


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, default=125, help="GPU nodes of 8 GPUs (default: 125)")
    parser.add_argument("--cpu-nodes", type=int, default=20, help="nodes without GPUs (default: 20)")
    parser.add_argument("--days", type=int, default=30, help="days (default: 30)")
    parser.add_argument("--jobs", type=int, default=500_000, help="about how many jobs (default: 500000)")
    parser.add_argument("--interval", type=int, default=30, help="seconds between GPU samples (default: 30)")
    parser.add_argument("--host-interval", type=int, default=60, help="seconds between host samples (default: 60)")
    parser.add_argument("--signals", choices=("use", "memory", "all"), default="memory", help="default: memory")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    parser.add_argument("--faults", action="store_true", help="plant outages, gaps and rejects too")
    return parser.parse_args(arguments)


def write(batch: Batch, folder: Path, number: int) -> None:
    """Write a batch as one part of its table."""
    place = folder / batch.table
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(batch.rows, place / f"{number:04d}.parquet", compression="zstd", row_group_size=ROW_GROUP)


def make(folder: Path, settings: object) -> Counter[str]:
    """Write all facts; give the rows of each table."""
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} is not empty: name a new folder")
    rows: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for item in CONNECTOR.read(settings, Context()):
        if isinstance(item, Batch):
            write(item, folder, parts[item.table])
            parts[item.table] += 1
            rows[item.table] += len(item.rows)
    capabilities = ", ".join(f'"{name}"' for name in CONNECTOR.supports)
    (folder / "facts.toml").write_text(f'cluster = "synthetic"\nsupports = [{capabilities}]\n')
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Make the month and print what it holds and what it cost."""
    asked = vars(parsed(sys.argv[1:] if arguments is None else arguments))
    folder = asked.pop("folder")
    begun, wall = time.process_time(), time.perf_counter()
    rows = make(folder, CONNECTOR.settings(**asked))
    for table, count in sorted(rows.items()):
        print(f"{table:<18}{count:>14,} rows")
    spent = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{time.process_time() - begun:.1f} CPU s, {time.perf_counter() - wall:.1f} s, at most "
        f"{spent.ru_maxrss / KIB_PER_MIB:,.0f} MiB of memory"
    )


if __name__ == "__main__":
    main()
