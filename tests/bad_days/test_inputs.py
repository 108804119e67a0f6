"""Files as nobody wants them: each is a clear error or counted rejects, the rest is kept, and it balances."""

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import time
from itertools import permutations
from pathlib import Path

import pytest
from tests.bad_days.conftest import HOUR, content, facts

from paydown.store import layout, open_store, rules
from paydown.surfaces.cli.main import run

INPUT_ERROR, STORE_ERROR, BUSY = 3, 4, 5
SACCT = "JobID|JobName|User|Account|State|Submit|Start|End|NodeList|AllocTRES\n"
LINE = "{}|{}|alice|a|COMPLETED|2026-01-31T00:00:00|2026-01-31T00:00:00|2026-01-31T01:00:00|n1|cpu=4,node=1\n"
DUMP = SACCT + "".join(LINE.format(number, "train") for number in range(1, 6))


@pytest.fixture
def world(tmp_path, capfdbinary, monkeypatch):
    """A store after a good ingest, and command lines on it."""
    (tmp_path / "one.toml").write_text("processes = 1\n")
    monkeypatch.setenv("PAYDOWN_CONFIG", str(tmp_path / "one.toml"))
    made = World(tmp_path, capfdbinary)
    assert made.facts("early", facts(late=False))[0] == 0
    return made


class World:
    def __init__(self, folder, capture):
        self.folder, self.capture, self.store = folder, capture, folder / "store"

    def run(self, *arguments):
        code = run(["--store", str(self.store), *arguments])
        said = self.capture.readouterr()
        return code, (said.out + said.err).decode()

    def facts(self, name, tables):
        place = self.folder / name
        place.mkdir(exist_ok=True)
        for table, text in tables.items():
            (place / f"{table}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.run("ingest", "facts", str(place))

    def sacct(self, data, name="dump.txt"):
        (self.folder / name).write_bytes(data)
        return self.run("ingest", "sacct", str(self.folder / name), "--cluster", "slurm")

    def jobs(self):
        return sorted(open_store(self.store).snapshot().rows("jobs", clusters=["slurm"])["job_id"].to_pylist())

    def sound(self):
        return open_store(self.store).check() == [] and self.run("check")[0] == 0


def test_a_gzip_that_is_cut_off_keeps_nothing(world):
    before = content(world.store)
    body = SACCT + "".join(LINE.format(n, random.Random(n).randbytes(40).hex()) for n in range(2_000))
    code, said = world.sacct(gzip.compress(body.encode())[:-4_000], "dump.gz")
    assert (code, "dump.gz" in said) == (INPUT_ERROR, True)
    assert content(world.store) == before


def test_a_wrong_column_is_named_with_the_nearest_and_keeps_nothing(world):
    before = content(world.store)
    tables = facts(late=True)
    tables["gpu_samples"] = tables["gpu_samples"].replace("gpu_util_ratio", "gpu_utl_ratio")
    code, said = world.facts("late", tables)
    assert (code, "did you mean `gpu_util_ratio`" in said) == (INPUT_ERROR, True)
    assert content(world.store) == before


REJECTED = [
    ("cut in mid-line", DUMP[:-30].encode(), ["1", "2", "3", "4"], "1 broken-line"),
    ("in Latin-1", DUMP.replace("3|train", "3|caf\xe9").encode("latin-1"), ["1", "2", "3", "4", "5"], "1 not-utf8"),
    ("with a NUL", DUMP.replace("3|train", "3|tr\0in").encode(), ["1", "2", "4", "5"], "1 nul-byte"),
    ("a million long", DUMP.replace("3|train", "3|" + "x" * 10**6).encode(), ["1", "2", "3", "4", "5"], "1 too-long"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "data", "kept", "told"), REJECTED, ids=[each[0] for each in REJECTED])
def test_a_dump_that_is_damaged_loses_what_is_and_no_more(world, what, data, kept, told):
    code, said = world.sacct(data)
    assert (code, told in said) == (0, True), said
    assert world.jobs() == kept
    assert world.sound()
    assert world.sacct(DUMP.encode())[0] == 0
    assert world.jobs() == ["1", "2", "3", "4", "5"]


FAR = [-HOUR, -(10**17), 253_402_300_799_000, 4 * 10**18]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_samples_before_the_epoch_and_in_the_year_9999_are_counted_and_left_out(world, form):
    import pyarrow as pa
    import pyarrow.parquet as pq

    before = content(world.store)
    rows = facts(late=False)["gpu_samples"].splitlines()[0] + "\n"
    rows += "".join(f"lab,n1,0,{start},60000,0.5\n" for start in FAR)
    if form == "csv":
        code, said = world.facts("far", {"gpu_samples": rows})
    else:
        (world.folder / "far").mkdir()
        starts = pa.array(FAR, pa.int64()).cast(pa.timestamp("ms", "UTC"))
        table = {"cluster": ["lab"] * 4, "node": ["n1"] * 4, "gpu": ["0"] * 4, "start": starts}
        table |= {"duration_ms": [60_000] * 4, "gpu_util_ratio": [0.5] * 4}
        pq.write_table(pa.table(table), world.folder / "far" / "gpu_samples.parquet")
        code, said = world.run("ingest", "facts", str(world.folder / "far"))
    assert (code, "4 rejects: 4 out-of-range" in said) == (0, True), said
    after = content(world.store)
    assert {name for name in after if after[name] != before[name]} <= {"rejects", "sources"}
    assert world.sound()


def test_the_same_file_twice_and_under_another_name_changes_nothing(world):
    assert world.sacct(DUMP.encode())[0] == 0
    before = content(world.store)
    assert world.sacct(DUMP.encode())[0] == 0
    assert world.sacct(DUMP.encode(), "copy.txt")[0] == 0
    assert content(world.store) == before


def test_without_the_rule_of_keys_the_same_file_twice_is_there_twice(world, monkeypatch):
    monkeypatch.setattr(rules, "judge_closed", lambda stored, incoming, equal: rules.np.zeros(len(incoming), "int8"))
    assert world.facts("early", facts(late=False))[0] == 0
    assert any("natural keys stand more than once" in fault for fault in open_store(world.store).check())


PARTS = (DUMP[: -2 * len(LINE.format(1, "train")) + 2], SACCT + DUMP[len(SACCT) + 80 :].partition("\n")[2], DUMP)


def test_overlapping_dumps_give_the_same_in_any_order(world, tmp_path):
    shutil.copytree(world.store, tmp_path / "base")
    found = []
    for order in permutations(PARTS):
        shutil.rmtree(world.store)
        shutil.copytree(tmp_path / "base", world.store)
        for part in order:
            assert world.sacct(part.encode())[0] == 0
        jobs = content(world.store)
        found.append({name: jobs[name] for name in ("jobs", "allocations", "entries", "daily")})
    assert all(each == found[0] for each in found)
    assert world.jobs() == ["1", "2", "3", "4", "5"]


def test_two_processes_at_once_one_is_told_or_both_are_kept(world):
    for number in range(2):
        (world.folder / f"{number}.txt").write_text(SACCT + LINE.format(number + 1, "train"))
    pair = [
        subprocess.Popen(
            [sys.executable, "-m", "paydown.surfaces.cli.main", "--store", str(world.store), "ingest", "sacct",
             str(world.folder / f"{number}.txt"), "--cluster", "slurm"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) for number in range(2)
    ]  # fmt: skip
    said = [process.communicate()[0] for process in pair]
    codes = [process.returncode for process in pair]
    assert set(codes) <= {0, BUSY}
    # A writer that has the lock and has not signed yet is "another process".
    assert all("is being written by" in text for text, code in zip(said, codes, strict=True) if code)
    kept = [str(number + 1) for number, code in enumerate(codes) if code == 0]
    assert kept
    assert set(kept) <= set(world.jobs())
    for number in range(2):
        assert world.sacct((world.folder / f"{number}.txt").read_bytes(), f"{number}.txt")[0] == 0
    assert world.jobs() == ["1", "2"]
    assert world.sound()


def test_a_store_of_a_newer_version_is_left_alone(world):
    marker = world.store / layout.MARKER
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "layout": layout.LAYOUT + 1}))
    files = {place: place.stat().st_mtime_ns for place in world.store.rglob("*")}
    for verb in (("ingest", "facts", str(world.folder / "early")), ("post",), ("debt",), ("store", "compact")):
        code, said = world.run(*verb)
        assert (code, "upgrade paydown" in said) == (STORE_ERROR, True)
    assert {place: place.stat().st_mtime_ns for place in world.store.rglob("*")} == files


YEAR = 365 * 86_400


@pytest.mark.parametrize("jump", [-10 * YEAR, -3600, 3600, 10 * YEAR])
def test_a_clock_that_jumps_between_two_ingests_changes_no_fact(world, tmp_path, monkeypatch, jump):
    shutil.copytree(world.store, tmp_path / "other")
    real, real_ns = time.time, time.time_ns
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + jump)
        patch.setattr(time, "time_ns", lambda: real_ns() + jump * 10**9)
        assert world.facts("late", facts(late=True))[0] == 0
        assert world.run("store", "compact")[0] == 0
    assert world.run("store", "compact")[0] == 0
    assert world.sound()
    jumped = content(world.store)
    shutil.rmtree(world.store)
    shutil.copytree(tmp_path / "other", world.store)
    assert world.facts("late", facts(late=True))[0] == 0
    assert content(world.store) == jumped


@pytest.mark.parametrize("stamp", [0, 4_000_000_000])
def test_files_dated_long_ago_or_in_the_future_are_kept_by_compaction(world, stamp):
    before = content(world.store)
    for place in Path(world.store).rglob("*"):
        os.utime(place, (stamp, stamp))
    assert world.run("store", "compact")[0] == 0
    assert content(world.store) == before
    assert world.facts("late", facts(late=True))[0] == 0
    assert world.sound()
