"""The forms of a dump, of real Slurms and written by hand, and what each says of the nodes."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from paydown.connectors.slurm_nodes import dump_of
from paydown.dialects.slurm_nodes.gres import parse_gres
from paydown.dialects.slurm_nodes.node import Held
from paydown.dialects.slurm_nodes.states import state_of, words_of
from paydown.errors import InputError

from . import sample, written

UTC_ZONE = ZoneInfo("UTC")
DUMPS = Path(__file__).parents[2] / "dumps" / "slurm_nodes"
REAL = sorted(path for path in DUMPS.rglob("*") if path.suffix in {".txt", ".json"} and path.name != "sacct.txt")
BUSY = {
    "cpu01": Held(0, 0, 0), "cpu02": Held(0, 0, 0), "gpu01": Held(8000, 8000, 100_000),
    "gpu02": Held(8000, 28_000, 224_000), "gpu03": Held(2000, 4000, 32_000), "gpu04": Held(1000, 2000, 1000),
}  # fmt: skip


def line_of(name):
    return written.DUMP[: written.DUMP.index(f"NodeName={name}")].count("\n") + 1


def read(path, zone=UTC_ZONE):
    return dump_of(str(path), "lab", zone)


@pytest.mark.parametrize("path", REAL, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_form_of_both_versions_says_the_same(path):
    nodes = {node.name: node for node in read(path).nodes}
    assert {name: node.held for name, node in nodes.items()} == BUSY
    assert {name: state_of(node.words) for name, node in nodes.items()} == {
        "cpu01": "up", "cpu02": "down", "gpu01": "up", "gpu02": "up", "gpu03": "planned_down", "gpu04": "planned_down",
    }  # fmt: skip
    assert {(node.cpus, node.memory_mib, node.gres.whole) for node in nodes.values()} == {
        (32, 128_000, 0),
        (64, 512_000, 8),
    }
    assert (nodes["gpu04"].reason, nodes["cpu02"].reason) == ("fan broken", "kernel panic")
    assert nodes["gpu04"].reason_ms == datetime(2026, 11, 24, 10, 14, 36, tzinfo=UTC).timestamp() * 1000
    assert (nodes["gpu04"].partitions, nodes["cpu01"].partitions) == (("gpu",), ("cpu",))


def test_local_times_are_read_in_the_zone():
    path = DUMPS / "22.05.8" / "scontrol-show-node.txt"
    berlin = next(node for node in read(path, ZoneInfo("Europe/Berlin")).nodes if node.name == "gpu04")
    assert berlin.reason_ms == datetime(2026, 11, 24, 9, 14, 36, tzinfo=UTC).timestamp() * 1000


def test_text_written_by_hand(tmp_path):
    path = tmp_path / "nodes.txt"
    path.write_text(written.DUMP)
    g1, g2, c1 = read(path).nodes
    assert (g1.cpus, g1.memory_mib, g1.partitions) == (30, 250_000, ("gpu", "all"))
    assert (g1.gres.model, g1.held) == ("a100", Held(2000, 8000, 64_000))
    assert (g2.reason, g2.line, c1.gres.kinds) == ("fan broken: see Ticket=12", line_of("g2"), ())
    assert g2.gres.sliced
    assert [device.gpu for device in g2.gres.devices()] == ["0", *(f"1/{n}" for n in range(7)), "2/0", "2/1"]


def test_one_line_a_node_reads_as_many_lines_do(tmp_path):
    path = tmp_path / "nodes.txt"
    blocks = written.DUMP.strip().split("\n\n")
    path.write_text("".join(" ".join(line.strip() for line in block.split("\n")) + "\n" for block in blocks))
    plain = tmp_path / "plain.txt"
    plain.write_text(written.DUMP)
    strip = [(node.name, node.held, node.reason, node.reason_ms, node.gres) for node in read(path).nodes]
    assert strip == [(node.name, node.held, node.reason, node.reason_ms, node.gres) for node in read(plain).nodes]


def test_without_gpus_in_the_accounting_what_is_allocated_of_them_is_not_known(tmp_path):
    path = tmp_path / "nodes.txt"
    path.write_text(
        written.DUMP.replace(",gres/gpu=4,gres/gpu:a100=4", "").replace("   GresUsed=gpu:a100:2(IDX:0-1)\n", "")
    )
    assert read(path).nodes[0].held == Held(None, 8000, 64_000)


def test_suspended_jobs_still_hold_their_gpus(tmp_path):
    path = tmp_path / "nodes.json"
    path.write_text(
        sample.dump(sample.node("g1", "gpu:a100:4", "gpu:a100:4(IDX:0-3)", ["IDLE"], tres_used="", alloc_cpus=0))
    )
    assert read(path).nodes[0].held == Held(4000, 0, 64_000)


def group(names, state="MIXED", *, allocated=(8, 64_000), sizes=((32, 32), (256_000, 256_000)), partition="gpu"):
    cpus, memory = (
        {"minimum": low, "maximum": high, "allocated": n} for (low, high), n in zip(sizes, allocated, strict=True)
    )
    gres = {"total": "gpu:a100:4", "used": "gpu:a100:2(IDX:0-1)"}
    nodes = {"nodes": names}
    return {
        "node": {"state": [state]},
        "nodes": nodes,
        "cpus": cpus,
        "memory": memory,
        "gres": gres,
        "partition": {"name": partition},
    }


def test_groups_of_nodes(tmp_path):
    path = tmp_path / "sinfo.json"
    groups = [
        group(["g[1-2]"]),
        group(["g3"]),
        group(["g3"], partition="all"),
        group(["g[8-9]"], sizes=((8, 32), (1, 1))),
    ]
    path.write_text(json.dumps({"sinfo": groups, "meta": {"slurm": {"cluster": "lab"}}}))
    found = read(path)
    assert [(node.name, node.partitions, node.held) for node in found.nodes] == [
        ("g1", ("gpu",), Held(None, None, None)),
        ("g2", ("gpu",), Held(None, None, None)),
        ("g3", ("gpu", "all"), Held(2000, 8000, 64_000)),
    ]
    (reject,) = found.rejects
    assert (reject.reason, reject.line) == ("mixed-group", 4)
    assert "scontrol show nodes --json" in reject.detail


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("IDLE", "up"), ("mix-", "up"), ("ALLOCATED+COMPLETING", "up"), ("IDLE+PLANNED", "up"), ("IDLE+RESERVED", "up"),
        ("DOWN*", "down"), ("IDLE+NOT_RESPONDING", "down"), ("idle*", "down"), ("DOWN+DRAIN", "down"),
        ("UNKNOWN", "down"),
        ("IDLE+DRAIN", "planned_down"), ("drng", "planned_down"), ("IDLE+MAINTENANCE+RESERVED", "planned_down"),
        ("DOWN+MAINT", "planned_down"), ("IDLE+CLOUD+POWERED_DOWN", "planned_down"), ("idle~", "planned_down"),
        ("mix$", "planned_down"), ("ALLOCATED+REBOOT_REQUESTED", "up"), ("IDLE+REBOOT_ISSUED", "planned_down"),
        ("IDLE+FAIL", "down"), ("IDLE+INVALID_REG", "down"), ("IDLE+DYNAMIC_NORM", "up"),
    ],
)  # fmt: skip
def test_states(told, state):
    assert state_of(words_of(told)) == state


@pytest.mark.parametrize(
    ("text", "kinds", "milli"),
    [
        ("(null)", (), 0),
        ("gpu:4", (("", 4),), 4000),
        ("gpu:a100:2(S:0,2),gpu:v100:1,shard:16", (("a100", 2), ("v100", 1)), 3000),
        ("gpu:a100:0(IDX:N/A)", (), 0),
        ("gpu", (("", 1),), 1000),
        ("gpu:tesla:no_consume:2,bandwidth:4G", (("tesla", 2),), 2000),
        ("gpu:a30_1g.6gb:4", (("a30_1g.6gb", 4),), 1000),
    ],
)
def test_gres(text, kinds, milli):
    found = parse_gres(text)
    assert (found.kinds, found.milli) == (kinds, milli)


def test_a_count_beyond_belief_is_none():
    assert parse_gres("gpu:9999999") is None


def test_compressed_dumps(tmp_path):
    path = tmp_path / "nodes.txt.gz"
    path.write_bytes(gzip.compress(written.DUMP.encode()))
    assert len(read(path).nodes) == 3
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cut off"):
        read(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no nodes of Slurm"),
        (b"NODELIST STATE GRES\ng1 idle gpu:8\n", "scontrol show node"),
        (b"JobID|State\n1|COMPLETED\n", "scontrol show node"),
        (b"\x89PNG\r\n\x1a\n", "holds no nodes"),
        (b'{"nodes": [{"name": "g1"', "cut off or damaged"),
        (b'{"jobs": []}', "without nodes"),
        (b"[1, 2]", "without nodes"),
        (b'{"nodes": []}', "no node"),
        (b'{"sinfo": [3]}', "no node in it can be believed"),
    ],
)
def test_what_is_no_dump_is_an_error_that_says_what_to_do(tmp_path, content, told):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        read(path)


def test_a_dump_that_is_cut_off_loses_its_last_node_and_says_so(tmp_path):
    path = tmp_path / "nodes.txt"
    path.write_text(written.DUMP[: written.DUMP.index("RealMemory=128000")])
    found = read(path)
    assert [node.name for node in found.nodes] == ["g1", "g2"]
    assert [(reject.reason, reject.line) for reject in found.rejects] == [("cut-off", line_of("c1"))]


def test_hostile_nodes_are_rejects_and_the_rest_goes_on(tmp_path):
    path = tmp_path / "nodes.txt"
    latin, nul = (
        written.DUMP.replace("fan broken", "L\xfcfter defekt"),
        "NodeName=x\0y State=IDLE CPUTot=1 RealMemory=1\n",
    )
    odd = "NodeName=z State=BANANA CPUTot=1 RealMemory=1\nNodeName=w State=IDLE CPUTot=-1 RealMemory=1e9\n"
    path.write_bytes((latin + nul + odd + written.DUMP).encode("latin-1"))
    found = read(path)
    assert [node.name for node in found.nodes] == ["g1", "g2", "c1"]
    assert [reject.reason for reject in found.rejects] == ["nul-byte", "bad-node", "bad-node", *["repeated-node"] * 3]
    assert found.nodes[1].reason.startswith("L")


def test_a_reject_names_nobody(tmp_path):
    path = tmp_path / "nodes.txt"
    path.write_text(written.DUMP.replace("State=IDLE+DRAIN", "State=BANANA"))
    (reject,) = read(path).rejects
    assert "ops" not in reject.row


@pytest.mark.parametrize("change", [{"cpus": None}, {"state": [1]}, {"name": 7}, {"gres": 3}, {"real_memory": "x"}])
def test_a_node_in_another_form_is_a_reject(tmp_path, change):
    path = tmp_path / "nodes.json"
    path.write_text(sample.dump(sample.node("g1", "", "", ["IDLE"]), {**sample.node("g2", "", "", ["IDLE"]), **change}))
    found = read(path)
    assert [node.name for node in found.nodes] == ["g1"]
    assert [(reject.reason, reject.line) for reject in found.rejects] == [("bad-node", 2)]
