"""One transaction after the other on a store, each over three tables; run by the tests in processes that are killed.

Started as a script it reads lines from stdin: an address, the name of a writer, how many transactions. It forks a
process for each, tells its id, and lets it begin when another line comes. That process tells every transaction
acknowledged. Its arguments are protections to take away: what they prevent must then be seen.
"""

import os
import sys
import time
from contextlib import contextmanager
from datetime import date

import deltalake  # noqa: F401 (loaded before the fork, so that a writer starts at once)
import duckdb  # noqa: F401
import obstore.store  # noqa: F401
import pyarrow as pa

from paydown.errors import StoreBusyError
from paydown.store import delta, layout, leases, lock, open_store
from paydown.store.tables import TABLES

T0 = 1_769_817_600_000
DAY = date(2026, 1, 31)


def rows(name, **values):
    schema = TABLES[name].arrow
    return pa.Table.from_pylist([{each: values.get(each) for each in schema.names}], schema=schema)


def step(tx, writer, i):
    """Write node and sample i of a writer, and make the day's row say how many there are in all."""
    tx.upsert("nodes", rows("nodes", cluster="c", node=f"{writer}{i}", partitions="", start=T0, end=T0 + 1))
    tx.upsert("gpu_samples", rows("gpu_samples", cluster="c", node=writer, gpu="0", start=T0 + i, duration_ms=1))
    count = tx.base.rows("nodes", columns=["node"]).num_rows + 1
    daily = rows("daily", cluster="c", day=DAY, node="n", tres="gpu", category="idle", amount=count)
    tx.replace("daily", "c", [DAY], daily)


def seen(snapshot):
    """Give the nodes of a state as (writer, number), after checking that the state is of one piece."""
    nodes = set(snapshot.rows("nodes", columns=["node"]).column(0).to_pylist())
    samples = snapshot.rows("gpu_samples", columns=["node", "start"])
    starts = samples.column("start").cast("int64").to_pylist()
    made = {f"{node}{start - T0}" for node, start in zip(samples.column("node").to_pylist(), starts, strict=True)}
    amounts = snapshot.rows("daily", columns=["amount"]).column(0).to_pylist()
    assert nodes == made, f"torn: nodes {sorted(nodes ^ made)} stand in one table alone"
    assert amounts == ([len(nodes)] if nodes else []), f"torn: {len(nodes)} nodes, the day says {amounts}"
    return nodes


def write(path, writer, count, tell, tries=200):
    """Write, again and again where another writer is faster; tell what was acknowledged."""
    for i in range(1, count + 1):
        for _ in range(tries):
            try:
                with open_store(path).write(wait_s=60, command=writer) as tx:
                    step(tx, writer, i)
                    tx.commit()
                break
            except StoreBusyError:
                time.sleep(0.02)
        else:
            raise SystemExit(f"{writer} was never let in")
        tell(f"{writer}{i}")


def without(protections):
    """Take protections away."""
    if "lease" in protections:

        @contextmanager
        def held(store, **_):
            class Anyone:
                def check(self):
                    pass

            yield Anyone()

        lock.held = held
    if "pins" in protections:
        # A reader takes the newest version of each table, acknowledged or not.
        real = delta.state
        delta.state = lambda uri, version, partition: real(uri, None, partition)
    if "base" in protections:
        # A writer acknowledges its state over any other.
        real_commit = delta.commit
        delta.commit = lambda uri, schema, partition, wanted, base=None: real_commit(uri, schema, partition, wanted)
    if "guard" in protections:
        layout.guard = lambda store, marker: None


def main(protections):
    leases.LOOK_S = 0.02
    without(protections)
    for line in sys.stdin:
        path, writer, count = line.split()
        child = os.fork()
        if not child:
            sys.stdin.readline()
            write(path, writer, int(count), lambda told: os.write(1, f"{told}\n".encode()))
            os.write(1, b"done\n")
            os._exit(0)
        os.write(1, f"{child}\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"gone\n")


if __name__ == "__main__":
    main(sys.argv[1:])
