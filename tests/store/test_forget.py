"""A person is forgotten: no file holds a name any more, and every figure is what it was."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.store.naming import holding

from paydown.connectors.facts import CONNECTOR as FACTS_CONNECTOR
from paydown.connectors.facts import FactsSettings
from paydown.connectors.interface import Context
from paydown.connectors.sacct import CONNECTOR as SACCT
from paydown.connectors.sacct import SacctSettings
from paydown.errors import UsageError
from paydown.ingest import ingest
from paydown.reports import registry
from paydown.store import forget, history, open_store
from paydown.store.files import Folder
from paydown.store.tables import TABLES

NAMES = ("carol", "Carol Someone", "c.someone@example.org")
JOB_NAMES = ("zq-secret-plan", "zq-first-name", "zq-open", "zq|piped", "zq-in-a-cut-line")
WORDS = (*NAMES, *JOB_NAMES, "someone", "zq-label", "zq-template")

HEAD = "JobID|JobName|User|Account|State|Submit|Start|End|NodeList|AllocTRES|Elapsed|WorkDir|AdminComment\n"
TAIL = "|2026-01-31T00:00:00|2026-01-31T01:00:00|{end}|n1|cpu=4,node=1,gres/gpu=1|01:00:00|/home/carol/x|zq-label\n"
DUMP = (
    HEAD
    + f"70|zq-secret-plan|carol|carol|COMPLETED{TAIL.format(end='2026-01-31T02:00:00')}"
    + f"71|zq|piped|carol|lab|COMPLETED{TAIL.format(end='2026-01-31T02:00:00')}"
    + f"72|zq-\0nul|carol|lab|COMPLETED{TAIL.format(end='2026-01-31T02:00:00')}"
    + f"73|zq-secret-plan|carol|lab|HAPPY{TAIL.format(end='2026-01-31T02:00:00')}"
    + f"74|bob-trains|bob|carol|COMPLETED{TAIL.format(end='2026-01-31T03:00:00')}"
    + "75|zq-in-a-cut-line|carol|la"
)
JOBS = "cluster,job_id,attempt,name,user,account,labels,template,state,submit,start,end\n"
DAY = 1_769_817_600_000
HOUR = 3_600_000


def files(first):
    """Give the facts of one of two ingests that overlap: an open job gets another name and ends, a row is bad."""
    name, end, state = ("zq-first-name", "", "RUNNING") if first else ("zq-secret-plan", DAY + 4 * HOUR, "COMPLETED")
    return {
        "nodes": f"cluster,node,partitions,gpus,cpus,memory_mib,start\nlab,n1,gpu,4,64,64000,{DAY}\n",
        "jobs": JOBS + "".join([
            f"lab,1,0,{name},carol,carol,user=carol;x=zq-label,zq-template,{state},{DAY},{DAY},{end}\n",
            f"lab,2,0,zq-open,carol,lab,,,RUNNING,{DAY},{DAY},\n",
            f"lab,3,0,rerun of carol,bob,lab,of=Carol,,COMPLETED,{DAY},{DAY},{DAY + HOUR}\n",
            f"lab,4,0,zq-secret-plan,carol,lab,,,HAPPY,{DAY},{DAY},{DAY + HOUR}\n",
            "lab,5,0,zq-in-a-cut-line,carol,la",
        ]),
        "allocations": "cluster,job_id,attempt,node,gpu_milli,gpus,cpu_milli,memory_mib,start,end\n"
        f"lab,1,0,n1,1000,0,4000,100,{DAY},{end}\nlab,2,0,n1,1000,1,4000,100,{DAY},\n"
        f"lab,3,0,n1,1000,2,4000,100,{DAY},{DAY + HOUR}\n",
        "gpu_samples": "cluster,node,gpu,start,duration_ms,gpu_util_ratio\n"
        + "".join(f"lab,n1,{gpu},{DAY + 60_000 * i},60000,0.{i % 9}\n" for gpu in range(3) for i in range(120)),
        "identities": "person,kind,name,cluster,team\n"
        "x1,user,carol,,optics\nx1,display,Carol Someone,,optics\nx1,e-mail,c.someone@example.org,,optics\n",
        "node_states": f"cluster,node,state,reason,start,end\nlab,n1,up,mended for carol,{DAY},\n",
        "reservations": f"cluster,name,nodes,kind,users,accounts,start\nlab,carol_3,n1,user,carol;bob,carol,{DAY}\n",
        "quotas": "cluster,scope,name,tres,amount,kind,start\n"
        f"lab,user,carol,gpu,1,limit,{DAY}\nlab,account,carol,gpu,1,limit,{DAY}\n",
        "verdicts": "subject_type,subject,verdict,scope,reason,by,time\n"
        f"family,zq-secret-plan,intended,family,ask Carol Someone,carol,{DAY}\n",
        "sources": "cluster,source,supports,covers_from,covers_to,ingested_at,note\n"
        f"lab,dump,capacity;allocation;use;wait,{DAY},{DAY + 5 * HOUR},{DAY},dumped by carol\n",
    }  # fmt: skip


def write(folder, first):
    folder.mkdir(parents=True)
    for table, text in files(first).items():
        (folder / f"{table}.csv").write_text(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a store as a site would, in a folder that bears a name."""
    folder = tmp_path_factory.mktemp("made")
    store = open_store(folder / "store", create=True)
    for number, first in enumerate((True, False)):
        home = folder / "home" / "carol" / str(number)
        write(home, first)
        ingest(store, FACTS_CONNECTOR, FactsSettings(folder=home), Context())
    dump = folder / "carol.txt"
    dump.write_text(DUMP)
    ingest(store, SACCT, SacctSettings(files=(str(dump),)), Context("slurm"))
    return folder


@pytest.fixture
def store(made, tmp_path):
    return open_store(shutil.copytree(made / "store", tmp_path / "store"))


NAMED = {"name", "account", "note", "example", "origin"}
"""Columns of answers in which a name may stand."""


def sums(store):
    """Give the ledger's totals and the rows of every table."""
    snapshot = store.snapshot()
    found = {"rows": {name: snapshot.rows(name).num_rows for name in TABLES if name != "identities"}}
    for name in ("entries", "daily"):
        sql = (
            f'SELECT "user", account IS NULL AS bare, tres, category, detail, sum(amount) AS s FROM {name} GROUP BY ALL'
        )
        found[name] = sorted(map(str, snapshot.query(sql).to_pylist()))
    found["demand"] = str(snapshot.query("SELECT sum(allocated) AS a, sum(waiting) AS w FROM demand").to_pylist())
    return found


def figures(store):
    """Give all that can be counted, with names and what was named after people left out."""
    found, snapshot = sums(store), store.snapshot()
    for name in registry.names():
        asked = {"job_id": "1"} if name == "job" else {}
        report = registry.report(name)
        answer = report.run(snapshot, report.parameters(**asked, pseudonyms=True))
        for part in (answer, *answer.more):
            rows = part.rows.drop_columns([c.name for c in part.columns if c.name in NAMED])
            found[part.report] = sorted(str(row) for row in rows.to_pylist() if row.get("table") != "identities")
    return found


def test_the_store_holds_the_names_before(store):
    found = holding(store.path, WORDS)
    assert {word for words in found.values() for word in words} >= set(WORDS) - {"zq|piped", "zq-in-a-cut-line"}
    assert len({Path(place).parts[1] for place in found}) > 6


def test_after_forgetting_no_file_holds_a_name_and_every_figure_is_what_it_was(store):
    before = figures(store)
    done = store.forget("carol")
    assert holding(store.path, WORDS) == {}
    assert figures(store) == before
    assert store.check() == []
    assert (done.names, done.jobs) == (3, 3)
    assert done.files > 20
    assert done.rows > 10
    snapshot = store.snapshot()
    jobs = {row["job_id"]: row for row in snapshot.rows("jobs", clusters=["lab"]).to_pylist()}
    assert jobs["1"]["user"] == jobs["1"]["account"] == done.person
    assert [jobs["1"][name] for name in ("name", "labels", "template")] == [None] * 3
    assert (jobs["3"]["name"], jobs["3"]["labels"]) == (f"rerun of {done.person}", "of=*")
    assert "bob" in {row["name"] for row in snapshot.rows("identities").to_pylist()}


@pytest.mark.parametrize("who", ["Carol Someone", "c.someone@example.org", "CAROL", "the key"])
def test_a_person_is_found_by_any_name_and_by_key(store, who):
    key = forget.find(store.snapshot(), "carol").key
    assert store.forget(key if who == "the key" else who).person == key
    assert holding(store.path, WORDS) == {}


def test_nobody_and_several_are_errors_that_change_nothing(store, tmp_path):
    with pytest.raises(UsageError, match="Nobody is known"):
        store.forget("nobody")
    path = tmp_path / "more"
    path.mkdir()
    people = "p_00000000000000aa,user,root,lab\np_00000000000000bb,user,root,slurm\n"
    (path / "identities.csv").write_text(f"person,kind,name,cluster\n{people}")
    ingest(store, FACTS_CONNECTOR, FactsSettings(folder=path), Context())
    before = store.snapshot().version
    with pytest.raises(UsageError, match=r"p_00000000000000aa \(lab\), p_00000000000000bb \(slurm\)"):
        store.forget("root")
    assert store.snapshot().version == before
    store.forget("p_00000000000000aa")
    left = store.snapshot().rows("identities").filter(pc.field("name") == "root")
    assert left["person"].to_pylist() == ["p_00000000000000bb"]


def test_the_same_dump_again_is_another_person_and_gives_no_job_its_name_back(store, made):
    key = store.forget("carol").person
    done = ingest(store, SACCT, SacctSettings(files=(str(made / "carol.txt"),)), Context("slurm"))
    assert done.rejects["conflict"] == 2
    again = {row["person"] for row in store.snapshot().rows("identities").to_pylist() if row["name"] == "carol"}
    assert len(again) == 1
    assert key not in again
    jobs = store.snapshot().rows("jobs", clusters=["slurm"])
    assert jobs["user"].to_pylist().count(key) == 1
    assert jobs["name"].to_pylist().count(None) == 1


def test_what_was_said_of_the_site_itself_stays_and_is_told(store, tmp_path):
    path = tmp_path / "more"
    path.mkdir()
    (path / "nodes.csv").write_text(f"cluster,node,partitions,start\nlab,carol-pc,gpu,{DAY}\n")
    ingest(store, FACTS_CONNECTOR, FactsSettings(folder=path), Context())
    assert forget.find(store.snapshot(), "carol").stays == ("nodes.node",)
    store.forget("carol")
    assert "carol-pc" in store.snapshot().rows("nodes")["node"].to_pylist()


def test_spilled_files_of_dead_processes_go(store):
    gone, own = (Path(store.path) / "tmp" / f"paydown-{pid}-0a" for pid in (2**22 + 1, os.getpid()))
    for place in (gone, own):
        place.mkdir(parents=True)
        (place / "x.tmp").write_text("carol")
    store.forget("carol")
    assert (gone.exists(), own.exists()) == (False, True)


class StopError(Exception):
    """Stands for a kill: nothing of ours catches it."""


STEPS = [
    (history, "promise"), (forget, "forget"), (history, "_present_alone"), (history, "_before"), (history, "_sweep"),
    (Folder, "keep"), (Folder, "remove"), (history, "purge"),
]  # fmt: skip


@pytest.mark.parametrize(
    "after", [1, pytest.param(3, marks=pytest.mark.slow), pytest.param(40, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("module", "name"), STEPS)
def test_what_was_cut_short_is_brought_to_its_end_by_asking_again(store, monkeypatch, module, name, after):
    before = sums(store)
    left, real = [after], getattr(module, name)

    def stopping(*args, **more):
        left[0] -= 1
        if not left[0]:
            raise StopError
        return real(*args, **more)

    with monkeypatch.context() as patch, suppress(StopError):
        patch.setattr(module, name, stopping)
        store.forget("carol")
    if left[0] <= 0:
        store.forget("carol")
    assert holding(store.path, WORDS) == {}
    assert not (Path(store.path) / history.PENDING).exists()
    assert sums(store) == before
    assert store.check() == []


def test_any_writer_ends_what_was_cut_short(store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(history, "_present_alone", lambda uri: (_ for _ in ()).throw(StopError()))
        with pytest.raises(StopError):
            store.forget("carol")
    assert holding(store.path, WORDS)
    assert json.loads((Path(store.path) / history.PENDING).read_text())["person"].startswith("p_")
    with store.write():
        pass
    assert holding(store.path, WORDS) == {}


def test_without_the_removal_of_old_states_the_names_are_still_there(store, monkeypatch):
    monkeypatch.setattr(history, "_present_alone", lambda uri: (0, 0))
    store.forget("carol")
    found = holding(store.path, WORDS)
    assert any("_delta_log" in place for place in found)
    assert any(place.endswith(".parquet") for place in found)


def test_a_table_can_be_read_by_its_log_alone_afterwards(store):
    from deltalake import DeltaTable

    store.forget("carol")
    table = DeltaTable(f"{store.path}/tables/jobs")
    assert pa.table(table.get_add_actions()).num_rows == len(store.snapshot().files("jobs"))
    with store.write() as tx:
        tx.upsert("jobs", store.snapshot().rows("jobs"))
        tx.commit()
    assert store.check() == []
