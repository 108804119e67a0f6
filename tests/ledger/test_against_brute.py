"""The product's ledger is the oracle's, to the integer, on random clusters; what must hold of any ledger holds of it.

PAYDOWN_RANDOM_CLUSTERS says how many clusters (default 240); cluster number n is the same on every machine.
"""

import os
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from tests.ledger.brute import Cluster, brute
from tests.ledger.brute_hold import ALL_TRES, allocations
from tests.ledger.brute_time import BUCKET, DAY, cut, horizons
from tests.ledger.clusters import MIDNIGHT, clusters, draw_facts, draw_settings
from tests.ledger.compare import differences, product, shown, smallest, wrong

from paydown.ledger.settings import LedgerSettings

CLUSTERS = int(os.environ.get("PAYDOWN_RANDOM_CLUSTERS", "240"))
PARTS = 12
UNALLOCATED = ("down", "planned_down", "idle", "blocked")
HELD = ("used", "inactive", "underused", "unobserved", "overcommitted")


def drawn(number):
    dice = Random(number)
    return draw_facts(dice), draw_settings(dice)


def check(facts, chosen, name):
    found = wrong(facts, chosen)
    if found:
        least = smallest(facts, lambda fewer: bool(wrong(fewer, chosen)))
        lines = "\n".join(wrong(least, chosen))
        pytest.fail(f"{name}, {chosen!r}\n{shown(least, MIDNIGHT)}\n=>\n{lines}", pytrace=False)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_same_to_the_integer(part):
    for number in range(part, CLUSTERS, PARTS):
        check(*drawn(number), f"cluster {number}")


@pytest.mark.parametrize("number", [5318, 7938])
def test_the_same_where_a_sample_begins_in_another_allocation_of_its_attempt(number):
    check(*drawn(number), f"cluster {number}")


@settings(max_examples=max(10, CLUSTERS // 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(clusters())
def test_the_same_on_clusters_that_shrink(both):
    assert not wrong(*both)


def merged(results):
    """Put ledgers of different days together; no row may be in two of them."""
    whole = results[0]
    for one in results[1:]:
        for table in ("entries", "pools", "doubts", "demand", "histograms"):
            mine, other = getattr(whole, table), getattr(one, table)
            assert not mine.keys() & other.keys()
            mine.update(other)
    return whole


@pytest.mark.parametrize("number", range(10_000, 10_000 + max(10, CLUSTERS // 10)))
def test_any_partition_into_days_gives_the_same(number):
    facts, chosen = drawn(number)
    day = MIDNIGHT // DAY
    by_day = merged([product(facts, chosen, [one]) for one in range(day - 1, day + 2)])
    assert not differences(by_day, product(facts, chosen))


@pytest.mark.parametrize("number", range(20_000, 20_000 + max(10, CLUSTERS // 10)))
def test_any_order_of_rows_gives_the_same(number):
    facts, chosen = drawn(number)
    dice = Random(number)
    shuffled = {table: dice.sample(rows, len(rows)) for table, rows in facts.items()}
    assert not differences(product(shuffled, chosen), product(facts, chosen))


@pytest.mark.parametrize("number", range(30_000, 30_000 + max(10, CLUSTERS // 10)))
def test_everything_held_is_in_exactly_one_category(number):
    facts, chosen = drawn(number)
    posted = Counter()
    for key, amount in product(facts, chosen).entries.items():
        cluster, node, _, _, tres, category, _, job_id, attempt, *_ = key
        if category in HELD and job_id != "(unseen)" and tres != "gpu_memory":
            posted[cluster, node, tres, job_id, attempt] += amount
    assert +posted == held(facts)


def held(facts):
    """Give what every attempt held on every node, from its allocation rows alone; gpu_memory is left out."""
    result = Counter()
    for cluster in {row["cluster"] for row in facts["sources"]}:
        own = {table: [row for row in rows if row["cluster"] == cluster] for table, rows in facts.items()}
        jobs = {(row["job_id"], row["attempt"]): row for row in own["jobs"]}
        for row in allocations(own["allocations"], jobs, horizons(own["sources"])):
            for tres, figure in {"gpu": row.gpu_milli, **row.figures}.items():
                result[cluster, row.node, tres, row.job_id, row.attempt] += (figure or 0) * (row.end - row.start)
    return +result


@pytest.mark.parametrize("number", range(40_000, 40_000 + max(10, CLUSTERS // 10)))
def test_what_is_reported_is_in_exactly_one_category(number):
    facts, chosen = drawn(number)
    sums = {}
    for key, amount in product(facts, chosen).entries.items():
        sums.setdefault((key[0], key[1], key[2], key[4]), Counter())[key[5]] += amount
    for place in stated_buckets(facts):
        found = sums.get(place, Counter())
        parts = sum(found[name] for name in (*UNALLOCATED, *HELD) if name != "overcommitted")
        assert found["reported"] == parts, place


def stated_buckets(facts):
    """Give every (cluster, node, bucket, tres) that is stated and tracked from end to end."""
    for name in {row["cluster"] for row in facts["sources"]}:
        own = {table: [row for row in rows if row["cluster"] == name] for table, rows in facts.items()}
        one = Cluster(name, own, LedgerSettings(), horizons(own["sources"]))
        length = Counter()
        for node, several in one.states.items():
            for state in several:
                for tres in ALL_TRES:
                    if one.hz.stated(state.start) and state.tracked(tres):
                        for start, end in cut((state.start, state.end), BUCKET):
                            length[name, node, start // BUCKET * BUCKET, tres] += end - start
        yield from (place for place, stated in length.items() if stated == BUCKET)


@pytest.mark.parametrize("number", range(50_000, 50_000 + max(10, CLUSTERS // 10)))
def test_pools_sum_to_what_is_pooled(number):
    result = product(*drawn(number))
    pooled = Counter()
    for key, amount in result.entries.items():
        if key[6] == "pooled":
            pooled[key[0], key[2] // DAY, key[1]] += amount
    assert {key[:3]: sum(three) for key, three in result.pools.items() if key[3] == "pooled"} == dict(pooled)


def test_a_planted_fault_is_found_and_made_small():
    facts, chosen = drawn(0)
    assert brute(facts, chosen).entries

    def fails(fewer):
        return any(key[5] == "idle" for key in brute(fewer, chosen).entries)

    least = smallest(facts, fails)
    assert fails(least)
    assert {table: len(rows) for table, rows in least.items() if rows} == {"nodes": 1, "sources": 1}
