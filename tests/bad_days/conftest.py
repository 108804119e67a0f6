"""Stores on which bad days fall, and command lines that meet them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paydown.errors import StoreError
from paydown.store import open_store
from paydown.store.tables import TABLES

HERE = Path(__file__).parent
DAY = 1_769_817_600_000
HOUR = 3_600_000
CLOCKED = {"sources": {"ingested_at"}, "rejects": {"time"}}
"""Columns that say when something was done here."""


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Compile what makes calls go wrong."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler, to make single system calls go wrong")
    made = tmp_path_factory.mktemp("library") / "faults.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", made, HERE / "faults.c", "-ldl", "-lpthread"], check=True
    )
    return made


def facts(late):
    """Give the facts of one of two ingests: the second closes what the first left open, and adds facts to its day."""
    end, state = (DAY + 5 * HOUR, "COMPLETED") if late else ("", "RUNNING")
    first, last = (60, 240) if late else (0, 120)
    return {
        "nodes": f"cluster,node,partitions,gpus,cpus,memory_mib,start\nlab,n1,gpu,2,64,64000,{DAY}\n",
        "jobs": "cluster,job_id,attempt,name,user,account,state,submit,start,end\n"
        f"lab,1,0,train,alice,a,{state},{DAY},{DAY},{end}\n"
        f"lab,{3 if late else 2},0,more,{'carol' if late else 'bob'},a,COMPLETED,{DAY},{DAY},{DAY + HOUR}\n"
        f"lab,9,0,bad,bob,a,HAPPY,{DAY},{DAY},{DAY + HOUR}\n",
        "allocations": "cluster,job_id,attempt,node,gpu_milli,gpus,cpu_milli,memory_mib,start,end\n"
        f"lab,1,0,n1,1000,0,4000,100,{DAY},{end}\n",
        "gpu_samples": "cluster,node,gpu,start,duration_ms,gpu_util_ratio\n"
        + "".join(f"lab,n1,0,{DAY + 60_000 * i},60000,0.{i % 9}\n" for i in range(first, last)),
        "sources": "cluster,source,supports,covers_from,covers_to,ingested_at\n"
        f"lab,dump,capacity;allocation;use;wait,{DAY},{DAY + (6 if late else 4) * HOUR},{DAY}\n",
    }


def content(path):
    """Give all that a store holds, as texts: person keys by names, without the times at which it was done."""
    snapshot = open_store(path).snapshot()
    names = {row["person"]: row["name"] for row in snapshot.rows("identities").to_pylist()}
    found = {}
    for name in TABLES:
        rows = snapshot.rows(name)
        rows = rows.drop_columns(sorted(CLOCKED.get(name, ())))
        lines = [json.dumps(row, default=str, sort_keys=True) for row in rows.to_pylist()]
        for key, said in names.items():
            lines = [line.replace(key, said) for line in lines]
        found[name] = sorted(lines)
    return found


def facts_of(found):
    """Give what an ingest acknowledges, which is not yet the ledger."""
    return {name: rows for name, rows in found.items() if TABLES[name].role in {"fact", "said"} or name == "rejects"}


@dataclass
class Days:
    """A store after a first ingest, and a second one that meets a bad day."""

    root: Path
    process: subprocess.Popen
    states: list = field(default_factory=list)
    """Its content before the second ingest, after it without posting, and after it with posting."""
    calls: int = 0
    """How many calls the second ingest makes that change files of the store."""

    @property
    def store(self):
        return self.root / "stores" / "store"

    def run(self, *args, **fault):
        """Run a command line on the store."""
        order = {"args": ["--store", str(self.store), *args], **fault}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def renew(self, state="base"):
        """Go back to the store as it was."""
        shutil.rmtree(self.store.parent, ignore_errors=True)
        shutil.copytree(self.root / state, self.store)

    def second(self, *args, **fault):
        """Make the second ingest."""
        return self.run("ingest", "facts", str(self.root / "late"), *args, **fault)

    def holds(self):
        """Say what is wrong after a bad day: something torn or lost, or the same again does not bring it to its end."""
        try:
            return list(self._faults())
        except StoreError as error:
            return [f"the store cannot be read: {error}"]

    def _faults(self):
        found = content(self.store)
        if facts_of(found) not in [facts_of(state) for state in self.states]:
            yield "half of an ingest is visible"
        elif found not in self.states:
            yield "half of a posting is visible"
        again = self.second()
        if again["code"]:
            yield f"the same again fails: {again['said']}"
        elif content(self.store) != self.states[2]:
            yield "the same again does not bring it to its end"
        yield from open_store(self.store).check()


@pytest.fixture(scope="session")
def days(library, tmp_path_factory):
    """Make the stores, and the process that runs command lines."""
    root = tmp_path_factory.mktemp("days")
    for name, late in (("early", False), ("late", True)):
        (root / name).mkdir()
        for table, text in facts(late).items():
            (root / name / f"{table}.csv").write_text(text)
    (root / "one.toml").write_text("processes = 1\n")
    environment = {**os.environ, "LD_PRELOAD": str(library), "PAYDOWN_CONFIG": str(root / "one.toml")}
    process = subprocess.Popen(
        [sys.executable, str(HERE / "process.py"), str(root / "stores")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=HERE.parents[1],
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    made = Days(root, process)
    _fill(made)
    yield made
    process.stdin.close()
    process.wait()


def _fill(days):
    assert days.run("ingest", "facts", str(days.root / "early"))["code"] == 0
    shutil.copytree(days.store, days.root / "base")
    days.states.append(content(days.store))
    assert days.second("--no-post")["code"] == 0
    days.states.append(content(days.store))
    days.renew()
    done = days.second()
    assert done["code"] == 0
    days.calls = done["calls"]
    assert days.run("check")["code"] == 0, "the state that all others are held to does not balance"
    days.states.append(content(days.store))
    shutil.copytree(days.store, days.root / "whole")


def points(calls, most):
    """Give some of the calls, evenly; all of them where they are no more than that."""
    most = min(most, calls)
    return sorted({round(1 + i * (calls - 1) / max(most - 1, 1)) for i in range(most)})


@pytest.fixture(scope="session")
def spread():
    """Give the function that chooses calls."""
    return points
