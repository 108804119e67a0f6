"""From a source to an acknowledged store: counts, people, sources, rejects, repetition, refusal."""

from pathlib import Path

import pytest

from paydown.connectors.facts import CONNECTOR, FactsSettings
from paydown.connectors.interface import Context
from paydown.errors import InputError, RejectsError
from paydown.ingest import ingest
from paydown.store import open_store

SMALL = Path(__file__).parents[1] / "dumps" / "facts" / "small"
JOBS = "cluster,job_id,attempt,state,user,submit,start,end\n"


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


@pytest.fixture
def take(store, tmp_path):
    """Ingest files given as text."""

    def run(name="a", *, post=False, strict=False, clock=lambda: 1_800_000_000_000, **files):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for table, text in files.items():
            (folder / f"{table}.csv").write_text(text)
        settings = FactsSettings(folder=folder)
        return ingest(store, CONNECTOR, settings, Context(), post=post, strict=strict, clock=clock)

    return run


def everything(store):
    snapshot = store.snapshot()
    return {name: snapshot.rows(name).to_pylist() for name in ("jobs", "identities", "sources", "rejects", "nodes")}


def test_a_folder_is_ingested_and_posted(store):
    done = ingest(store, CONNECTOR, FactsSettings(folder=SMALL), Context())
    assert done.rows == {"allocations": 2, "gpu_samples": 4, "jobs": 3, "nodes": 2}
    assert done.rows.items() <= done.inserted.items()
    assert (done.rejects, done.clusters) == ({"not-a-number": 1}, ("tiny",))
    assert (done.notes, done.days) == (("a hand-written sample",), 1)
    assert len(store.snapshot().rows("daily"))
    assert len(store.snapshot().rows("dirty")) == 0


def test_the_same_again_changes_nothing(store):
    ingest(store, CONNECTOR, FactsSettings(folder=SMALL), Context())
    before = everything(store)
    done = ingest(store, CONNECTOR, FactsSettings(folder=SMALL), Context())
    assert everything(store) == before
    assert (done.inserted, done.replaced, done.dirty, done.days) == ({}, {}, 0, 0)
    assert done.unchanged == done.rows


def test_posting_can_be_deferred(store):
    done = ingest(store, CONNECTOR, FactsSettings(folder=SMALL), Context(), post=False)
    assert (done.days, len(store.snapshot().rows("daily"))) == (0, 0)
    assert len(store.snapshot().rows("dirty")) == done.dirty > 0


def test_strict_keeps_nothing(store):
    with pytest.raises(RejectsError, match="1 reject: 1 not-a-number"):
        ingest(store, CONNECTOR, FactsSettings(folder=SMALL), Context(), strict=True)
    assert all(not rows for rows in everything(store).values())


def test_a_file_that_is_cut_off_keeps_nothing(store, take):
    with pytest.raises(InputError, match="nodes"):
        take(jobs=JOBS + "c,1,0,RUNNING,ann,0,0,\n", nodes="")
    assert all(not rows for rows in everything(store).values())


def test_names_become_keys_and_stand_in_identities_alone(store, take):
    take(jobs=JOBS + "c,1,0,RUNNING,ann,0,0,\nc,2,0,RUNNING,ben,0,0,\nd,3,0,HAPPY,ann,0,0,\nd,4,0,RUNNING,ann,0,0,\n")
    found = everything(store)
    names = {row["person"]: row["name"] for row in found["identities"]}
    assert sorted(names.values()) == ["ann", "ben"]
    assert [names[row["user"]] for row in sorted(found["jobs"], key=lambda row: row["job_id"])] == ["ann", "ben", "ann"]
    assert "ann" not in str(found["rejects"])


def test_people_of_the_folder_are_found_again(store, take):
    people = "person,kind,name,cluster,team\nx1,user,ann,,optics\nx1,display,Ann Example,,optics\n"
    for _ in range(2):
        take(identities=people, jobs=JOBS + "c,1,0,RUNNING,ann,0,0,\nc,2,0,RUNNING,x1,0,0,\n")
    found = everything(store)
    (person,) = {row["person"] for row in found["identities"]}
    assert len(found["identities"]) == 2
    assert {row["user"] for row in found["jobs"]} == {person} != {"x1"}


def test_users_of_reservations_and_quotas(store, take):
    take(
        reservations="cluster,name,nodes,kind,users,start\nc,r,n1,user,ben;ann,0\n",
        quotas="cluster,scope,name,tres,amount,kind,start\nc,user,ann,gpu,1,limit,0\nc,account,lab,gpu,1,limit,0\n",
    )
    keys = {row["name"]: row["person"] for row in store.snapshot().rows("identities").to_pylist()}
    assert store.snapshot().rows("reservations")["users"].to_pylist() == [
        ";".join(sorted(keys[x] for x in ("ann", "ben")))
    ]
    assert set(store.snapshot().rows("quotas")["name"].to_pylist()) == {keys["ann"], "lab"}


def test_a_source_reaches_to_its_latest_instant(store, take):
    take(
        jobs=JOBS + "c,1,0,COMPLETED,,1000,2000,5000\n",
        reservations="cluster,name,nodes,kind,start,end\nc,r,n,user,0,9000\n",
    )
    (row,) = store.snapshot().rows("sources").to_pylist()
    assert (row["covers_from"].timestamp(), row["covers_to"].timestamp(), row["supports"]) == (1, 5, "wait")
    assert row["ingested_at"].timestamp() == 1_800_000_000


def test_an_inventory_alone_vouches_for_no_time_and_says_so(take):
    nodes = "cluster,node,partitions,gpus,start\nc,n,p,4,1000\n"
    assert any("vouches for no time" in note for note in take(nodes=nodes).notes)
    told = "cluster,source,supports,covers_from,covers_to,ingested_at\nc,s,capacity,1000,9000,9000\n"
    assert not take("b", nodes=nodes, sources=told).notes


def test_overlapping_sources_close_open_rows_and_refuse_other_closed_ones(store, take):
    take(jobs=JOBS + "c,1,0,RUNNING,,0,0,\nc,2,0,COMPLETED,,0,0,1000\n")
    done = take("b", jobs=JOBS + "c,1,0,COMPLETED,,0,0,2000\nc,2,0,COMPLETED,,0,0,1000\nc,3,0,RUNNING,,0,0,\n")
    assert (done.inserted["jobs"], done.replaced["jobs"], done.unchanged["jobs"]) == (1, 1, 1)
    done = take("d", jobs=JOBS + "c,1,0,RUNNING,,0,0,\nc,2,0,FAILED,,0,0,1000\n")
    assert done.rejects == {"conflict": 1}
    (reject,) = everything(store)["rejects"]
    assert (reject["reason"], reject["line"], Path(reject["origin"]).parent.name) == ("conflict", 3, "d")
    assert {row["state"] for row in everything(store)["jobs"]} == {"COMPLETED", "RUNNING"}


def test_small_buffers_change_nothing(store, tmp_path, monkeypatch):
    ingest(store, CONNECTOR, FactsSettings(folder=SMALL), Context())
    monkeypatch.setattr("paydown.ingest.run.BUFFER_BYTES", 1)
    other = open_store(tmp_path / "other", create=True)
    ingest(other, CONNECTOR, FactsSettings(folder=SMALL), Context())
    one, two = (s.snapshot().rows("daily").drop_columns(["user"]).to_pylist() for s in (store, other))
    assert sorted(map(str, one)) == sorted(map(str, two))


def test_very_many_rejects_are_folded_and_all_counted(store, take, monkeypatch):
    monkeypatch.setattr("paydown.ingest.tally.KEPT_REJECTS", 3)
    done = take(jobs=JOBS + "c,1,0,HAPPY,,0,0,\n" * 8)
    assert done.rejects == {"unknown-value": 8}
    assert sorted(row["count"] for row in everything(store)["rejects"]) == [1, 1, 1, 5]
