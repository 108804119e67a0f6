"""Writers that are killed, and readers and writers side by side, in real processes."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paydown.errors import StoreBusyError
from paydown.store import lock, open_store

SCRIPT = Path(__file__).parent / "writer_process.py"
KILLS = 20


@pytest.fixture
def writers(store):
    """Give a function that kills a writer some seconds after a number of transactions, and gives the last of them."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), store.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"

    def live(transactions, seconds):
        process.stdin.write(f"{transactions} {seconds}\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    yield live
    process.stdin.close()
    process.wait()


def numbers(snapshot):
    """Give the number that each table stands at."""
    nodes = snapshot.rows("nodes", columns=["node", "end"])
    amounts = snapshot.rows("daily", columns=["amount"]).column(0).to_pylist()
    opened = nodes.column("end").null_count
    samples = snapshot.rows("gpu_samples", columns=["start"]).num_rows
    return nodes.num_rows - (nodes.num_rows > 0), samples, max(amounts, default=0), opened


def test_a_killed_writer_leaves_the_former_state_or_the_new_one(store, writers):
    chance = random.Random(7)
    last = 0
    for kill in range(KILLS):
        acknowledged = writers(kill % 3, chance.uniform(0, 0.12 if kill % 3 else 0.4))
        nodes, samples, amount, opened = numbers(open_store(store.path).snapshot())
        assert nodes == samples == amount, f"half of a transaction is visible after kill {kill}"
        assert opened == (1 if samples else 0)
        assert samples >= max(last, acknowledged), f"something acknowledged is lost after kill {kill}"
        last = samples
    assert last >= KILLS // 2
    assert store.check() == []
    assert lock.holds(store.path) is None


def test_readers_beside_a_writer_see_whole_states(store):
    code = f"import os, runpy; runpy.run_path({str(SCRIPT)!r})['write']({store.path!r}, 1)"
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout.readline() == "1\n"
        versions, seen = [], set()
        for _ in range(40):
            snapshot = open_store(store.path).snapshot()
            nodes, samples, amount, _ = numbers(snapshot)
            assert nodes == samples == amount
            assert snapshot.query("SELECT count(*) AS n FROM gpu_samples").to_pylist() == [{"n": samples}]
            versions.append(snapshot.version)
            seen.add(samples)
        assert versions == sorted(versions)
        assert len(seen) > 3
    finally:
        writer.kill()
        writer.wait()


def test_two_writers_take_turns(store):
    code = f"import os, runpy; runpy.run_path({str(SCRIPT)!r})['write']({store.path!r}, 1, 0.02)"
    pair = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for process in pair:
            for _ in range(3):
                assert process.stdout.readline()
    finally:
        for process in pair:
            process.kill()
            process.wait()
    assert store.check() == []


def test_a_second_writer_is_told_who_holds_the_store(store):
    code = (
        "import sys, time; from paydown.store import open_store\n"
        "with open_store(sys.argv[1]).write(command='the first one'):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", code, store.path], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(StoreBusyError, match=rf"process {first.pid} on .*the first one.*since 20"), store.write():
            pass
        assert f"process {first.pid}" in store.info().writer
    finally:
        first.kill()
        first.wait()
    started = time.monotonic()
    with store.write(wait_s=20):
        assert time.monotonic() - started < 20
    assert store.info().writer is None


FULL = """
import random, resource, sys
from runpy import run_path
import pyarrow as pa
from paydown.errors import StoreError
from paydown.store import open_store

rows = run_path(sys.argv[1])["rows"]
store = open_store(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
one = rows("gpu_samples", cluster="c", node="n", gpu="0", start=0, duration_ms=1)
many = pa.concat_tables([one] * 20_000)
starts = pa.array(random.Random(1).sample(range(10**12), 20_000))
many = many.set_column(4, one.schema.field(4), starts.cast(one.schema.field(4).type))
try:
    with store.write() as tx:
        tx.upsert("gpu_samples", many)
        tx.commit()
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [200, 3_000, 20_000])
def test_a_disk_that_is_full_is_a_sentence_and_changes_nothing(store, put, limit):
    put("nodes", [{"cluster": "c", "node": "n", "partitions": "", "start": 0}])
    before = store.snapshot().version
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(SCRIPT), store.path, str(limit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cannot write ")
    assert store.snapshot().version == before
    assert store.check() == []
    assert not list(Path(store.path).glob("tables/gpu_samples/[!_]*/*.parquet"))
    put("gpu_samples", [{"cluster": "c", "node": "n", "gpu": "0", "start": 0, "duration_ms": 1}])
    assert store.snapshot().rows("gpu_samples").num_rows == 1
