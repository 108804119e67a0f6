"""Live sources: parts that end with a mark, what they may ask of the store, vouches that go on from earlier ones."""

from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from paydown.connectors.interface import Connector, Context
from paydown.errors import RejectsError
from paydown.ingest import ingest
from paydown.ledger.posting import post
from paydown.model.batch import Batch, Mark, Vouch
from paydown.model.entries import DERIVED
from paydown.store import open_store
from paydown.testing import check_connector

HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_767_225_600_000  # 2026-01-01
UNTIL = 1_800_000_000_000


class Nothing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def source(read):
    return Connector("live", "a live source", Nothing, ("capacity", "allocation", "use", "wait"), TABLES, read)


TABLES = ("nodes", "jobs", "allocations", "gpu_samples", "reservations")


def instant(ms):
    return pa.array(ms, pa.int64())


def nodes():
    return Batch("nodes", pa.table({"cluster": ["c"], "node": ["n"], "partitions": ["p"], "gpus": [2], "cpus": [8],
                                    "memory_mib": [1000], "start": instant([START])}), "here")  # fmt: skip


def job(number, start, end):
    about = {"cluster": ["c"], "job_id": [str(number)], "attempt": [0]}
    times = {"start": instant([start]), "end": instant([end])}
    ended = "RUNNING" if end is None else "COMPLETED"
    yield Batch("jobs", pa.table({**about, "state": [ended], "user": ["ann"], **times}), "here")
    yield Batch("allocations", pa.table({**about, "node": ["n"], "gpu_milli": [1000], **times}), "here")


def samples(first, count):
    at = list(range(first, first + count * 60_000, 60_000))
    rows = {"cluster": ["c"] * count, "node": ["n"] * count, "gpu": ["0"] * count, "start": instant(at),
            "duration_ms": [60_000] * count, "gpu_util_ratio": [0.5] * count}  # fmt: skip
    yield Batch("gpu_samples", pa.table(rows), "here")


def history(cuts):
    """Six hours of a cluster, cut into parts at these hours."""

    def read(asked, context):
        edges = sorted({0, *cuts, 6})
        yield nodes()
        for first, last in pairwise(edges):
            if int(context.mark("c", "hours") or 0) > first:
                continue
            for hour in range(first, last):
                yield from job(hour, START + hour * HOUR, START + (hour + 1) * HOUR)
                yield from samples(START + hour * HOUR, 30)
            yield Vouch("c", context.source, ("capacity", "allocation", "use"), START + first * HOUR,
                        START + last * HOUR, joins=True)  # fmt: skip
            yield Mark("c", "hours", str(last))

    return source(read)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


def everything(store, tables=("nodes", "jobs", "allocations", "gpu_samples", *DERIVED)):
    snapshot = store.snapshot()
    found = {name: snapshot.rows(name, sort=True).to_pylist() for name in tables}
    for row in found["jobs"]:
        row["user"] = "somebody" if row["user"] else None
    for name in DERIVED:
        for row in found.get(name, ()):
            if "user" in row:
                row["user"] = "somebody" if row["user"] else None
    return {name: sorted(map(str, rows)) for name, rows in found.items()}


@settings(max_examples=4, deadline=None)
@given(st.sets(st.integers(1, 5)))
def test_in_parts_as_in_one(tmp_path_factory, cuts):
    whole, parts = (open_store(tmp_path_factory.mktemp("store"), create=True) for _ in range(2))
    ingest(whole, history(()), Nothing(), Context(clock=lambda: UNTIL))
    done = ingest(parts, history(cuts), Nothing(), Context(clock=lambda: UNTIL))
    assert everything(parts) == everything(whole)
    assert done.rows["jobs"] == 6
    (row,) = parts.snapshot().rows("sources").to_pylist()
    assert row["covers_to"].timestamp() * 1000 == START + 6 * HOUR
    assert row["covers_from"].timestamp() * 1000 == START


def test_cut_short_it_goes_on_from_the_mark(store):
    class CutError(Exception):
        pass

    def broken(asked, context):
        for at, item in enumerate(history((2, 4)).read(asked, context)):
            if at == 12:  # in the second part
                raise CutError
            yield item

    with pytest.raises(CutError):
        ingest(store, source(broken), Nothing(), Context())
    marks = store.snapshot().rows("marks").to_pylist()
    assert [(row["source"], row["name"], row["value"]) for row in marks] == [("live", "hours", "2")]
    assert len(store.snapshot().rows("jobs")) == 2
    done = ingest(store, history((2, 4)), Nothing(), Context())
    assert done.inserted["jobs"] == 4
    assert done.rows["jobs"] == 4
    assert [row["value"] for row in store.snapshot().rows("marks").to_pylist()] == ["6"]
    assert len(store.snapshot().rows("sources")) == 1


def test_marks_are_those_of_one_source(store):
    ingest(store, history(()), Nothing(), Context(source="east"))
    ingest(store, history(()), Nothing(), Context(source="west"))
    assert {row["source"] for row in store.snapshot().rows("marks").to_pylist()} == {"east", "west"}
    assert {row["source"] for row in store.snapshot().rows("sources").to_pylist()} == {"east", "west"}


def test_strict_is_one_commit(store):
    def read(asked, context):
        yield from history((2,)).read(asked, context)
        yield Batch("jobs", pa.table({"cluster": ["c"], "job_id": [""], "attempt": [0], "state": ["RUNNING"]}), "here")

    with pytest.raises(RejectsError):
        ingest(store, source(read), Nothing(), Context(), strict=True)
    assert not len(store.snapshot().rows("jobs"))
    assert not len(store.snapshot().rows("marks"))


def test_what_was_committed_with_a_mark_is_known_after_it(store):
    seen = []

    def read(asked, context):
        yield from job(1, START, None)
        yield Batch("reservations", pa.table({"cluster": ["c"], "name": ["r"], "nodes": ["n"], "kind": ["user"],
                                              "users": ["zoe;ann"], "start": instant([START])}), "here")  # fmt: skip
        yield Vouch("c", context.source, ("allocation",), START, START + HOUR, joins=True)
        yield Mark("c", "jobs", "1")
        seen.append(context.stored("jobs", "c", still=True).to_pylist())
        seen.append(context.stored("reservations", "c").to_pylist())
        yield from job(2, START, START + HOUR)
        yield from job(3, START, START + 3 * HOUR)
        yield Mark("c", "jobs", "2")
        seen.append(context.stored("jobs", "c", since_ms=START + HOUR).to_pylist())
        seen.append(context.mark("c", "jobs"))

    ingest(store, source(read), Nothing(), Context())
    (running,), (reserved,), later, mark = seen
    assert (running["job_id"], running["user"], reserved["users"]) == ("1", "ann", "ann;zoe")
    assert sorted(row["job_id"] for row in later) == ["1", "3"]
    assert mark == "2"


def round_at(hours, *, note=None, supports=("capacity", "allocation")):
    def read(asked, context):
        yield nodes()
        yield from job(1, START, None)
        yield Vouch("c", "live", supports, START + hours[0] * HOUR, START + hours[1] * HOUR, note, joins=True)

    return source(read)


def covered(store):
    rows = store.snapshot().rows("sources").to_pylist()
    found = ((row["covers_from"], row["covers_to"], row["note"]) for row in rows)
    return sorted(((one.timestamp() * 1000 - START) / HOUR, (two.timestamp() * 1000 - START) / HOUR, note)
                  for one, two, note in found)  # fmt: skip


def test_vouches_go_on_from_those_that_they_touch(store):
    for hours, note in [((0, 2), "a"), ((2, 3), "b"), ((5, 6), None), ((2, 3), "c"), ((1, 2), "d")]:
        ingest(store, round_at(hours, note=note), Nothing(), Context())
    assert covered(store) == [(0, 3, "d"), (5, 6, None)]
    ingest(store, round_at((3, 5)), Nothing(), Context())
    assert covered(store) == [(0, 6, None)]
    ingest(store, round_at((3, 7), supports=("capacity",)), Nothing(), Context())
    assert len(covered(store)) == 2


def test_a_horizon_that_moves_posts_the_days_that_it_moved_over(store):
    ingest(store, round_at((0, 20)), Nothing(), Context())
    done = ingest(store, round_at((20, 23)), Nothing(), Context())
    assert done.days == 1
    done = ingest(store, round_at((23, 50)), Nothing(), Context())
    assert done.days == 3
    assert (ingest(store, round_at((40, 50)), Nothing(), Context())).days == 0
    before = everything(store, ("jobs", *DERIVED))
    post(store, days=[row["day"] for row in store.snapshot().rows("posted").to_pylist()])
    assert everything(store, ("jobs", *DERIVED)) == before


def test_a_live_source_passes_the_conformance_suite():
    found = check_connector(history((3,)), Nothing(), Context(source="live", clock=lambda: UNTIL))
    assert [mark.value for mark in found.marks] == ["3", "6"]

    def stray(asked, context):
        yield from history(()).read(asked, context)
        yield Mark("elsewhere", "jobs", "1")

    with pytest.raises(AssertionError, match="a cluster of which it gives nothing"):
        check_connector(source(stray), Nothing(), replace(Context(), source="live"))

    def named(asked, context):
        yield from history(()).read(asked, context)
        yield Mark("c", "last", "job=7,user=ann")

    with pytest.raises(AssertionError, match="with the user `ann` in it"):
        check_connector(source(named), Nothing(), replace(Context(), source="live"))
