"""Attempts of a dump as rows of `jobs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.kinds import kind_columns
from paydown.dialects.slurm_accounting.records import Doubts, Records
from paydown.dialects.slurm_accounting.texts import by_distinct, column, decoded, said, whole_numbers
from paydown.model.batch import LINE, Reject
from paydown.model.instants import INSTANT, booleans
from paydown.model.slurm import (
    MEMORY_FLAG_MIB,
    UNLIMITED,
    array_tasks,
    gpu_milli,
    gpu_models,
    mig_milli,
    parse_duration,
    parse_memory,
    parse_tres,
)
from paydown.model.units import MILLI, MS_PER_MINUTE

MOST_TASKS = 10_000
"""Up to how many pending tasks one array record is spelt out."""


_TOO_MUCH = 1 << 53
"""An amount that no cluster has: it is not known."""


@dataclass(frozen=True)
class Amounts:
    """What TRES say, one figure for each row; null where they do not say it."""

    cpu_milli: pa.Array
    memory_mib: pa.Array
    gpu_milli: pa.Array
    nodes: pa.Array
    model: pa.Array
    """The one GPU type that they name, MIG profiles apart."""


def amounts(rows: pa.Table, name: str, gres: str) -> Amounts:
    """Read the TRES of a column, the older GRES column in its place where it says nothing."""
    distinct = said(column(rows, name)).dictionary_encode()
    found = list(zip(*map(_amounts, decoded(distinct.dictionary)), strict=True)) or [()] * 5
    kinds = (pa.int64(), pa.int64(), pa.int64(), pa.int64(), pa.string())
    cpu, memory, gpu, nodes, model = (
        pa.array(values, kind).take(distinct.indices) for values, kind in zip(found, kinds, strict=True)
    )
    old = by_distinct(said(column(rows, gres)), lambda text: _believed(gpu_milli(_gres(text))), pa.int64())
    return Amounts(cpu, memory, pc.coalesce(gpu, old), nodes, model)


@lru_cache(maxsize=65_536)
def _amounts(text: str) -> tuple[int | None, int | None, int | None, int | None, str | None]:
    """Read one text of TRES, in the order of `Amounts`; the same few stand in every piece of a dump."""
    tres = parse_tres(text)
    nodes = _times(tres.get("node"), 1)
    cpu, memory, gpu = _times(tres.get("cpu"), MILLI), _tres_memory(tres.get("mem")), gpu_milli(tres)
    return _believed(cpu), memory, _believed(gpu), _believed(nodes), _model(tres)


def _believed(amount: int | None) -> int | None:
    return amount if amount is None or amount < _TOO_MUCH else None


def _gres(text: str) -> dict[str, str]:
    """Read the older `gpu:a100:2,gpu:1` as TRES."""
    found: dict[str, str] = {}
    for part in text.split(","):
        words = part.split("(")[0].split(":")
        if words[0] == "gpu":
            amount = words[-1] if words[-1].isdecimal() else "1"
            found["gres/gpu" if len(words) < 3 else f"gres/gpu:{words[1]}"] = amount  # noqa: PLR2004 -- name, type, count
    return found


def _model(tres: dict[str, str]) -> str | None:
    models = [name for name in gpu_models(tres) if mig_milli(name) is None]
    return models[0] if len(models) == 1 else None


def _times(amount: str | None, factor: int) -> int | None:
    return int(amount) * factor if amount is not None and amount.isdecimal() else None


def _tres_memory(amount: str | None) -> int | None:
    """Read the memory of TRES: MiB where there is no unit (AccountingStorageTRES)."""
    memory = parse_memory(amount, "M") if amount is not None else None
    return memory.mib if memory and memory.mib < MEMORY_FLAG_MIB else None


def job_rows(
    records: Records, origin: str, doubts: Doubts, kinds: Mapping[str, str] | None = None
) -> tuple[pa.Table, list[Reject]]:
    """Give rows of `jobs`, one for each attempt, of pending array tasks one for each; `kinds` is the site's map."""
    rows = records.rows
    asked = amounts(rows, "ReqTRES", "ReqGRES")
    cpus = pc.coalesce(asked.cpu_milli, whole_numbers(column(rows, "ReqCPUS"), MILLI))
    nodes = pc.coalesce(asked.nodes, whole_numbers(column(rows, "ReqNodes")), whole_numbers(column(rows, "NNodes")))
    kind, kind_source = kind_columns(records, kinds or {})
    pending = pc.equal(records.state, "PENDING")
    table = pa.table(
        {
            "cluster": records.cluster,
            "job_id": records.job,
            "attempt": pa.array(records.attempt),
            "array_id": _array_ids(records.job),
            "name": column(rows, "JobName"),
            "user": said(column(rows, "User")),
            "account": said(column(rows, "Account")),
            "project": said(column(rows, "WCKey")),
            "partition": pc.replace_substring(column(rows, "Partition"), ",", ";"),
            "qos": said(column(rows, "QOS")),
            "kind": kind,
            "kind_source": kind_source,
            **{name.lower(): values.cast(INSTANT) for name, values in records.ms.items()},
            "state": records.state,
            "exit_code": said(column(rows, "ExitCode")),
            "req_nodes": nodes,
            "req_gpu_milli": asked.gpu_milli,
            "req_cpu_milli": cpus,
            "req_memory_mib": _asked_memory(rows, asked, nodes, cpus, doubts),
            "req_gpu_model": asked.model,
            "constraint": said(column(rows, "Constraints")),
            "time_limit_ms": _time_limit(rows),
            "priority": said(column(rows, "Priority")),
            "pending_reason": pc.if_else(pending, said(column(rows, "Reason")), None),
            "restarts": whole_numbers(column(rows, "Restarts")),
            LINE: rows[LINE],
        }
    )
    return _spelt_out(table, origin)


def _array_ids(job: pa.Array) -> pa.Array:
    in_array = pc.match_substring(job, "_")
    return pc.if_else(in_array, pc.replace_substring_regex(job, "_.*$", ""), None)


def _time_limit(rows: pa.Table) -> pa.Array:
    """Read Timelimit, else TimelimitRaw in minutes; no limit and the partition's are null."""

    def parse(text: str) -> int | None:
        return None if text.lower() in UNLIMITED else parse_duration(text)

    limit = by_distinct(column(rows, "Timelimit"), parse, pa.int64())
    return pc.coalesce(limit, whole_numbers(column(rows, "TimelimitRaw"), MS_PER_MINUTE))


def _asked_memory(rows: pa.Table, asked: Amounts, nodes: pa.Array, cpus: pa.Array, doubts: Doubts) -> pa.Array:
    """Read ReqTRES, else ReqMem: `n` for each node, `c` for each CPU (to 20.11), else the whole (21.08 and newer).

    A figure with a flag bit is unknown, and so is 0, which asks for all of a node's memory.
    """
    text = pc.if_else(asked.memory_mib.is_null(), said(column(rows, "ReqMem")), None)
    memory = by_distinct(text, _plain_memory, pa.int64())
    doubts.add(
        "{} jobs ask for memory with a flag bit in the figure (such as 2147486648Mn): it is unknown.",
        int(booleans(pc.greater_equal(memory, MEMORY_FLAG_MIB)).sum()),
    )
    memory = pc.if_else(pc.less(memory, MEMORY_FLAG_MIB), memory, None)
    memory = pc.if_else(pc.greater(memory, 0), memory, None)
    per_node = pc.multiply(memory, nodes)
    per_cpu = pc.divide(pc.multiply(memory, cpus), MILLI)
    ends_n, ends_c = (pc.ends_with(text, pattern=suffix) for suffix in ("n", "c"))
    return pc.coalesce(asked.memory_mib, pc.if_else(ends_n, per_node, pc.if_else(ends_c, per_cpu, memory)))


def _plain_memory(text: str) -> int | None:
    memory = parse_memory(text, "M")
    return min(memory.mib, MEMORY_FLAG_MIB) if memory else None


def _spelt_out(table: pa.Table, origin: str) -> tuple[pa.Table, list[Reject]]:
    """Give each pending task of an array record a row of its own, so that the task's later row replaces it."""
    bracketed = booleans(pc.match_substring(table["job_id"].combine_chunks(), "["))
    if not bracketed.any():
        return table, []
    at = np.flatnonzero(bracketed)
    rejects: list[Reject] = []
    ids: list[str] = []
    source: list[int] = []
    for row in at.tolist():
        (text,) = decoded(table["job_id"].combine_chunks()[row : row + 1])
        array, _, rest = text.partition("_[")
        tasks, more = array_tasks(rest.partition("]")[0], MOST_TASKS)
        part = rest.partition("]")[2]
        ids += [f"{array}_{task}{part}" for task in tasks]
        source += [row] * len(tasks)
        if more:
            rejects.append(_left_out(table, row, origin, text, more))
    plain = np.flatnonzero(~bracketed)
    spelt = table.take(pa.array(source, pa.int64()))
    spelt = spelt.set_column(table.column_names.index("job_id"), "job_id", pa.array(ids, pa.string()))
    return pa.concat_tables([table.take(pa.array(plain)), spelt]), rejects


def _left_out(table: pa.Table, row: int, origin: str, text: str, more: int) -> Reject:
    """Say which pending tasks have no row."""
    cluster, line = table["cluster"][row].as_py(), table[LINE][row].as_py()
    if more < 0:
        detail = "the list of pending tasks is cut off: set SLURM_BITSTR_LEN=0 for the dump"
    else:
        detail = f"{more:,} pending tasks beyond the first {MOST_TASKS:,} have no row"
    return Reject("jobs", origin, line, "tasks-left-out", detail, text, max(more, 1), cluster)
