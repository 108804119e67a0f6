"""The figures of a real dump, computed independently of Paydown (shared/data/README.md)."""

from datetime import UTC, datetime

from paydown.connectors.interface import Context
from paydown.connectors.sacct import CONNECTOR, SacctSettings
from paydown.ingest import ingest
from paydown.model.window import Window, to_ms
from paydown.store import open_store

COLUMNS = (
    "JobID JobIDRaw Cluster Partition QOS Account Group GID User UID Submit Eligible Start End Elapsed ExitCode State "
    "NNodes NCPUS ReqCPUS ReqMem ReqTRES AllocTRES Timelimit NodeList JobName"
)
WINDOW = Window(to_ms(datetime(2016, 12, 22, tzinfo=UTC)), to_ms(datetime(2017, 1, 2, tzinfo=UTC)))


def test_pozidriv(real_data, tmp_path):
    files = (str(real_data("slurm-pozidriv") / "pozidriv.log.gz"),)
    store = open_store(tmp_path / "store", create=True)
    done = ingest(store, CONNECTOR, SacctSettings(files=files, columns=COLUMNS), Context(), post=False)
    assert (done.rows["jobs"], done.rejects) == (11_704, {})
    snapshot = store.snapshot()
    held = {(row["job_id"], row["attempt"]): row for row in snapshot.rows("allocations").to_pylist()}
    jobs = [row for row in snapshot.rows("jobs").to_pylist() if (row["job_id"], row["attempt"]) in held]
    ended = [row for row in jobs if WINDOW.start <= row["end"] < WINDOW.end]
    wait = sum((row["start"] - row["submit"]).total_seconds() for row in ended) / len(ended) / 3_600
    cpu = sum(
        max(0.0, (min(row["end"], WINDOW.end) - max(row["start"], WINDOW.start)).total_seconds()) * row["cpu_milli"]
        for row in snapshot.rows("allocations").to_pylist()
    )
    assert len(ended) == 11_285
    assert round(cpu / 3_600_000, 4) == 71_984.2764
    assert round(wait, 5) == 1.85771
