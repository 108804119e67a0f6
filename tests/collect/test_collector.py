"""One process reads several sources: commits, posts, health, and what becomes of one that fails, stalls or lies."""

import json
import threading
import time
from dataclasses import replace

import pyarrow as pa
import pytest
from tests.collect.conftest import NOW, content, live
from tests.collect.live_source import CONNECTOR, HOUR, START, Live, told

from paydown.collect import health
from paydown.collect.standing import standing
from paydown.connectors.interface import Connector, Context
from paydown.errors import StoreBusyError
from paydown.ingest import ingest
from paydown.model.batch import Batch, Mark, Vouch
from paydown.reports.now import NowQuestion
from paydown.reports.now import run as now
from paydown.store import open_store


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


@pytest.fixture
def running(collector):
    """Run a collector beside the test, and stop it in the end."""
    made = []

    def run(*sources, **settings):
        one = collector(*sources, **settings)
        thread = threading.Thread(target=one.run)
        thread.start()
        made.append((one, thread))
        return one

    yield run
    for one, thread in made:
        one.stop()
        thread.join(30)
        assert not thread.is_alive()


def known(store, name="live"):
    return health.read(store.snapshot()).get(name)


def test_once_reads_posts_and_keeps_health(store, collector, tmp_path):
    assert collector(live(), live("other", node="n2", hours=3)).run(once=True) == ()
    for name, node, hours in (("live", "n1", 6), ("other", "n2", 3)):
        other = open_store(tmp_path / name, create=True)
        context = Context(node, clock=lambda: NOW, source=name)
        ingest(other, CONNECTOR, Live(node=node, hours=hours), context)
        mine = {key: [row for row in rows if f"'{node}'" in row] for key, rows in content(store).items()}
        assert mine == content(other)
    found = known(store)
    assert (found.rounds, found.errors, found.rejects, found.note, found.success) == (1, 0, 1, None, NOW)
    assert found.rows == found.rows_total == 6 + 11 + 11 + 180
    assert not len(store.snapshot().rows("dirty"))


def test_what_was_read_is_not_read_again(store, collector):
    collector(live()).run(once=True)
    before = content(store)
    assert collector(live()).run(once=True) == ()
    assert content(store) == before
    found = known(store)
    assert (found.rounds, found.rows, found.rows_total) == (2, 0, 208)
    assert len(store.snapshot().rows("sources")) == 1


@pytest.mark.parametrize("fault", ["sorry", "defect", "exit"])
def test_one_that_fails_stops_no_other(store, collector, tmp_path, fault, caplog):
    down = tmp_path / "down"
    down.write_text(fault)
    with caplog.at_level("INFO", "paydown.collect"):
        assert collector(live(down=down), live("other", node="n2")).run(once=True) == ("live",)
    assert len(store.snapshot().rows("jobs")) == 6
    found = known(store)
    assert (found.errors, found.errors_total, found.success, found.rows) == (3, 3, None, 0)
    assert {"sorry": "the server says sorry", "defect": "ZeroDivisionError: a defect of two lines",
            "exit": "SystemExit: 3"}[fault] in found.note  # fmt: skip
    assert known(store, "other").errors == 0
    assert [record.message for record in caplog.records].count("failed") == 3
    down.unlink()
    assert collector(live(down=down)).run(once=True) == ()
    found = known(store)
    assert (found.errors, found.errors_total, found.rounds) == (0, 3, 1)


def test_a_part_that_fails_later_keeps_the_parts_before_it(store, collector, tmp_path):
    down = tmp_path / "down"

    def read(asked, context):
        for item in CONNECTOR.read(asked, context):
            yield item
            if isinstance(item, Mark) and item.value == "2":
                down.write_text("sorry")

    source = live(connector=replace(CONNECTOR, read=read), down=down)
    assert collector(source).run(once=True) == ("live",)
    assert [row["value"] for row in store.snapshot().rows("marks").to_pylist()] == ["2"]
    assert len(store.snapshot().rows("daily")) > 0
    assert known(store).rows_total == 1 + 1 + 3 + 1 + 3 + 1 + 60 - 2


def test_one_that_stalls_stops_no_other_and_is_left_behind(store, collector, tmp_path):
    down = tmp_path / "down"
    down.write_text("stall")
    one = collector(live(down=down), live("other", node="n2"), patience="1s")
    begun = time.monotonic()
    assert one.run(once=True) == ("live",)
    assert time.monotonic() - begun < 60
    assert one.left_behind == ("live",)
    assert "without an end or a mark" in known(store).note
    assert len(store.snapshot().rows("jobs")) == 6


def test_it_goes_on_until_it_is_stopped(store, running, tmp_path):
    down = tmp_path / "down"
    one = running(live(), live("other", node="n2", down=down))
    until(lambda: known(store) and known(store).rounds > 2 and known(store, "other").rounds)
    down.write_text("sorry")
    until(lambda: known(store, "other").errors > 1)
    rounds = known(store).rounds
    down.unlink()
    until(lambda: known(store, "other").errors == 0 and known(store).rounds > rounds)
    until(lambda: not len(store.snapshot().rows("dirty")) and len(store.snapshot().rows("daily")))
    one.stop()


def test_a_store_has_one_collector(store, running, collector):
    running(live())
    until(lambda: known(store))
    with pytest.raises(StoreBusyError, match="has a collector already: process"):
        collector(live()).run(once=True)


def test_others_write_meanwhile(store, running):
    one = running(live(hours=40))
    for hour in range(3):
        until(lambda hour=hour: known(store) and known(store).rows_total > hour * 100)
        while True:
            try:
                ingest(store, CONNECTOR, Live(node="n2", hours=hour + 1), Context("d", source="else"))
                break
            except StoreBusyError:
                time.sleep(0.05)
    until(lambda: known(store).rounds)
    one.stop()
    assert len([row for row in store.snapshot().rows("jobs").to_pylist() if row["cluster"] == "d"]) == 3
    assert len(store.snapshot().rows("jobs")) == 43


def test_what_goes_on_from_a_former_state_is_read_again(store, collector):
    readings = []

    def read(asked, context):
        stood = context.stored("jobs", "c", still=True)
        readings.append(stood.num_rows)
        if len(readings) == 1:  # somebody else ingests while this is read
            ingest(store, Connector("x", "x", Live, ("allocation",), ("jobs",), disturb), Live(), Context())
        yield from told("n1", 3 + stood.num_rows)
        yield Vouch("c", context.source, ("allocation",), START, START + HOUR)
        yield Mark("c", "hours", "1")

    def disturb(asked, context):
        yield Batch("jobs", pa.table({"cluster": ["c"], "job_id": ["9"], "attempt": [0], "state": ["RUNNING"]}), "x")

    source = live(connector=replace(CONNECTOR, read=read))
    assert collector(source).run(once=True) == ()
    assert readings == [0, 1]
    assert {row["job_id"] for row in store.snapshot().rows("jobs").to_pylist()} == {"9", "n1-3", "n1-4"}


def test_a_wrong_clock_moves_no_horizon_into_the_future(store, collector):
    def read(asked, context):
        yield from told("n1", 0)
        yield Vouch("c", context.source, ("allocation",), START, START + 24 * 365 * 100 * HOUR, joins=True)

    collector(live(connector=replace(CONNECTOR, read=read)), clock=lambda: START + HOUR).run(once=True)
    (row,) = store.snapshot().rows("sources").to_pylist()
    assert row["covers_to"].timestamp() * 1000 == START + HOUR
    assert len(store.snapshot().rows("posted")) <= 2  # the day before may change at its edge


def test_the_latest_days_are_posted_first_and_few_at_a_time(store, collector):
    def read(asked, context):
        yield from (item for item in CONNECTOR.read(asked, context) if not isinstance(item, Mark))

    one = collector(live(hours=24 * 3, connector=replace(CONNECTOR, read=read)), post_days=2)
    posted = []
    work = one._posting.post

    def post():
        done = work()
        posted.append(({row["day"].isoformat()[5:] for row in store.snapshot().rows("posted").to_pylist()}, done[1]))
        return done

    one._posting.post = post
    one.run(once=True)
    latest = {"01-03", "01-02"}
    assert posted == [(latest, 2), (latest | {"01-01", "12-31"}, 0)]


def test_how_sources_stand(store, collector, tmp_path):
    def words(snapshot, *sources, now=NOW):
        answer = standing(snapshot, sources, now)
        return {row["source"]: row["state"] for row in answer.rows.to_pylist()}, answer

    assert words(None, live())[0] == {"live": "never"}
    down = tmp_path / "down"
    down.write_text("ann is not let in")
    collector(live(), live("other", node="n2", down=down)).run(once=True)
    both = (live(interval_ms=60_000), live("other", node="n2", interval_ms=60_000))
    states, answer = words(store.snapshot(), *both)
    assert states == {"live": "ok", "other": "failing"}
    assert words(store.snapshot(), *both, now=NOW + 4 * 60_000)[0]["live"] == "late"
    assert words(store.snapshot(), both[0])[0] == {"live": "ok", "other": "gone"}
    row = answer.rows.to_pylist()[0]
    assert row["lag_minutes"] == pytest.approx((NOW - START - 6 * HOUR) / 60_000)
    assert (row["age_minutes"], row["cluster"], row["rejects"]) == (0, "n1", 1)
    nameless = standing(store.snapshot(), both, NOW, pseudonyms=True).rows.to_pylist()
    assert "* is not let in" in nameless[1]["note"]
    store.forget("ann")
    assert "ann" not in json.dumps(standing(store.snapshot(), both, NOW).rows.to_pylist(), default=str)


def test_now_says_how_old_each_source_is_while_they_are_read(store, running, tmp_path):
    down = tmp_path / "down"
    one = running(live(), live("other", node="n2", hours=3, down=down))
    until(lambda: known(store, "other") and known(store, "other").rounds and known(store).rounds)
    until(lambda: not len(store.snapshot().rows("dirty")))
    down.write_text("sorry")
    until(lambda: known(store, "other").errors)
    answer = now(store.snapshot(), NowQuestion(asked_ms=START + 7 * HOUR))
    (told,) = [sentence for sentence in answer.headline if sentence.startswith("Age")]
    assert told.startswith("Age of what is known: live 60 min, other 240 min (failing, ")
    ages = {row["source"]: row["age_minutes"] for row in answer.more[-1].rows.to_pylist()}
    assert ages == {"live": 60, "other": 240}
    one.stop()
