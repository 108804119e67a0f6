"""A requeued job's rows lie apart in a large dump: they are attempts of one job all the same."""

import pyarrow as pa
import pytest
from tests.connectors.sacct.test_json import DUMPS, KEYS, NEW, OLD, keyed, read

from paydown.dialects.slurm_accounting import lines
from paydown.dialects.slurm_accounting.apart import together

FIRST = {"JobID": "7", "State": "REQUEUED", "Submit": "2024-03-01T07:00:00", "Start": "2024-03-01T07:10:00",
         "End": "2024-03-01T07:20:00", "Elapsed": "00:10:00"}  # fmt: skip
STEP = {"JobID": "7.batch", "State": "REQUEUED", "TotalCPU": "00:01:00", "Elapsed": "00:10:00"}


@pytest.fixture
def small(monkeypatch):
    """Read blocks of some lines, so that a dump is many pieces."""
    monkeypatch.setattr(lines, "BLOCK", 4_096)


def others(count):
    return [{"JobID": str(number)} for number in range(1_000, 1_000 + count)]


@pytest.mark.parametrize("state", ["REQUEUED", "PREEMPTED", "NODE_FAIL", "RESIZING", "PR"])
@pytest.mark.usefixtures("small")
def test_rows_that_lie_apart_are_attempts_of_one_job(jobs, state):
    found = jobs({**FIRST, "State": state}, STEP, *others(200), {"JobID": "7"})
    mine = sorted((row["attempt"], row["start"].hour) for row in found.jobs if row["job_id"] == "7")
    assert mine == [(0, 7), (1, 9)]
    held = sorted((row["attempt"], row["start"].hour) for row in found.allocations if row["job_id"] == "7")
    assert held == mine
    assert [(row["attempt"], row["mean"]) for row in found.usage if row["job_id"] == "7"] == [(0, 100.0)]
    assert len(found.jobs) == 2 + 200


@pytest.mark.usefixtures("small")
def test_restarts_mark_a_job_too(jobs):
    rows = [{**FIRST, "State": "CANCELLED by 7", "Restarts": "1"}, *others(200), {"JobID": "7", "Restarts": "1"}]
    found = jobs(*rows)
    assert sorted(row["attempt"] for row in found.jobs if row["job_id"] == "7") == [0, 1]


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_real_dump_in_pieces_is_the_same(version, monkeypatch):
    whole = read(DUMPS / version / "all.txt")
    monkeypatch.setattr(lines, "BLOCK", 8_192)
    apart = read(DUMPS / version / "all.txt")
    for table in KEYS:
        assert keyed(apart, table) == keyed(whole, table)


def test_one_piece_stays_as_it_is():
    piece = pa.table({"JobID": ["1", "1"], "State": ["REQUEUED", "RUNNING"], "_line": [2, 3]})
    assert list(together(iter([piece]))) == [piece]
    assert list(together(iter([]))) == []
