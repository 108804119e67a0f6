"""Samples are worked on some nodes at a time: how many at a time changes nothing."""

from random import Random

import pytest
from tests.ledger.clusters import draw_facts, draw_settings
from tests.ledger.compare import wrong

from paydown.ledger import samples


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_the_size_of_the_parts_changes_nothing(rows, monkeypatch):
    monkeypatch.setattr(samples, "PART_ROWS", rows)
    for number in range(40_000, 40_025):
        dice = Random(number)
        assert wrong(draw_facts(dice), draw_settings(dice)) == []
