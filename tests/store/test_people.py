"""Person keys: random, one a user name, names in one table alone."""

import re
from datetime import UTC, datetime
from pathlib import Path

from paydown.store import people

DAY = 86_400_000


def keys(store, names, cluster="c"):
    with store.write() as tx:
        found = people.keys_for(tx, names, cluster)
        tx.commit()
    return found


def test_a_name_gets_a_random_key_and_keeps_it(store):
    first = keys(store, ["ada", "bob"])
    assert set(first) == {"ada", "bob"}
    assert len(set(first.values())) == 2
    assert all(re.fullmatch(r"p_[0-9a-f]{16}", key) for key in first.values())
    again = keys(store, ["bob", "cyd"], "another cluster")
    assert again["bob"] == first["bob"]
    assert store.snapshot().rows("identities").num_rows == 3


def test_a_second_call_of_one_transaction_knows_the_first(store):
    with store.write() as tx:
        assert people.keys_for(tx, ["ada"], "c") == people.keys_for(tx, ["ada"], "c")


def test_an_identity_of_one_cluster_holds_there_alone(store, put):
    put("identities", [{"person": "p_1", "kind": "user", "name": "root", "cluster": "c"}])
    assert keys(store, ["root"], "c") == {"root": "p_1"}
    assert keys(store, ["root"], "d")["root"] != "p_1"
    assert keys(store, ["root"], "c") == {"root": "p_1"}


def test_what_is_a_key_already_stays(store):
    assert keys(store, ["p_0123456789abcdef"]) == {"p_0123456789abcdef": "p_0123456789abcdef"}
    assert store.snapshot().rows("identities").num_rows == 0


def test_the_display_name_is_shown_before_others(store, put):
    put("identities", [
        {"person": "p_1", "kind": "e-mail", "name": "ada@example.org"},
        {"person": "p_1", "kind": "user", "name": "ada"},
        {"person": "p_1", "kind": "display", "name": "Ada L.", "start": DAY, "end": 2 * DAY},
        {"person": "p_2", "kind": "user", "name": "bob"},
    ])  # fmt: skip
    snapshot = store.snapshot()
    assert people.names(snapshot) == {"p_1": "Ada L.", "p_2": "bob"}
    assert people.names(snapshot, datetime(2026, 2, 1, tzinfo=UTC))["p_1"] == "Ada L."
    assert people.names(snapshot, datetime(2026, 2, 2, tzinfo=UTC))["p_1"] == "ada"


def test_names_stand_in_identities_alone(store):
    keys(store, ["a-very-telling-name"])
    holding = {
        place.relative_to(store.path).parts[:2]
        for place in Path(store.path).rglob("*")
        if place.is_file() and b"a-very-telling-name" in place.read_bytes()
    }
    assert holding == {("tables", "identities")}
