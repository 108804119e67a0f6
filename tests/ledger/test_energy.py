"""The energy that is posted with a day is that of the samples that begin on it, whenever they came."""

from collections import defaultdict
from random import Random

import pytest
from tests.ledger.stored import take

from paydown.ledger.check import check
from paydown.ledger.posting import post
from paydown.ledger.settings import LedgerSettings
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR
from paydown.model.window import date_of, to_ms
from paydown.store import open_store

DAY = 20_000
T = DAY * MS_PER_DAY
SETTINGS = LedgerSettings()


def facts(dice, count=200):
    """Three days of a node with samples of any length, some across midnight, some without any figure."""
    end = T + 3 * MS_PER_DAY
    rows = {}
    for _ in range(count):
        near = dice.choice((T + MS_PER_DAY, T + 2 * MS_PER_DAY)) - dice.randrange(MS_PER_HOUR)
        key = {
            "cluster": "c", "node": "n1", "gpu": dice.choice("01"), "job_id": dice.choice((None, "1", "2")),
            "start": dice.choice((near, T + dice.randrange(3 * MS_PER_DAY - 2 * MS_PER_HOUR))),
        }  # fmt: skip
        rows[tuple(key.values())] = {
            **key, "duration_ms": dice.choice((30_000, 600_000, 2 * MS_PER_HOUR)), "gpu_util_ratio": 0.5,
            "power_w": dice.choice((None, round(dice.uniform(50, 700), 3))),
            "energy_mj": dice.choice((None, None, dice.randrange(10**9))),
        }  # fmt: skip
    source = {"cluster": "c", "source": "s", "supports": "capacity;allocation;use", "covers_from": T, "covers_to": end}
    nodes = [{"cluster": "c", "node": "n1", "partitions": "gpu", "gpus": 2, "start": T}]
    return {"sources": [source], "nodes": nodes, "gpu_samples": list(rows.values())}


def whole(row, until):
    """The energy of a sample up to an instant, in whole mJ (halves up); None where it is not known."""
    power = row["power_w"]
    energy = row["energy_mj"] if row["energy_mj"] is not None else power and power * row["duration_ms"]
    return None if energy is None else int(energy * ((until - row["start"]) / row["duration_ms"]) + 0.5)


def brute(rows):
    """By (day, job): energy, time for which it is known, time described; the same after midnight; the latest end."""
    found = defaultdict(lambda: [None, 0, 0, None, 0, 0, 0])
    for row in rows:
        day = row["start"] // MS_PER_DAY
        end, sums = row["start"] + row["duration_ms"], found[day, row["job_id"]]
        past = max(0, end - (day + 1) * MS_PER_DAY)
        energy = whole(row, end)
        if energy is not None:
            late = energy - whole(row, end - past) if past else 0
            sums[0], sums[3] = (sums[0] or 0) + energy, (sums[3] or 0) + late
        known = energy is not None
        for at, value in ((1, known * row["duration_ms"]), (2, row["duration_ms"]), (4, known * past), (5, past)):
            sums[at] += value
        sums[6] = max(sums[6], end)
    return {key: tuple(sums) for key, sums in found.items()}


FIGURES = ("energy_mj", "known_ms", "described_ms", "late_mj", "late_known_ms", "late_described_ms")


def stands(store):
    return {
        (to_ms_day(row["day"]), row["job_id"]): (*(row[name] for name in FIGURES), to_ms(row["last"]))
        for row in store.snapshot().rows("energy").to_pylist()
    }


def to_ms_day(day):
    return (day - date_of(0)).days


@pytest.mark.parametrize("seed", range(3))
def test_posted_energy_is_that_of_the_samples_in_any_order_of_ingests(seed, tmp_path):
    dice = Random(seed)
    said = facts(dice)
    store = open_store(tmp_path / "store", create=True)
    late = [row for row in said["gpu_samples"] if dice.random() < 0.3]
    early = [row for row in said["gpu_samples"] if row not in late]
    take(store, {**said, "gpu_samples": early}, SETTINGS)
    assert stands(store) == brute(early)
    take(store, {"gpu_samples": late}, SETTINGS)
    assert stands(store) == brute(said["gpu_samples"])
    assert check(store) == []
    assert take(store, said, SETTINGS).days == 0
    assert post(store, days=[date_of(DAY)], settings=SETTINGS).days == 0


def test_samples_without_any_figure_describe_time_of_unknown_energy(tmp_path):
    said = facts(Random(9))
    said["gpu_samples"] = [{**row, "power_w": None, "energy_mj": None} for row in said["gpu_samples"]]
    store = open_store(tmp_path / "store", create=True)
    take(store, said, SETTINGS)
    assert stands(store) == brute(said["gpu_samples"])
    assert {sums[0] for sums in stands(store).values()} == {None}
