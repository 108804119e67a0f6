"""The queue as `scontrol -d -o show job` prints it: which devices jobs hold, and jobs that accounting does not show.

The index of a GPU exists only while its job runs, and only here. sacct leaves out pending jobs that are not eligible
yet: held, waiting for another job, or for a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from paydown.dialects.slurm_accounting.allocations import nodes_of
from paydown.dialects.slurm_control.config import utc_ms
from paydown.model.slurm import mig_milli
from paydown.model.units import MILLI

_JOB = re.compile(r"^JobId=(?=\d+ )", re.MULTILINE)
_HEAD = re.compile(
    r"(?P<id>\d+) (?:ArrayJobId=(?P<array>\d+) ArrayTaskId=(?P<task>\S+) (?:ArrayTaskThrottle=\d+ )?)?"
    r"(?:HetJobId=(?P<het>\d+) HetJobOffset=(?P<offset>\d+) )?JobName=(?P<name>.*?)(?: HetJobIdSet=\S+)?"
    r" UserId=(?P<user>[^ (]+)\(\d+\) (?P<rest>.*)",
    re.DOTALL,
)
_FREE = re.compile(r" (?:Command|WorkDir)=")
_FIELD = re.compile(r"(?:^|\s)([A-Z][A-Za-z_]*)=(\S*)")
_ON_NODES = re.compile(r"\sNodes=(?P<nodes>\S+) CPU_IDs=(?P<cpus>[\d,-]*) Mem=(?P<memory>\d+) GRES=(?P<gres>\S*)")
_GPUS = re.compile(r"gpu(?::(?P<kind>[^:(),]+))?:(?P<count>\d+)(?:\(IDX:(?P<index>[\d,-]*)\))?")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_NEEDED = ("JobState", "SubmitTime", "Partition")
MOST_INDEX = 4096
"""The largest index of a GPU or CPU that is believed."""


@dataclass(frozen=True)
class Share:
    """What a job holds on one node."""

    gpu_milli: int
    gpus: str | None
    """The indices of its GPUs, `;` between; None where Slurm does not say them, or they are slices."""
    cpu_milli: int
    memory_mib: int


@dataclass(frozen=True)
class Queued:
    """One job of the queue, or the pending tasks of an array."""

    job: str
    """Its id as sacct writes it: `12`, `3_0`, `24_[0-9%2]`, `10+1`."""
    name: str
    user: str
    fields: Mapping[str, str]
    """The other fields as text."""
    shares: Mapping[str, Share]
    """What it holds, by node."""

    @property
    def state(self) -> str:
        """Its base state."""
        return self.fields["JobState"]

    @property
    def start_ms(self) -> int | None:
        """When it started, or is expected to."""
        return utc_ms(self.fields.get("StartTime", ""))


def read_queue(text: str) -> tuple[list[Queued], int]:
    """Read an answer; gives the jobs, and how many records cannot be read."""
    records = _JOB.split(text)[1:]
    found = [_queued(" ".join(record.split("\n")).rstrip()) for record in records]
    return [job for job in found if job is not None], found.count(None)


def _queued(record: str) -> Queued | None:
    head = _HEAD.fullmatch(record)
    if head is None:
        return None
    told = _FREE.split(head["rest"], maxsplit=1)[0]
    fields = dict(reversed(_FIELD.findall(told)))
    if any(name not in fields for name in _NEEDED):
        return None
    return Queued(_id_of(head), head["name"], head["user"], fields, _shares(told))


def _id_of(head: re.Match[str]) -> str:
    if head["het"]:
        return f"{head['het']}+{head['offset']}"
    if head["array"]:
        task = head["task"]
        return f"{head['array']}_{task if task.isdecimal() else f'[{task}]'}"
    return head["id"]


def _shares(told: str) -> dict[str, Share]:
    found: dict[str, Share] = {}
    for on in _ON_NODES.finditer(told):
        share = Share(*_gpus(on["gres"]), len(_numbers(on["cpus"])) * MILLI, int(on["memory"]))
        found |= dict.fromkeys(nodes_of(on["nodes"]) or (), share)
    return found


def _gpus(gres: str) -> tuple[int, str | None]:
    """Give what a job holds of a node's GPUs, in milli-GPU, and their indices."""
    milli, indices, told = 0, [], True
    for one in _GPUS.finditer(gres):
        slices = mig_milli(one["kind"] or "")
        milli += int(one["count"]) * (slices or MILLI)
        numbers = _numbers(one["index"] or "")
        told &= slices is None and len(numbers) == int(one["count"])
        indices += numbers
    return milli, ";".join(map(str, sorted(indices))) if told and indices else None


def _numbers(text: str) -> list[int]:
    """Spell out `0-1,4`."""
    found: list[int] = []
    for first, last in _RANGE.findall(text):
        if int(last or first) <= MOST_INDEX:
            found += range(int(first), int(last or first) + 1)
    return found
