"""Summaries of jobstats in AdminComment, as figures per node and GPU (`job_usage`).

jobstats (Princeton University) asks Prometheus at the end of a job, and stores `JS1:` and the base64 of gzipped JSON:
`{"nodes": {NAME: {"total_memory", "used_memory", "total_time", "cpus", "gpu_total_memory": {INDEX: ...},
"gpu_used_memory": {...}, "gpu_utilization": {...}}}, "total_time", "gpus"}`; `JS1:Short` below a minute, `JS1:None`
where nothing was found. Memory is in bytes, the largest seen; utilization in percent, the mean over the job; a node's
total_time is CPU seconds. INDEX is the device's minor number. A zero there was measured.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.allocations import nodes_of
from paydown.dialects.slurm_accounting.records import Doubts, Records
from paydown.dialects.slurm_accounting.texts import column, decoded, floats
from paydown.model.batch import LINE, Batch, Reject
from paydown.model.instants import booleans
from paydown.model.units import MILLI

SOURCE = "jobstats"
"""The source that the figures name."""

MOST_BYTES = 1 << 23
"""The longest summary that is unpacked: 20,000 nodes of 8 GPUs."""

EMPTY = frozenset({"short", "none"})
"""What stands in place of a summary that has no figures, in small letters."""

_MARK = "^(?i:js1:)"
_PREFIX = "JS1:"
_PERCENT = 100
_MOST = 1 << 53
_MIB = 1 << 20
_OPEN = pa.array(["PENDING", "RUNNING", "SUSPENDED"])
_GZIP = 31
_COLUMNS = ("node", "gpu", "signal", "mean", "max")

Figure = tuple[str, str | None, str, float | None, float | None]
"""Node, GPU, signal, mean, max."""


class BadSummaryError(ValueError):
    """A summary that cannot be believed; the text says why."""


def summary_rows(records: Records, origin: str, doubts: Doubts) -> Iterator[Batch | Reject]:
    """Give rows of `job_usage` of the attempts that have ended and have a summary."""
    comments = column(records.rows, "AdminComment")
    marked = booleans(pc.match_substring_regex(comments, _MARK))
    at = np.flatnonzero(marked & records.held & ~booleans(pc.is_in(records.state, _OPEN))).tolist()
    length = floats(records.ms["End"]) - floats(records.ms["Start"])
    hosts = column(records.rows, "NodeList")
    found: list[tuple[int, Figure]] = []
    for row, text in zip(at, decoded(comments.take(pa.array(at, pa.int64()))), strict=True):
        if text[len(_PREFIX) :].strip().lower() in EMPTY:
            doubts.add("{} jobs have a summary of jobstats without figures (short jobs, or none were found).", 1)
            continue
        listed = hosts[row].as_py()
        try:
            figures = figures_of(summary_of(text), float(length[row]), nodes_of(listed) if listed else None)
        except BadSummaryError as error:
            yield _reject(records, origin, row, str(error))
        else:
            found += [(row, figure) for figure in figures]
    if found:
        yield _batch(records, origin, found)


def summary_of(text: str) -> dict[str, Any]:
    """Unpack a summary; raises `BadSummaryError`."""
    if not text.startswith(_PREFIX):
        raise BadSummaryError("it is in small letters, as sacctmgr of Slurm 22.05 makes it, and cannot be unpacked")
    try:
        packed = base64.b64decode(text[len(_PREFIX) :].strip(), validate=True)
        unpacking = zlib.decompressobj(_GZIP)
        raw = unpacking.decompress(packed, MOST_BYTES)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise BadSummaryError(f"it is no base64 of gzip ({error})") from None
    if not unpacking.eof:
        why = f"it unpacks to more than {MOST_BYTES >> 20} MiB" if len(raw) == MOST_BYTES else "it is cut off"
        raise BadSummaryError(why)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadSummaryError("it holds no JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("nodes"), dict):
        raise BadSummaryError("it names no nodes")
    if not raw.isascii() or b"\\" in raw:
        raise BadSummaryError("it holds names that no node has")
    return found


def figures_of(summary: dict[str, Any], length_ms: float, nodes: tuple[str, ...] | None) -> list[Figure]:
    """Give the figures of a job: of each node its CPUs and memory, of each GPU its use and memory.

    Args:
        summary: What `summary_of` gives.
        length_ms: How long the job ran; CPU time is spread over it.
        nodes: The nodes that it held, None where that is not known; others are not believed.
    """
    found: list[Figure] = []
    for name, said in summary["nodes"].items():
        if not isinstance(said, dict):
            raise BadSummaryError("what it says of a node is no object")
        node = _held(name, nodes)
        seconds, memory = _amount(said, "total_time"), _amount(said, "used_memory")
        if seconds is not None and length_ms > 0:
            found.append((node, None, "cpu_used_milli", round(seconds * MILLI * MILLI / length_ms), None))
        if memory is not None:
            found.append((node, None, "memory_used_mib", None, round(memory / _MIB)))
        found += _of_gpus(node, said)
    return found


def _of_gpus(node: str, said: dict[str, Any]) -> Iterator[Figure]:
    for gpu, used in _each(said, "gpu_utilization"):
        if used > _PERCENT + 1:  # less is a mean's rounding
            raise BadSummaryError(f"a GPU of it is busy for {used:g} %")
        yield node, gpu, "gpu_util", min(used / _PERCENT, 1.0), None
    for gpu, used in _each(said, "gpu_used_memory"):
        yield node, gpu, "gpu_memory_used_mib", None, round(used / _MIB)


def _held(name: str, nodes: tuple[str, ...] | None) -> str:
    """Give the job's own name of a node: its own, or the one before the first dot."""
    if nodes is None or name in nodes:
        return name
    short = name.partition(".")[0]
    if short not in nodes:
        raise BadSummaryError("it is of a node that the job did not hold")
    return short


def _each(said: dict[str, Any], key: str) -> Iterator[tuple[str, float]]:
    by_gpu = said.get(key)
    if not isinstance(by_gpu, dict):
        return
    for gpu in by_gpu:
        amount = _amount(by_gpu, gpu)
        if amount is not None:
            yield gpu, amount


def _amount(said: dict[str, Any], key: str) -> float | None:
    """Give a figure; None where there is none, and what is no amount raises."""
    found = said.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found) or found < 0:
        raise BadSummaryError(f"its {key[:40]} is no amount")
    if found > _MOST:
        raise BadSummaryError(f"its {key[:40]} is more than any machine has")
    return float(found)


def _batch(records: Records, origin: str, found: list[tuple[int, Figure]]) -> Batch:
    take = pa.array([row for row, _ in found], pa.int64())
    columns = zip(*(figure for _, figure in found), strict=True)
    kinds = (pa.string(), pa.string(), pa.string(), pa.float64(), pa.float64())
    rows = {
        "cluster": records.cluster.take(take),
        "job_id": records.job.take(take),
        "attempt": pa.array(records.attempt).take(take),
        **{name: pa.array(values, kind) for name, values, kind in zip(_COLUMNS, columns, kinds, strict=True)},
        "source": pa.repeat(SOURCE, len(found)),
        LINE: records.rows[LINE].take(take),
    }
    return Batch("job_usage", pa.table(rows), origin)


def _reject(records: Records, origin: str, row: int, why: str) -> Reject:
    line, cluster = records.rows[LINE][row].as_py(), records.cluster[row].as_py()
    job = f"JobID={records.job[row].as_py()}"
    return Reject("job_usage", origin, line, "bad-summary", f"the jobstats summary: {why}", job, cluster=cluster)
