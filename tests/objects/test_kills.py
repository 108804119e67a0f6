"""Writers that are killed as one of their requests comes in, before it is done or just after; then the next writer."""

import os
import random
import signal
import threading

import pytest
from tests.objects.steps import seen
from tests.objects.writers import writers

from paydown.store import lock, open_store

SOME = 6


@pytest.fixture
def writer(store):
    with writers(1) as (only,):
        yield only


def killed(server, writer, path, at, *, after):
    """Kill a writer at its request number `at` and give what it acknowledged, and how many requests it made."""
    first = len(server.trouble.requests)
    over = threading.Event()

    def plan(request):
        if request.number - first != at or over.is_set():
            return None
        if not after:
            os.kill(writer.pid, signal.SIGKILL)
            return "reset"
        return "killed"

    writer.ready(path, f"w{first}-", 1)
    server.trouble.plan = plan
    server.trouble.kill = lambda: os.kill(writer.pid, signal.SIGKILL)
    writer.go()
    told = [line for line in writer.acknowledged() if line != "done"]
    over.set()
    server.trouble.plan = None
    return told, len(server.trouble.requests) - first


def after_a_kill(store, told, before):
    """Look at the state that a kill left: the former or the new one, with everything acknowledged."""
    nodes = seen(open_store(store.path).snapshot())
    assert before | set(told) <= nodes, "something acknowledged is lost"
    assert len(nodes - before) <= 1
    return nodes


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["some", "every"])
def test_a_writer_killed_at_a_request_loses_nothing_and_the_next_goes_on(store, server, writer, after, every):
    chance = random.Random(f"{after}{every}")
    told, requests = killed(server, writer, store.path, -1, after=after)
    nodes, at = seen(store.snapshot()), 0
    assert nodes == set(told)
    while at < requests:
        told, _ = killed(server, writer, store.path, at, after=after)
        nodes = after_a_kill(store, told, nodes)
        at += 1 if every else chance.randint(1, 2 * requests // SOME)
    assert lock.holds(store.path) is None, "a writer that is gone is taken for alive"
    told, _ = killed(server, writer, store.path, -1, after=False)
    assert told, "the next writer does not go on"
    assert seen(store.snapshot()) == nodes | set(told)
    assert store.check() == []
    store.compact(grace_hours=0)
    assert store.check() == []
    assert seen(store.snapshot()) == nodes | set(told)
