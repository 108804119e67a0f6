"""For which time dumps speak: one after the other, with accounting beside them, told again, out of order."""

from pathlib import Path

import pytest

from paydown.connectors.interface import Context
from paydown.connectors.sacct import CONNECTOR as SACCT
from paydown.connectors.sacct import SacctSettings
from paydown.connectors.slurm_nodes import CONNECTOR, SlurmNodesSettings
from paydown.errors import InputError
from paydown.ingest import ingest
from paydown.ledger.check import check
from paydown.store import open_store

from . import sample

DUMPS = Path(__file__).parents[2] / "dumps" / "slurm_nodes"
MINUTE = 60_000
T = sample.AT * 1000
"""The instant of the first dump."""


def g(name="g1", gres="gpu:a100:4", used="gpu:a100:2", state=("IDLE",), **more):
    return sample.node(name, gres, used, list(state), **more)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


@pytest.fixture
def take(store, tmp_path):
    """Ingest dumps, each given as (minutes after the first, nodes)."""

    def run(*dumps, **settings):
        files = []
        for minutes, nodes in dumps:
            path = tmp_path / f"{minutes}.json"
            path.write_text(sample.dump(*nodes, at=sample.AT + 60 * minutes))
            files.append(str(path))
        return ingest(store, CONNECTOR, SlurmNodesSettings(files=tuple(files), **settings), Context())

    return run


def rows(store, table, *columns):
    """Give the rows with their times in minutes after the first dump."""
    found = store.snapshot().rows(table, sort=True).to_pylist()
    times = [
        tuple(None if row[name] is None else (row[name].timestamp() * 1000 - T) / MINUTE for name in ("start", "end"))
        for row in found
    ]
    return [(*(row[name] for name in columns), *span) for row, span in zip(found, times, strict=True)]


def covers(store):
    found = store.snapshot().rows("sources").to_pylist()
    pairs = [
        tuple((row[name].timestamp() * 1000 - T) / MINUTE for name in ("covers_from", "covers_to")) for row in found
    ]
    return sorted(pairs)


def test_one_dump_holds_since_it_is_said_to(take, store):
    done = take((0, [g()]), since_ms=T - 60 * MINUTE)
    assert rows(store, "nodes", "node", "gpus", "gpu_model") == [("g1", 4, "a100", -60, None)]
    assert rows(store, "node_allocations", "gpu_milli") == [(2000, 0, None)]
    assert (rows(store, "node_states"), covers(store)) == ([], [(-60, 0)])
    assert any("from 2026-01-03T07:00:00Z on" in note for note in done.notes)


def test_without_a_since_it_holds_since_the_first_fact(take, store, tmp_path):
    accounts = tmp_path / "sacct.txt"
    accounts.write_text(
        "JobID|Cluster|State|Submit|Start|End|NodeList|AllocTRES\n"
        "1|lab|COMPLETED|2026-01-03T05:50:00|2026-01-03T06:00:00|2026-01-03T07:00:00|g1|cpu=8,mem=1G,gres/gpu=2\n"
    )
    ingest(store, SACCT, SacctSettings(files=(str(accounts),)), Context())
    done = take((0, [g()]))
    assert rows(store, "nodes", "node") == [("g1", -120, None)]
    assert any("since 2026-01-03T06:00:00Z, the first fact of the cluster" in note for note in done.notes)
    assert check(store) == []


def test_with_nothing_else_known_it_says_so_and_the_same_dump_may_come_again(take, store, tmp_path):
    done = take((0, [g()]))
    assert any(
        "Nothing earlier is known of the cluster than 2026-01" in note and "once more" in note for note in done.notes
    )
    accounts = tmp_path / "sacct.txt"
    accounts.write_text(
        "JobID|Cluster|State|Submit|Start|End|NodeList|AllocTRES\n"
        "1|lab|COMPLETED|2026-01-03T05:50:00|2026-01-03T06:00:00|2026-01-03T07:00:00|g1|cpu=8,mem=1G,gres/gpu=2\n"
    )
    ingest(store, SACCT, SacctSettings(files=(str(accounts),)), Context())
    take((0, [g()]))
    assert rows(store, "nodes", "node") == [("g1", -120, None), ("g1", 0, None)]


def test_the_same_again_changes_nothing(take, store):
    dumps = [(0, [g(), g("g2")]), (5, [g(), g("g2", used="gpu:a100:4", state=["DRAIN"])])]
    take(*dumps, since_ms=T - 60 * MINUTE)
    before = {name: store.snapshot().rows(name).to_pylist() for name in CONNECTOR.tables}
    for again in (dumps, dumps[1:], dumps[:1]):
        done = take(*again, since_ms=T - 60 * MINUTE)
        assert (done.inserted, done.replaced, done.dirty) == ({}, {}, 0)
    assert {name: store.snapshot().rows(name).to_pylist() for name in CONNECTOR.tables} == before


@pytest.mark.parametrize("together", [True, False])
def test_a_later_dump_goes_on_from_the_earlier(take, store, together):
    dumps = [(0, [g(), g("g2")]), (5, [g(gres="gpu:a100:8"), g("g2"), g("g3")])]
    if together:
        take(*dumps, since_ms=T - 60 * MINUTE)
    else:
        take(dumps[0], since_ms=T - 60 * MINUTE)
        take(dumps[1])
    assert rows(store, "nodes", "node", "gpus") == [
        ("g1", 4, -60, None), ("g1", 8, 5, None), ("g2", 4, -60, None), ("g3", 4, 5, None),
    ]  # fmt: skip
    assert covers(store) == [(-60, 0), (0, 5)]


def test_since_of_a_later_dump_is_said_to_count_for_nothing(take, store):
    take((0, [g()]), (5, [g()]), since_ms=T)
    done = take((9, [g(gres="gpu:a100:8")]), since_ms=T - MINUTE)
    assert rows(store, "nodes", "gpus") == [(4, 0, None), (8, 9, None)]
    assert any("--since counts for the first dump" in note for note in done.notes)


def test_a_node_that_is_gone_ends_unless_the_dump_is_of_some_only(take, store):
    take((0, [g(), g("g2")]), (5, [g()]), partial=True)
    assert rows(store, "nodes", "node") == [("g1", 0, None), ("g2", 0, None)]
    done = take((6, [g()]))
    assert rows(store, "nodes", "node") == [("g1", 0, None), ("g2", 0, 6)]
    assert any("1 nodes of an earlier dump are not in this one" in note for note in done.notes)
    take((7, [g(), g("g2")]))
    assert rows(store, "nodes", "node")[1:] == [("g2", 0, 6), ("g2", 7, None)]


def test_no_node_is_gone_where_some_of_the_dump_is_not_believed(take, store):
    take((0, [g(), g("g2")]), (5, [g(), {"name": "g2"}]))
    assert rows(store, "nodes", "node") == [("g1", 0, None), ("g2", 0, None)]


def test_states_begin_with_their_reason_and_end_with_the_next_dump(take, store):
    drained = {"state": ["IDLE", "DRAIN"], "reason": "fan", "reason_changed_at": sample.number(sample.AT - 600)}
    take((0, [g(**drained)]), (5, [g(**drained)]), (9, [g()]), (12, [g()]))
    assert rows(store, "node_states", "state", "reason") == [("planned_down", "fan", -10, None), ("up", None, 9, None)]


def test_a_state_does_not_begin_before_a_dump_that_says_otherwise(take, store):
    late = {"state": ["DOWN"], "reason": "lost", "reason_changed_at": sample.number(sample.AT - 600)}
    done = take((0, [g()]), (5, [g(**late)]))
    assert rows(store, "node_states", "state", "reason") == [("down", "lost", 5, None)]
    assert any("without saying since when" in note for note in done.notes)


def test_a_reason_of_the_second_of_the_dump_before_came_after_it(take, store):
    late = {"state": ["DOWN"], "reason": "lost", "reason_changed_at": sample.number(sample.AT)}
    take((0, [g()]), (5, [g(**late)]))
    assert rows(store, "node_states", "state") == [("down", 0, None)]


def test_a_state_without_a_reason_is_told_by_its_words(take, store):
    take((0, [g(state=["IDLE", "POWERED_DOWN"])]))
    assert rows(store, "node_states", "state", "reason") == [("planned_down", "IDLE+POWERED_DOWN", 0, None)]


def test_future_nodes_are_left_out(take, store):
    done = take((0, [g(), g("f1", state=["FUTURE"])]))
    assert [row[0] for row in rows(store, "nodes", "node")] == ["g1"]
    assert any("FUTURE" in note for note in done.notes)


def test_between_two_dumps_the_less_of_both_is_allocated(take, store):
    figures = [(0, 2), (5, 4), (10, 4), (15, 1), (20, 1)]
    take(*((minutes, [g(used=f"gpu:a100:{gpus}")]) for minutes, gpus in figures))
    assert rows(store, "node_allocations", "gpu_milli") == [
        (2000, 0, 5), (4000, 5, 10), (1000, 10, None),
    ]  # fmt: skip


def test_what_is_allocated_can_be_left_out(take, store):
    take((0, [g()]), (5, [g()]), hold=0)
    assert rows(store, "node_allocations", "gpu_milli") == []


def test_over_a_long_gap_nothing_is_allocated(take, store):
    take((0, [g()]), (5, [g()]))
    take((500, [g()]))
    assert rows(store, "node_allocations", "gpu_milli") == [(2000, 0, 5), (2000, 500, None)]
    take((700, [g()]), hold=300)
    assert rows(store, "node_allocations", "gpu_milli") == [(2000, 0, 5), (2000, 500, None)]


def test_what_no_job_explains_is_unseen_between_two_dumps(take, store, tmp_path):
    accounts = tmp_path / "sacct.txt"
    accounts.write_text(
        "JobID|Cluster|State|Submit|Start|End|NodeList|AllocTRES\n"
        "1|lab|COMPLETED|2026-01-03T05:50:00|2026-01-03T06:00:00|2026-01-03T09:00:00|g1|cpu=8,mem=64000M,gres/gpu=1\n"
    )
    ingest(store, SACCT, SacctSettings(files=(str(accounts),)), Context())
    take((0, [g()]), (5, [g()]))
    unseen = store.snapshot().query("SELECT sum(amount) AS amount FROM daily WHERE detail = 'unseen' AND tres = 'gpu'")
    assert unseen["amount"][0].as_py() == 1000 * 5 * MINUTE
    assert check(store) == []


def test_a_dump_from_before_one_that_is_known_is_a_reject(take, store):
    take((0, [g()]), (5, [g()]))
    done = take((3, [g(gres="gpu:a100:8")]))
    assert (done.rejects, done.inserted) == ({"earlier-dump": 1}, {})


def test_slices_become_devices_and_end_with_them(take, store):
    take((0, [g(gres="gpu:a100:1,gpu:3g.40gb:2", used="gpu:a100:1")]), (5, [g()]))
    assert rows(store, "devices", "gpu", "gpu_model", "milli") == [
        ("0", "a100", 1000, 0, 5), ("1/0", "3g.40gb", 428, 0, 5), ("1/1", "3g.40gb", 428, 0, 5),
    ]  # fmt: skip
    assert rows(store, "nodes", "gpus", "gpu_model") == [(None, None, 0, None), (4, "a100", 5, None)]


def test_memory_of_gpus_is_what_the_user_says(take, store):
    take((0, [g()]), gpu_memory={"a100": 81_920})
    assert [row[0] for row in rows(store, "nodes", "gpu_memory_mib")] == [81_920]


def test_when_a_dump_in_text_was_made(tmp_path):
    path = DUMPS / "22.05.8" / "scontrol-show-node.txt"
    copy = tmp_path / "nodes.txt"
    copy.write_bytes(path.read_bytes())

    def made(**settings):
        items = CONNECTOR.read(SlurmNodesSettings(files=(str(copy),), **settings), Context(cluster="lab"))
        (vouch,) = [item for item in items if hasattr(item, "covers_to_ms")]
        return vouch

    import os

    os.utime(copy, (1_900_000_000, 1_900_000_000))
    assert made().covers_to_ms == 1_900_000_000_000
    assert "the time of the file, is taken (--at TIME says otherwise)" in made().note
    os.utime(copy, (1_000_000_000, 1_000_000_000))
    assert "2026-11-24T10:15:27Z, the latest time in it" in made().note
    assert made(at_ms=T).covers_to_ms == T
    assert "does not say when" not in made(at_ms=T).note


def test_a_dump_that_names_no_cluster_asks_for_it():
    path = DUMPS / "22.05.8" / "scontrol-show-node.txt"
    with pytest.raises(InputError, match="--cluster"):
        list(CONNECTOR.read(SlurmNodesSettings(files=(str(path),)), Context()))


def test_one_moment_for_several_dumps_is_refused():
    with pytest.raises(ValueError, match="one by one"):
        SlurmNodesSettings(files=("a", "b"), at_ms=T)
