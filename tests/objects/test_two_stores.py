"""A store in a folder and one on an object store at once in one process, and two servers one after the other."""

import pytest
from tests.objects.server import Server
from tests.objects.steps import seen, step

from paydown.store import open_store


@pytest.fixture
def second():
    running = Server()
    yield running
    running.stop()


def write(tx, name):
    step(tx, name, 1)
    return tx.commit()


def test_a_folder_and_an_object_store(store, tmp_path):
    local = open_store(tmp_path / "store", create=True)
    with store.write() as there, local.write() as here:
        write(there, "s")
        write(here, "f")
    for each, name in ((store, "s1"), (local, "f1")):
        snapshot = each.snapshot()
        assert seen(snapshot) == {name}
        assert snapshot.query("SELECT node FROM nodes")["node"].to_pylist() == [name]
    assert (store.check(), local.check()) == ([], [])


def test_two_buckets_in_one_thread(bucket):
    left, right = (open_store(f"{bucket}/{name}", create=True) for name in ("left", "right"))
    with left.write() as one, right.write() as other:
        write(one, "l")
        write(other, "r")
    assert (seen(left.snapshot()), seen(right.snapshot())) == ({"l1"}, {"r1"})
    assert left.snapshot().query("SELECT node FROM nodes")["node"].to_pylist() == ["l1"]


def test_another_server_is_asked_when_the_environment_names_another(store, server, second, monkeypatch):
    with store.write() as tx:
        write(tx, "s")
    assert store.snapshot().query("SELECT count(*) AS n FROM nodes")["n"].to_pylist() == [1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", second.address)
    before = len(server.trouble.requests)
    assert open_store(store.path).snapshot().query("SELECT count(*) AS n FROM nodes")["n"].to_pylist() == [1]
    assert len(server.trouble.requests) == before
    assert second.trouble.requests
