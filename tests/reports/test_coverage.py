"""The coverage report: what there is, what is observed, where the gaps are, what was not believed."""

from __future__ import annotations

from paydown.reports.coverage import CoverageQuestion, run


def parts(snapshot, **asked):
    answer = run(snapshot, CoverageQuestion(**asked))
    return {part.report: part.rows.to_pylist() for part in (answer, *answer.more)}


def full(book):
    sample = {"cluster": "c", "node": "n1", "gpu": "0", "duration_ms": 3_600_000}
    samples = [
        sample | {"start": book.at(11), "gpu_util_ratio": 0.5, "power_w": 500.0},
        sample | {"start": book.at(12), "gpu_util_ratio": 0.0},
    ]
    reject = {"source": "facts", "table": "jobs", "reason": "bad-key", "time": book.at(3), "row": "r"}
    rejects = [
        reject | {"cluster": "c", "origin": "b.csv", "line": 9, "detail": "later", "count": 2},
        reject | {"cluster": None, "origin": "a.csv", "line": 7, "detail": "unread", "count": 1, "reason": "torn"},
        reject | {"cluster": "c", "origin": "a.csv", "line": 3, "detail": "first", "count": 5},
    ]
    dark = [book.entry("unobserved", 1, tres="cpu", detail="dark", bucket=book.at(n / 12)) for n in (0, 1, 2, 5)]
    tables = book.two_days()
    daily = [*tables["daily"], book.entry("unobserved", 4, tres="cpu", detail="dark", basis="none", signal=None)]
    more = {"gpu_samples": samples, "rejects": rejects, "dirty": [{"cluster": "c", "day": book.DAY, "need": "post"}]}
    return book.store(**tables | {"entries": [*tables["entries"], *dark], "daily": daily} | more)


def test_tables_and_their_spans(book):
    found = {row["table"]: row for row in parts(full(book))["coverage"]}
    assert (found["jobs"]["rows"], found["jobs"]["first"], found["jobs"]["last"]) == (1, book.at(9), book.at(48))
    assert found["gpu_samples"]["last"] == book.at(13)
    assert found["daily"]["last"] == book.at(48)
    assert found["identities"]["first"] is None
    assert "host_samples" not in found


def test_use_by_node_and_signal(book):
    found = parts(full(book))["coverage.use"]
    assert [(row["tres"], row["signal"], row["unobserved"], row["hours"], row["share"]) for row in found] == [
        ("gpu", "gpu_util", None, 28, 1),
        ("cpu", None, "dark", 4, 1),
    ]


def test_signals_are_counted_where_they_are_carried(book):
    found = {row["signal"]: row for row in parts(full(book))["coverage.signals"]}
    assert set(found) == {"gpu_samples.gpu_util_ratio", "gpu_samples.power_w"}
    assert found["gpu_samples.gpu_util_ratio"]["described_hours"] == 2
    assert found["gpu_samples.power_w"]["samples"] == 1
    assert "coverage.signals" not in parts(full(book), signals=False)


def test_gaps_are_stretches_of_nothing_observed(book):
    found = parts(full(book))["coverage.gaps"]
    assert [(row["tres"], row["start"], row["end"], row["hours"]) for row in found] == [
        ("cpu", book.at(0), book.at(0.25), 3),
        ("cpu", book.at(5 / 12), book.at(0.5), 1),
    ]


def test_rejects_by_reason_with_the_first_as_example(book):
    found = parts(full(book))["coverage.rejects"]
    assert [(row["reason"], row["count"], row["example"], row["line"]) for row in found] == [
        ("bad-key", 7, "first", 3),
        ("torn", 1, "unread", 7),
    ]


def test_days_posted_and_waiting(book):
    found = parts(full(book))["coverage.days"]
    assert [(row["posted"], row["need"]) for row in found] == [(True, "post"), (True, None)]


def test_a_day_that_was_never_posted(book):
    (first, second) = parts(book.store(sources=[book.SOURCE], posted=book.posted(book.DAY)))["coverage.days"]
    assert (first["posted"], second["posted"]) == (True, False)


def test_sources_with_their_horizons(book):
    (row,) = parts(full(book))["coverage.sources"]
    assert (row["source"], row["covers_to"]) == ("facts", book.at(48))


def test_an_empty_store_has_empty_tables(book):
    assert not any(rows for rows in parts(book.store()).values())
