"""Jobs one by one: seff's recorded answers against their accounting, jobstats' JSON against samples and summaries."""

import json
from pathlib import Path

import pytest
from tests.reconcile.conftest import Nothing, Slurm, facts, ms

from paydown.connectors.interface import Context
from paydown.connectors.sacct import CONNECTOR, SacctSettings
from paydown.dialects.slurm_reports.seff import seff
from paydown.errors import InputError, SourceError
from paydown.ingest import ingest
from paydown.reconcile.run import reconcile
from paydown.reconcile.settings import ReconcileSettings

SEFF = Path(__file__).parents[1] / "dumps/seff"
"""What seff 2.1 said of jobs of a Slurm 22.05.8, and their accounting (README.md there)."""


def recorded(words):
    path = SEFF / f"{words[-1]}.txt"
    if not path.exists():
        raise SourceError(f"seff knows no {words[-1]}")
    return path.read_text()


def judged(snapshot, command, check, **asked):
    window = {"start_ms": ms("2026-11-22"), "end_ms": ms("20:00"), **asked}
    found = reconcile(snapshot, ReconcileSettings(check=(check,), **window), command).figures
    return {(each.figure.of.removeprefix("lab").strip(), each.figure.figure): each for each in found}


@pytest.fixture
def accounted(store):
    ingest(store, facts({}, "2026-11-22", "20:00"), Nothing(), Context())
    ingest(store, CONNECTOR, SacctSettings(files=(str(SEFF / "sacct.txt"),)), Context(cluster="lab"), post=False)
    return store.snapshot()


def test_recorded_answers_agree_with_their_accounting(accounted):
    found = judged(accounted, Slurm(seff=recorded), "seff", tolerance=0)
    assert len({of for of, _ in found}) == 10
    assert {
        (key, each.verdict, each.figure.theirs, each.figure.ours)
        for key, each in found.items()
        if each.verdict != "equal"
    } == set()
    assert {name for _, name in found} == {"CPU used", "CPU held", "time", "memory"}
    assert any(each.figure.ours > 1 for (_, name), each in found.items() if name == "memory")


def test_a_wrong_answer_is_red(accounted):
    def wrong(words):
        return (
            recorded(words)
            .replace("Memory Utilized: ", "Memory Utilized: 1")
            .replace("CPU Utilized: 0", "CPU Utilized: 1")
        )

    found = judged(accounted, Slurm(seff=wrong), "seff")
    assert {name for (_, name), each in found.items() if each.verdict == "red"} == {"CPU used", "memory"}


def test_the_seed_chooses_the_jobs(accounted):
    def jobs(**asked):
        return {of for of, _ in judged(accounted, Slurm(seff=recorded), "seff", **asked)}

    assert jobs(seed=1) == jobs(seed=1)
    assert jobs(jobs=3) < jobs(jobs=5)
    assert jobs(seed=1, jobs=5) != jobs(seed=2, jobs=5)


def test_where_seff_is_not_installed_it_is_skipped_once(accounted):
    command = Slurm()
    found = judged(accounted, command, "seff")
    assert [(key, each.verdict, each.why) for key, each in found.items()] == [
        (("", "all"), "skipped", "seff cannot be run")
    ]
    assert [words for words in command.asked if words[0] == "seff"] != []
    assert sum(words[0] == "seff" for words in command.asked) == 1


def test_jobs_of_another_cluster_are_not_compared(accounted):
    found = judged(accounted, Slurm(seff=lambda words: recorded(words).replace("Cluster: lab", "Cluster: b")), "seff")
    assert {each.verdict for each in found.values()} == {"skipped"}
    assert "not those of lab" in next(iter(found.values())).why


def test_what_seff_says_is_read():
    found = seff(
        "Job ID: 7\nCluster: c\nState: RUNNING\nCPU Utilized: 1-02:03:04\n"
        "CPU Efficiency: 50.00% of 2-04:06:08 core-walltime\n"
        "Job Wall-clock time: 00:10:00\nMemory Utilized: 512.00 MB\n"
    )
    assert (found.cluster, found.cpu_ms, found.core_ms, found.wall_ms) == ("c", 93_784_000, 187_568_000, 600_000)
    assert (found.memory_gib, found.memory_rounding_gib) == (0.5, 0.005 / 1024)
    assert seff("Job ID: 7\nState: PENDING\n").cpu_ms is None
    with pytest.raises(InputError, match="names no Job ID"):
        seff("<html>")


SAID = {"nodes": {"n1": {"total_time": 5400.0, "cpus": 4, "used_memory": 4 << 30, "total_memory": 8 << 30,
                         "gpu_utilization": {"0": 50.0, "1": 0}, "gpu_used_memory": {"0": 1 << 30, "1": 0},
                         "gpu_total_memory": {"0": 8 << 30, "1": 8 << 30}}}, "total_time": 3600, "gpus": 2}  # fmt: skip
"""What jobstats -j prints of a job of an hour."""


def site(utils):
    """Give a job of an hour, samples each minute of two GPUs, and what jobstats had left of its host."""
    samples = [
        {"node": "n1", "gpu": gpu, "start": f"01:{minute:02}", "duration_ms": 60_000, "gpu_util_ratio": util,
         "memory_used_mib": used}
        for gpu, util, used in (("0", utils, 1024), ("1", 0.0, 0)) for minute in range(60)
    ]  # fmt: skip
    left = [
        {"job_id": "7", "attempt": 0, "node": "n1", "signal": "cpu_used_milli", "mean": 1510.0, "source": "jobstats"},
        {"job_id": "7", "attempt": 0, "node": "n1", "signal": "memory_used_mib", "max": 4096.0, "source": "jobstats"},
    ]
    job = {"job_id": "7", "attempt": 0, "state": "COMPLETED", "start": "01:00", "end": "02:00"}
    held = {
        "job_id": "7",
        "attempt": 0,
        "node": "n1",
        "gpu_milli": 2000,
        "cpu_milli": 4000,
        "start": "01:00",
        "end": "02:00",
    }
    return {"jobs": [job], "allocations": [held], "gpu_samples": samples, "job_usage": left}


def by_jobstats(known, utils, said=SAID):
    command = Slurm(jobstats=json.dumps(said) if isinstance(said, dict) else said)
    found = judged(known(site(utils)), command, "jobstats", start_ms=ms("00:00"), end_ms=ms("04:00"))
    assert ("jobstats", "-c", "lab", "-j", "7") in command.asked
    return {(of.removeprefix("7").strip(), figure): each for (of, figure), each in found.items()}


def test_jobstats_is_compared_with_samples_and_with_what_it_left(known):
    found = by_jobstats(known, 0.5)
    assert {key: each.verdict for key, each in found.items()} == {
        ("n1", "cpu_used_milli"): "explained", ("n1", "memory_used_mib"): "equal", ("n1/0", "gpu_util"): "equal",
        ("n1/1", "gpu_util"): "equal", ("n1/0", "gpu_memory_used_mib"): "equal",
        ("n1/1", "gpu_memory_used_mib"): "equal",
    }  # fmt: skip


def test_a_wrong_mean_of_jobstats_is_red(known):
    found = by_jobstats(known, 0.6)
    assert found["n1/0", "gpu_util"].verdict == "red"
    assert "readings at the edges (up to 0.0333 ratio)" in found["n1/0", "gpu_util"].why


@pytest.mark.parametrize("said", ["Failed to lookup", "{}", '{"nodes": 3}', '{"nodes": {"n9": {"total_time": 1}}}'])
def test_an_answer_of_jobstats_that_is_none_is_skipped(known, said):
    (found,) = by_jobstats(known, 0.5, said).values()
    assert (found.verdict, "cannot be read" in found.why) == ("skipped", True)
