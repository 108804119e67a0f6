"""The catalogue of exporters: series in the forms in which each has them, and what becomes of them. Made by hand."""

import pytest

from paydown.model.exporters import EXPORTERS, METRICS, TOOLS
from paydown.model.measures import conversion, measured_columns

UTIL, PROF = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
DCGM = {
    "gpu": "3",
    "UUID": "GPU-1",
    "device": "nvidia3",
    "modelName": "A100",
    "instance": "10.1.2.3:9400",
    "job": "dcgm",
}
JOBSTATS = {"minor_number": "3", "ordinal": "3", "uuid": "GPU-1", "name": "A100", "instance": "n1:9445", "job": "gpu"}
CGROUP = {"instance": "n1:9306", "job": "cgroup"}
SLURM = {"instance": "n1:9798", "job": "slurm-job", "user": "alice", "account": "physics", "slurmjobid": "17"}
CADVISOR = {"job": "kubelet", "instance": "10.1.2.3:10250", "node": "n1"}


def gpus(found, *columns):
    return [tuple(row.get(name) for name in ("node", "gpu", "job_id", *columns)) for row in found.gpus]


def hosts(found):
    return [
        tuple(row.get(name) for name in ("node", "job_id", "cpu_used_milli", "memory_used_mib")) for row in found.hosts
    ]


@pytest.mark.parametrize("measure", METRICS.values(), ids=METRICS)
def test_every_unit_fits_its_column(measure):
    if measure.kind != "job":
        conversion(measured_columns(measure.table)[measure.column], measure.unit)


def test_no_name_means_two_things():
    names = [measure.name for each in EXPORTERS for measure in each.measures]
    names += [name for each in EXPORTERS for name in each.known]
    assert len(names) == len(set(names))
    assert all(set(each.default) <= {measure.name for measure in each.measures} for each in EXPORTERS)
    assert TOOLS


@pytest.mark.parametrize(
    ("labels", "node", "job"),
    [
        ({"Hostname": "n1"}, "n1", None),
        ({"hostname": "n1"}, "n1", None),
        ({"Hostname": "n1", "hpc_job": "17"}, "n1", "17"),
        ({"Hostname": "n1", "exported_hpc_job": "17", "hpc_job": ""}, "n1", "17"),
        ({"Hostname": "n1", "namespace": "team", "pod": "train-0", "container": "main"}, "n1", None),
        ({"Hostname": "n1", "namespace": "gpu-operator", "pod": "dcgm-x1", "exported_namespace": "team",
          "exported_pod": "train-0", "exported_container": "main"}, "n1", None),
        ({}, "10.1.2.3", None),
    ],
)  # fmt: skip
def test_dcgm_exporter(answers, labels, node, job):
    found = answers((UTIL, {**DCGM, **labels}, [50, 60]), (PROF, {**DCGM, **labels}, [0.4, 0.5]))
    columns = ("gpu_util_ratio", "gr_engine_active_ratio")
    assert gpus(found, *columns) == [(node, "3", job, 0.5, 0.4), (node, "3", job, 0.6, 0.5)]


def test_dcgm_exporter_of_instances_of_mig(answers):
    part = {**DCGM, "Hostname": "n1", "GPU_I_ID": "2", "GPU_I_PROFILE": "1g.10gb", "hpc_job": "17"}
    found = answers((PROF, part, [0.4, 0.5]), ("DCGM_FI_DEV_POWER_USAGE", part, [300, 300]))
    assert gpus(found, "gr_engine_active_ratio", "power_w") == [
        ("n1", "3/2", "17", 0.4, None), ("n1", "3/2", "17", 0.5, None),
    ]  # fmt: skip


def test_jobstats_with_the_job_as_a_value(answers):
    found = answers(
        ("nvidia_gpu_duty_cycle", JOBSTATS, [50, 60, 70]),
        ("nvidia_gpu_memory_used_bytes", JOBSTATS, [2**30] * 3),
        ("nvidia_gpu_jobId", JOBSTATS, [0, 17, 17]),
    )
    assert gpus(found, "gpu_util_ratio", "memory_used_mib") == [
        ("n1", "3", None, 0.5, 1024), ("n1", "3", "17", 0.6, 1024), ("n1", "3", "17", 0.7, 1024),
    ]  # fmt: skip


def test_jobstats_with_the_job_as_a_label_and_what_hopper_measures(answers):
    labels = {**JOBSTATS, "jobid": "17", "userid": "1001", "GPU_I_ID": ""}
    found = answers(
        ("nvidia_gpu_graphics_util_percent", labels, [0.5]), ("nvidia_gpu_sm_util_percent", labels, [0.4]),
        ("nvidia_gpu_sm_occupancy_percent", labels, [0.3]), ("nvidia_gpu_any_tensor_util_percent", labels, [0.2]),
        ("nvidia_gpu_dram_bw_util_percent", labels, [0.1]), ("nvidia_gpu_pcie_rx_per_sec", labels, [10]),
        ("nvidia_gpu_nvlink_total_rx_per_sec", labels, [1]), ("nvidia_gpu_nvlink_total_tx_per_sec", labels, [2]),
        ("nvidia_gpu_power_usage_milliwatts", labels, [300_000]), interval="30s",
    )  # fmt: skip
    columns = ("gr_engine_active_ratio", "sm_active_ratio", "sm_occupancy_ratio", "tensor_active_ratio")
    assert gpus(found, *columns) == [("n1", "3", "17", 0.5, 0.4, 0.3, 0.2)]
    columns = ("dram_active_ratio", "pcie_rx_bytes", "nvlink_bytes", "power_w")
    assert gpus(found, *columns) == [("n1", "3", "17", 0.1, 300, 90, 300.0)]


def test_a_slice_that_is_not_told_from_others_is_no_device(answers):
    found = answers(("nvidia_gpu_memory_used_bytes", {**JOBSTATS, "uuid": "MIG-1"}, [2**30, 2**30]))
    assert found.gpus == []
    assert found.reasons == {"bad-key": 2}
    told = {**JOBSTATS, "uuid": "MIG-1", "GPU_I_ID": "7"}
    assert gpus(answers(("nvidia_gpu_memory_used_bytes", told, [2**30, 2**30]))) == [("n1", "3/7", None)] * 2


@pytest.mark.parametrize("labels", [{"jobid": "17", "step": "", "task": ""}, {"cgroup": "/slurm/uid_1001/job_17"}])
def test_cgroup_exporters(answers, labels):
    found = answers(
        ("cgroup_cpu_total_seconds", {**CGROUP, **labels}, [0, 60]),
        ("cgroup_memory_rss_bytes", {**CGROUP, **labels}, [2**30] * 2),
        ("cgroup_memory_shmem_bytes", {**CGROUP, **labels}, [2**20] * 2),
    )
    assert hosts(found) == [("n1", "17", None, 1025), ("n1", "17", 2000, 1025)]


def test_cgroups_of_parts_of_jobs_and_of_users_do_not_count(answers):
    job = "/system.slice/slurmstepd.scope/job_17"
    paths = ("/slurm/uid_1001", "/user.slice/user-1001.slice", f"{job}/step_0", f"{job}/step_0/task_1")
    found = answers(*[("cgroup_memory_rss_bytes", {**CGROUP, "cgroup": path}, [2**30] * 2) for path in paths])
    assert found.hosts == []
    assert found.reasons == {}


def test_slurm_job_exporter_with_nvml(answers):
    gpu = {**SLURM, "gpu": "3", "gpu_type": "A100"}
    found = answers(
        ("slurm_job_utilization_gpu", gpu, [50, 60]),
        *[("slurm_job_core_usage_total", {**SLURM, "core": core}, [0, 30 * 10**9]) for core in "01"],
        ("slurm_job_memory_rss", SLURM, [2**30] * 2),
    )
    assert gpus(found, "gpu_util_ratio", "sm_active_ratio") == [
        ("n1", "3", "17", 0.5, None),
        ("n1", "3", "17", 0.6, None),
    ]
    assert hosts(found) == [("n1", "17", None, 1024), ("n1", "17", 2000, 1024)]


def test_the_utilization_of_slurm_job_exporter_with_dcgm_is_that_of_sms(answers):
    gpu = {**SLURM, "gpu": "3", "gpu_type": "A100"}
    elsewhere = {**gpu, "instance": "n2:9798"}
    found = answers(
        ("slurm_job_utilization_gpu", gpu, [50, 60]), ("slurm_job_sm_occupancy_gpu", gpu, [20, 30]),
        ("slurm_job_utilization_gpu", elsewhere, [70, 80]),
    )  # fmt: skip
    assert gpus(found, "gpu_util_ratio", "sm_active_ratio", "sm_occupancy_ratio") == [
        ("n1", "3", "17", None, 0.5, 0.2), ("n1", "3", "17", None, 0.6, 0.3),
        ("n2", "3", "17", 0.7, None, None), ("n2", "3", "17", 0.8, None, None),
    ]  # fmt: skip


def test_node_exporter(answers):
    node = {"instance": "n1:9100", "job": "node"}
    modes = {"user": [0, 30], "system": [0, 15], "idle": [0, 900], "iowait": [0, 90]}
    found = answers(
        *[("node_cpu_seconds_total", {**node, "cpu": "0", "mode": mode}, values) for mode, values in modes.items()],
        ("node_memory_MemTotal_bytes", node, [4 * 2**30] * 2),
        ("node_memory_MemAvailable_bytes", node, [3 * 2**30] * 2),
    )
    assert hosts(found) == [("n1", None, None, 1024), ("n1", None, 1500, 1024)]


def test_one_host_scraped_twice_is_not_twice_as_busy(answers):
    found = answers(
        *[("node_cpu_seconds_total", {"instance": "n1:9100", "job": job, "cpu": "0", "mode": "user"}, [0, 30])
          for job in ("node", "kubernetes")],
    )  # fmt: skip
    assert hosts(found) == [("n1", None, 1000, None)]


def test_cadvisor_is_read_for_the_whole_node_only(answers):
    root, pod = {**CADVISOR, "id": "/"}, {**CADVISOR, "id": "/kubepods/pod1", "pod": "train-0", "namespace": "team"}
    found = answers(
        ("container_cpu_usage_seconds_total", {**root, "cpu": "total"}, [0, 60]),
        ("container_cpu_usage_seconds_total", {**pod, "cpu": "total"}, [0, 45]),
        ("container_memory_working_set_bytes", root, [2**31] * 2),
        ("container_memory_working_set_bytes", pod, [2**30] * 2),
    )
    assert hosts(found) == [("n1", None, None, 2048), ("n1", None, 2000, 2048)]


def test_kube_state_metrics_measures_nothing(answers):
    found = answers(("kube_pod_info", {"pod": "a", "node": "n1"}, [1, 1]), (UTIL, {**DCGM, "Hostname": "n1"}, [1, 1]))
    assert (len(found.gpus), found.hosts) == (2, [])
    assert "kube_pod_info of kube-state-metrics says nothing of use" in found.note


def test_tenfold_duplicates_change_nothing(answers):
    series = [("node_memory_MemTotal_bytes", {"instance": "n1:9100"}, [4 * 2**30] * 2),
              ("node_memory_MemAvailable_bytes", {"instance": "n1:9100"}, [3 * 2**30] * 2)]  # fmt: skip
    assert hosts(answers(*series * 10)) == hosts(answers(*series)) == [("n1", None, None, 1024)] * 2
