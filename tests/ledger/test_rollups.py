"""The roll-ups that are posted with a day are the sums of its entries, whatever came when."""

from collections import Counter
from random import Random

import pyarrow as pa
import pytest
from tests.ledger.clusters import arrow, draw_facts, draw_settings
from tests.ledger.stored import believable, take

from paydown.ledger import rollups
from paydown.ledger.check import check
from paydown.ledger.pure import ledger
from paydown.model.entries import ALLOCATED, DERIVED, FREE_BUCKETS, FREE_TRES
from paydown.model.units import BUCKET_MS, MS_PER_HOUR
from paydown.store import open_store


def ms(rows):
    """Give rows of a table as dicts, instants in ms and days as numbers."""
    columns = {
        each.name: rows.column(each.name).cast(pa.int64()) if pa.types.is_timestamp(each.type)
        else rows.column(each.name).cast(pa.int32()) if pa.types.is_date(each.type) else rows.column(each.name)
        for each in rows.schema
    }  # fmt: skip
    return pa.table(columns).to_pylist()


def by(rows, names, amount="amount"):
    sums = Counter()
    for row in rows:
        sums[tuple(row[name] for name in names)] += row[amount]
    return dict(sums)


def gaps_of(entries):
    """Find the gaps bucket by bucket."""
    held, dark = Counter(), {}
    for row in entries:
        if row["category"] in ALLOCATED:
            place = (row["cluster"], row["day"], row["node"], row["tres"], row["bucket"])
            held[place] += row["amount"]
            dark[place] = dark.get(place, True) and row["category"] == "unobserved"
    found = []
    for place in sorted(place for place, is_dark in dark.items() if is_dark):
        *key, bucket = place
        if found and found[-1][0] == key and found[-1][2] == bucket:
            found[-1][2] += BUCKET_MS
            found[-1][3] += held[place]
        else:
            found.append([key, bucket, bucket + BUCKET_MS, held[place]])
    return [(*key, start, end, amount) for key, start, end, amount in found]


def free_of(rows):
    """Give what was free by (cluster, day, node, partition, tres, bucket)."""
    return {
        (*(row[name] for name in ("cluster", "day", "node", "partition", "tres")), row["hour"] + at * BUCKET_MS): row[
            name
        ]
        for row in rows
        for at, name in enumerate(FREE_BUCKETS)
        if row[name]
    }


def wrong(tables):
    """Name the roll-ups that are not what the entries say."""
    entries = [row | {"hour": row["bucket"] // MS_PER_HOUR * MS_PER_HOUR} for row in ms(tables["entries"])]
    free = [row for row in entries if row["category"] in {"idle", "blocked"} and row["tres"] in FREE_TRES]
    place = ("cluster", "day", "node", "partition", "tres", "bucket")
    found = {name: ms(tables[name]) for name in rollups.NAMES}
    sums = {name: DERIVED[name].key for name in rollups.SUMS}
    bad = [name for name, key in sums.items() if by(found[name], key) != by(entries, key)]
    bad += [name for name, key in sums.items() if len(by(found[name], key)) != len(found[name])]
    bad += ["free_capacity"] if free_of(found["free_capacity"]) != by(free, place) else []
    gaps = sorted(tuple(row.values()) for row in found["gaps"])
    return bad + (["gaps"] if gaps != sorted(gaps_of(entries)) else [])


def stored(store):
    return {name: store.snapshot().rows(name) for name in ("entries", *rollups.NAMES)}


def test_the_roll_ups_of_random_clusters_are_the_sums_of_their_entries():
    seen = Counter()
    for number in range(70_000, 70_080):
        dice = Random(number)
        tables = ledger(arrow(draw_facts(dice)), draw_settings(dice))
        assert wrong(tables) == [], number
        seen.update({name: tables[name].num_rows for name in rollups.NAMES})
    assert all(seen[name] > 100 for name in rollups.NAMES), seen


@pytest.mark.parametrize("number", range(71_000, 71_006))
def test_posted_roll_ups_are_the_sums_of_posted_entries_however_the_facts_came(number, tmp_path):
    dice = Random(number)
    store = open_store(tmp_path / "store", create=True)
    facts, settings = believable(draw_facts(dice)), draw_settings(dice)
    late = {table: [row for row in rows if dice.random() < 0.3] for table, rows in facts.items()}
    take(store, {table: [row for row in rows if row not in late[table]] for table, rows in facts.items()}, settings)
    take(store, late, settings)
    assert wrong(stored(store)) == []
    assert check(store) == []


def test_keys_too_many_for_an_array_are_summed_the_same(monkeypatch):
    monkeypatch.setattr(rollups, "_DENSE", 0)
    for number in range(72_000, 72_010):
        dice = Random(number)
        assert wrong(ledger(arrow(draw_facts(dice)), draw_settings(dice))) == []


def test_a_day_without_roll_ups_balances_but_does_not_come_out_the_same(tmp_path):
    dice = Random(71_000)
    store = open_store(tmp_path / "store", create=True)
    take(store, believable(draw_facts(dice)), draw_settings(dice))
    days = sorted(set(store.snapshot().rows("hourly").column("day").to_pylist()))
    with store.write() as tx:
        for name in rollups.NAMES:
            tx.replace(name, "c", days, store.snapshot().rows(name).slice(0, 0))
        tx.commit()
    assert check(store, recompute=False) == []
    assert {cell.table for cell in check(store)} >= {"hourly", "day_totals"}
