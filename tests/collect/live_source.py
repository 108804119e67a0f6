"""A live source as another distribution would bring it: a cluster of one node whose every hour is known in advance."""

import time
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from paydown.connectors.interface import Connector
from paydown.errors import SourceError
from paydown.model.batch import Batch, Mark, Reject, Vouch

HOUR = 3_600_000
START = 1_767_225_600_000
"""2026-01-01."""


class Live(BaseModel):
    """What it can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: int = Field(6, description="How many hours there are.")
    node: str = Field("n1", description="The node.")
    pause_s: float = Field(0.0, description="How long the server takes for an hour.")
    down: Path | None = Field(None, description="While this file is there, the server does what it says.")


def read(asked, context):
    """Yield hour after hour, from the mark on; the hour in progress is told again."""
    cluster = context.cluster or "c"
    first = int(context.mark(cluster, "hours") or 0)
    for hour in range(first, asked.hours):
        _misbehave(asked)
        time.sleep(asked.pause_s)
        yield from told(asked.node, hour, cluster)
        span = (START + max(hour - 1, 0) * HOUR, START + (hour + 1) * HOUR)
        yield Vouch(cluster, context.source, ("capacity", "allocation", "use", "wait"), *span, joins=True)
        yield Mark(cluster, "hours", str(hour + 1))
    _misbehave(asked)


def told(node, hour, cluster="c"):
    """Give what the server tells of an hour: the job of the hour before ended, this hour's runs."""
    at = START + hour * HOUR
    yield Batch("nodes", pa.table({"cluster": [cluster], "node": [node], "partitions": ["p"], "gpus": [2], "cpus": [8],
                                   "memory_mib": [1000], "start": instant([START])}), "server")  # fmt: skip
    for number, start, end in ((hour - 1, at - HOUR, at), (hour, at, None)):
        if number < 0:
            continue
        about = {"cluster": [cluster], "job_id": [f"{node}-{number}"], "attempt": [0]}
        times = {"start": instant([start]), "end": instant([end])}
        state = "RUNNING" if end is None else "COMPLETED"
        yield Batch("jobs", pa.table({**about, "state": [state], "user": ["ann"], **times}), "server")
        yield Batch("allocations", pa.table({**about, "node": [node], "gpu_milli": [1000], **times}), "server")
    starts = list(range(at, at + HOUR, 120_000))
    count = len(starts)
    yield Batch("gpu_samples", pa.table({"cluster": [cluster] * count, "node": [node] * count, "gpu": ["0"] * count,
                                         "start": instant(starts), "duration_ms": [120_000] * count,
                                         "gpu_util_ratio": [0.5 if hour % 2 else 0.0] * count}), "server")  # fmt: skip
    if hour == 2:
        yield Reject("jobs", "server", None, "bad-key", "a job without an id", "", cluster=cluster)


def instant(ms):
    """Give instants."""
    return pa.array(ms, pa.int64())


def _misbehave(asked):
    what = asked.down.read_text() if asked.down and asked.down.exists() else ""
    if what == "stall":
        time.sleep(3600)
    if what == "defect":
        raise ZeroDivisionError("a defect\nof two lines")
    if what == "exit":
        raise SystemExit(3)
    if what:
        raise SourceError(f"the server says {what}: is it up?")


CONNECTOR = Connector(
    name="live",
    summary="A cluster of one node whose every hour is known.",
    settings=Live,
    supports=("capacity", "allocation", "use", "wait"),
    tables=("nodes", "jobs", "allocations", "gpu_samples"),
    read=read,
    interval_s=60,
)
