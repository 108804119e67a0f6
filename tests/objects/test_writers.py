"""Two writers and a reader at once, on an object store, in processes of their own; then without what they rest on."""

import threading
from collections import Counter

import pytest
from tests.objects.steps import seen
from tests.objects.writers import writers

from paydown.errors import StoreError
from paydown.store import layout, open_store

COMMITS = 15


class TornError(AssertionError):
    """A reader saw what nobody acknowledged, or missed what somebody did."""


def together(path, pair, commits=COMMITS):
    """Let two writers work on a store, read beside them, and give how many states were read."""
    told, states, left = set(), [], len(pair)

    def listen(writer):
        nonlocal left
        for line in writer.acknowledged():
            if line == "done":
                break
            told.add(line)
        left -= 1

    for name, writer in zip("ab", pair, strict=True):
        writer.ready(path, name, commits)
    listeners = [threading.Thread(target=listen, args=(writer,)) for writer in pair]
    for listener, writer in zip(listeners, pair, strict=True):
        listener.start()
        writer.go()
    before: set[str] = set()
    while left or not states:
        due = set(told)
        nodes = looked(path)
        lost = (due | before) - nodes
        if lost:
            raise TornError(f"acknowledged or seen before, and lost: {sorted(lost)}")
        before = nodes
        states.append(len(nodes))
    for listener, writer in zip(listeners, pair, strict=True):
        listener.join()
        list(writer.acknowledged())
    nodes = looked(path)
    if nodes != told or len(nodes) != 2 * commits:
        raise TornError(f"lost: {sorted(told - nodes)}, never acknowledged: {sorted(nodes - told)}")
    return states


def looked(path):
    try:
        return seen(open_store(path).snapshot())
    except AssertionError as error:
        raise TornError(str(error)) from error


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_two_writers_and_a_reader(bucket, times):
    with writers(2) as pair:
        for time in range(times):
            store = open_store(f"{bucket}/{time}", create=True)
            states = together(store.path, pair)
            assert len(set(states)) > 2, "the reader saw nothing of the writing"
            assert store.check() == []


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_without_the_lease_the_catalog_still_lets_one_alone_commit(bucket, times):
    with writers(2, "lease") as pair:
        for time in range(times):
            store = open_store(f"{bucket}/{time}", create=True)
            together(store.path, pair, 8)
            assert store.check() == []


def again_and_again(bucket, pair):
    for time in range(20):
        together(open_store(f"{bucket}/{time}", create=True).path, pair, 8)


@pytest.mark.slow  # two writers must meet within a moment: sought again and again until they do
@pytest.mark.parametrize(
    ("protections", "heedless"),
    [
        pytest.param(("lease", "base"), False, id="base"),
        pytest.param(("guard", "lease"), True, id="conditional-put"),
    ],
)
def test_a_protection_taken_away_is_missed(bucket, server, monkeypatch, protections, heedless):
    if heedless:
        server.trouble.plan = lambda request: "heedless" if request.conditional else None
        monkeypatch.setattr(layout, "guard", lambda store, marker: None)
    with writers(2, *protections) as pair, pytest.raises((TornError, StoreError)):
        again_and_again(bucket, pair)


def test_every_number_of_a_lease_is_given_once(bucket, server):
    with writers(2) as pair:
        store = open_store(f"{bucket}/a", create=True)
        together(store.path, pair, 4)
    made = Counter(
        request.path for request in server.trouble.requests if request.conditional and request.path.endswith(".lease")
    )
    assert len(made) == 8
