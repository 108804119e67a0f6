"""From a node's log to the ledger: what a job with all GPUs of the node used, held quiet, and what nobody saw."""

import pytest

from paydown.connectors.facts import CONNECTOR as FACTS
from paydown.connectors.facts import FactsSettings
from paydown.connectors.interface import Context
from paydown.connectors.samples import CONNECTOR, SamplesSettings
from paydown.ingest import ingest
from paydown.store import open_store
from paydown.testing import check_connector, tiny, write_facts

MINUTE = 60_000 * 1000
HELD = """
cluster c; step 1m; origin 2024-03-04T12:00
node n1 gpus=2 cpus=8 memory=8G gpu_memory=40G
job 7 ann/chem on=n1 gpu=2 cpu=2 memory=1G R{20}
"""
"""A job that holds both GPUs of a node for twenty minutes; which they are is not said."""


def log(*, without=range(0)):
    """Write a log of twenty minutes: GPU 0 busy for ten, then quiet; GPU 1 quiet; readings of some minutes missing."""
    lines = ["timestamp, index, name, utilization.gpu [%], memory.used [MiB]"]
    for half in range(40):
        if half // 2 not in without:
            moment = f"2024/03/04 12:{(half + 1) // 2:02}:{(half + 1) % 2 * 30:02}.000"
            lines += [f"{moment}, 0, A100, {90 if half < 20 else 0} %, 10 MiB", f"{moment}, 1, A100, 0 %, 10 MiB"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def ledger(tmp_path):
    """Ingest the job and a log; give the GPU-minutes of each category and detail, in order of ingest either way."""

    def run(text, **settings):
        store = open_store(tmp_path / "store", create=True)
        (tmp_path / "n1.csv").write_text(text)
        asked = SamplesSettings(files=(str(tmp_path / "n1.csv"),), node_from_name=r"^(\w+)", **settings)
        ingest(store, CONNECTOR, asked, Context(cluster="c"))
        ingest(store, FACTS, FactsSettings(folder=write_facts(tiny(HELD), tmp_path / "facts")), Context())
        rows = store.snapshot().query(
            "SELECT category, detail, sum(amount)::DOUBLE AS amount FROM daily"
            " WHERE tres = 'gpu' AND job_id = '7' GROUP BY ALL"
        )
        return {(row["category"], row["detail"]): row["amount"] / MINUTE for row in rows.to_pylist()}

    return run


def test_use_and_debt_of_a_job(ledger):
    assert ledger(log()) == {
        ("used", "productive"): 9,
        ("underused", None): 1,
        ("inactive", "tail"): 10,
        ("inactive", "never_used"): 20,
    }


def test_a_gap_of_the_log_stays_a_gap(ledger):
    found = ledger(log(without=range(2, 9)))
    assert found[("unobserved", "dark")] == 2 * 7
    assert found[("used", "productive")] == pytest.approx(0.9 * 3)


def test_a_log_of_another_job_counts_for_nobody(ledger):
    assert ledger(log(), label={"job_id": "8"}) == {("unobserved", "dark"): 40}


FORMS = {
    "nvidia-smi": (log(), {}),
    "bare": ("\n".join(line for line in log().splitlines()[1:]).replace(" %", "").replace(" MiB", "") + "\n",
             {"columns": "timestamp,index,name,utilization.gpu,memory.used"}),
    "dmon": ("#Date Time gpu sm\n 20240304 12:00:00 0 5\n 20240304 12:00:30 0 -\n broken\n", {}),
    "dcgmi": ("#Entity GPUTL SMACT\nID\nGPU 0 5 0.1\nGPU-I 1 N/A 0\nGPU 0 5 0.0\n",
              {"interval": "30s", "start": "2024-03-04T12:00:00Z"}),
    "csv": ("t,g,u\n2024-03-04T12:00:00Z,0,5\n2024-03-04T12:00:30Z,0,x\nsoon,0,1\n",
            {"map": ("end=t", "gpu=g", "gpu_util_ratio=u:percent")}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_text_passes_the_conformance_suite(form, tmp_path):
    text, more = FORMS[form]
    (tmp_path / "dump").write_text(text)
    found = check_connector(CONNECTOR, {"files": (str(tmp_path / "dump"),), "node": "n1", **more}, Context(cluster="c"))
    assert len(found.tables["gpu_samples"])


def test_parquet_passes_the_conformance_suite(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"t": [1709553600, 1709553630], "u": [5.0, 0.0]}), tmp_path / "dump.parquet")
    told = {"map": ("end=t:s", "gpu_util_ratio=u:percent"), "label": {"gpu": "0"}, "node": "n1"}
    found = check_connector(CONNECTOR, {"files": (str(tmp_path / "dump.parquet"),), **told}, Context(cluster="c"))
    assert found.tables["gpu_samples"]["gpu_util_ratio"].to_pylist() == [0.05, 0.0]
