"""A store on an object store does everything that one in a folder does, and gives the same figures."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from tests.objects.conftest import KEYS
from tests.objects.steps import rows, seen, step

from paydown.errors import MissingExtraError, StoreBusyError, StoreError
from paydown.store import access, leases, lock, objects, open_store, pieces
from paydown.store.files import files
from paydown.surfaces.cli.main import run
from paydown.surfaces.cli.session import Session

FACTS = {
    "nodes": "cluster,node,partitions,gpus,cpus,memory_mib,start\nlab,n1,gpu,4,64,524288,2026-01-12T00:00:00Z\n",
    "jobs": (
        "cluster,job_id,attempt,name,user,account,partition,submit,start,end,state\n"
        "lab,1,0,train,carol,physics,gpu,2026-01-12T08:00:00Z,2026-01-12T08:00:00Z,2026-01-13T10:00:00Z,COMPLETED\n"
    ),
    "allocations": (
        "cluster,job_id,attempt,node,gpu_milli,gpus,cpu_milli,memory_mib,start,end\n"
        "lab,1,0,n1,2000,0;1,8000,1024,2026-01-12T08:00:00Z,2026-01-13T10:00:00Z\n"
    ),
    "gpu_samples": (
        "cluster,node,gpu,start,duration_ms,gpu_util_ratio\n"
        "lab,n1,0,2026-01-12T08:00:00Z,3600000,0.5\nlab,n1,1,2026-01-12T08:00:00Z,3600000,0\n"
    ),
}
REPORTS = (
    ["debt", "--by", "user"], ["usage"], ["jobs"], ["ledger"], ["coverage"],
    ["timeline"],
)  # fmt: skip


@pytest.fixture
def facts(tmp_path):
    folder = tmp_path / "facts"
    folder.mkdir()
    for name, text in FACTS.items():
        (folder / f"{name}.csv").write_text(text)
    return str(folder)


@pytest.fixture
def paydown(tmp_path, capfd):
    (tmp_path / "one.toml").write_text("processes = 1")

    def call(place, *arguments, code=0):
        config = ["--config", str(tmp_path / "one.toml")]
        got = run(["--store", place, *config, *arguments], Session(clock=lambda: 1_768_400_000_000))
        said = capfd.readouterr()
        assert got == code, said.err
        assert not any(secret in said.out + said.err for secret in KEYS.values())
        return said.out

    return call


def answers(paydown, place):
    said = [json.loads(paydown(place, *report, "--format", "json")) for report in REPORTS]
    return [{name: value for name, value in answer.items() if name != "store"} for answer in said]


def test_every_verb_and_the_same_figures_as_in_a_folder(paydown, bucket, server, facts, tmp_path):
    remote, local = f"{bucket}/prefix/store", str(tmp_path / "store")
    for place in (remote, local):
        assert "1 new" in paydown(place, "ingest", "facts", facts)
    assert answers(paydown, remote) == answers(paydown, local)
    assert "balances" in paydown(remote, "check")
    paydown(remote, "post", "--from", "2026-01-12", "--to", "2026-01-14")
    assert answers(paydown, remote) == answers(paydown, local)
    assert '"filesystem": "s3"' in paydown(remote, "store", "info", "--format", "json")
    assert "there and whole" in paydown(remote, "store", "check")
    assert "removed" in paydown(remote, "store", "compact", "--grace-hours", "0")
    assert "there and whole" in paydown(remote, "store", "check")
    assert "rows" in paydown(remote, "store", "export", str(tmp_path / "out"))
    assert (tmp_path / "out" / "jobs.parquet").exists()
    assert "2 rows" in paydown(remote, "store", "retain", "gpu_samples", "--before", "2026-01-13")
    paydown(remote, "store", "forget", "carol", "--yes")
    found = paydown(remote, "doctor")
    assert "conditional puts" in found
    for place in files(remote).sizes(bucket):
        held = files(remote).read(f"{bucket}/{place}")
        assert not any(secret.encode() in held for secret in (*KEYS.values(), "carol")), place


def test_a_folder_of_the_same_name_is_not_made(paydown, bucket, facts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(Path.cwd().iterdir())
    paydown(f"{bucket}/x", "ingest", "facts", facts)
    paydown(f"{bucket}/x", "debt")
    assert {place for place in Path.cwd().iterdir() if place.name != "one.toml"} | before == before


def test_what_is_no_store_is_left_alone(bucket):
    files(bucket).replace(f"{bucket}/a/thesis.tex", b"x")
    with pytest.raises(StoreError, match="not empty"):
        open_store(f"{bucket}/a", create=True)
    with pytest.raises(StoreError, match="no store at"):
        open_store(f"{bucket}/b")
    with pytest.raises(StoreError, match="there is no bucket nowhere"):
        open_store("s3://nowhere/b", create=True)


def test_a_store_at_the_root_of_a_bucket(bucket):
    store = open_store(f"{bucket}/", create=True)
    with store.write() as tx:
        step(tx, "w", 1)
        tx.commit()
    assert seen(open_store(bucket).snapshot()) == {"w1"}


@pytest.mark.parametrize("address", ["s3://key:secret-word@bucket/x", "s3://secret-word@bucket"])
def test_an_address_with_keys_is_refused_and_not_repeated(address):
    with pytest.raises(StoreError, match="holds no keys") as told:
        open_store(address)
    assert "secret-word" not in str(told.value)


def test_keys_come_from_the_environment_or_files(tmp_path):
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n[x]\n")
    (tmp_path / "config").write_text("[profile x]\nregion = eu-north-1\nendpoint_url = http://here:1/\n")
    places = {name: str(tmp_path / file) for name, file in
              (("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials"))}  # fmt: skip
    assert access.reach(places) == {"region": "us-east-1", "access_key_id": "a", "secret_access_key": "b"}
    assert access.reach({**places, "AWS_PROFILE": "x"}) == {
        "region": "eu-north-1", "endpoint": "http://here:1", "virtual_hosted_style_request": "false",
    }  # fmt: skip
    named = {"AWS_ACCESS_KEY_ID": "c", "AWS_SECRET_ACCESS_KEY": "d", "AWS_SESSION_TOKEN": "e", "AWS_REGION": "r"}
    assert access.reach({**places, **named}) == {
        "region": "r", "access_key_id": "c", "secret_access_key": "d", "session_token": "e",
    }  # fmt: skip


def test_a_store_that_ignores_conditions_is_refused(bucket, server):
    server.trouble.plan = lambda request: "heedless" if request.conditional else None
    with pytest.raises(StoreError, match="If-None-Match"):
        open_store(f"{bucket}/a", create=True)
    server.trouble.plan = None
    store = open_store(f"{bucket}/a", create=True)
    server.trouble.plan = lambda request: "heedless" if request.conditional else None
    with pytest.raises(StoreError, match="If-None-Match"), store.write():
        pass
    assert store.snapshot().version == 0


def test_the_environment_cannot_take_the_conditions_away(store, monkeypatch):
    monkeypatch.setenv("AWS_S3_ALLOW_UNSAFE_RENAME", "true")
    monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    objects._objects.cache_clear()
    with store.write() as first:
        step(first, "a", 1)
        monkeypatch.setattr(leases.NumberedLease, "check", lambda self: None)
        monkeypatch.setattr(leases, "_holder", lambda store, number: None)
        with store.write() as second:
            step(second, "b", 1)
            second.commit()
        with pytest.raises(StoreBusyError):
            first.commit()
    assert seen(store.snapshot()) == {"b1"}


def test_the_extra_is_named_where_it_is_missing(bucket, monkeypatch):
    objects._objects.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(MissingExtraError, match=r"paydown\[objects\]"):
        open_store(bucket)


def test_a_holder_is_told_and_waited_for(store):
    with store.write(command="the first one"):
        with pytest.raises(StoreBusyError, match=rf"process {os.getpid()} on .*the first one"), store.write():
            pass
        assert "the first one" in store.info().writer
    assert store.info().writer is None
    with store.write():
        assert leases._numbers(store.path) == [2]


def test_a_sign_of_life_of_one_who_was_taken_over_harms_nobody(store):
    clock = lock.Clock(lambda: 0.0)
    with lock.held(store.path, wait_s=0, command="old", clock=clock) as old:
        place = leases._place(store.path, 1)
        files(store.path).replace(place, old.holder.encoded().replace(old.holder.machine.encode(), b"elsewhere"))
        with lock.held(store.path, wait_s=0, command="new") as new:
            old.beat(1e10)
            new.check()
            with pytest.raises(StoreBusyError, match=r"taken over by .*new"):
                old.check()


def test_of_a_large_file_only_the_columns_asked_for_are_fetched(store, server, monkeypatch):
    monkeypatch.setattr(pieces, "WHOLE", 1000)
    monkeypatch.setattr(pieces, "TAIL", 5000)
    one = rows("gpu_samples", cluster="c", node="n", gpu="0", start=0, duration_ms=1)
    count = 50_000
    many = pa.concat_tables([one] * count).set_column(
        4, one.schema.field(4), pa.array(range(0, 100 * count, 100)).cast(one.schema.field(4).type)
    )
    with store.write() as tx:
        tx.upsert("gpu_samples", many)
        tx.commit()
    whole = store.snapshot().rows("gpu_samples")
    assert whole.num_rows == count
    assert store.snapshot().rows("gpu_samples", columns=["start"]).column(0) == whole.column("start")
    assert store.snapshot().rows("gpu_samples", columns=["node"]).column(0) == whole.column("node")
