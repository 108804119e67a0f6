"""Summaries of jobstats in AdminComment: figures per node and GPU, through the ledger to the reports."""

import base64
import gzip
import json
import re
from contextlib import suppress

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.sacct.conftest import BASE
from tests.connectors.sacct.test_json import DUMPS, NEW, OLD, read

from paydown.dialects.slurm_accounting import jobstats
from paydown.surfaces.cli.main import root

GIB = 1 << 30
NODE = {
    "total_memory": 32 * GIB,
    "used_memory": 8 * GIB,
    "total_time": 7_200.5,
    "cpus": 8,
    "gpu_total_memory": {"0": 80 * GIB, "1": 80 * GIB},
    "gpu_used_memory": {"0": 40 * GIB, "1": 0},
    "gpu_utilization": {"0": 62.5, "1": 0},
}
"""What a summary says of one node."""


def gzipped(raw):
    """Without the time of day, so that every process of a test run gives its cases the same names."""
    return gzip.compress(raw, mtime=0)


def packed(value, compress=gzipped):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return "JS1:" + base64.b64encode(compress(raw)).decode()


def summary(**nodes):
    return packed({"nodes": nodes, "total_time": 3_600, "gpus": 2})


def figures(found):
    return {
        (row["node"], row["gpu"], row["signal"]): (row["mean"], row["max"])
        for row in found.usage
        if row["source"] == "jobstats"
    }


def test_figures_of_nodes_and_gpus(jobs):
    found = jobs({"AdminComment": summary(n1=NODE)})
    assert figures(found) == {
        ("n1", None, "cpu_used_milli"): (2_000.0, None),  # 7200.5 s in an hour
        ("n1", None, "memory_used_mib"): (None, 8_192.0),
        ("n1", "0", "gpu_util"): (0.625, None),
        ("n1", "1", "gpu_util"): (0.0, None),  # a measured zero
        ("n1", "0", "gpu_memory_used_mib"): (None, 40_960.0),
        ("n1", "1", "gpu_memory_used_mib"): (None, 0.0),
    }
    assert "use" in found.vouches[0].supports
    assert found.rejects == []


def test_each_node_of_a_job_has_its_own(jobs):
    two = summary(n1=NODE, n2={**NODE, "total_time": 0, "gpu_utilization": {"0": 100}})
    found = jobs({"AdminComment": two, "NodeList": "n[1-2]", "NNodes": "2"})
    assert figures(found)["n2", None, "cpu_used_milli"] == (0.0, None)
    assert figures(found)["n2", "0", "gpu_util"] == (1.0, None)
    assert figures(found)["n1", "0", "gpu_util"] == (0.625, None)


def test_a_node_may_be_called_by_its_whole_name(jobs):
    found = jobs({"AdminComment": summary(**{"n1.cluster.example": NODE})})
    assert {key[0] for key in figures(found)} == {"n1"}


def test_a_little_more_than_all_is_all(jobs):
    found = jobs({"AdminComment": summary(n1={"gpu_utilization": {"0": 100.4}})})
    assert figures(found) == {("n1", "0", "gpu_util"): (1.0, None)}


def test_what_is_missing_is_missing(jobs):
    found = jobs({"AdminComment": summary(n1={"cpus": 8, "gpu_utilization": {"3": 1, "4": None}})})
    assert figures(found) == {("n1", "3", "gpu_util"): (0.01, None)}


@pytest.mark.parametrize("comment", ["JS1:Short", "JS1:None", "js1:none"])
def test_no_figures_are_noted(jobs, comment):
    found = jobs({"AdminComment": comment})
    assert figures(found) == {}
    assert found.rejects == []
    assert "1 jobs have a summary of jobstats without figures" in found.note


@pytest.mark.parametrize("comment", ["", "moved by hand", "paydown:example", "see JS1:Short"])
def test_other_comments_are_nothing(jobs, comment):
    found = jobs({"AdminComment": comment})
    assert (figures(found), found.rejects) == ({}, [])
    assert "jobstats" not in found.note


@pytest.mark.parametrize("state", ["RUNNING", "PENDING", "SUSPENDED"])
def test_only_what_has_ended_has_a_summary(jobs, state):
    found = jobs({"AdminComment": summary(n1=NODE), "State": state, "End": "Unknown"})
    assert figures(found) == {}


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        ("JS1:", "cut off"),
        ("JS1:???", "no base64 of gzip"),
        ("JS1:aGVsbG8=", "no base64 of gzip"),
        (packed(NODE)[:-8], "no base64 of gzip|cut off"),
        ("JS1:" + base64.b64encode(gzip.compress(b"x" * 99, mtime=0)[:-9]).decode(), "cut off"),
        (packed(b"\0" * (jobstats.MOST_BYTES + 1)), "more than 8 MiB"),
        (packed(b"no json"), "no JSON"),
        (packed(b"[" * 100_000), "no JSON"),
        (packed([]), "names no nodes"),
        (packed({"nodes": []}), "names no nodes"),
        (packed({"nodes": {"n1": 7}}), "no object"),
        (packed({"nodes": {"n\u00e9": NODE}}), "no node has"),
        (summary(n7=NODE), "did not hold"),
        (summary(n1={**NODE, "total_time": -1}), "total_time is no amount"),
        (summary(n1={**NODE, "used_memory": "1G"}), "used_memory is no amount"),
        (summary(n1={**NODE, "used_memory": 1e300}), "more than any machine"),
        (packed(b'{"nodes": {"n1": {"used_memory": NaN}}}'), "no amount"),
        (summary(n1={**NODE, "gpu_utilization": {"0": 200}}), "busy for 200"),
        (summary(n1={**NODE, "gpu_utilization": {"0": True}}), "no amount"),
        (summary(n1=NODE).lower(), "small letters"),
    ],
)
def test_what_cannot_be_believed_is_counted(jobs, comment, why):
    found = jobs({"JobID": "1", "AdminComment": comment}, {"JobID": "2", "AdminComment": summary(n1=NODE)})
    assert len(figures(found)) == 6
    assert {row["job_id"] for row in found.usage} == {"2"}
    (reject,) = found.rejects
    assert (reject.reason, reject.line, reject.row) == ("bad-summary", 2, "JobID=1")
    assert re.search(why, reject.detail), reject.detail
    assert len(found.jobs) == 2


@settings(deadline=None, max_examples=60)
@given(raw=st.binary(max_size=60), unpacked=st.booleans())
def test_any_bytes_are_read_or_refused(raw, unpacked):
    text = "JS1:" + base64.b64encode(gzip.compress(raw) if unpacked else raw).decode()
    with suppress(jobstats.BadSummaryError):
        jobstats.figures_of(jobstats.summary_of(text), 1.0, None)


@pytest.mark.parametrize("name", ["all.txt", "all.json.gz"])
def test_real_clusters(name):
    found = read(DUMPS / NEW / name)
    assert {row["job_id"] for row in found.usage if row["source"] == "jobstats"} == {"1", "4"}
    assert figures(found)["gpu03", "1", "gpu_util"] == (0.505, None)
    assert "2 jobs have a summary of jobstats without figures" in found.note
    old = read(DUMPS / OLD / name)
    assert old.reasons.count("bad-summary") == 2  # 22.05 makes small letters of what sacctmgr is given


def test_figures_come_through_the_ledger_to_the_reports(tmp_path):
    """Half of a held GPU-hour is used, another device is not used at all: 0.5 of 2 underused, 1 never used."""
    node = {**NODE, "gpu_utilization": {"0": 50, "1": 0}, "total_time": 4 * 3_600}
    cells = {**BASE, "Cluster": "lab", "AdminComment": summary(n1=node)}
    dump = tmp_path / "dump.txt"
    dump.write_text("|".join(cells) + "\n" + "|".join(cells.values()) + "\n")

    def run(*words):
        ran = CliRunner().invoke(root(), ["--store", str(tmp_path / "store"), *words])
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    run("ingest", "sacct", str(dump))
    (found,) = json.loads(run("debt", "--format", "json"))["rows"]
    assert (found["allocated_hours"], found["used_hours"]) == (2.0, 0.5)
    assert (found["inactive_hours"], found["underused_hours"], found["unobserved_hours"]) == (1.0, 0.5, 0.0)
    parts = json.loads(run("job", "1", "--format", "json"))
    assert "never_used" in json.dumps(parts)
    assert "job-mean" in json.dumps(parts)
    run("check")
