"""A store that is late, fails, cuts off and loses answers: it is tried again, or told in a sentence and all stays."""

import random
import time
from dataclasses import replace

import pytest
from tests.objects.steps import seen, step

from paydown.errors import StoreBusyError, StoreError
from paydown.store import access, leases, lock, objects, open_store
from paydown.store.files import files

pytestmark = pytest.mark.usefixtures("impatient")


def write(store, i):
    with store.write(command="test") as tx:
        step(tx, "w", i)
        tx.commit()


def names(count):
    return {f"w{i}" for i in range(1, count + 1)}


def is_log(request, table):
    return request.conditional and f"{table}/_delta_log" in request.path


@pytest.mark.parametrize("wrong", [500, 503, "reset", "lost"])
@pytest.mark.parametrize("what", ["lease", "nodes", "catalog", "parquet"])
def test_one_request_that_goes_wrong_is_made_good(store, server, wrong, what):
    write(store, 1)
    matches = {
        "lease": lambda r: r.conditional and r.path.endswith(".lease"),
        "nodes": lambda r: is_log(r, "nodes"),
        "catalog": lambda r: is_log(r, "catalog"),
        "parquet": lambda r: r.method == "PUT" and r.path.endswith(".parquet"),
    }[what]
    hit = []
    server.trouble.once(wrong, lambda request: matches(request) and not hit.append(request))
    write(store, 2)
    assert hit
    assert seen(store.snapshot()) == names(2)
    assert store.check() == []


def test_a_busy_store_is_asked_again(store, server):
    chance = random.Random(1)
    server.trouble.plan = lambda request: 503 if chance.random() < 0.1 else None
    write(store, 1)
    assert seen(store.snapshot()) == names(1)


def test_a_slow_store_is_waited_for(store, server):
    server.trouble.plan = lambda request: 0.05
    write(store, 1)
    assert seen(store.snapshot()) == names(1)


@pytest.mark.parametrize("wrong", [500, "reset", 2.0], ids=["failing", "cut-off", "silent"])
@pytest.mark.parametrize("what", ["PUT", "GET"])
def test_a_store_that_is_down_is_a_sentence_and_changes_nothing(store, server, wrong, what):
    write(store, 1)
    server.trouble.plan = lambda request: wrong if request.method == what else None
    with pytest.raises(StoreError) as told:
        write(store, 2)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500
    server.trouble.plan = None
    assert seen(open_store(store.path).snapshot()) == names(1)
    write(store, 2)
    assert seen(store.snapshot()) == names(2)
    assert store.check() == []


def test_without_trying_again_a_busy_store_is_an_error(store, server, monkeypatch):
    monkeypatch.setattr(access, "RETRIES", 0)
    monkeypatch.setattr(access, "TIMEOUT_S", 2)
    objects._objects.cache_clear()
    server.trouble.once(503, lambda request: request.path.endswith(".parquet"))
    with pytest.raises(StoreError, match="503"):
        write(store, 1)


def overtaken(store):
    """Have a writer taken over before it commits: by the clock of another it gave no sign of life for too long."""
    late = lock.Clock(lambda: time.time() + 1000)
    with store.write(command="first") as first:
        step(first, "w", 1)
        place = leases._place(store.path, max(leases._numbers(store.path)))
        files(store.path).replace(place, replace(leases.written(store.path), machine="another").encoded())
        with lock.held(store.path, wait_s=0, command="second", clock=late):
            pass
        write(store, 1)
        first.commit()


def test_a_writer_that_stalled_is_taken_over_and_notices(store):
    with pytest.raises(StoreBusyError, match="taken over"):
        overtaken(store)
    assert seen(store.snapshot()) == names(1)
    assert store.check() == []


def test_a_stalled_writer_that_does_not_look_at_its_lease_is_stopped_by_the_catalog(store, monkeypatch):
    monkeypatch.setattr(leases.NumberedLease, "check", lambda self: None)
    with pytest.raises(StoreBusyError, match="another writer committed"):
        overtaken(store)
    assert seen(store.snapshot()) == names(1)
