"""The columns by which the ledger can be cut, and how each is had from a posting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from paydown.errors import UsageError
from paydown.reports.interface import OutColumn
from paydown.reports.parts.members import UNMAPPED, shown
from paydown.reports.parts.scope import nearest

Join = Literal["", "jobs", "nodes", "models", "teams", "departments", "calendar"]
"""What must be joined to a posting before a cut is known (`paydown.reports.parts.joins`)."""


@dataclass(frozen=True)
class Cut:
    """One column by which the ledger can be cut."""

    name: str
    """The column's name, in `--by` and in the rows."""
    sql: str
    """How it is had, over a posting `p` and what is joined to it."""
    description: str
    join: Join = ""
    holder: bool = False
    """Whether only what is held has it: capacity that nobody holds is then left out, or stands under null."""
    unit: Literal["", "day", "week", "month", "bucket"] = ""
    """Of a cut by time: the length of a cell."""
    hours: bool = False
    """Of a cut by buckets: whether these are whole hours."""

    @property
    def column(self) -> OutColumn:
        """The column of the answer."""
        return OutColumn(self.name, "UTC" if self.unit == "bucket" else "", self.description, self.role)

    @property
    def role(self) -> str:
        """How it looks."""
        return "instant" if self.unit == "bucket" else "number" if self.name == "attempt" else "text"


def _time(unit: Literal["day", "week", "month"], description: str) -> Cut:
    return Cut(unit, f"c.{unit}", description, "calendar", unit=unit)


_ALL = (
    Cut("cluster", "p.cluster", "The cluster."),
    Cut("node", "p.node", "The node."),
    Cut(
        "partition",
        'p."partition"',
        "The job's partition; of what nobody holds, all partitions of its node as one text.",
    ),
    Cut(
        "node_partition",
        "np.node_partition",
        "Each partition of the node. A node of several counts in each of them: these rows overlap, never total them.",
        "nodes",
    ),
    Cut("account", "p.account", "The account that pays.", holder=True),
    Cut(
        "team",
        shown("team", "t"),
        f"The team of the user on that UTC day, from identities; {UNMAPPED} where nobody says it.",
        "teams",
        holder=True,
    ),
    Cut(
        "department",
        shown("department", "d"),
        f"The department of the user on that UTC day, from identities; {UNMAPPED} where nobody says it.",
        "departments",
        holder=True,
    ),
    Cut("user", 'p."user"', "The user's name; the person key where none is known.", holder=True),
    Cut("job_id", "p.job_id", "The job; (unseen) is what a node says is held and no job explains.", holder=True),
    Cut("attempt", "p.attempt", "The job's attempt, 0 for the first start.", holder=True),
    Cut("array_id", "j.array_id", "The array's job id.", "jobs", holder=True),
    Cut("name", "j.name", "The job's name.", "jobs", holder=True),
    Cut("qos", "j.qos", "The job's quality of service.", "jobs", holder=True),
    Cut("kind", "j.kind", "The job's kind: batch, interactive or service.", "jobs", holder=True),
    Cut("state", "j.state", "The job's state, in Slurm's words.", "jobs", holder=True),
    Cut(
        "gpu_model",
        "m.gpu_model",
        "The model of the node's GPUs on that day; null where it is not known or the node has several.",
        "models",
    ),
    _time("day", "The day, in the time zone asked for."),
    _time("week", "The Monday with which the week begins."),
    _time("month", "The first day of the month."),
    Cut("bucket", "p.bucket_ms", "The start of the five-minute bucket.", unit="bucket"),
    Cut("tres", "p.tres", "The countable resource."),
    Cut("category", "p.category", "The ledger's category."),
    Cut("detail", "p.detail", "The category's detail; null where it has none or it is not worked out."),
    Cut("basis", "p.basis", "How the use is known: sampled, shared, job-mean, peak, none.", holder=True),
    Cut("signal", "p.signal", "The signal that counted as use.", holder=True),
)

CUTS: dict[str, Cut] = {cut.name: cut for cut in _ALL}
"""Every cut by name."""

SHARED = tuple(name for name in CUTS if name not in {"tres", "category", "detail", "basis", "signal"})
"""The cuts of reports that show the categories side by side."""


def chosen(by: Sequence[str], allowed: Sequence[str]) -> tuple[Cut, ...]:
    """Give the cuts of some names, each once, in the order asked for; an unknown name is an error."""
    for name in by:
        if name not in allowed:
            raise UsageError(f"--by {name} is not a column to cut by here{nearest(name, allowed)}")
    return tuple(CUTS[name] for name in dict.fromkeys(by))


def overlaps(cuts: Sequence[Cut]) -> list[str]:
    """Say so where the rows of some cuts overlap."""
    found = any(cut.name == "node_partition" for cut in cuts)
    return ["Nodes of several partitions count in each of them: these rows overlap, never total them."] * found
