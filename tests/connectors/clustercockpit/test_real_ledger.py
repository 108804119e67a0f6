"""The figures of real records, out of the ledger that an ingest posts."""

import pytest

from paydown.connectors.clustercockpit import CONNECTOR, Settings
from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.store import open_store

GPU_HOUR = 1000 * 3_600_000


@pytest.fixture(scope="module")
def snapshot(real_data, tmp_path_factory):
    store = open_store(tmp_path_factory.mktemp("real") / "store", create=True)
    ingest(store, CONNECTOR, Settings(path=real_data("clustercockpit-alex")), Context())
    return store.snapshot()


def test_gpu_hours_and_use(snapshot):
    found = snapshot.query(
        "SELECT count(DISTINCT job_id) AS jobs, sum(amount)::DOUBLE AS held,"
        " sum(amount) FILTER (category = 'used')::DOUBLE AS used,"
        " count(DISTINCT job_id) FILTER (detail = 'never_used') AS zero_jobs,"
        " sum(amount) FILTER (detail = 'never_used')::DOUBLE AS zero"
        " FROM daily WHERE tres = 'gpu' AND cluster = 'alex'"
    ).to_pylist()[0]
    assert (found["jobs"], round(found["held"] / GPU_HOUR, 2)) == (303, 3980.04)
    assert round(100 * found["used"] / found["held"], 2) == 71.86
    assert (found["zero_jobs"], round(found["zero"] / GPU_HOUR, 1)) == (94, 57.6)


def test_nothing_is_said_of_what_a_selection_cannot_tell(snapshot):
    categories = set(snapshot.query("SELECT DISTINCT tres, category FROM daily").to_pydict()["category"])
    assert categories == {"used", "underused", "inactive", "unobserved"}
    cpu = snapshot.query("SELECT DISTINCT category FROM daily WHERE tres IN ('cpu', 'memory')").to_pydict()
    assert cpu == {"category": ["unobserved"]}
