"""Reports say the same whether they read what is summed with the day or the ledger itself."""

from random import Random

import pytest
from tests.ledger.clusters import draw_facts
from tests.ledger.stored import believable, take

from paydown.ledger import rollups
from paydown.ledger.settings import LedgerSettings
from paydown.model.units import MS_PER_HOUR
from paydown.model.window import to_ms
from paydown.reports.parts import rolled
from paydown.reports.registry import report
from paydown.store import open_store

ASKED = {
    "ledger": [{}, {"by": ("account", "user")}, {"by": ("day", "partition")}, {"by": ("basis",)}, {"by": ("node",)}],
    "debt": [{}, {"by": ("account",)}, {"by": ("user",), "partition": ("gpu",)}],
    "timeline": [
        {"bucket": "1h"}, {"bucket": "1d"}, {"bucket": "1d", "timezone": "Asia/Kolkata"}, {"bucket": "5min"},
        {"bucket": "1d", "timezone": "Europe/Berlin"}, {"bucket": "1h", "by": ("partition", "account")},
    ],
    "coverage": [{}, {"node": ("n1",)}],
    "wait": [{}, {"by": ("size",)}],
}  # fmt: skip


def answers(store, more):
    """Give every table that the reports answer with."""
    found = []
    for name, several in ASKED.items():
        for asked in several:
            known = report(name)
            answer = known.run(store.snapshot(), known.parameters(**asked, **more))
            # Tables of the store, and how many rows they have, are not what is compared.
            parts = [each for each in (answer, *answer.more) if each.report != "coverage"]
            found.append((name, asked, [each.rows.to_pylist() for each in parts], answer.notes))
    return found


def windows(store):
    """Give windows: everything, and one that cuts days on whole hours, and one that does not."""
    first = to_ms(min(store.snapshot().rows("entries").column("bucket").to_pylist())) // MS_PER_HOUR * MS_PER_HOUR
    for start, length in ((1, 120), (0, 155)):
        low = first + start * MS_PER_HOUR
        yield {"start_ms": low, "end_ms": low + length * 60_000}
    yield {}


def without(store, days):
    """Take the roll-ups of some days away."""
    with store.write() as tx:
        for name in rollups.NAMES:
            tx.replace(name, "c", days, store.snapshot().rows(name).slice(0, 0))
        tx.commit()


@pytest.mark.parametrize("number", [81_000, 81_003, 81_012])
def test_answers_do_not_depend_on_roll_ups(number, tmp_path):
    store = open_store(tmp_path / "store", create=True)
    take(store, believable(draw_facts(Random(number))), LedgerSettings())
    days = sorted(set(store.snapshot().rows("hourly").column("day").to_pylist()))
    asked = list(windows(store))
    posted = [answers(store, each) for each in asked]
    without(store, days[:1])
    assert [answers(store, each) for each in asked] == posted
    without(store, days)
    assert [answers(store, each) for each in asked] == posted


def test_days_with_and_without_roll_ups_are_told_apart(tmp_path, monkeypatch):
    """What is posted is read where it is posted: what a planted figure changes shows that."""
    store = open_store(tmp_path / "store", create=True)
    take(store, believable(draw_facts(Random(81_003))), LedgerSettings())
    asked = next(windows(store))
    posted = answers(store, {})
    monkeypatch.setattr(rolled, "all_rolled", lambda *_: True)
    without(store, sorted(set(store.snapshot().rows("hourly").column("day").to_pylist())))
    empty = answers(store, {})
    assert asked
    assert posted != empty
