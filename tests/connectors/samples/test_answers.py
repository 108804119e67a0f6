"""Answers of Prometheus: recorded ones, and some made by hand for what a small lab does not have."""

import json
from pathlib import Path

import pytest

from paydown.errors import InputError

DUMPS = Path(__file__).parents[2] / "dumps" / "samples" / "prometheus"
GPU = {"Hostname": "n1", "gpu": "0", "UUID": "GPU-1", "modelName": "A100"}
UTIL, SM, FB = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_DEV_FB_USED"


def recorded(*names):
    return [DUMPS / f"{name}.json" for name in names]


DEVICES = (UTIL, FB, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "nvidia_gpu_jobId")


def of(found, node, gpu):
    rows = [row for row in found.gpus if (row["node"], row["gpu"]) == (node, gpu)]
    return sorted(rows, key=lambda row: row["start"])


def test_metrics_of_a_device_are_joined_on_time(read):
    rows = of(read(*recorded(*DEVICES)), "gpu02", "0")
    assert rows == [
        {"node": "gpu02", "gpu": "0", "start": "24 10:20:55.000", "duration_ms": 10000, "gpu_util_ratio": 0.4,
         "gr_engine_active_ratio": 0.4, "memory_used_mib": 31464},
        {"node": "gpu02", "gpu": "0", "start": "24 10:21:05.000", "duration_ms": 10000, "gpu_util_ratio": 0.3,
         "gr_engine_active_ratio": 0.3, "memory_used_mib": 31464, "energy_mj": 1704025},
        {"node": "gpu02", "gpu": "0", "start": "24 10:21:15.000", "duration_ms": 10000, "gpu_util_ratio": 0.21,
         "gr_engine_active_ratio": 0.21, "memory_used_mib": 31464, "energy_mj": 1409704},
        {"node": "gpu02", "gpu": "0", "start": "24 10:21:25.000", "duration_ms": 10000, "gpu_util_ratio": 0.14,
         "gr_engine_active_ratio": 0.14, "memory_used_mib": 31464, "energy_mj": 1150400},
        {"node": "gpu02", "gpu": "0", "start": "24 10:21:35.000", "duration_ms": 10000, "gpu_util_ratio": 0.08,
         "gr_engine_active_ratio": 0.08, "memory_used_mib": 31464, "energy_mj": 926508},
    ]  # fmt: skip


def test_the_order_of_the_files_does_not_matter(read):
    key = json.dumps
    one, two = read(*recorded(*DEVICES)), read(*recorded(*reversed(DEVICES)))
    assert sorted(one.gpus, key=key) == sorted(two.gpus, key=key)


def test_the_job_is_that_of_the_label_from_when_it_is_there(read):
    jobs = [row.get("job_id") for row in of(read(*recorded(UTIL)), "gpu02", "3")]
    assert jobs == [None, "21", "21", "21", "21"]


def test_the_job_is_that_of_the_series_whose_value_names_it(read):
    found = of(read(*recorded("nvidia_gpu_duty_cycle", "nvidia_gpu_jobId")), "gpu02", "3")
    assert [row.get("job_id") for row in found] == [None, "21", "21", "21", "21"]
    assert [row["gpu_util_ratio"] for row in found] == [0.0] * 5


def test_a_moment_at_which_nothing_names_the_job_has_none(answers):
    device = {"instance": "n1:9445", "minor_number": "0"}
    found = answers(("nvidia_gpu_duty_cycle", device, [5, 6, 7]), ("nvidia_gpu_jobId", device, [7, 7]))
    assert sorted((row["start"], row.get("job_id")) for row in found.gpus) == [
        ("04 12:34:00.000", "7"), ("04 12:34:30.000", "7"), ("04 12:35:00.000", None),
    ]  # fmt: skip


def test_two_exporters_of_one_device_make_one_sample(read):
    both = of(read(*recorded(UTIL, "nvidia_gpu_duty_cycle", "nvidia_gpu_jobId")), "gpu02", "3")
    assert [row.get("job_id") for row in both] == [None, "21", "21", "21", "21"]


def test_a_device_with_several_jobs_is_kept_once_and_without_a_job(read):
    found = read(*recorded("exported"))
    assert [(row["gpu"], row.get("job_id"), row["gpu_util_ratio"]) for row in found.gpus] == [
        ("1", "17", 0.0), ("1", "17", 0.0), ("1", "17", 0.0), ("0", None, 0.69), ("0", None, 0.65), ("0", None, 0.6),
    ]  # fmt: skip
    assert "several jobs had one device" in found.note


def test_instances_of_mig_are_devices_and_the_cards_figures_are_left_out(read):
    found = read(*recorded(*DEVICES))
    rows = of(found, "gpu01", "2/1")
    assert [row["gr_engine_active_ratio"] for row in rows] == [0.3] * 4
    assert not any({"gpu_util_ratio", "energy_mj", "power_w"} & row.keys() for row in rows)
    assert "of MIG slices is not theirs but the whole card's" in found.note


def test_a_utilization_of_zero_of_an_instance_is_unproven(answers):
    found = answers((UTIL, {**GPU, "GPU_I_ID": "1"}, [0, 0, 5]), (FB, {**GPU, "GPU_I_ID": "1"}, [1, 1, 1]))
    assert found.reasons == {"unproven-zero": 2}
    assert [row["memory_used_mib"] for row in found.gpus] == [1, 1, 1]


def test_blanks_are_no_figures(read):
    rows = of(read(*recorded(FB)), "gpu02", "1")
    assert len(rows) == 1  # the four after it are DCGM's blank


@pytest.mark.parametrize("blank", [9223372036854775794, 9223372036854775792, 2147483632, 140737488355328, "NaN"])
def test_every_kind_of_blank_is_null(answers, blank):
    found = answers((FB, GPU, [100, blank, 102]))
    assert found.column("memory_used_mib") == [100, 102]
    assert found.reasons == {}


def test_counters_become_increases_and_a_restart_has_none(answers):
    metric = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
    found = answers((metric, GPU, [1000, 4000, 500, 900]), (UTIL, GPU, [1, 1, 1, 1]))
    assert found.column("energy_mj") == [None, 3000, None, 400]
    assert found.reasons == {}


def test_an_increase_over_a_gap_is_no_figure(answers):
    at = [1709555670, 1709555700, 1709555790, 1709555820]
    found = answers(("cgroup_cpu_total_seconds", {"instance": "n1:1", "jobid": "7"}, [0, 15, 95, 125]), at=at)
    assert [(row["job_id"], row["cpu_used_milli"]) for row in found.hosts] == [("7", 500), ("7", 1000)]


def test_parts_of_a_job_do_not_count(answers):
    labels = {"instance": "n1:1", "jobid": "7"}
    whole, part = ({**labels, "step": step, "task": ""} for step in ("", "0"))
    found = answers(
        ("cgroup_memory_rss_bytes", whole, [2**30] * 2),
        ("cgroup_memory_rss_bytes", part, [2**20] * 2),
        ("cgroup_memory_shmem_bytes", whole, [2**20] * 2),
    )
    assert found.column("memory_used_mib", "host_samples") == [1025, 1025]


def test_a_sum_of_which_a_part_is_missing_is_no_figure(answers):
    found = answers(("node_memory_MemTotal_bytes", {"instance": "n1:9100"}, [2**30] * 2))
    assert found.hosts == []


def test_a_node_as_node_exporter_sees_it(read):
    names = ("node_cpu_seconds_total", "node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes")
    found = read(*recorded(*names), node="n1")
    assert found.hosts[:2] == [
        {"node": "n1", "start": "24 10:20:55.000", "duration_ms": 10000, "memory_used_mib": 2724},
        {
            "node": "n1",
            "start": "24 10:21:05.000",
            "duration_ms": 10000,
            "cpu_used_milli": 1998,
            "memory_used_mib": 3278,
        },
    ]


@pytest.mark.parametrize(
    ("labels", "node"),
    [
        ({"Hostname": "a", "instance": "b:9400"}, "a"),
        ({"hostname": "a"}, "a"),
        ({"instance": "b.example.org:9400"}, "b.example.org"),
        ({"instance": "[fe80::1]:9400"}, "fe80::1"),
        ({"node": "k8s-1", "instance": "10.0.0.1:9400"}, "k8s-1"),
    ],
)
def test_the_label_that_names_the_node(answers, labels, node):
    assert answers((UTIL, {"gpu": "0", **labels}, [1, 2])).column("node") == [node, node]


def test_node_names_can_be_cut_at_the_first_dot(answers):
    long = {"gpu": "0", "Hostname": "n1.example.org"}
    assert answers((UTIL, long, [1, 2]), short_names=True).column("node") == ["n1", "n1"]
    address = {"gpu": "0", "instance": "10.0.0.1:9400"}
    assert answers((UTIL, address, [1, 2]), short_names=True).column("node") == ["10.0.0.1", "10.0.0.1"]


def test_series_are_joined_by_uuid_where_indexes_differ(answers):
    other = {"instance": "n1:9445", "minor_number": "3", "uuid": "GPU-1"}
    found = answers((UTIL, GPU, [50, 60]), ("nvidia_gpu_memory_used_bytes", other, [2**30, 2**31]))
    assert [(row["gpu"], row["gpu_util_ratio"], row["memory_used_mib"]) for row in found.gpus] == [
        ("0", 0.5, 1024), ("0", 0.6, 2048),
    ]  # fmt: skip


def test_a_series_that_names_its_device_by_uuid_alone(answers):
    alone = ("nvidia_smi_utilization_gpu_ratio", {"instance": "n1:9835", "uuid": "GPU-1"}, [0.5, 0.6])
    found = answers(alone)
    assert found.gpus == []
    assert found.reasons == {"bad-key": 2}
    assert "--map gpu=LABEL" in found.rejects[0].detail
    assert answers(alone, (FB, GPU, [1, 1])).column("gpu_util_ratio") == [0.5, 0.6]


def test_labels_and_metrics_by_the_map(answers):
    series = ("site:gpu_busy", {"box": "n9", "card": "1", "batch": "88"}, [12, 13])
    found = answers(series, map=("node=box", "gpu=card", "job_id=batch", "gpu_util_ratio=site:gpu_busy:percent"))
    assert [(row["node"], row["gpu"], row["job_id"], row["gpu_util_ratio"]) for row in found.gpus] == [
        ("n9", "1", "88", 0.12), ("n9", "1", "88", 0.13),
    ]  # fmt: skip


def test_what_is_not_known_is_named(answers):
    found = answers(("DCGM_FI_DEV_SM_CLOCK", GPU, [1410, 1410]), (UTIL, GPU, [1, 2]))
    assert "DCGM_FI_DEV_SM_CLOCK is not known and was passed over" in found.note
    assert len(found.gpus) == 2


def test_series_without_a_name_need_one(read):
    with pytest.raises(InputError, match="--metric NAME"):
        read(*recorded("nameless"))
    found = read(*recorded("nameless"), metric=UTIL)
    assert {row["node"] for row in found.gpus} == {"gpu02"}


def test_nan_is_nothing_and_infinity_is_not_believed(read):
    found = read(*recorded("nan"), metric=UTIL)  # DCGM_FI_DEV_GPU_UTIL / 0
    assert found.gpus == []
    assert found.reasons == {"not-a-number": 16, "nothing-left": 16}


def test_zeros_of_profiling_are_proven_by_model(answers):
    other = {**GPU, "gpu": "1", "UUID": "GPU-2", "modelName": "T4"}
    found = answers((SM, GPU, [0, 0.5]), (SM, other, [0, 0]), (UTIL, other, [0, 0]))
    assert [(row["gpu"], row.get("sm_active_ratio"), row.get("gpu_util_ratio")) for row in found.gpus] == [
        ("0", 0.0, None), ("0", 0.5, None), ("1", None, 0.0), ("1", None, 0.0),
    ]  # fmt: skip
    assert found.reasons == {"unproven-zero": 2}
    assert "sm_active_ratio of T4" in found.rejects[0].detail


def test_zeros_can_be_believed(answers):
    found = answers((SM, GPU, [0, 0]), believe_zeros=True)
    assert found.column("sm_active_ratio") == [0.0, 0.0]
    assert found.reasons == {}


def test_warnings_are_noted(read, tmp_path):
    body = json.loads((DUMPS / f"{UTIL}.json").read_text())
    path = tmp_path / "warned.json"
    path.write_text(json.dumps({**body, "warnings": ["could not reach store 2"]}))
    assert "warned.json: could not reach store 2" in read(path).note


def test_an_interval_is_stronger_than_the_step(answers):
    assert answers((UTIL, GPU, [1, 2]), interval="1m").column("duration_ms") == [60000, 60000]


def test_one_moment_needs_an_interval(answers):
    with pytest.raises(InputError, match="--interval"):
        answers((UTIL, GPU, [1]))
    assert answers((UTIL, GPU, [1]), interval="30s").column("duration_ms") == [30000]


def test_a_list_as_promtool_prints_it(read, tmp_path):
    body = json.loads((DUMPS / f"{UTIL}.json").read_text())
    path = tmp_path / "list.json"
    path.write_text(json.dumps(body["data"]["result"]))
    assert read(path).gpus == read(*recorded(UTIL)).gpus


@pytest.mark.parametrize(
    ("name", "said"),
    [("error", "bad_data: 1:22: parse error"), ("vector", "of type vector.*query_range")],
)
def test_answers_of_another_kind_are_refused(read, name, said):
    with pytest.raises(InputError, match=said):
        read(*recorded(name))


@pytest.mark.parametrize(
    "text",
    ['{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1]]}]}}',
     '{"status": "success", "data": {"resultType": "matrix"}}', '{"status": "success"}', '{"a": 1}', '{"a": ', "[1, 2]",
     '{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "x"]]}]}}'],
)  # fmt: skip
def test_what_only_looks_like_an_answer_is_refused(dump, text):
    with pytest.raises(InputError, match=r"node1.log: .*(query_range|no JSON)"):
        dump(text)


def test_an_empty_answer_is_fine(dump):
    assert dump('{"status":"success","data":{"resultType":"matrix","result":[]}}').gpus == []
