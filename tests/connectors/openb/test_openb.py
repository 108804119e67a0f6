"""What is made of the lists of the openb trace."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydown.connectors.interface import Context
from paydown.connectors.openb import CONNECTOR, Settings
from paydown.errors import InputError
from paydown.model.batch import Batch, Reject, Vouch

EPOCH = datetime(2023, 1, 1, tzinfo=UTC)


def gather(folder, **asked):
    tables, rejects, vouches = defaultdict(list), [], []
    for item in CONNECTOR.read(Settings(path=folder, **asked), Context()):
        if isinstance(item, Batch):
            tables[item.table] += item.rows.to_pylist()
        elif isinstance(item, Reject):
            rejects.append(item)
        elif isinstance(item, Vouch):
            vouches.append(item)
    return tables, rejects, vouches


@pytest.fixture
def folder(sample_of, tmp_path):
    sample_of("openb").make(tmp_path)
    return tmp_path


def test_real_inventory(real_data):
    tables, rejects, _ = gather(real_data("openb"))
    gpus = Counter()
    for node in tables["nodes"]:
        gpus[node["gpu_model"]] += node["gpus"]
    assert gpus.pop(None) == 0
    assert gpus == {"G2": 4392, "T4": 842, "G3": 312, "P100": 265, "V100M32": 204, "V100M16": 195, "A10": 2}
    assert sum(gpus.values()) == 6212
    assert sum(node["gpus"] > 0 for node in tables["nodes"]) == 1213
    assert (len(tables["nodes"]), len(tables["jobs"]), rejects) == (1523, 8152, [])


def test_nodes(folder):
    tables, rejects, _ = gather(folder)
    found = [(n["node"], n["gpus"], n["gpu_model"], n["cpus"], n["memory_mib"]) for n in tables["nodes"]]
    assert found == [
        ("box-a", 0, None, 32, 262_144), ("box-b", 8, "G9", 96, 786_432), ("box-c", 2, "T9", 64, 524_288),
    ]  # fmt: skip
    assert {n["start"] for n in tables["nodes"]} == {EPOCH}
    assert rejects == []


def test_what_pods_ask_for(folder):
    tables, _, _ = gather(folder)
    asked = [(j["req_gpu_milli"], j["req_gpu_model"], j["req_cpu_milli"], j["req_memory_mib"]) for j in tables["jobs"]]
    assert asked == [
        (1000, None, 12_000, 16_384), (460, "T9", 6_000, 12_288), (8000, "V9M16|V9M32", 8_000, 8_192),
        (0, None, 4_000, 4_096), (250, None, 4_000, 4_096),
    ]  # fmt: skip


def test_times_and_states_of_pods(folder):
    tables, _, _ = gather(folder)
    found = [(j["state"], j["submit"], j["start"], j["end"]) for j in tables["jobs"]]
    seconds = [
        ("CANCELLED", 0, 0, 86400), ("COMPLETED", 60, 75, 3660), ("FAILED", 120, 130, 240),
        ("CANCELLED", 200, None, 300), ("RUNNING", 500, 510, None),
    ]  # fmt: skip
    assert found == [
        (state, *(None if s is None else EPOCH + timedelta(seconds=s) for s in times)) for state, *times in seconds
    ]


def test_only_capacity_is_vouched_for(folder):
    tables, _, vouches = gather(folder)
    assert set(tables) == {"nodes", "jobs"}
    (vouch,) = vouches
    assert (vouch.cluster, vouch.supports) == ("openb", ("capacity",))
    assert vouch.covers_to_ms - vouch.covers_from_ms == 86_400_000
    assert "2023-01-01T00:00:00+00:00" in vouch.note


def test_the_epoch_is_a_setting(folder):
    tables, _, vouches = gather(folder, epoch=datetime(2021, 5, 1, tzinfo=UTC))
    assert tables["nodes"][0]["start"] == tables["jobs"][0]["submit"] == datetime(2021, 5, 1, tzinfo=UTC)
    assert "2021-05-01" in vouches[0].note


@pytest.mark.parametrize(
    ("bad", "reason", "line"),
    [
        ("pod-9,x,1,1,1000,,LS,Failed,0,1,0", "not-a-number", 7),
        ("pod-9,1,1,,1000,,LS,Failed,0,1,0", "missing", 7),
        ("pod-9,1,1,-1,1000,,LS,Failed,0,1,0", "not-a-number", 7),
        ("pod-9,1,1,1,1000,,LS,Lost,0,1,0", "unknown-value", 7),
        ("pod-9,1,1,1,1000,,LS,Failed,0,99999999999999,0", "out-of-range", 7),
        ("pod-9,1,1,1,1000,,LS,Failed,0,1," + "9" * 9000, "out-of-range", 7),
        ("pod-9", "unknown-value", 7),
    ],
)
def test_a_pod_that_cannot_be_believed_is_a_reject(folder, bad, reason, line):
    with (folder / "openb_pod_list_default.csv").open("a") as file:
        file.write(bad + "\n")
    tables, rejects, _ = gather(folder)
    assert len(tables["jobs"]) == 5
    assert [(r.table, r.reason, r.line, r.cluster) for r in rejects] == [("jobs", reason, line, "openb")]


def test_a_node_with_a_part_of_a_cpu_is_a_reject(folder):
    (folder / "openb_node_list_all_node.csv").write_text("sn,cpu_milli,memory_mib,gpu,model\nx,1500,10,0,\n")
    tables, rejects, _ = gather(folder)
    assert tables["nodes"] == []
    assert [r.reason for r in rejects] == ["out-of-range"]


def test_other_lists_by_name(folder):
    (folder / "openb_pod_list_default.csv").rename(folder / "others.csv")
    with pytest.raises(InputError, match="--pods"):
        gather(folder)
    assert len(gather(folder, pods="others.csv")[0]["jobs"]) == 5
    with pytest.raises(InputError, match="lacks name"):
        gather(folder, pods="openb_node_list_all_node.csv")
    (folder / "others.csv").write_bytes(b"name\xff")
    with pytest.raises(InputError, match="CSV"):
        gather(folder, pods="others.csv")


@given(st.lists(st.text("0123456789-.,abePR\x00\u00e9", max_size=40), max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_line_is_a_row_or_a_reject(sample_of, tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("any")
    sample_of("openb").make(folder)
    with (folder / "openb_pod_list_default.csv").open("a") as file:
        file.writelines(line + "\n" for line in lines)
    tables, rejects, _ = gather(folder)
    assert len(tables["jobs"]) + len(rejects) == 5 + sum(line != "" for line in lines)
