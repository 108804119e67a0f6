"""What exporters and command-line tools of telemetry call the things that they measure: data, no code.

Shared by every source of samples, from files or live. A row of the catalogue says which column a name fills, in which
unit, and whether a zero of it can be believed. Sources of the names: dcgm_fields.h and etc/default-counters.csv of
dcgm-exporter (names, units), `nvidia-smi --help-query-gpu`, `nvidia-smi dmon -h`, the README of each exporter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "job"]
"""gauge: a figure as it is; counter: what was counted so far, of which the increase counts; job: a job's id."""


@dataclass(frozen=True)
class Measure:
    """One thing that a program measures, under the name that it has there."""

    name: str
    """The metric's name, the tool's column or field."""
    column: str
    """The measured column that it fills."""
    unit: str
    """Its unit (`paydown.model.measures`), of its increase where it is a counter."""
    kind: Kind = "gauge"
    """How its figures are to be read."""
    table: str = "gpu_samples"
    """The table of the column."""
    doubted: bool = False
    """Whether zeros may mean that it cannot be measured there: believed once one figure of the GPU model is above."""
    slices: bool = True
    """Whether it is measured of a MIG slice: else the figure is that of the whole card, or none."""
    part: int = 0
    """1 or -1: the column is the sum of several such figures, of which this is added or taken away; 0: it is all."""
    optional: bool = False
    """Whether older versions lack this part: the sum of the others then stands for all."""
    without: tuple[str, tuple[str, ...]] | None = None
    """A label, and values of it, of which the series do not count."""
    only: tuple[str, tuple[str, ...]] | None = None
    """A label, and the values of it of which alone the series count."""
    of_jobs: bool = False
    """Whether only series count that name a job: others are of groups of jobs, or of none."""
    beside: tuple[str, str, bool] | None = None
    """A metric, and the column that this one fills, doubted or not, where its target has that one too."""


@dataclass(frozen=True)
class Exporter:
    """A program that measures, and what it calls things."""

    name: str
    """The program."""
    measures: tuple[Measure, ...]
    """What of it is read; anything else is passed over."""
    default: tuple[str, ...] = ()
    """The names that a good dump holds."""
    known: tuple[str, ...] = ()
    """Names by which it is recognised as well, of which nothing is read."""
    instead: str = ""
    """Where nothing of it is read: what tells the same, in words."""


def _prof(name: str, column: str) -> Measure:
    return Measure(name, column, "ratio", doubted=True)


DCGM_EXPORTER = Exporter(
    "dcgm-exporter",
    (
        Measure("DCGM_FI_DEV_GPU_UTIL", "gpu_util_ratio", "percent", slices=False),
        _prof("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "gr_engine_active_ratio"),
        _prof("DCGM_FI_PROF_SM_ACTIVE", "sm_active_ratio"),
        _prof("DCGM_FI_PROF_SM_OCCUPANCY", "sm_occupancy_ratio"),
        _prof("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "tensor_active_ratio"),
        _prof("DCGM_FI_PROF_DRAM_ACTIVE", "dram_active_ratio"),
        Measure("DCGM_FI_DEV_FB_USED", "memory_used_mib", "MiB"),
        Measure("DCGM_FI_DEV_POWER_USAGE", "power_w", "W", slices=False),
        Measure("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "energy_mj", "mJ", "counter", slices=False),
        Measure("DCGM_FI_PROF_PCIE_RX_BYTES", "pcie_rx_bytes", "B/s"),
        Measure("DCGM_FI_PROF_PCIE_TX_BYTES", "pcie_tx_bytes", "B/s"),
        Measure("DCGM_FI_PROF_NVLINK_RX_BYTES", "nvlink_bytes", "B/s", part=1),
        Measure("DCGM_FI_PROF_NVLINK_TX_BYTES", "nvlink_bytes", "B/s", part=1),
    ),
    (
        "DCGM_FI_DEV_GPU_UTIL",
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
        "DCGM_FI_PROF_SM_ACTIVE",
        "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_POWER_USAGE",
    ),
)
"""NVIDIA's exporter for Prometheus; its *_BYTES are bytes each second (default-counters.csv)."""

NVIDIA_GPU_EXPORTER = Exporter(
    "nvidia_gpu_prometheus_exporter",
    (
        Measure("nvidia_gpu_duty_cycle", "gpu_util_ratio", "percent", slices=False),
        Measure("nvidia_gpu_graphics_util_percent", "gr_engine_active_ratio", "ratio", doubted=True),
        Measure("nvidia_gpu_sm_util_percent", "sm_active_ratio", "ratio", doubted=True),
        Measure("nvidia_gpu_sm_occupancy_percent", "sm_occupancy_ratio", "ratio", doubted=True),
        Measure("nvidia_gpu_any_tensor_util_percent", "tensor_active_ratio", "ratio", doubted=True),
        Measure("nvidia_gpu_dram_bw_util_percent", "dram_active_ratio", "ratio", doubted=True),
        Measure("nvidia_gpu_memory_used_bytes", "memory_used_mib", "B"),
        Measure("nvidia_gpu_power_usage_milliwatts", "power_w", "mW", slices=False),
        Measure("nvidia_gpu_pcie_rx_per_sec", "pcie_rx_bytes", "B/s"),
        Measure("nvidia_gpu_pcie_tx_per_sec", "pcie_tx_bytes", "B/s"),
        Measure("nvidia_gpu_nvlink_total_rx_per_sec", "nvlink_bytes", "B/s", part=1),
        Measure("nvidia_gpu_nvlink_total_tx_per_sec", "nvlink_bytes", "B/s", part=1),
        Measure("nvidia_gpu_jobId", "job_id", "", "job"),
    ),
    ("nvidia_gpu_duty_cycle", "nvidia_gpu_memory_used_bytes", "nvidia_gpu_jobId"),
    known=("nvidia_gpu_num_devices", "nvidia_gpu_memory_total_bytes"),
)
"""mindprince's exporter, and its fork for jobstats (plazonic): what that calls `percent` is a ratio (jobstats takes it
times 100), measured from Hopper on; it names jobs by the value of jobId, from 0.2.2 on by a label as well."""

NVIDIA_SMI_EXPORTER = Exporter(
    "nvidia_gpu_exporter",
    (
        Measure("nvidia_smi_utilization_gpu_ratio", "gpu_util_ratio", "ratio", slices=False),
        Measure("nvidia_smi_memory_used_bytes", "memory_used_mib", "B"),
        Measure("nvidia_smi_power_draw_watts", "power_w", "W", slices=False),
    ),
    ("nvidia_smi_utilization_gpu_ratio", "nvidia_smi_memory_used_bytes"),
)
"""The exporter that runs nvidia-smi; its series name devices by UUID, so another series has to say the index."""

SLURM_JOB_EXPORTER = Exporter(
    "slurm-job-exporter",
    (
        Measure(
            "slurm_job_utilization_gpu",
            "gpu_util_ratio",
            "percent",
            slices=False,
            of_jobs=True,
            beside=("slurm_job_sm_occupancy_gpu", "sm_active_ratio", True),
        ),
        Measure("slurm_job_sm_occupancy_gpu", "sm_occupancy_ratio", "percent", doubted=True, of_jobs=True),
        Measure("slurm_job_tensor_gpu", "tensor_active_ratio", "percent", doubted=True, of_jobs=True),
        Measure("slurm_job_memory_usage_gpu", "memory_used_mib", "B", of_jobs=True),
        Measure("slurm_job_power_gpu", "power_w", "mW", slices=False, of_jobs=True),
        Measure("slurm_job_nvlink_gpu", "nvlink_bytes", "B/s", part=1, of_jobs=True),
        Measure(
            "slurm_job_core_usage_total", "cpu_used_milli", "nanocores", "counter", "host_samples", part=1, of_jobs=True
        ),
        Measure("slurm_job_memory_rss", "memory_used_mib", "B", table="host_samples", of_jobs=True),
    ),
    ("slurm_job_utilization_gpu", "slurm_job_memory_usage_gpu", "slurm_job_core_usage_total", "slurm_job_memory_rss"),
)
"""guilbaults/slurm-job-exporter: series are of a job, labelled `slurmjobid`. With DCGM, of which its other ratios come,
`utilization` is the ratio of SMs that were active (slurm-job-exporter.py); with cgroups v2 it tells no CPU time."""

CGROUP_EXPORTER = Exporter(
    "cgroup_exporter",
    (
        Measure("cgroup_cpu_total_seconds", "cpu_used_milli", "cores", "counter", "host_samples", of_jobs=True),
        Measure("cgroup_memory_rss_bytes", "memory_used_mib", "B", table="host_samples", part=1, of_jobs=True),
        Measure("cgroup_memory_shmem_bytes", "memory_used_mib", "B", table="host_samples", part=1, optional=True,
                of_jobs=True),
    ),
    ("cgroup_cpu_total_seconds", "cgroup_memory_rss_bytes", "cgroup_memory_shmem_bytes"),
    known=("cgroup_cpus", "cgroup_memory_total_bytes"),
)  # fmt: skip
"""treydock's exporter for cgroups, which names a job by the cgroup's path, and its fork for jobstats, which labels it:
the series of a whole job have an empty `step` and `task`. Without shmem rss counts alone, as jobstats has it."""

NODE_EXPORTER = Exporter(
    "node_exporter",
    (
        Measure("node_cpu_seconds_total", "cpu_used_milli", "cores", "counter", "host_samples", part=1,
                without=("mode", ("idle", "iowait", "steal"))),
        Measure("node_memory_MemTotal_bytes", "memory_used_mib", "B", table="host_samples", part=1),
        Measure("node_memory_MemAvailable_bytes", "memory_used_mib", "B", table="host_samples", part=-1),
    ),
    ("node_cpu_seconds_total", "node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes"),
)  # fmt: skip
"""Prometheus' own exporter: a node's CPUs and memory, whoever uses them."""

_ROOT = ("id", ("/",))

CADVISOR = Exporter(
    "cAdvisor",
    (
        Measure("container_cpu_usage_seconds_total", "cpu_used_milli", "cores", "counter", "host_samples", part=1,
                only=_ROOT),
        Measure("container_memory_working_set_bytes", "memory_used_mib", "B", table="host_samples", only=_ROOT),
    ),
    ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes"),
)  # fmt: skip
"""The kubelet's own exporter: of its root cgroup, which is the whole node. Which job a pod is of, it cannot say."""

KUBE_STATE_METRICS = Exporter(
    "kube-state-metrics",
    (),
    known=("kube_pod_info", "kube_pod_container_resource_requests", "kube_node_status_allocatable"),
    instead="pods and nodes come from Kubernetes itself",
)
"""What the API server of Kubernetes says, as metrics: no measurements."""

EXPORTERS = (
    DCGM_EXPORTER, NVIDIA_GPU_EXPORTER, NVIDIA_SMI_EXPORTER, SLURM_JOB_EXPORTER, CGROUP_EXPORTER, NODE_EXPORTER,
    CADVISOR, KUBE_STATE_METRICS,
)  # fmt: skip
"""Every exporter for Prometheus that is known."""

METRICS: dict[str, Measure] = {measure.name: measure for each in EXPORTERS for measure in each.measures}
"""What the exporters measure, by the metric's name."""

KNOWN: dict[str, Exporter] = {name: each for each in EXPORTERS for name in each.known}
"""Exporters by names by which they are recognised, of which nothing is read."""

NVIDIA_SMI = Exporter(
    "nvidia-smi --query-gpu",
    (
        Measure("utilization.gpu", "gpu_util_ratio", "percent"),
        Measure("memory.used", "memory_used_mib", "MiB"),
        Measure("power.draw", "power_w", "W"),
    ),
    ("timestamp", "index", "uuid", "name", "utilization.gpu", "memory.used", "power.draw"),
)
"""The fields of `nvidia-smi --query-gpu=... --format=csv`."""

NVIDIA_SMI_DMON = Exporter(
    "nvidia-smi dmon",
    (
        Measure("sm", "gpu_util_ratio", "percent"),
        Measure("fb", "memory_used_mib", "MiB"),
        Measure("pwr", "power_w", "W"),
        Measure("rxpci", "pcie_rx_bytes", "MiB/s"),
        Measure("txpci", "pcie_tx_bytes", "MiB/s"),
    ),
    ("p", "u", "m"),
)
"""The columns of `nvidia-smi dmon`: `sm` there is the utilization of `--query-gpu`, and its MB are MiB."""

DCGMI = Exporter(
    "dcgmi dmon",
    (
        Measure("GPUTL", "gpu_util_ratio", "percent", slices=False),
        _prof("GRACT", "gr_engine_active_ratio"),
        _prof("SMACT", "sm_active_ratio"),
        _prof("SMOCC", "sm_occupancy_ratio"),
        _prof("TENSO", "tensor_active_ratio"),
        _prof("DRAMA", "dram_active_ratio"),
        Measure("FBUSD", "memory_used_mib", "MiB"),
        Measure("POWER", "power_w", "W", slices=False),
        Measure("PCIRX", "pcie_rx_bytes", "B/s"),
        Measure("PCITX", "pcie_tx_bytes", "B/s"),
    ),
    ("203", "1001", "1002", "1004", "252", "155"),
)
"""The columns of `dcgmi dmon -e ...`, by the short names of dcgm_fields.cpp; the default is of field ids."""

TOOLS = (NVIDIA_SMI, NVIDIA_SMI_DMON, DCGMI)
"""Every tool of the command line that is known."""

NODE_LABELS = ("Hostname", "hostname", "exported_hostname", "kubernetes_node", "nodename", "node", "host", "instance")
"""Labels that name the node, the first that is there counts; of `instance` the port is left out."""

GPU_LABELS = ("gpu", "minor_number", "gpu_index")
"""Labels that name the device's index on its node."""

UUID_LABELS = ("UUID", "uuid", "gpu_uuid")
"""Labels that name the device itself, by which series of several exporters are joined."""

SLICE_LABEL = "GPU_I_ID"
"""The label that names the MIG instance on its device."""

MODEL_LABELS = ("modelName", "gpu_type", "name")
"""Labels that name the device's model."""

JOB_LABELS = ("hpc_job", "slurmjobid", "jobid", "slurm_job_id", "exported_hpc_job")
"""Labels that name the job by the scheduler's id."""

JOB_PATHS = (("cgroup", r"/job_([0-9]+)$"),)
"""Labels that hold a path, and how the job's id stands in it; deeper paths are parts of the job."""

PART_LABELS = ("step", "task")
"""Labels of series that are a part of their job: such series do not count."""

TARGET_LABELS = ("job", "instance", "prometheus", "prometheus_replica", "replica")
"""Labels that tell apart what was scraped, and by which of several equal servers: what is summed is of one of each."""
