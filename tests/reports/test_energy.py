"""The energy of a window is that of every sample in it, each cut at the window, however long it lasts."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

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
