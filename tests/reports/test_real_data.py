"""Figures of real clusters, computed elsewhere by other means; skipped where the data are not there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from paydown.app import App
from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.reports.ledger import LedgerQuestion
from paydown.reports.ledger import run as run_ledger
from paydown.reports.nodes import NodesQuestion
from paydown.reports.nodes import run as run_nodes
from paydown.reports.usage import UsageQuestion
from paydown.reports.usage import run as run_usage
from paydown.reports.wait import WaitQuestion
from paydown.reports.wait import run as run_wait
from paydown.store import open_store

DATA = Path("/work/shared/data")
SACCT = (
    "JobID JobIDRaw Cluster Partition QOS Account Group GID User UID Submit Eligible Start End Elapsed ExitCode State "
    "NNodes NCPUS ReqCPUS ReqMem ReqTRES AllocTRES Timelimit NodeList JobName"
)


def filled(folder, source, *, post, **settings):
    """Ingest a source into a new store and give its state."""
    connector = App().connector(source)
    store = open_store(folder, create=True)
    ingest(store, connector, connector.settings(**settings), Context(), post=post)
    return store.snapshot()


def ms(*day):
    return round(datetime(*day, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.skipif(not (DATA / "slurm-pozidriv").is_dir(), reason="the folder slurm-pozidriv of real data is missing")
def test_accounting_of_a_real_slurm_cluster(tmp_path):
    dump = DATA / "slurm-pozidriv" / "pozidriv.log.gz"
    snapshot = filled(tmp_path, "sacct", post=False, files=(str(dump),), columns=SACCT)
    asked = UsageQuestion(start_ms=ms(2016, 12, 22), end_ms=ms(2017, 1, 2))
    (row,) = run_usage(snapshot, asked).rows.to_pylist()
    assert row["jobs_ended"] == 11_285
    assert round(row["cpu_hours"], 4) == 71_984.2764
    assert round(row["wait_mean_hours"], 5) == 1.85771
    asked = WaitQuestion(start_ms=ms(2016, 12, 22), end_ms=ms(2017, 1, 2), by=(), counted="ended")
    (row,) = run_wait(snapshot, asked).rows.to_pylist()
    assert row["jobs"] == 11_285
    assert round(row["since_submit_mean_hours"], 5) == 1.85771
    assert row["free_gpus_mean"] is row["fit_free_share"] is None


@pytest.mark.skipif(not (DATA / "clustercockpit-alex").is_dir(), reason="the folder clustercockpit-alex is missing")
def test_use_of_real_gpu_jobs(tmp_path):
    snapshot = filled(tmp_path, "clustercockpit", post=True, path=DATA / "clustercockpit-alex")
    answer = run_ledger(snapshot, LedgerQuestion(cluster=("alex",), tres=("gpu",), by=("detail",)))
    hours = {(row["category"], row["detail"]): row["hours"] for row in answer.rows.to_pylist()}
    held = hours[("allocated", None)]
    used = sum(value for (category, _), value in hours.items() if category == "used")
    assert round(held, 2) == 3_980.04
    assert round(100 * used / held, 2) == 71.86
    assert round(hours[("inactive", "never_used")], 1) == 57.6
    (row,) = run_usage(snapshot, UsageQuestion(cluster=("alex",))).rows.to_pylist()
    assert (row["jobs_ended"], round(row["gpu_hours"], 2), row["wait_mean_hours"]) == (303, 3_980.04, None)


@pytest.mark.skipif(not (DATA / "openb").is_dir(), reason="the folder openb is missing")
def test_the_gpus_of_openb_and_no_occupancy(tmp_path):
    snapshot = filled(tmp_path, "openb", post=False, path=DATA / "openb")
    answer = run_nodes(snapshot, NodesQuestion(by=("gpu_model",)))
    rows = {row["gpu_model"]: row for row in answer.rows.to_pylist()}
    assert {model: row["gpus"] for model, row in rows.items() if model} == {
        "G2": 4392, "T4": 842, "G3": 312, "P100": 265, "V100M32": 204, "V100M16": 195, "A10": 2,
    }  # fmt: skip
    assert sum(row["nodes"] for model, row in rows.items() if model) == 1_213
    assert answer.headline[0].startswith("6,212 GPUs on 1,213 of 1,523 nodes")
    assert {row["allocated_hours"] for row in rows.values()} == {None}
    assert any("occupancy of openb is refused" in note for note in answer.notes)
