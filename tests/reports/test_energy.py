"""The energy of a window is that of every sample in it, each cut at the window, however long it lasts."""

from __future__ import annotations

import random
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from paydown.ledger.energy import energy
from paydown.model.window import EPOCH_DAY
from paydown.reports import usage
from paydown.reports.parts.energy import MJ_PER_KWH

HOUR = 3_600_000


def samples(book, seed, fields):
    """Make two days of samples of two devices, some of hours, some without any figure."""
    rng = random.Random(seed)
    found = []
    for number in range(150):
        length = rng.choice((30_000, 30_000, 900_000, HOUR, 3 * HOUR))
        row = {
            "cluster": "c",
            "node": "n",
            "gpu": str(number % 2),
            "job_id": rng.choice((None, "1", "2")),
            "number": number,
        }
        figures = {field: round(rng.uniform(50, 700), 1) for field in fields if rng.random() < 0.8}
        found.append(
            {
                **row,
                **figures,
                "start": book.at(0) + timedelta(milliseconds=rng.randrange(44 * HOUR)),
                "duration_ms": length,
            }
        )
    return found


def brute(book, rows, start, end):
    """Add the energy up, sample by sample: kWh, and the part of the time for which any is known."""
    total = known = described = 0
    for row in rows:
        first = round(row["start"].timestamp() * 1000)
        inside = min(first + row["duration_ms"], end) - max(first, start)
        if inside > 0:
            described += inside
            energy, power = row.get("energy_mj"), row.get("power_w")
            known += inside if energy is not None or power is not None else 0
            total += energy * inside / row["duration_ms"] if energy is not None else (power or 0) * inside
    return total / MJ_PER_KWH, known / described


@pytest.mark.parametrize("fields", [("power_w",), ("power_w", "energy_mj")])
@pytest.mark.parametrize("window", [(0, 48), (0, 24), (3.4, 3.9), (23.7, 30.1)], ids=str)
@pytest.mark.parametrize("cut", [(), ("day",)], ids=str)
def test_every_sample_counts_as_much_as_lies_in_the_window(book, fields, window, cut):
    rows = samples(book, 3, fields)
    for row in rows:
        if "energy_mj" in row:
            row["energy_mj"] = int(row["energy_mj"] * row["duration_ms"])
    sources = [{**book.SOURCE, "covers_to": book.at(48)}]
    snapshot = book.store(gpu_samples=rows, sources=sources)
    start, end = (book.ms(hours) for hours in window)
    answer = usage.run(snapshot, usage.UsageQuestion(start_ms=start, end_ms=end, by=cut))
    kwh, share = brute(book, rows, start, end)
    assert sum(row["energy_kwh"] or 0 for row in answer.rows.to_pylist()) == pytest.approx(kwh)
    if not cut:
        assert answer.rows.column("energy_share")[0].as_py() == pytest.approx(share)


def both(rows):
    """Measured energy of some samples, in whole mJ as facts have it."""
    return [
        {**row, "energy_mj": int(row["energy_mj"] * row["duration_ms"])} if "energy_mj" in row else row for row in rows
    ]


def posted_energy(snapshot, days, more=0.0):
    """What posting says of some days; with `more` wrong by so much, so that it shows whether it was used."""
    samples = snapshot.rows("gpu_samples")
    found = []
    for day in days:
        own = samples.filter(pc.equal(samples.column("start").cast(pa.date32()), pa.scalar(day)))
        found += energy("c", (day - EPOCH_DAY).days, own).to_pylist()
    return [{**row, "energy_mj": row["energy_mj"] and row["energy_mj"] + more} for row in found]


def answered(snapshot, window, **asked):
    start, end = window
    return usage.run(snapshot, usage.UsageQuestion(start_ms=start, end_ms=end, **asked)).rows.to_pylist()


def jobs(book):
    ran = {"cluster": "c", "attempt": 0, "start": book.at(0), "end": book.at(48)}
    return {
        "jobs": [
            {**ran, "job_id": job, "user": f"u{job}", "account": f"a{job}", "state": "RUNNING"} for job in ("1", "2")
        ],
        "allocations": [{**ran, "job_id": job, "node": "n", "gpu_milli": 1000} for job in ("1", "2")],
    }


WINDOWS = [(0, 48), (0, 24), (24, 48), (24, 72), (-24, 24), (3.4, 47.2), (24.5, 48), (0, 25.25), (24, 24.25), (0, 72)]


ASKED = ({}, {"by": ("account",)}, {"by": ("day",)}, {"by": ("day",), "timezone": "Asia/Kolkata"})


@pytest.mark.parametrize("turn", range(2))
def test_posted_days_give_the_same_as_their_samples(book, turn):
    fields = ("power_w", "energy_mj") if turn else ("power_w",)
    days = [book.DAY + timedelta(days=number) for number in (0, 1)]
    facts = {"gpu_samples": both(samples(book, turn, fields)), "sources": [{**book.SOURCE, "covers_to": book.at(72)}]}
    plain = book.store(**facts, **jobs(book))
    stores = [
        book.store(**facts, **jobs(book), posted=book.posted(*days), energy=posted_energy(plain, some))
        for some in (days, days[1:])
    ]
    for place, hours in enumerate(WINDOWS):
        window, asked = tuple(book.ms(hour) for hour in hours), ASKED[(place + turn) % len(ASKED)]
        expected = answered(plain, window, **asked)
        for counted in stores:
            assert answered(counted, window, **asked) == expected, (hours, asked)


def test_only_whole_days_that_have_not_changed_are_taken_as_posted(book):
    days = [book.DAY + timedelta(days=number) for number in (0, 1)]
    facts = {"gpu_samples": samples(book, 5, ("power_w",)), "sources": [{**book.SOURCE, "covers_to": book.at(72)}]}
    plain = book.store(**facts)
    wrong = posted_energy(plain, days, more=MJ_PER_KWH)
    posted = book.posted(*days)

    def more(hours, **tables):
        window = tuple(book.ms(hour) for hour in hours)
        taken = answered(book.store(**facts, energy=wrong, **tables), window)[0]["energy_kwh"]
        return round(taken - answered(plain, window)[0]["energy_kwh"])

    assert more((0, 72), posted=posted) == 2 * len({row["job_id"] for row in wrong})
    assert more((0, 24), posted=posted) == more((24, 72), posted=posted) == len({row["job_id"] for row in wrong})
    assert more((1, 23), posted=posted) == 0
    assert more((0, 72)) == 0
    assert more((0, 72), posted=posted, dirty=[{"cluster": "c", "day": day, "need": "post"} for day in days]) == 0
    assert more((0, 72), posted=posted, dirty=[{"cluster": "c", "day": day, "need": "details"} for day in days]) == 6
    early = [{**row, "end": row["end"] - timedelta(hours=1)} for row in posted]
    assert more((0, 72), posted=early) == 0


def test_energy_of_posted_days_outlives_their_samples(book):
    days = [book.DAY + timedelta(days=number) for number in (0, 1)]
    facts = {"gpu_samples": samples(book, 6, ("power_w",)), "sources": [book.SOURCE]}
    plain = book.store(**facts)
    gone = book.store(sources=[book.SOURCE], posted=book.posted(*days), energy=posted_energy(plain, days))
    window = (book.ms(0), book.ms(48))
    assert answered(gone, window) == answered(plain, window)


def test_without_any_power_there_is_no_energy(book):
    rows = [{**row, "gpu_util_ratio": 0.5} for row in samples(book, 7, ())]
    plain = book.store(gpu_samples=rows, sources=[book.SOURCE])
    counted = book.store(
        gpu_samples=rows, sources=[book.SOURCE], posted=book.posted(book.DAY), energy=posted_energy(plain, [book.DAY])
    )
    (row,) = answered(counted, (book.ms(0), book.ms(48)))
    assert row["energy_kwh"] is None
    assert row["energy_share"] is None
