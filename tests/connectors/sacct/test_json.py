"""`sacct --json`: the same facts as the text of the same jobs, and what each version gets wrong is left out."""

import copy
import gzip
import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.sacct.conftest import Read

from paydown.connectors.interface import Context
from paydown.connectors.sacct import CONNECTOR, SacctSettings
from paydown.dialects.slurm_accounting import json_dump
from paydown.errors import InputError
from paydown.testing import check_connector

DUMPS = Path(__file__).parents[2] / "dumps" / "sacct"
OLD, NEW = "22.05.8", "24.11.5"
KEYS = {
    "jobs": ("job_id", "attempt"),
    "allocations": ("job_id", "attempt", "node"),
    "usage": ("job_id", "attempt", "node", "gpu", "signal"),
}
BROKEN = "28"
"""The job whose name holds the delimiter: it breaks its line of the text, and not the JSON."""


def read(*paths, **context):
    return Read(CONNECTOR.read(SacctSettings(files=tuple(map(str, paths))), Context(**context)))


def keyed(found, table, leave_out=()):
    """Give a table's rows by key, without their lines and what else is left out."""
    gone = {"_line", *leave_out}
    rows = [row for row in getattr(found, table) if row["job_id"] != BROKEN]
    return {
        tuple(row[name] for name in KEYS[table]): {name: value for name, value in row.items() if name not in gone}
        for row in rows
    }


@cache
def answer(version):
    return json.loads(gzip.decompress((DUMPS / version / "all.json.gz").read_bytes()))


@pytest.fixture
def recorded():
    return copy.deepcopy({version: answer(version) for version in (OLD, NEW)})


@pytest.fixture
def document(tmp_path):
    """Write a document and read it."""

    def run(value, **context):
        path = tmp_path / "dump.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return read(path, **context)

    return run


@pytest.mark.parametrize("name", ["all", "held"])
@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_text_and_the_json_of_the_same_jobs_are_the_same_facts(version, name):
    text, told = read(DUMPS / version / f"{name}.txt"), read(DUMPS / version / f"{name}.json.gz")
    gone = ("exit_code", "kind", "kind_source") if version == OLD else ()
    for table in KEYS:
        left, right = keyed(text, table, gone), keyed(told, table, gone)
        assert left == right
        assert left or (name, table) != ("all", "jobs")
    assert set(text.reasons) <= {"broken-line", "step-without-job", "unproven-zero", "bad-summary"}
    assert set(told.reasons) <= {"unproven-zero", "bad-summary"}


def test_a_name_with_the_delimiter_is_whole():
    for version in (OLD, NEW):
        found = [job for job in read(DUMPS / version / "all.json.gz").jobs if job["job_id"] == BROKEN]
        assert [(job["name"], job["state"]) for job in found] == [("a|b `c` ü\\x", "COMPLETED")]


def test_the_exit_code_of_an_old_version_is_believed_only_where_it_can_be():
    text, told = read(DUMPS / OLD / "all.txt"), read(DUMPS / OLD / "all.json.gz")
    right, codes = keyed(text, "jobs"), keyed(told, "jobs")
    assert right["2", 0]["exit_code"] == "3:0"
    assert codes["2", 0]["exit_code"] is None  # the JSON says {SUCCESS, 0}
    for key, job in codes.items():
        if job["exit_code"] is None:
            assert job["state"] != "COMPLETED"
        else:
            assert job["exit_code"] == right[key]["exit_code"]
    assert {job["exit_code"] for job in codes.values()} >= {"0:0", "0:15", "0:125", None}


def test_the_newer_version_has_exit_codes_and_the_command():
    told = keyed(read(DUMPS / NEW / "all.json.gz"), "jobs")
    assert told["2", 0]["exit_code"] == "3:0"
    assert told["32", 0]["exit_code"] == "0:9"
    assert (told["30", 0]["kind"], told["1", 0]["kind"]) == ("interactive", "batch")


def test_the_shapes_of_jobs():
    for version in (OLD, NEW):
        told = keyed(read(DUMPS / version / "all.json.gz"), "jobs")
        assert {"3_0", "3_1", "3_2", "3_3", "10+0", "10+1", "35_0", "35_20"} <= {key[0] for key in told}
        assert ("35_1", 0) not in told  # tasks 0-20 in steps of 2
        assert [told["15", n]["state"] for n in range(3)] == ["REQUEUED", "NODE_FAIL", "RUNNING"]
        assert [told["26", n]["state"] for n in range(2)] == ["RESIZING", "COMPLETED"]
        assert [told["12", n]["state"] for n in range(2)] == ["PREEMPTED", "RUNNING"]
        assert told["18", 0]["start"] is None  # cancelled while it waited
        assert told["6", 0]["end"] is None
        held = keyed(read(DUMPS / version / "held.json.gz"), "jobs")
        assert held["20", 0]["eligible"] is None


@pytest.mark.parametrize("version", [OLD, NEW])
def test_conformance(version):
    found = check_connector(CONNECTOR, {"files": (str(DUMPS / version / "all.json.gz"),)})
    assert found.clusters() == {"lab"}


@pytest.mark.parametrize("version", [OLD, NEW])
def test_attempts_are_numbered_over_all_pieces(version, monkeypatch):
    whole = read(DUMPS / version / "all.json.gz")
    monkeypatch.setattr(json_dump, "PIECE", 1)
    apart = read(DUMPS / version / "all.json.gz")
    for table in KEYS:
        assert keyed(apart, table) == keyed(whole, table)


def test_no_zone_is_told_where_all_times_are_instants():
    assert "Local times" not in read(DUMPS / NEW / "all.json.gz").note
    assert "Local times" in read(DUMPS / NEW / "all.json.gz", DUMPS / NEW / "held.txt").note


def test_the_cluster_can_be_named():
    found = read(DUMPS / NEW / "all.json.gz", cluster="mine")
    assert {job["cluster"] for job in found.jobs} == {"mine"}
    assert [vouch.cluster for vouch in found.vouches] == ["mine"]


def test_answers_one_after_another_are_one_dump(document, recorded):
    jobs = recorded[NEW]["jobs"]
    two = json.dumps({"jobs": jobs[:9]}) + "\n" + json.dumps({"jobs": jobs[9:]})
    assert keyed(document(two), "jobs") == keyed(read(DUMPS / NEW / "all.json.gz"), "jobs")


def test_a_reject_names_its_line(document, recorded):
    job = {**recorded[NEW]["jobs"][0], "state": {"current": ["WEIRD"]}}
    found = document('{"jobs": [\n' + json.dumps(recorded[NEW]["jobs"][1]) + ",\n" + json.dumps(job) + ",\n7]}")
    assert sorted(
        (each.reason, each.line) for each in found.rejects if each.reason in {"bad-job", "unknown-value"}
    ) == [
        ("bad-job", 4),
        ("unknown-value", 3),
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('{"jobs": [', "cut off"),
        ('{"jobs": [{"a": "b', "cut off"),
        ('{"jobs" 1}', "damaged"),
        ('{"jobs": []} x', "damaged"),
        ('{"nodes": []}', "without jobs"),
        ('{"jobs": "none"}', "without jobs"),
        ('{"jobs": [{"job_state": "RUNNING", "job_id": 1}]}', "squeue"),
        ('{"jobs": ' + "[" * 100_000, "damaged"),
        ('{"errors": [{"description": "slurmdbd is away", "error_number": 1}], "jobs": []}', "slurmdbd is away"),
    ],
)
def test_what_is_no_dump_is_a_sentence(document, value, words):
    with pytest.raises(InputError, match=words) as raised:
        document(value)
    assert "dump.json" in str(raised.value)


def test_errors_beside_jobs_are_noted(document, recorded):
    found = document({"jobs": recorded[NEW]["jobs"], "errors": [{"error": "half {of} it"}]})
    assert "half (of) it" in found.note


def test_no_jobs_are_no_error(document):
    assert document({"jobs": [], "errors": [], "warnings": []}).jobs == []


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), st.floats(), st.text(max_size=5), st.just([]),
    st.just({}), st.just({"set": True, "number": "x"}), st.just("0x" + "f" * 9), st.just("a\0b"), st.just("\ud800"),
    st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=2),
)  # fmt: skip


def paths(value, here=()):
    """Give the path of every part of a value."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from paths(part, (*here, name))


@settings(deadline=None, max_examples=40)
@given(data=st.data(), version=st.sampled_from([OLD, NEW]), at=st.integers(0, 34))
def test_whatever_a_job_holds_it_is_read_or_rejected(tmp_path_factory, data, version, at):
    jobs = copy.deepcopy([answer(version)["jobs"][at], answer(version)["jobs"][0]])
    for _ in range(data.draw(st.integers(1, 4))):
        places = [path for path in paths(jobs[0]) if path]
        where = places[data.draw(st.integers(0, len(places) - 1))]
        inner = jobs[0]
        for name in where[:-1]:
            inner = inner[name]
        inner[where[-1]] = data.draw(LEAVES)
    path = tmp_path_factory.mktemp("any") / "dump.json"
    path.write_text(json.dumps({"jobs": jobs}))
    found = read(path, cluster="c")
    assert found.jobs or found.rejects
