"""The tables that are derived from facts (they can be dropped and made again), and the store's own.

Amounts are exact integers in the TRES's unit (`paydown.model.units.TRES`). See docs/spec/ledger.md, section 5.
"""

from paydown.model.schema import Column, Registry, Table

REPORTED = "reported"
UNALLOCATED = ("down", "planned_down", "idle", "blocked")
ALLOCATED = ("used", "inactive", "underused", "unobserved")
OVERCOMMITTED = "overcommitted"
CATEGORIES = (REPORTED, *UNALLOCATED, *ALLOCATED, OVERCOMMITTED)
"""The closed set of categories as posted; `allocated` is the sum of ALLOCATED and never posted itself."""

DETAILS: dict[str, tuple[str, ...]] = {
    "blocked": ("fragmented", "stranded", "policy", "other"),
    "used": ("productive", "lost", "open"),
    "inactive": ("never_used", "startup", "gap", "tail"),
    "unobserved": ("dark", "pooled", "unseen"),
}
"""The closed set of details of each category that has them."""

BASES = ("sampled", "shared", "job-mean", "peak", "none")
"""How an entry's use is known."""

UNSEEN = "(unseen)"
"""The holder of what a node says is allocated and no visible job explains."""


def _text(name: str, doc: str, *, null: bool = False, choices: tuple[str, ...] = ()) -> Column:
    return Column(name, "text", doc, null=null, choices=choices)


def _amount(name: str, doc: str) -> Column:
    return Column(name, "int", doc, "TRES amount")


_CLUSTER = _text("cluster", "The cluster's name.")
_DAY = Column("day", "day", "The UTC day.")
_NODE = _text("node", "The node's name.")
_TRES = _text("tres", "The countable resource.", choices=("gpu", "gpu_memory", "cpu", "memory"))
_JOB = _text("job_id", "The holder; `(unseen)` where no visible job explains it.")
_ATTEMPT = Column("attempt", "int", "The holder's attempt.")

_ENTRY = (
    _text(
        "partition",
        "The job's partition; for what is not held, the node's whole `partitions` text; null where unknown.",
        null=True,
    ),
    _TRES,
    _text("category", "The category.", choices=CATEGORIES),
    _text("detail", "The detail; null where the category has none or it is not worked out.", null=True),
    _text("job_id", "The holder; null for what is not held.", null=True),
    Column("attempt", "int", "The holder's attempt.", null=True),
    _text("user", "The holder's person key.", null=True),
    _text("account", "The account that pays.", null=True),
    _text("basis", "How the use is known; null for what is not held.", null=True, choices=BASES),
    _text("signal", "The signal that counted as use; null where none did.", null=True),
    _amount("amount", "How much."),
)

_HOURLY = ("partition", "tres", "category", "detail", "account", "amount")
"""What an hour of the ledger is told apart by, and its amount."""

ENTRIES = Table(
    "entries", "derived", "The ledger in five-minute buckets.",
    (_CLUSTER, _DAY, _NODE, Column("bucket", "instant", "The start of the five-minute bucket.", "UTC"), *_ENTRY),
    ("cluster", "day", "node", "bucket", *(c.name for c in _ENTRY[:-1])),
    partition=("cluster", "day"), sort=("job_id", "attempt", "partition", "node", "tres"), row_group=1_000_000,
)

DAILY = Table(
    "daily", "derived", "The ledger by (job, node, day): `entries` summed over the day's buckets.",
    (_CLUSTER, _DAY, _NODE, *_ENTRY),
    ("cluster", "day", "node", *(c.name for c in _ENTRY[:-1])),
    partition=("cluster", "day"), sort=("job_id", "attempt", "partition", "node", "tres"), row_group=1_000_000,
)

RUNS = Table(
    "runs", "derived", "Quiet runs that are inactive, cut at midnight: with `summaries` they give the details.",
    (
        _CLUSTER, _DAY, _JOB, _ATTEMPT, _NODE, _TRES,
        _text("gpu", "The device; null for cpu.", null=True),
        Column("allocated_from", "instant", "The start of the allocation.", "UTC"),
        Column("start", "instant", "The start of this part.", "UTC"),
        Column("end", "instant", "The end of this part.", "UTC"),
        _text("basis", "How the use is known.", choices=BASES),
        _text("signal", "The signal that counted as use."),
        Column("milli", "int", "What was held, after over-allocation was taken off.", "milli"),
    ),
    ("cluster", "day", "job_id", "attempt", "node", "tres", "gpu", "allocated_from", "start"),
    partition=("cluster", "day"), sort=("job_id", "attempt", "node", "tres", "gpu", "start"),
)

SUMMARIES = Table(
    "summaries", "derived", "What the samples of a day say of a job on a device (for cpu and memory: on a node).",
    (
        _CLUSTER, _DAY, _JOB, _ATTEMPT, _NODE, _TRES,
        _text("gpu", "The device; null for cpu and memory.", null=True),
        Column("allocated_from", "instant", "The start of the allocation.", "UTC"),
        Column("samples", "int", "Samples that start inside the allocation.", "samples"),
        Column("first_sample", "instant", "The start of the first of them.", "UTC"),
        Column("first_active", "instant", "The start of the first that is not quiet.", "UTC", null=True),
        Column("last_active", "instant", "The start of the last that is not quiet.", "UTC", null=True),
    ),
    ("cluster", "day", "job_id", "attempt", "node", "tres", "gpu", "allocated_from"),
    partition=("cluster", "day"), sort=("job_id", "attempt", "node", "tres", "gpu"),
)

POOLS = Table(
    "pools", "derived",
    "What is measured of a node but of no job: use of devices whose holder is not known, or that nobody held.",
    (
        _CLUSTER, _DAY, _NODE,
        _text("kind", "`pooled`: held, holder not known; `outside`: held by nobody.", choices=("pooled", "outside")),
        _amount("used", "Measured use, milli-GPU x ms."),
        _amount("inactive", "Quiet for at least the inactivity span, milli-GPU x ms."),
        _amount("underused", "The rest, milli-GPU x ms."),
    ),
    ("cluster", "day", "node", "kind"), partition=("cluster", "day"), sort=("node", "kind"),
)

DOUBTS = Table(
    "doubts", "derived",
    "Samples that several tables together contradict; they vanish when the missing fact arrives.",
    (
        _CLUSTER, _DAY, _NODE,
        _text("gpu", "The device; null for host samples.", null=True),
        _text("job_id", "The job that the samples are labelled with.", null=True),
        _text("reason", "Why they count for nobody.", choices=("label-without-holder", "unlisted-mig-parent")),
        Column("samples", "int", "How many.", "samples"),
    ),
    ("cluster", "day", "node", "gpu", "job_id", "reason"), partition=("cluster", "day"), sort=("node", "gpu", "job_id"),
)

DEMAND = Table(
    "demand", "derived", "Hourly demand: what was held, and what waited though it could have run.",
    (
        _CLUSTER, _DAY,
        Column("hour", "instant", "The start of the hour.", "UTC"),
        _text("pool", "The node's pool (of a waiting job: that of all nodes it may use), if one.", null=True),
        _text("partition", "The job's partition.", null=True),
        _text("account", "The account that pays.", null=True),
        _TRES,
        _amount("allocated", "What was held."),
        _amount("waiting", "What eligible jobs that had not started asked for, times how long they waited."),
    ),
    ("cluster", "hour", "pool", "partition", "account", "tres"), partition=("cluster", "month"), by=("hour",),
    sort=("hour", "pool", "partition", "account", "tres"),
)

HISTOGRAM_SIGNALS = (
    "dram_active", "gpu_util", "gr_engine_active", "memory_used", "sm_active", "sm_occupancy", "tensor_active",
)
"""The quantities whose distribution is posted: the ratios of gpu_samples, and memory used over the device's memory."""

HISTOGRAM_EDGES = (0, *range(1, 5), *range(5, 95, 5), *range(95, 101))
"""The upper edges of the bins in percent: exactly 0, then 1 point wide up to 5 and from 95, else 5 points wide."""

HISTOGRAM_BINS = tuple(f"to_{edge}_ms" for edge in HISTOGRAM_EDGES)
"""The columns of the bins, in order."""


def _bin(below: int | None, edge: int, name: str) -> Column:
    what = "of exactly 0" if below is None else f"above {below} % and up to {edge} %"
    return Column(name, "int", f"The time that samples {what} hold.", "ms")


HISTOGRAMS = Table(
    "histograms", "derived", "How the ratios that samples of devices carry are distributed, by hour and holder.",
    (
        _CLUSTER, _DAY, _NODE,
        _text("gpu", "The device."),
        Column("hour", "instant", "The start of the hour in which the samples begin.", "UTC"),
        _text("signal", "What was measured.", choices=HISTOGRAM_SIGNALS),
        Column("counted", "flag", "Whether it is the signal that counts as use for these samples."),
        _text(
            "holders", "How many allocations the samples count for when they first do.",
            choices=("none", "one", "several"),
        ),
        _text("job_id", "The holder, where it is one.", null=True),
        Column("attempt", "int", "The holder's attempt.", null=True),
        Column("samples", "int", "How many samples.", "samples"),
        Column("ppm_ms", "int", "The sum of ratio times time held.", "ppm x ms"),
        *(
            _bin(below, edge, name)
            for below, edge, name in zip((None, *HISTOGRAM_EDGES), HISTOGRAM_EDGES, HISTOGRAM_BINS, strict=False)
        ),
    ),
    ("cluster", "day", "node", "gpu", "hour", "signal", "counted", "holders", "job_id", "attempt"),
    partition=("cluster", "day"), sort=("signal", "node", "gpu", "hour"),
    row_group=50_000,
)

CARRIED = Table(
    "carried", "derived", "Which samples there are of a node and day, and what they carry.",
    (
        _CLUSTER, _DAY, _NODE,
        _text("table", "The table of samples.", choices=("gpu_samples", "host_samples")),
        _text("signal", "The measured column; null: all samples, whatever they carry.", null=True),
        Column("samples", "int", "How many samples that begin on the day carry it.", "samples"),
        Column("described_ms", "int", "The sum of their durations.", "ms"),
        Column("first", "instant", "The start of the first sample of the node on the day, whatever it carries.", "UTC"),
        Column("last", "instant", "The latest end of its samples of the day.", "UTC"),
    ),
    ("cluster", "day", "node", "table", "signal"), partition=("cluster", "day"), sort=("table", "signal", "node"),
)

ENERGY = Table(
    "energy", "derived", "The energy of GPUs, from the samples that begin on a day, by the job they are labelled with.",
    (
        _CLUSTER, _DAY,
        _text("job_id", "The job that the samples are labelled with; null: with none.", null=True),
        Column("energy_mj", "real", "Their energy; null where none of them carries power or energy.", "mJ", null=True),
        Column("known_ms", "int", "The sum of the durations of those that carry power or energy.", "ms"),
        Column("described_ms", "int", "The sum of the durations of all of them.", "ms"),
        Column("late_mj", "real", "The part of energy_mj after the day's end.", "mJ", null=True),
        Column("late_known_ms", "int", "The part of known_ms after the day's end.", "ms"),
        Column("late_described_ms", "int", "The part of described_ms after the day's end.", "ms"),
        Column("last", "instant", "The latest end of these samples.", "UTC"),
    ),
    ("cluster", "day", "job_id"), partition=("cluster", "day"), sort=("job_id",),
)

HOURLY = Table(
    "hourly", "derived", "`entries` summed over hours, nodes and jobs: for curves, and for windows that cut a day.",
    (
        _CLUSTER, _DAY, Column("hour", "instant", "The start of the hour.", "UTC"),
        *(column for column in _ENTRY if column.name in _HOURLY),
    ),
    ("cluster", "day", "hour", *_HOURLY[:-1]),
    partition=("cluster", "day"), sort=("tres", "category", "hour", "partition", "account"),
)

TOTALS = Table(
    "day_totals", "derived", "`daily` summed over nodes and jobs.",
    (_CLUSTER, _DAY, *(column for column in _ENTRY if column.name not in {"job_id", "attempt"})),
    ("cluster", "day", *(c.name for c in _ENTRY[:-1] if c.name not in {"job_id", "attempt"})),
    partition=("cluster", "day"), sort=("tres", "category", "partition", "account", "user"),
)

FREE_TRES = ("cpu", "gpu")
"""The TRES of which is posted what was free: what jobs wait for (docs/spec/ledger.md, section 1.8)."""

FREE_BUCKETS = tuple(f"minute_{minute:02}" for minute in range(0, 60, 5))
"""The columns of the five-minute buckets of an hour, in order."""

FREE = Table(
    "free_capacity", "derived", "What was free, idle or blocked, of a node's CPUs and GPUs: an hour in a row.",
    (
        _CLUSTER, _DAY, _NODE,
        _text("partition", "The node's whole `partitions` text.", null=True),
        _text("tres", "The countable resource.", choices=FREE_TRES),
        Column("hour", "instant", "The start of the hour.", "UTC"),
        *(
            _amount(name, f"What was free in the five minutes that begin {int(name[-2:])} minutes after it.")
            for name in FREE_BUCKETS
        ),
    ),
    ("cluster", "day", "node", "partition", "tres", "hour"),
    partition=("cluster", "day"), sort=("tres", "node", "partition", "hour"),
)

GAPS = Table(
    "gaps", "derived", "Stretches of five-minute buckets of a day in which all that was held is unobserved.",
    (
        _CLUSTER, _DAY, _NODE, _TRES,
        Column("start", "instant", "From when, on the five-minute grid.", "UTC"),
        Column("end", "instant", "Until when, at most the day's end.", "UTC"),
        _amount("amount", "How much was held meanwhile."),
    ),
    ("cluster", "day", "node", "tres", "start"), partition=("cluster", "day"), sort=("node", "tres", "start"),
)

POSTED = Table(
    "posted", "derived", "Which days are posted, and how.",
    (
        _CLUSTER, _DAY,
        _text("settings", "The ledger's settings that made it, as JSON."),
        Column("end", "instant", "Up to when the day is posted (the horizon, where it lies within the day).", "UTC"),
    ),
    ("cluster", "day"), partition=("cluster",), sort=("day",),
)

DIRTY = Table(
    "dirty", "meta", "Days whose facts changed since they were posted.",
    (
        _CLUSTER, _DAY,
        _text("need", "`post`: from facts; `details`: from stored runs and summaries.", choices=("post", "details")),
    ),
    ("cluster", "day"), partition=(), sort=("cluster", "day"),
)

REJECTS = Table(
    "rejects", "meta", "Every row, or field of a row, that could not be believed.",
    (
        _text("cluster", "The cluster, where known.", null=True),
        _text("source", "The source that brought it."),
        _text("table", "The fact table that it was meant for.", null=True),
        _text("origin", "The file or command."),
        Column("line", "int", "The 1-based line or row there.", null=True),
        _text("reason", "A stable short code."),
        _text("detail", "What was wrong, in words."),
        _text("row", "The row as it was read, at most 1,000 characters; `*` for what may be a name."),
        Column("count", "int", "How many times.", "rows"),
        Column("time", "instant", "When it was read.", "UTC"),
    ),
    ("cluster", "source", "table", "origin", "line", "reason", "row"), partition=(), sort=("source", "time"),
)

DERIVED = Registry.of(
    ENTRIES, DAILY, RUNS, SUMMARIES, POOLS, DOUBTS, DEMAND, HISTOGRAMS, CARRIED, ENERGY, HOURLY, TOTALS, FREE, GAPS,
    POSTED,
).tables  # fmt: skip
"""Tables that posting makes from the facts."""

MARKS = Table(
    "marks", "meta", "How far each live source has been read.",
    (
        _text("cluster", "The cluster."),
        _text("source", "The source's name."),
        _text("name", "What is marked."),
        _text("value", "What the source wrote down."),
        Column("time", "instant", "When it was committed.", "UTC"),
    ),
    ("cluster", "source", "name"), partition=(), sort=("cluster", "source", "name"),
)

HEALTH = Table(
    "health", "meta", "How each source that is collected is doing.",
    (
        _text("source", "The source's name."),
        _text("connector", "What reads it."),
        Column("interval_ms", "int", "How often it is to be read.", "ms"),
        Column("attempt", "instant", "When it was last begun to be read.", "UTC"),
        Column("success", "instant", "When it was last read to its end; null: never.", "UTC", null=True),
        Column("took_ms", "int", "How long that took.", "ms", null=True),
        Column("rounds", "int", "How often it was read to its end.", "times"),
        Column("rows", "int", "Believed rows of the last time that it was read.", "rows"),
        Column("rows_total", "int", "Believed rows of all times.", "rows"),
        Column("rejects", "int", "Rejects of the last time.", "rows"),
        Column("rejects_total", "int", "Rejects of all times; the same one counts each time that it comes.", "rows"),
        Column("errors", "int", "How often in a row it failed; 0: the last time went well.", "times"),
        Column("errors_total", "int", "How often it failed ever.", "times"),
        Column("failed", "instant", "When it last failed; null: never.", "UTC", null=True),
        _text("note", "Why it last failed.", null=True),
    ),
    ("source",), partition=(), sort=("source",),
)

META = Registry.of(DIRTY, REJECTS, MARKS, HEALTH).tables
"""Tables that the store keeps of its own work."""
