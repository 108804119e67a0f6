"""Names that nothing bears: an answer says so, and which one was probably meant."""

from __future__ import annotations

import pytest

from paydown.errors import UsageError
from paydown.reports import registry


def notes(store, name="debt", **asked):
    report = registry.report(name)
    return [note for note in report.run(store, report.parameters(**asked)).notes if note.startswith("There is no")]


@pytest.mark.parametrize("name", ["debt", "usage", "jobs", "timeline", "ledger", "wait", "now"])
def test_a_misspelt_name_is_told_with_the_nearest(two_days, name):
    assert notes(two_days, name, partition=("gup",)) == ["There is no partition 'gup'; did you mean gpu?"]
    assert notes(two_days, name, account=("phisics",)) == ["There is no account 'phisics'; did you mean physics?"]


def test_a_node_as_well(two_days):
    assert notes(two_days, node=("zz",)) == ["There is no node 'zz'; known are n1."]


def test_a_partition_is_one_of_several_or_all_of_them(two_days):
    assert notes(two_days, partition=("gpu", "all", "gpu;all")) == []


def test_many_names_are_counted(book):
    nodes = [{"cluster": "c", "node": f"rack{n}", "partitions": "", "start": book.at(0)} for n in range(40)]
    assert notes(book.store(nodes=nodes), node=("zz",)) == ["There is no node 'zz'; 40 others are known."]


def test_states_are_a_closed_set(two_days):
    report = registry.report("jobs")
    assert report.run(two_days, report.parameters(state=("failed",))).rows.num_rows == 1
    with pytest.raises(UsageError, match="did you mean FAILED"):
        report.run(two_days, report.parameters(state=("FAILD",)))
