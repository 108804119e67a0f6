"""The coverage report: what there is, what is observed, where the gaps are, what was not believed."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pyarrow as pa
import pytest

from paydown.ledger.carried import carried, measured
from paydown.ledger.load import Loader
from paydown.ledger.settings import LedgerSettings
from paydown.reports.coverage import CoverageQuestion, run
from paydown.reports.parts.coverage_use import gaps
from paydown.reports.parts.scope import scope_of


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
    assert "coverage.gaps" not in parts(full(book), gaps=False)


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


def sampled(book, days=3):
    """Samples of two nodes over some days, some over midnight, some without a figure that others carry."""
    for hour in range(24 * days):
        for node, every in (("n1", 1), ("n2", 5)):
            if hour % every == 0:
                row = {
                    "cluster": "c",
                    "node": node,
                    "gpu": "0",
                    "start": book.at(hour + 0.75),
                    "duration_ms": 2_700_000,
                }
                yield row | {"gpu_util_ratio": 0.5, "power_w": 9.0 if hour % 7 else None}


def posted_samples(book, **more):
    store_rows = {"gpu_samples": list(sampled(book))}
    source = {"cluster": "c", "source": "s", "supports": "capacity;allocation;use", "ingested_at": book.at(0)}
    store_rows["sources"] = [source | {"covers_from": book.at(0), "covers_to": book.at(60)}]
    return book.store(**store_rows | more)


def at_hand(snapshot, number):
    """The samples of a day as posting has them."""
    loader = Loader(snapshot, "c", LedgerSettings())
    names = ("gpu_samples", "host_samples")
    return {name: measured(snapshot, "c", number, name, loader.samples(name, number)) for name in names}


def carried_rows(snapshot, days, alter=0):
    """What posting counts of some days; with `alter` wrong by so much, so that it shows whether it was used."""
    numbers = [(day - date(1970, 1, 1)).days for day in days]
    found = pa.concat_tables(
        [carried(snapshot, "c", number, at_hand(snapshot, number)) for number in numbers]
    ).to_pylist()
    return [row | {"samples": row["samples"] + alter} for row in found]


def of_signals(snapshot, **asked):
    return parts(snapshot, **asked)["coverage.signals"]


WINDOWS = [{}, {"start_ms": 0}, {"start_ms": 24.0}, {"start_ms": 10.5, "end_ms": 50.25}, {"start_ms": 24, "end_ms": 48}]


@pytest.mark.parametrize("window", WINDOWS)
def test_what_was_counted_at_posting_gives_the_same(book, window):
    asked = {name: book.ms(hours) for name, hours in window.items()}
    days = [book.DAY + timedelta(days=number) for number in range(3)]
    plain = posted_samples(book)
    expected = (of_signals(plain, **asked), parts(plain, **asked)["coverage"])
    assert expected[0]
    posted = [
        {"cluster": "c", "day": day, "settings": "{}", "end": min(at, book.at(60))}
        for day, at in zip(days, (book.at(24), book.at(48), book.at(72)), strict=True)
    ]
    counted = posted_samples(book, posted=posted, carried=carried_rows(plain, days))
    assert of_signals(counted, **asked) == expected[0]
    tables = [row for row in parts(counted, **asked)["coverage"] if row["table"] not in {"carried", "posted"}]
    assert tables == expected[1]


def test_days_that_are_not_posted_or_not_wholly_asked_for_are_read(book):
    days = [book.DAY + timedelta(days=number) for number in range(2)]
    plain = posted_samples(book)
    posted = [
        {"cluster": "c", "day": day, "settings": "{}", "end": book.at(24 * (n + 1))} for n, day in enumerate(days)
    ]
    wrong = posted_samples(book, posted=posted, carried=carried_rows(plain, days, alter=100))
    count = {row["samples"] for row in of_signals(plain) if row["node"] == "n1" and "gpu_util" in row["signal"]}
    assert {row["samples"] for row in of_signals(wrong) if row["node"] == "n1" and "gpu_util" in row["signal"]} == {
        count.pop() + 200
    }
    inside = {"start_ms": book.ms(1), "end_ms": book.ms(47)}
    assert of_signals(wrong, **inside) == of_signals(plain, **inside)
    dirty = [{"cluster": "c", "day": day, "need": "post"} for day in days]
    stale = posted_samples(book, posted=posted, carried=carried_rows(plain, days, alter=100), dirty=dirty)
    assert of_signals(stale) == of_signals(plain)


@pytest.mark.parametrize("window", [{}, {"start_ms": 0.25, "end_ms": 25.5}, {"start_ms": 24}])
def test_gaps_in_arrays_are_those_of_sql(book, window):
    dice = Random(1)
    rows = [
        book.entry(dice.choice(["used", "unobserved", "unobserved", "underused", "idle"]), dice.random(), tres=tres,
                   node=node, bucket=book.at(at / 12), day=book.DAY + timedelta(days=at // 288), user=user)
        for at in range(0, 576, 3) for node in ("n1", "n2") for tres in ("gpu", "cpu") for user in ("u1", "u2")
    ]  # fmt: skip
    snapshot = book.store(entries=[row | {"detail": None} for row in rows], sources=book.two_days()["sources"])
    asked = CoverageQuestion(**{name: book.ms(hours) for name, hours in window.items()})
    found = parts(snapshot, **asked.model_dump(exclude_defaults=True))["coverage.gaps"]
    scope = scope_of(snapshot, asked)
    assert found
    assert gaps(scope, {"tres": ("gpu", "cpu")}).rows.to_pylist() == found
    one = [row for row in found if row["node"] == "n1"]
    assert parts(snapshot, node=("n1",), **asked.model_dump(exclude_defaults=True))["coverage.gaps"] == one
