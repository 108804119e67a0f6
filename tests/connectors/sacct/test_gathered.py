"""What is done once for many rows: lists of nodes read without ClusterShell, batches of several pieces."""

from __future__ import annotations

import pyarrow as pa
import pytest
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException
from hypothesis import example, given
from hypothesis import strategies as st

from paydown.dialects.slurm_accounting import gathered
from paydown.dialects.slurm_accounting.allocations import nodes_of
from paydown.dialects.slurm_accounting.gathered import Gathered
from paydown.model.batch import Batch

NUMBERS = st.from_regex(r"[0-9]{1,3}(-[0-9]{1,3})?", fullmatch=True)


@given(st.lists(NUMBERS, min_size=1, max_size=4))
@example(["44-46", "37-36"])
@example(["09-10"])
@example(["9-10"])
@example(["1", "3-5", "7"])
@example(["1-3", "2"])
def test_lists_of_nodes_are_spelt_out_as_clustershell_does(parts: list[str]) -> None:
    """However its numbers are written, and None where it is no list."""
    text = f"gpu-[{','.join(parts)}]"
    try:
        expected = tuple(str(node) for node in NodeSet(text, resolver=RESOLVER_NOGROUP))
    except NodeSetException:
        expected = None
    assert nodes_of(text) == expected


def test_rows_wait_until_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of one table come as few batches, in their order, with null where a piece has no such column."""
    monkeypatch.setattr(gathered, "ENOUGH", 3)
    waiting = Gathered("dump.txt")
    pieces = [pa.table({"job_id": ["1", "2"]}), pa.table({"job_id": ["3"], "mean": [1.0]}), pa.table({"job_id": ["4"]})]
    found = [batch for rows in pieces for batch in waiting.taken(Batch("job_usage", rows, "dump.txt"))]
    found += waiting.rest()
    assert [batch.rows.to_pydict() for batch in found] == [
        {"job_id": ["1", "2", "3"], "mean": [None, None, 1.0]},
        {"job_id": ["4"]},
    ]
    assert not list(waiting.rest())
