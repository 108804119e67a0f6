"""The fact tables (docs/facts.md is made from this file): what a cluster has, does, and what was measured."""

from paydown.model.schema import Column, Kind, Registry, Table

CAPABILITIES = ("capacity", "allocation", "use", "wait")
"""What a source can support: state the capacity, the occupancy, the use, the waiting of a whole cluster."""

JOB_STATES = (
    "PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL",
    "PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "REQUEUED", "RESIZING", "REVOKED",
)
"""Slurm's base states and the flags that accounting shows as states (source: slurm.h.in, sacct(1))."""

USAGE_SIGNALS = (
    "gpu_util", "gr_engine_active", "sm_active", "tensor_active", "dram_active",
    "gpu_memory_used_mib", "cpu_used_milli", "memory_used_mib",
)
"""The signals of `job_usage`: the first five are ratios, the others amounts in the unit that their name says."""

RATIO_SIGNALS = USAGE_SIGNALS[:5]
"""The signals of `job_usage` that are ratios in [0, 1]."""


def _text(name: str, doc: str, *, null: bool = False, choices: tuple[str, ...] = ()) -> Column:
    return Column(name, "text", doc, null=null, choices=choices)


def _count(name: str, doc: str, unit: str, *, null: bool = True) -> Column:
    return Column(name, "int", doc, unit, null=null)


def _instant(name: str, doc: str, *, null: bool = False) -> Column:
    return Column(name, "instant", doc, "UTC", null=null)


def _measured(name: str, doc: str, unit: str, kind: Kind = "int") -> Column:
    return Column(name, kind, doc, unit, null=True, measured=True)


def _ratio(name: str, doc: str) -> Column:
    return Column(name, "real", doc, "ratio", null=True, measured=True, ratio=True)


_CLUSTER = _text("cluster", "The cluster's name.")
_NODE = _text("node", "The node's name.")
_JOB = _text("job_id", "The job's id as text: `123`, array task `123_4`, heterogeneous part `123+1`.")
_ATTEMPT = Column("attempt", "int", "0 for the first start, one more for each requeue.")
_GPU = _text("gpu", "The device's index on its node (`3`), or index and slice (`3/1`) for a MIG instance.")
_START = _instant("start", "From when this holds.")
_END = _instant("end", "Until when this holds (exclusive); null while it still does.", null=True)
_SAMPLE_START = _instant("start", "The beginning of the time that the sample describes.")
_DURATION = Column("duration_ms", "int", "How long the sample describes.", "ms")
_LABEL = _text("job_id", "The job that the sample is labelled with; null: it is the device's or node's.", null=True)

NODES = Table(
    "nodes", "fact", "The inventory: what each node has.",
    (
        _CLUSTER, _NODE,
        _text("partitions", "The node's partitions, `;` between; empty for none."),
        _text("pool", "A group of like nodes (for prices and forecasts).", null=True),
        _text("gpu_model", "The model of its GPUs.", null=True),
        _count("gpus", "Whole GPUs.", "GPUs"),
        _count("gpu_memory_mib", "Memory of one GPU.", "MiB"),
        _count("cpus", "Logical CPUs that the scheduler counts.", "CPUs"),
        _count("memory_mib", "Memory that the scheduler counts.", "MiB"),
        _text("provider_id", "The id of the machine at its cloud provider.", null=True),
        _START, _END,
    ),
    ("cluster", "node", "start"), sort=("node", "start"), closes="end",
)

DEVICES = Table(
    "devices", "fact",
    "Devices of nodes that are not simply 0..gpus-1 of 1000 milli each: MIG slices, mixed nodes.",
    (
        _CLUSTER, _NODE, _GPU,
        _text("uuid", "The device's UUID.", null=True),
        _text("gpu_model", "The device's model.", null=True),
        _count("milli", "How much of a GPU it is.", "milli-GPU", null=False),
        _count("memory_mib", "Its memory.", "MiB"),
        _START, _END,
    ),
    ("cluster", "node", "gpu", "start"), sort=("node", "gpu", "start"), closes="end",
)

NODE_STATES = Table(
    "node_states", "fact", "When a node was not available, and why.",
    (
        _CLUSTER, _NODE,
        _text("state", "Whether the node could run jobs.", choices=("up", "down", "planned_down")),
        _text("reason", "The operator's or scheduler's reason.", null=True),
        _START, _END,
    ),
    ("cluster", "node", "start"), sort=("node", "start"), closes="end",
)

NODE_ALLOCATIONS = Table(
    "node_allocations", "fact", "What the node itself says is allocated, whoever holds it.",
    (
        _CLUSTER, _NODE,
        _count("gpu_milli", "GPUs allocated.", "milli-GPU"),
        _count("cpu_milli", "CPUs allocated.", "milli-CPU"),
        _count("memory_mib", "Memory allocated.", "MiB"),
        _START, _END,
    ),
    ("cluster", "node", "start"), sort=("node", "start"), closes="end",
)

RESERVATIONS = Table(
    "reservations", "fact", "Nodes set aside for maintenance or for certain users.",
    (
        _CLUSTER,
        _text("name", "The reservation's name."),
        _text("nodes", "Its nodes, `;` between."),
        _text("kind", "What it is for.", choices=("maintenance", "user")),
        _text("users", "Person keys that may use it, `;` between.", null=True),
        _text("accounts", "Accounts that may use it, `;` between.", null=True),
        _START, _END,
    ),
    ("cluster", "name", "nodes", "kind", "users", "accounts", "start"), sort=("start", "name"), closes="end",
)

QUOTAS = Table(
    "quotas", "fact", "What an account, user, QOS or partition is promised or limited to.",
    (
        _CLUSTER,
        _text("scope", "Whose quota.", choices=("account", "user", "qos", "partition")),
        _text("name", "The name of the account, user, QOS or partition."),
        _text("tres", "The resource."),
        _count("amount", "How much, in the TRES's own unit.", "milli or MiB", null=False),
        _text("kind", "A promise, a ceiling, or an amount to spend.", choices=("guarantee", "limit", "budget")),
        _START, _END,
    ),
    ("cluster", "scope", "name", "tres", "amount", "kind", "start"), sort=("scope", "name", "start"), closes="end",
)

JOBS = Table(
    "jobs", "fact", "Jobs (array tasks apart), one row for each attempt.",
    (
        _CLUSTER, _JOB, _ATTEMPT,
        _text("array_id", "The array's job id.", null=True),
        _text("name", "The job's name.", null=True),
        _text("user", "Who submitted it: an opaque person key in the store, a name in a source's facts.", null=True),
        _text("account", "Who pays: the Slurm account or Kubernetes namespace.", null=True),
        _text("project", "A finer division than the account.", null=True),
        _text("partition", "Its partition; `;` between while several are asked for.", null=True),
        _text("qos", "Its quality of service.", null=True),
        _text("kind", "What sort of work.", null=True, choices=("batch", "interactive", "service")),
        _text("kind_source", "How the kind is known: the field that tells it, and how.", null=True),
        _text("template", "The template that it was made from.", null=True),
        _text("labels", "Labels, `key=value;...`.", null=True),
        _instant("submit", "When it was submitted; null: no wait is known.", null=True),
        _instant("eligible", "From when it could have started.", null=True),
        _instant("start", "When it started; null: never (yet).", null=True),
        _instant("end", "When it ended; null: not yet.", null=True),
        _text("state", "Slurm's base state.", choices=JOB_STATES),
        _text("exit_code", "Exit code and signal as Slurm writes them, `0:0`.", null=True),
        _count("req_nodes", "Nodes asked for.", "nodes"),
        _count("req_gpu_milli", "GPUs asked for, total.", "milli-GPU"),
        _count("req_cpu_milli", "CPUs asked for, total.", "milli-CPU"),
        _count("req_memory_mib", "Memory asked for, total.", "MiB"),
        _text("req_gpu_model", "The GPU model asked for.", null=True),
        _text("constraint", "Node features asked for.", null=True),
        Column("exclusive", "flag", "Whether whole nodes were asked for.", null=True),
        _count("time_limit_ms", "The enforced time limit; null: none or unknown.", "ms"),
        Column("priority", "real", "The scheduler's priority.", null=True),
        _text("pending_reason", "Why it waits, in Slurm's words.", null=True),
        _count("restarts", "How often it was restarted.", "restarts"),
    ),
    ("cluster", "job_id", "attempt"), partition=("cluster", "month"), by=("submit", "start"),
    sort=("submit", "job_id", "attempt"), closes="end",
)

ALLOCATIONS = Table(
    "allocations", "fact", "What a job held on a node, and when.",
    (
        _CLUSTER, _JOB, _ATTEMPT, _NODE,
        _count("gpu_milli", "GPUs held.", "milli-GPU", null=False),
        _text("gpus", "The devices held, `;` between; null: not known which.", null=True),
        _count("cpu_milli", "CPUs held; null: not tracked by this source.", "milli-CPU"),
        _count("memory_mib", "Memory held; null: not tracked by this source.", "MiB"),
        _START, _END,
    ),
    ("cluster", "job_id", "attempt", "node", "start"), partition=("cluster", "month"), by=("start",),
    sort=("start", "node", "job_id", "attempt"), closes="end",
)

SOURCES = Table(
    "sources", "fact", "What each source supports, and up to when it vouches; one row for each ingest.",
    (
        _CLUSTER,
        _text("source", "The source's name."),
        _text("supports", "What it can support (capacity, allocation, use, wait), `;` between."),
        _instant("covers_from", "From when it vouches."),
        _instant("covers_to", "The horizon: up to when it vouches (exclusive)."),
        _instant("ingested_at", "When it was ingested."),
        _text("note", "What its reader should know.", null=True),
    ),
    ("cluster", "source", "supports", "covers_from", "covers_to", "note"), sort=("source", "covers_from"),
)

GPU_SAMPLES = Table(
    "gpu_samples", "fact", "Measurements of devices.",
    (
        _CLUSTER, _NODE, _GPU, _LABEL, _SAMPLE_START, _DURATION,
        Column("reading_ms", "int", "How long the instrument looked, where less than the duration.", "ms", null=True),
        _ratio("gpu_util_ratio", "Share of the reading during which any kernel ran (DCGM_FI_DEV_GPU_UTIL)."),
        _ratio("gr_engine_active_ratio", "Share of time the graphics engine was busy (DCGM_FI_PROF_GR_ENGINE_ACTIVE)."),
        _ratio("sm_active_ratio", "Share of SMs with a warp, averaged over time (DCGM_FI_PROF_SM_ACTIVE)."),
        _ratio("sm_occupancy_ratio", "Resident warps over the most possible (DCGM_FI_PROF_SM_OCCUPANCY)."),
        _ratio("tensor_active_ratio", "Share of cycles the tensor pipe was active (DCGM_FI_PROF_PIPE_TENSOR_ACTIVE)."),
        _ratio("dram_active_ratio", "Share of cycles device memory was busy (DCGM_FI_PROF_DRAM_ACTIVE)."),
        _measured("memory_used_mib", "Device memory used.", "MiB"),
        _measured("power_w", "Power drawn.", "W", "real"),
        _measured("energy_mj", "Energy used during the sample.", "mJ"),
        _measured("pcie_rx_bytes", "Bytes received over PCIe during the sample.", "bytes"),
        _measured("pcie_tx_bytes", "Bytes sent over PCIe during the sample.", "bytes"),
        _measured("nvlink_bytes", "Bytes over NVLink during the sample.", "bytes"),
        _measured("processes", "Processes that held the device.", "processes"),
    ),
    ("cluster", "node", "gpu", "job_id", "start"), partition=("cluster", "day"), by=("start",),
    sort=("node", "gpu", "start", "job_id"), row_group=1_000_000,
)

HOST_SAMPLES = Table(
    "host_samples", "fact", "Measurements of a node, or of a job on a node.",
    (
        _CLUSTER, _NODE, _LABEL, _SAMPLE_START, _DURATION,
        _measured("cpu_used_milli", "CPUs used, mean of the sample.", "milli-CPU"),
        _measured("memory_used_mib", "Working set: resident memory less reclaimable cache.", "MiB"),
        _measured("read_bytes", "Bytes read from storage during the sample.", "bytes"),
        _measured("write_bytes", "Bytes written to storage during the sample.", "bytes"),
        _measured("net_rx_bytes", "Bytes received during the sample.", "bytes"),
        _measured("net_tx_bytes", "Bytes sent during the sample.", "bytes"),
    ),
    ("cluster", "node", "job_id", "start"), partition=("cluster", "day"), by=("start",),
    sort=("node", "job_id", "start"), row_group=1_000_000,
)

JOB_USAGE = Table(
    "job_usage", "fact", "Figures per job, where a source knows no more than that.",
    (
        _CLUSTER, _JOB, _ATTEMPT,
        _text("node", "The node that it is about; null: the whole job.", null=True),
        _text("gpu", "The device that it is about; null: all of them.", null=True),
        _text("signal", "Which quantity.", choices=USAGE_SIGNALS),
        Column("mean", "real", "The mean over the job's time: a ratio, or an amount in the signal's unit.", null=True),
        Column("max", "real", "The largest value seen: a ratio, or an amount in the signal's unit.", null=True),
        _text("source", "Where it comes from."),
    ),
    ("cluster", "job_id", "attempt", "node", "gpu", "signal"), sort=("job_id", "attempt", "node", "gpu", "signal"),
)

SERVICE_SAMPLES = Table(
    "service_samples", "fact", "The load of an inference service.",
    (
        _CLUSTER, _JOB, _SAMPLE_START, _DURATION,
        _measured("requests_running", "Requests being served.", "requests", "real"),
        _measured("requests_waiting", "Requests waiting.", "requests", "real"),
        _ratio("kv_cache_ratio", "Share of the key-value cache in use."),
        _measured("tokens", "Tokens made during the sample.", "tokens"),
    ),
    ("cluster", "job_id", "start"), partition=("cluster", "day"), by=("start",), sort=("job_id", "start"),
)

PROGRESS = Table(
    "progress", "fact", "Work done, as the job itself says.",
    (
        _CLUSTER, _JOB, _instant("time", "When."),
        _text("unit", "Steps, samples, tokens."),
        Column("count", "int", "How many so far.", "units", measured=True),
    ),
    ("cluster", "job_id", "time", "unit"), partition=("cluster", "day"), by=("time",), sort=("job_id", "time"),
)

IDENTITIES = Table(
    "identities", "said", "Who a person key is; the only place where names stand.",
    (
        _text("person", "The opaque person key."),
        _text("kind", "What sort of name.", choices=("user", "e-mail", "display")),
        _text("name", "The name."),
        _text("cluster", "The cluster on which it is used; null: everywhere.", null=True),
        _text("team", "The person's team.", null=True),
        _text("department", "The person's department.", null=True),
        _instant("start", "From when.", null=True),
        _instant("end", "Until when.", null=True),
    ),
    ("person", "kind", "name", "cluster", "team", "department", "start"), partition=(), sort=("person", "kind"),
    closes="end",
)

PRICES = Table(
    "prices", "said", "The price sheet that the user owns.",
    (
        _text("pool", "The pool; null: any.", null=True),
        _text("gpu_model", "The GPU model; null: any.", null=True),
        _text("tres", "What is priced.", choices=("node", "gpu", "cpu", "memory")),
        Column("price", "real", "The price of one unit for one `per`.", "currency"),
        _text("currency", "ISO 4217 code."),
        _text("per", "The time that the price is for.", choices=("hour",)),
        _text("commitment", "How it is bought.", choices=("on_demand", "spot", "reserved", "owned")),
        _START, _END,
        _text("source", "Where the price comes from."),
    ),
    ("pool", "gpu_model", "tres", "commitment", "start"), partition=(), sort=("start",), closes="end",
)

VERDICTS = Table(
    "verdicts", "said", "What people say of a finding.",
    (
        _text("subject_type", "What the subject is."),
        _text("subject", "The subject."),
        _text("rule", "The rule's code; null: all.", null=True),
        _text("verdict", "What was said.", choices=("intended", "wrong", "fixed")),
        _text("scope", "How far it reaches.", choices=("job", "family", "user", "account")),
        _instant("until", "Until when it holds.", null=True),
        _text("reason", "Why.", null=True),
        _text("by", "Who said it (person key)."),
        _instant("time", "When it was said."),
    ),
    ("subject_type", "subject", "rule", "verdict", "scope", "until", "reason", "by", "time"), partition=(),
    sort=("time",),
)

NOTICES = Table(
    "notices", "said", "What was sent to whom.",
    (
        _text("subject_type", "What the subject is."),
        _text("subject", "The subject."),
        _text("rule", "The rule's code.", null=True),
        _text("person", "Who was told (person key)."),
        _text("channel", "How."),
        _instant("time", "When."),
        _text("outcome", "What came of it."),
    ),
    ("subject_type", "subject", "rule", "person", "channel", "time", "outcome"), partition=(), sort=("time",),
)

FACTS = Registry.of(
    NODES, DEVICES, NODE_STATES, NODE_ALLOCATIONS, RESERVATIONS, QUOTAS, JOBS, ALLOCATIONS, SOURCES,
    GPU_SAMPLES, HOST_SAMPLES, JOB_USAGE, SERVICE_SAMPLES, PROGRESS, IDENTITIES, PRICES, VERDICTS, NOTICES,
).tables
"""Every table of facts, by name."""
