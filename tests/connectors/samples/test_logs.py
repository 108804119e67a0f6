"""Logs of NVIDIA's tools on the command line: exact rows of each form."""

import gzip
from datetime import UTC, datetime

import pytest

from paydown.errors import InputError

HAND = "hand"
START = datetime(2024, 3, 4, 12, 34, tzinfo=UTC)


@pytest.fixture
def hand(read):
    from pathlib import Path

    folder = Path(__file__).parents[2] / "dumps" / "samples" / "hand"
    return lambda name, **settings: read(folder / name, **{"node": "n1", **settings})


BUSY = {"node": "n1", "gpu": "0", "duration_ms": 30000}
QUIET = {"node": "n1", "gpu": "1", "duration_ms": 30000}


def test_query_gpu(hand):
    found = hand("smi.csv", timezone="Europe/Berlin")
    assert found.gpus == [
        {**BUSY, "start": "04 11:34:00.001", "gpu_util_ratio": 0.98, "memory_used_mib": 40536, "power_w": 310.21},
        {**QUIET, "start": "04 11:34:00.003", "gpu_util_ratio": 0.0, "memory_used_mib": 4, "power_w": 61.9},
        {**BUSY, "start": "04 11:34:30.002", "gpu_util_ratio": 0.97, "memory_used_mib": 40536, "power_w": 305.0},
        {**QUIET, "start": "04 11:34:30.004", "memory_used_mib": 4},
        {**BUSY, "start": "04 11:35:00.001", "gpu_util_ratio": 0.96, "memory_used_mib": 40536, "power_w": 301.7},
    ]
    assert found.reasons == {"nothing-left": 1}
    assert [reject.line for reject in found.rejects] == [8]
    assert found.vouches[0].supports == ("use",)
    assert "median spacing of its device: 30 s (2 devices)" in found.note


def test_query_gpu_without_header_and_units(hand):
    found = hand("smi-bare.csv", columns="timestamp, index, utilization.gpu, memory.used, power.draw")
    assert found.column("gpu_util_ratio") == [0.98, 0.0, 0.97, None]
    assert found.column("power_w") == [310.21, 61.9, 305.0, None]
    assert found.reasons == {}


def test_columns_are_no_harm_where_there_is_a_header(hand):
    fields = "timestamp,index,uuid,name,utilization.gpu,memory.used,power.draw"
    assert hand("smi.csv", columns=fields).gpus == hand("smi.csv").gpus


def test_nvidia_smi_dmon(hand):
    found = hand("dmon.txt")
    assert found.gpus == [
        {**BUSY, "start": "04 12:34:00.000", "gpu_util_ratio": 0.98, "memory_used_mib": 40536, "power_w": 310.0,
         "pcie_rx_bytes": 120 * 2**20 * 30, "pcie_tx_bytes": 30 * 2**20 * 30},
        {**QUIET, "start": "04 12:34:00.000", "gpu_util_ratio": 0.0, "memory_used_mib": 4, "power_w": 62.0,
         "pcie_rx_bytes": 0, "pcie_tx_bytes": 0},
        {**BUSY, "start": "04 12:34:30.000", "gpu_util_ratio": 0.97, "memory_used_mib": 40536, "power_w": 305.0,
         "pcie_rx_bytes": 118 * 2**20 * 30, "pcie_tx_bytes": 29 * 2**20 * 30},
        {**QUIET, "start": "04 12:34:30.000", "memory_used_mib": 4, "power_w": 62.0},
    ]  # fmt: skip


def test_dcgmi_dmon(hand):
    found = hand("dcgmi.txt", start=START, interval="30s", slices={"8": "1/0"})
    assert found.gpus == [
        {**BUSY, "start": "04 12:34:00.000", "gpu_util_ratio": 0.98, "gr_engine_active_ratio": 0.971,
         "sm_active_ratio": 0.812, "memory_used_mib": 40536, "power_w": 310.21},
        {**QUIET, "start": "04 12:34:00.000", "gpu_util_ratio": 0.0, "gr_engine_active_ratio": 0.0,
         "sm_active_ratio": 0.0, "memory_used_mib": 4, "power_w": 61.9},
        {**QUIET, "gpu": "1/0", "start": "04 12:34:00.000", "gr_engine_active_ratio": 0.502,
         "sm_active_ratio": 0.244, "memory_used_mib": 9981},
        {**BUSY, "start": "04 12:34:30.000", "gpu_util_ratio": 0.97, "gr_engine_active_ratio": 0.968,
         "sm_active_ratio": 0.809, "memory_used_mib": 40536, "power_w": 305.002},
        {**QUIET, "start": "04 12:34:30.000", "gpu_util_ratio": 0.0, "gr_engine_active_ratio": 0.0,
         "sm_active_ratio": 0.0, "memory_used_mib": 4, "power_w": 61.904},
        {**QUIET, "gpu": "1/0", "start": "04 12:34:30.000", "gr_engine_active_ratio": 0.0,
         "sm_active_ratio": 0.0, "memory_used_mib": 9981},
    ]  # fmt: skip
    assert found.reasons == {}


def test_instances_of_mig_are_counted_where_nothing_says_which_they_are(hand):
    found = hand("dcgmi.txt", start=START, interval="30s")
    assert {row["gpu"] for row in found.gpus} == {"0", "1"}
    assert found.reasons == {"unknown-slice": 2}
    assert "--slices 8=GPU/INSTANCE" in found.rejects[0].detail


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, "--start TIME and --interval"),
        ({"interval": "30s"}, "--start TIME"),
        ({"start": START}, "--interval DELAY"),
    ],
)
def test_a_dump_without_times_says_what_it_needs(hand, given, asked):
    with pytest.raises(InputError, match=asked):
        hand("dcgmi.txt", **given)


def test_a_device_that_drops_out_does_not_shift_the_others(dump):
    text = "#Entity GPUTL\nID\nGPU 0 10\nGPU 1 20\nGPU 0 11\nGPU 0 12\nGPU 1 22\n"
    found = dump(text, node="n1", start=START, interval="10s")
    assert [(row["gpu"], row["start"][-9:-4], row["gpu_util_ratio"]) for row in found.gpus] == [
        ("0", "34:00", 0.1), ("1", "34:00", 0.2), ("0", "34:10", 0.11), ("0", "34:20", 0.12), ("1", "34:20", 0.22),
    ]  # fmt: skip


def test_dmon_without_times_counts_from_the_start(dump):
    text = "# gpu pwr  sm\n# Idx   W   %\n    0  60   5\n    1  61   0\n    0  60   7\n    1   -   -\n"
    found = dump(text, node="n1", start=START, interval="1s")
    assert [(row["gpu"], row["start"][-6:-4], row["gpu_util_ratio"]) for row in found.gpus] == [
        ("0", "00", 0.05), ("1", "00", 0.0), ("0", "01", 0.07),
    ]  # fmt: skip


def test_dmon_with_times_alone_is_refused(dump):
    text = "#Time        gpu   pwr    sm\n#HH:MM:SS    Idx     W     %\n 12:34:56      0    60     5\n"
    with pytest.raises(InputError, match="-o DT"):
        dump(text, node="n1")


SMI = "timestamp, index, utilization.gpu [%]\n2024/03/04 12:00:00.000, 0, 5 %\n2024/03/04 12:00:30.000, 0, 6 %\n"


def test_the_node_comes_from_the_files_name(dump):
    found = dump(SMI, name="gpu07.2024-03.csv", node_from_name=r"^([^.]+)")
    assert found.column("node") == ["gpu07", "gpu07"]
    with pytest.raises(InputError, match="does not fit --node-from-name"):
        dump(SMI, name="log.csv", node_from_name=r"^(gpu\d+)")
    with pytest.raises(InputError, match="does not fit --node-from-name"):
        dump(SMI, name="log.csv", node_from_name=r"^(gpu\d+)?")


def test_a_log_without_a_node_says_how_to_name_it(dump):
    with pytest.raises(InputError, match=r"--node NODE.*--node-from-name"):
        dump(SMI)


def test_a_log_of_a_job_is_labelled_with_it(dump):
    assert dump(SMI, node="n1", label={"job_id": "123"}).column("job_id") == ["123", "123"]
    assert dump(SMI, name="job-77.csv", node="n1", job_from_name=r"job-(\d+)").column("job_id") == ["77", "77"]


def test_gzip_is_unpacked(dump):
    assert dump(gzip.compress(SMI.encode()), node="n1").gpus == dump(SMI, node="n1").gpus


def test_standard_input(read, monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SMI.encode())))
    assert read("-", node="n1").column("gpu_util_ratio") == [0.05, 0.06]


def test_a_log_that_lacks_the_index_says_how_to_make_a_better_one(dump):
    with pytest.raises(InputError, match=r"lacks index.*--query-gpu=timestamp,index,uuid"):
        dump("timestamp, uuid, utilization.gpu [%]\n2024/03/04 12:00:00.000, GPU-1, 5 %\n", node="n1")


def test_a_list_of_processes_is_refused(dump):
    with pytest.raises(InputError, match="list of processes"):
        dump("timestamp, gpu_uuid, pid, used_gpu_memory [MiB]\n", node="n1")


def test_the_doubled_hour_is_noted(dump):
    text = "timestamp, index, utilization.gpu [%]\n" + "".join(
        f"2024/10/27 {hour}.000, 0, 5 %\n" for hour in ("01:30:00", "02:30:00", "02:30:30")
    )
    found = dump(text, node="n1", timezone="Europe/Berlin")
    assert found.column("start")[1] == "27 00:00:00.000" or found.column("start")[1].startswith("27 00:")
    assert "2 times are in an hour that Europe/Berlin shows twice" in found.note


def test_what_is_not_measured_of_an_instance_is_left_out(dump):
    text = "#Entity GPUTL FBUSD POWER\nID\nGPU-I 8 55 9981 310.2\nGPU-I 8 56 9981 305.0\n"
    found = dump(text, node="n1", start=START, interval="30s", slices={"8": "1/0"})
    assert found.column("memory_used_mib") == [9981, 9981]
    assert found.column("gpu_util_ratio") == [None, None]
    assert found.column("power_w") == [None, None]
