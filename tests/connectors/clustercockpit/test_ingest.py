"""A job database that is ingested again, as it was or as it went on."""

import pytest

from paydown.connectors.clustercockpit import CONNECTOR, Settings
from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.store import open_store


@pytest.fixture
def take(sample_of, tmp_path):
    store = open_store(tmp_path / "store", create=True)

    def run(*rows):
        path = tmp_path / "job.db"
        path.unlink(missing_ok=True)
        sample_of("clustercockpit").write(path, rows)
        done = ingest(store, CONNECTOR, Settings(path=path), Context(), post=False)
        return done, store.snapshot()

    return run


def test_the_same_again_changes_nothing(take):
    first, _ = take({}, {"job_id": 2})
    again, after = take({}, {"job_id": 2})
    facts = {"jobs": 2, "allocations": 2, "job_usage": 4}
    assert facts.items() <= first.inserted.items()
    assert facts.items() <= again.unchanged.items()
    assert sum(again.replaced.get(name, 0) + again.inserted.get(name, 0) for name in facts) == 0
    assert again.rejects == {}
    assert after.rows("sources")["supports"].unique().to_pylist() == ["use"]


def test_a_job_that_went_on(take):
    running = {"job_state": "running", "duration": 60, "monitoring_status": 1}
    take({**running, "footprint": {"acc_utilization_avg": 3.0, "acc_mem_used_avg": 9.0}})
    done, after = take({})
    assert (done.replaced, done.rejects) == ({"jobs": 1, "allocations": 1}, {})
    assert after.rows("jobs").select(["state"]).to_pylist() == [{"state": "COMPLETED"}]
    assert after.rows("allocations")["end"].null_count == 0
    assert sorted(after.rows("job_usage")["mean"].to_pylist()) == [0.725, 2048.0]


def test_names_of_users_stand_in_identities_alone(take):
    _, after = take({}, {"job_id": 2, "resources": "[{"})
    assert after.rows("identities")["name"].to_pylist() == ["annabel"]
    assert "annabel" not in str(after.rows("jobs").to_pylist())
    assert "annabel" not in str(after.rows("rejects").to_pylist())
