"""The utilization report: figures from posted histograms against the samples themselves."""

from __future__ import annotations

from random import Random
from zoneinfo import ZoneInfo

import duckdb
import pytest
from tests.ledger.stored import SAMPLES, take

from paydown.errors import UsageError
from paydown.ledger.settings import LedgerSettings
from paydown.model.entries import HISTOGRAM_EDGES
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR
from paydown.reports.parts.pictures import Bars, Ranges
from paydown.reports.utilization import UtilizationQuestion, run
from paydown.store import open_store
from paydown.surfaces import charts

MINUTE = 60_000
T = 20_000 * MS_PER_DAY
END = T + 6 * MS_PER_HOUR


def sample(gpu, at, ratio, *, minutes=1, node="n1", **more):
    start = T + round(at * MINUTE)
    row = {"cluster": "c", "node": node, "gpu": gpu, "start": start, "duration_ms": minutes * MINUTE}
    return row | {"gpu_util_ratio": ratio} | more


def held(job, gpus, begin, end, user="ann", milli=1000):
    ran = {"cluster": "c", "job_id": job, "attempt": 0, "start": T + begin * MINUTE, "end": T + end * MINUTE}
    row = {**ran, "user": user, "account": f"a-{user}", "partition": "gpu", "submit": T, "state": "COMPLETED"}
    return row, {**ran, "node": "n1", "gpu_milli": milli, "gpus": gpus}


def facts(samples, holders=(), model="A100"):
    source = {"cluster": "c", "source": "s", "supports": "capacity;allocation;use", "covers_from": T, "covers_to": END}
    node = {"cluster": "c", "node": "n1", "partitions": "gpu", "gpus": 2, "gpu_memory_mib": 1000, "start": T}
    return {
        "sources": [source],
        "nodes": [node | {"gpu_model": model}],
        "jobs": [job for job, _ in holders],
        "allocations": [allocation for _, allocation in holders],
        "gpu_samples": samples,
    }


@pytest.fixture
def ask(tmp_path):
    def asked(rows, **question):
        store = open_store(tmp_path / "store", create=True)
        take(store, rows, LedgerSettings())
        return run(store.snapshot(), UtilizationQuestion(**question))

    return asked


def width(value):
    """The width of the bin that holds a ratio."""
    edges = [0, *HISTOGRAM_EDGES]
    place = next(i for i, edge in enumerate(HISTOGRAM_EDGES) if value <= edge / 100)
    return (edges[place + 1] - edges[place]) / 100


@pytest.mark.parametrize("seed", range(8))
def test_figures_are_those_of_the_samples(seed, ask):
    dice = Random(seed)
    kind = seed % 3
    ratios = [(dice.random(), round(dice.betavariate(0.3, 0.3), 3), dice.choice([0, 1]))[kind] for _ in range(400)]
    minutes = dice.sample(range(360), 200)
    places = [(gpu, at) for gpu in ("0", "1") for at in minutes]
    rows = [sample(*place, ratio) for place, ratio in zip(places, ratios, strict=True)]
    row = ask(facts(rows), held="all").rows.to_pylist()[0]
    sql = "SELECT count(*), avg(r), avg(CAST(r = 0 AS INT)), quantile_disc(r, [0.05, 0.25, 0.5, 0.75, 0.95]) FROM"
    found = duckdb.execute(f"{sql} (SELECT unnest($r) AS r)", {"r": ratios}).fetchall()
    count, mean, zeros, quantiles = found[0]
    assert row["samples"] == count
    assert row["mean_ratio"] == pytest.approx(mean, abs=1e-6)
    assert row["zero_share"] == pytest.approx(zeros)
    for name, exact in zip(("p05", "p25", "p50", "p75", "p95"), quantiles, strict=True):
        assert abs(row[name] - exact) <= width(exact), name
        assert exact or row[name] == 0


def test_samples_weigh_by_the_time_that_they_hold(ask):
    rows = [sample("0", at, 1.0, minutes=10) for at in (0, 10, 20)] + [sample("1", at, 0.0) for at in range(10)]
    row = ask(facts(rows), held="all").rows.to_pylist()[0]
    assert (row["samples"], row["covered_hours"]) == (13, pytest.approx(40 / 60))
    assert (row["mean_ratio"], row["zero_share"], row["p25"]) == (pytest.approx(0.75), pytest.approx(0.25), 0)


def test_whose_samples(ask):
    rows = [sample(gpu, at, ratio) for gpu, ratio in (("0", 0.5), ("1", 0.0)) for at in range(60)]
    two = [held("1", "0", 0, 30), held("2", "0", 30, 60, user="bob")]
    answer = ask(facts(rows, two), by=("user", "account"))
    found = {row["account"]: (row["samples"], row["mean_ratio"]) for row in answer.rows.to_pylist()}
    assert found == {"a-ann": (30, 0.5), "a-bob": (30, 0.5)}
    assert len(answer.rows.column("user").unique()) == 2


@pytest.mark.parametrize(("asked", "samples"), [("yes", 60), ("no", 60), ("all", 120)])
def test_held_or_not(asked, samples, ask):
    rows = [sample(gpu, at, 0.5) for gpu in ("0", "1") for at in range(60)]
    found = ask(facts(rows, [held("1", "0", 0, 60)]), held=asked).rows
    assert sum(found.column("samples").to_pylist()) == samples


def test_a_device_that_several_hold_has_no_user(ask):
    rows = [sample("0", at, 0.5) for at in range(60)]
    both = [held("1", "0", 0, 60, milli=500), held("2", "0", 0, 60, user="bob", milli=500)]
    found = ask(facts(rows, both), by=("user",)).rows.to_pylist()
    assert [(row["user"], row["samples"]) for row in found] == [(None, 60)]


def test_signals_are_never_mixed(ask):
    rows = [sample("0", at, 0.5, gr_engine_active_ratio=0.25 if at < 20 else None) for at in range(60)]
    found = ask(facts(rows), held="all").rows.to_pylist()
    assert {row["signal"]: (row["samples"], row["mean_ratio"]) for row in found} == {
        "gr_engine_active": (20, 0.25),
        "gpu_util": (40, 0.5),
    }


def test_a_signal_asked_for_counts_whether_or_not_it_is_use(ask):
    rows = [sample("0", at, 0.5, gr_engine_active_ratio=0.25, memory_used_mib=800) for at in range(60)]
    found = [ask(facts(rows), held="all", signal=name).rows.to_pylist()[0] for name in ("gpu_util", "memory_used")]
    assert [row["mean_ratio"] for row in found] == [0.5, 0.8]


def test_cuts_by_device_model_and_local_hour(ask):
    rows = [sample(gpu, at, 0.5 if gpu == "0" else 1.0) for gpu in ("0", "1") for at in range(120)]
    asked = {"by": ("device", "gpu_model", "hour"), "held": "all", "timezone": "Asia/Tokyo"}
    found = ask(facts(rows), **asked).rows.to_pylist()
    assert [(row["hour"], row["gpu"], row["gpu_model"], row["mean_ratio"], row["samples"]) for row in found] == [
        (9, "0", "A100", 0.5, 60), (9, "1", "A100", 1.0, 60), (10, "0", "A100", 0.5, 60), (10, "1", "A100", 1.0, 60),
    ]  # fmt: skip


def test_local_days(ask):
    rows = [sample("0", at, 0.5) for at in range(360)]
    asked = {"by": ("day",), "held": "all", "timezone": "America/New_York", "end_ms": T + 5 * MS_PER_HOUR + 1}
    answer = ask(facts(rows), **asked)
    assert [row["samples"] for row in answer.rows.to_pylist()] == [240, 120]
    assert any("hour in which they begin" in note for note in answer.notes)


def test_bins_hold_all_the_time(ask):
    rows = [sample("0", at, at / 59) for at in range(60)]
    answer = ask(facts(rows), held="all")
    bins = answer.more[0].rows.to_pylist()
    assert sum(row["hours"] for row in bins) == pytest.approx(1)
    assert sum(row["part"] for row in bins) == pytest.approx(1)
    assert (bins[0]["above"], bins[0]["up_to"]) == (None, 0)
    assert all(row["hours"] for row in bins)


def test_pictures(ask):
    rows = [sample(gpu, at, at / 59) for gpu in ("0", "1") for at in range(60)]
    whole, by = ask(facts(rows), held="all"), ask(facts(rows), held="all", by=("device",))
    (histogram,), (ranges,) = whole.more[0].pictures, by.pictures
    assert isinstance(histogram, Bars)
    assert isinstance(ranges, Ranges)
    assert sum(histogram.rows.column("hours").to_pylist()) == pytest.approx(2)
    assert histogram.rows.column("ratio").to_pylist()[:3] == ["0 %", "0 to 5 %", "5 to 10 %"]
    for answer in (whole, by):
        specs = [drawing.spec for drawing in charts.charts_of(answer, ZoneInfo("UTC"), charts.FILE)]
        assert charts.picture_file(specs, ".svg")


def test_what_is_not_known_is_said(ask):
    answer = ask(facts([sample("0", 0, 0.5)]), held="all", signal="sm_active")
    assert answer.rows.num_rows == 0
    assert any("sm_active" in note for note in answer.notes)
    assert SAMPLES["gpu_samples"].by_name["sm_active_ratio"].ratio


def test_an_unknown_cut_is_refused(ask):
    with pytest.raises(UsageError, match="did you mean device"):
        ask(facts([]), by=("devize",))
