"""Whatever stands in the columns of a job database: each row becomes facts or a reject, and nothing raises."""

import re
import sqlite3
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paydown.connectors.clustercockpit import CONNECTOR, Settings
from paydown.connectors.interface import Context
from paydown.errors import InputError
from paydown.model.batch import Batch, Reject
from paydown.model.facts import FACTS
from paydown.model.rows import normalise

CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 9),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.sampled_from(
        ['[{"hostname": null}]', "[1]", '{"acc_utilization_avg": []}', "[[1, 2]]", '{"acc_mem_used_avg": "x"}']
    ),
)
COLUMNS = ("subcluster", "submit_time", "start_time", "hpc_user", "project", "cluster_partition", "array_job_id")
COLUMNS += ("duration", "walltime", "job_state", "meta_data", "resources", "num_nodes", "num_hwthreads", "num_acc")
COLUMNS += ("shared", "monitoring_status", "footprint")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(COLUMNS), CELLS, max_size=4), min_size=1, max_size=3))
def test_any_row(sample_of, tmp_path_factory, changes):
    sample = sample_of("clustercockpit")
    loose = re.sub(r" (BIGINT|INT|TINYINT|TEXT|REAL)\b( NOT NULL)?( DEFAULT [0-9.]+)?", "", sample.SCHEMA)
    path = tmp_path_factory.mktemp("any") / "job.db"
    try:
        sample.write(path, [{"job_id": at, **row} for at, row in enumerate(changes, 1)], loose)
    except UnicodeEncodeError:  # half a surrogate pair: no SQLite text
        return
    items = list(CONNECTOR.read(Settings(path=path), Context()))
    told = Counter()
    for item in items:
        if isinstance(item, Batch):
            clean = normalise(FACTS[item.table], item.rows, item.origin)
            told.update({("jobs", line) for line in item.rows["_line"].to_pylist() if item.table == "jobs"})
            assert len(clean.rows) <= len(item.rows)
        elif isinstance(item, Reject) and item.table == "jobs":
            told["jobs", item.line] += 1
    assert told == {("jobs", at): 1 for at in range(1, len(changes) + 1)}


@pytest.mark.parametrize("kept", [0, 50, 4000, 9000])
def test_a_database_that_is_cut_off(sample_of, tmp_path, kept):
    sample = sample_of("clustercockpit")
    sample.write(tmp_path / "whole.db", [{"job_id": at} for at in range(50)])
    whole = (tmp_path / "whole.db").read_bytes()
    assert len(whole) > kept
    (tmp_path / "job.db").write_bytes(whole[:kept])
    with pytest.raises(InputError, match=r"job\.db"):
        list(CONNECTOR.read(Settings(path=tmp_path), Context()))
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / "job.db").execute("SELECT count(*), max(footprint) FROM job").fetchall()
