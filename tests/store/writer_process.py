"""A process that writes one thing after the other to a store; run by the tests, to be killed.

Reads from stdin how long each writer may live (a line each: after how many acknowledged transactions, and how many
seconds more), forks it, kills it, and tells on stdout the last number that it saw acknowledged. Number i means: node i,
sample i, and the day's ledger row saying i.
"""

import os
import signal
import sys
import time
from datetime import date

import duckdb  # noqa: F401 (loaded before the fork, so that a writer starts at once)
import pyarrow as pa

from paydown.store import open_store
from paydown.store.tables import TABLES

T0 = 1_769_817_600_000
DAY = date(2026, 1, 31)


def rows(name, **values):
    schema = TABLES[name].arrow
    return pa.Table.from_pylist([{each: values.get(each) for each in schema.names}], schema=schema)


def step(tx, i):
    tx.upsert("nodes", rows("nodes", cluster="c", node=f"n{i}", partitions="", start=T0))
    tx.upsert("nodes", rows("nodes", cluster="c", node=f"n{i - 1}", partitions="", start=T0, end=T0 + 1))
    tx.upsert("gpu_samples", rows("gpu_samples", cluster="c", node="n", gpu="0", start=T0 + i, duration_ms=1))
    tx.replace(
        "daily", "c", [DAY], rows("daily", cluster="c", day=DAY, node="n", tres="gpu", category="idle", amount=i)
    )


def write(path, told, pause=0.0):
    i = open_store(path).snapshot().rows("gpu_samples", columns=["start"]).num_rows
    while True:
        i += 1
        with open_store(path).write(wait_s=30, command="test writer") as tx:
            step(tx, i)
            tx.commit()
        os.write(told, f"{i}\n".encode())
        time.sleep(pause)


def main(path):
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            write(path, writing)
        os.close(writing)
        count, seconds = line.split()
        with os.fdopen(reading) as told:
            acknowledged = [told.readline() for _ in range(int(count))]
            time.sleep(float(seconds))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            acknowledged += told.read().splitlines()
        sys.stdout.write(f"{acknowledged[-1].strip() if acknowledged else 0}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
