"""Means divide by the time for which a figure is stated: hand-worked clusters whose sources reach differently far."""

from __future__ import annotations

import pytest

from paydown.connectors.facts import CONNECTOR
from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.reports import debt, job, now, timeline
from paydown.reports.parts.parameters import LedgerParameters
from paydown.store import open_store
from paydown.testing import tiny, write_facts

# Two GPUs from 00:00 to 10:00. One is held all the time and quiet, the other one is idle.
# Each cluster below is this one, with sources that vouch for other times.
BASE = """
cluster {name}; step 1h; origin 2024-01-02T00:00
node n1 gpus=2 cpus=8 memory=64G
job 1 ada/chem on=n1:0 {held}
use n1:0 at={sampled} {use}
"""
EVERYTHING = "row sources source=all supports=capacity;allocation;use covers_from=+0h covers_to=+10h ingested_at=+11h"
LONG_SAMPLES = """
row sources source=accounting supports=capacity;allocation covers_from=+0h covers_to=+{until} ingested_at=+11h
row sources source=samples supports=use covers_from=+0h covers_to=+11h ingested_at=+11h
"""
LATE_INVENTORY = """
row sources source=accounting supports=allocation;use covers_from=+0h covers_to=+10h ingested_at=+11h
row sources source=inventory supports=capacity covers_from=+{since} covers_to=+10h ingested_at=+11h
"""


def hour(hours):
    return 1_704_153_600_000 + round(hours * 3_600_000)


@pytest.fixture
def posted(tmp_path):
    """Post clusters given as text and give the snapshot."""

    def of(*texts):
        store = open_store(tmp_path / "store", create=True)
        for number, text in enumerate(texts):
            settings = CONNECTOR.settings(folder=write_facts(tiny(text), tmp_path / f"facts{number}"))
            ingest(store, CONNECTOR, settings, Context(), post=True)
        return store.snapshot()

    return of


def cluster(sources, name="lab", held="R{10}", sampled="0h", use="0{10}"):
    return BASE.format(name=name, held=held, sampled=sampled, use=use) + sources


def curve(snapshot, *columns, **asked):
    found = timeline.run(snapshot, timeline.TimelineQuestion(tres=("gpu",), **asked))
    return [tuple(row[name] for name in columns) for row in found.rows.to_pylist()], found.notes


def owed(snapshot, **asked):
    found = debt.run(snapshot, LedgerParameters(tres=("gpu",), **asked))
    shown = ("debt_hours", "debt_equivalent", "not_held_hours", "not_held_equivalent")
    return [tuple(row[name] for name in shown) for row in found.rows.to_pylist()], found.notes


def test_samples_that_reach_beyond_accounting_do_not_lower_means(posted):
    store = posted(cluster(LONG_SAMPLES.format(until="10h"), use="0{11}"))
    found, notes = curve(store, "capacity", "allocated", "inactive", "idle", bucket="1d")
    assert found == [(2, 1, 1, 1)]
    assert owed(store)[0] == [(10, 1, 10, 1)]
    assert owed(store, by=("day",))[0] == [(10, 1, 10, 1)]
    found, notes = curve(store, "capacity", "allocated", bucket="1h")
    assert found == [(2, 1)] * 10 + [(None, None)]
    assert "In 1 of 11 buckets no source of lab states capacity: these means are null there." in notes
    assert "In 1 of 11 buckets no source of lab states what is held: these means are null there." in notes


def test_the_bucket_in_which_accounting_ends_is_a_mean_over_what_is_stated(posted):
    store = posted(cluster(LONG_SAMPLES.format(until="9h30m"), use="0{11}", held="R{9}>"))
    found, _ = curve(store, "capacity", "allocated", "capacity_hours", "allocated_hours", bucket="1h")
    assert found[8:] == [(2, 1, 2, 1), (2, 1, 1, 0.5), (None, None, None, None)]
    assert owed(store) == owed(store, start_ms=hour(0), end_ms=hour(11))
    assert owed(store)[0] == [(9.5, 1, 9.5, 1)]


def test_five_minutes_in_which_accounting_ends_have_no_mean_but_hours(posted):
    store = posted(cluster(LONG_SAMPLES.format(until="9h32m"), use="0{11}", held="R{9}>"))
    found = now.run(store, now.NowQuestion(at_ms=hour(9.51), tres=("gpu",), show=("capacity",)))
    (row,) = found.rows.to_pylist()
    assert (row["capacity"], row["allocated"], row["idle"]) == (None, None, None)
    assert "In 1 of 1 buckets no source of lab states what is held: these means are null there." in found.notes
    found = now.run(store, now.NowQuestion(at_ms=hour(9.49), tres=("gpu",), show=("capacity",)))
    assert [(row["capacity"], row["allocated"]) for row in found.rows.to_pylist()] == [(2, 1)]
    assert curve(store, "capacity", "allocated", bucket="1d")[0] == [(2, 1)]
    assert owed(store)[0] == [(pytest.approx(9 + 32 / 60), 1, pytest.approx(9 + 32 / 60), 1)]


def test_at_the_latest_horizon_a_part_of_five_minutes_is_a_mean_over_that_part(posted):
    store = posted(cluster(EVERYTHING.replace("10h", "9h32m"), held="R{9}>"))
    found, _ = curve(store, "capacity", "allocated", start_ms=hour(9.5), end_ms=hour(9.75), bucket="5min")
    assert found == [(2, 1), (None, None), (None, None)]


def test_capacity_divides_by_the_time_of_an_inventory_that_begins_late(posted):
    store = posted(cluster(LATE_INVENTORY.format(since="4h30m")))
    found, notes = curve(store, "capacity", "idle", "allocated", bucket="1h")
    assert found == [(None, None, 1)] * 4 + [(2, 1, 1)] * 6
    assert "In 4 of 10 buckets no source of lab states capacity: these means are null there." in notes
    assert curve(store, "capacity", "idle", "allocated", bucket="1d")[0] == [(2, 1, 1)]
    assert owed(store)[0] == [(10, 1, 5.5, 1)]
    assert owed(store, end_ms=hour(3)) == ([(3, 1, None, None)], owed(store, end_ms=hour(3))[1])
    assert any("In this window no source of lab states capacity" in note for note in owed(store, end_ms=hour(3))[1])


def test_what_is_held_before_accounting_begins_is_in_no_mean(posted):
    """Of what was held from 00:00 on only this job is known: by the hour, by the day and over all one GPU is held."""
    store = posted(cluster(EVERYTHING.replace("+0h", "+4h30m")))
    found, notes = curve(store, "allocated", "allocated_hours", "capacity", bucket="1h")
    assert found == [(None, 1, None)] * 4 + [(1, 1, 2)] + [(1, 1, 2)] * 5
    assert any("In 4 of 10 buckets no source of lab states what is held" in note for note in notes)
    assert curve(store, "allocated", "inactive", bucket="1d")[0] == [(1, 1)]
    assert curve(store, "allocated", "inactive", bucket="1d", timezone="Asia/Tokyo")[0] == [(1, 1)]
    assert curve(store, "allocated", bucket="1d", by=("node",))[0] == [(1,)]
    assert owed(store)[0] == [(10, 1, 5.5, 1)]
    assert owed(store, by=("day", "user"))[0] == [(10, 1, None, None)]
    found = job.run(store, job.JobQuestion(job_id="1", bucket="1h"))
    (held,) = [part.rows["allocated"].to_pylist() for part in found.more if part.report == "job.timeline"]
    assert held == [1] * 10


def test_of_several_clusters_each_counts_by_its_own_time(posted):
    """One is stated for ten hours, the other for the last five: each has a mean of one GPU held and one idle."""
    late = EVERYTHING.replace("+0h", "+5h")
    store = posted(cluster(EVERYTHING), cluster(late, name="other", held=".{5}R{5}", sampled="5h", use="0{5}"))
    found, notes = curve(store, "capacity", "allocated", "idle", bucket="1d")
    assert found == [(4, 2, 2)]
    assert owed(store)[0] == [(15, 2, 15, 2)]
    assert owed(store, by=("cluster",))[0] == [(10, 1, 10, 1), (5, 1, 5, 1)]
    found, notes = curve(store, "capacity", "allocated", bucket="1h")
    assert found == [(2, 1)] * 5 + [(4, 2)] * 5
    assert "In 5 of 10 buckets no source of other states capacity: these means leave it out there." in notes
