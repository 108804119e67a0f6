"""What attempts of a dump held, as rows of `allocations`.

Accounting keeps one figure for a job over all its nodes. It is split evenly over the nodes (largest remainder, in
order of the nodes), in whole GPUs and CPUs where it is whole: the share of each node is an assumption, and noted.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.jobs import amounts
from paydown.dialects.slurm_accounting.records import Doubts, Records
from paydown.dialects.slurm_accounting.texts import column, decoded, said, whole_numbers
from paydown.model.batch import LINE, Reject
from paydown.model.instants import INSTANT, booleans
from paydown.model.rows import row_text
from paydown.model.units import MILLI

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

MOST_NODES = 100_000
"""The longest list of nodes that is believed."""

_PLAIN = re.compile(r"([A-Za-z][A-Za-z_.-]*)\[((?:[0-9]{1,9}(?:-[0-9]{1,9})?,)*[0-9]{1,9}(?:-[0-9]{1,9})?)\]")
"""A prefix without digits, and one list of numbers."""

_RANGE = re.compile(r"(\d+)-(\d+)")


@lru_cache(maxsize=65_536)
def nodes_of(text: str) -> tuple[str, ...] | None:
    """Spell a hostlist out, in order; None where it is none.

    >>> nodes_of("n[09-10],m1")
    ('m1', 'n09', 'n10')
    """
    if "[" not in text and "," not in text:
        return (text,)
    sizes = (int(last) - int(first) + 1 for first, last in _RANGE.findall(text))
    if any(size > MOST_NODES for size in sizes):
        return None
    plain = _PLAIN.fullmatch(text)
    if plain:
        found = _numbered(plain[1], plain[2])
        if found:
            return found
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    try:
        nodes = NodeSet(text, resolver=RESOLVER_NOGROUP)
    except NodeSetException:
        return None
    return tuple(str(node) for node in nodes) if 0 < len(nodes) <= MOST_NODES else None


def _numbered(prefix: str, ranges: str) -> tuple[str, ...]:
    """Spell out the usual list, whose numbers are all of one width and rise; none where it is another."""
    found: list[int] = []
    digits = ranges.replace("-", ",").split(",")
    edges = [int(number) for number in digits]
    if len({len(number) for number in digits}) > 1 or any(one >= other for one, other in pairwise(edges)):
        return ()
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
        if len(found) > MOST_NODES:
            return ()
    return tuple(f"{prefix}{number:0{len(digits[0])}}" for number in found)


def allocation_rows(records: Records, origin: str, doubts: Doubts) -> tuple[pa.Table, list[Reject]]:
    """Give rows of `allocations`, one for each attempt and node."""
    rows = records.rows
    text = said(column(rows, "NodeList"))
    distinct = text.dictionary_encode()
    lists = [nodes_of(one) for one in decoded(distinct.dictionary)]
    codes = distinct.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    lengths = np.array([len(nodes or ()) for nodes in lists] + [0], np.int64)
    holds = records.held & booleans(records.ms["Start"].is_valid())
    count = np.where(holds, lengths[codes], 0)
    unread = np.array([nodes is None for nodes in lists] + [False])[codes] & holds
    rejects = [_unread(records, origin, at) for at in np.flatnonzero(unread).tolist()]
    doubts.add(
        "Jobs that held several nodes: {}. Their GPUs, CPUs and memory are split evenly over them, "
        "since accounting does not say what they held on each.",
        int((count > 1).sum()),
    )
    return _spread(records, lists, codes, count, doubts), rejects


def _spread(
    records: Records, lists: list[tuple[str, ...] | None], codes: Ints, count: Ints, doubts: Doubts
) -> pa.Table:
    """Repeat each attempt for each of its nodes."""
    rows = records.rows
    at = np.repeat(np.arange(len(records)), count)
    place = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
    firsts = np.cumsum([0, *(len(nodes or ()) for nodes in lists)])
    flat = pa.array([node for nodes in lists for node in nodes or ()], pa.string())
    gpu, cpu, memory = _held(rows, count, doubts)
    take = pa.array(at)
    return pa.table(
        {
            "cluster": records.cluster.take(take),
            "job_id": records.job.take(take),
            "attempt": pa.array(records.attempt[at]),
            "node": flat.take(pa.array(firsts[codes[at]] + place)),
            "gpu_milli": _share(gpu, count, at, place, MILLI),
            "cpu_milli": _share(cpu, count, at, place, MILLI),
            "memory_mib": _share(memory, count, at, place, 1),
            "start": records.ms["Start"].take(take).cast(INSTANT),
            "end": records.ms["End"].take(take).cast(INSTANT),
            LINE: rows[LINE].take(take),
        }
    )


def _held(rows: pa.Table, count: Ints, doubts: Doubts) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Give what each attempt held in all: GPUs and CPUs in thousandths, memory in MiB.

    TRES without GPUs say that there were none; a dump without TRES says nothing, and none are counted.
    """
    got = amounts(rows, "AllocTRES", "AllocGRES")
    silent = booleans(got.gpu_milli.is_null()) & (count > 0)
    doubts.add("{} jobs have no AllocTRES: no GPUs are counted for them.", int(silent.sum()))
    shared = pc.match_substring_regex(column(rows, "AllocTRES"), r"gres/(shard|mps)\b")
    doubts.add("{} jobs held a shard or MPS share of a GPU, which is not counted.", int(booleans(shared).sum()))
    counted = (whole_numbers(column(rows, name), MILLI) for name in ("AllocCPUS", "NCPUS"))
    return pc.fill_null(got.gpu_milli, 0), pc.coalesce(got.cpu_milli, *counted), got.memory_mib


def _share(total: pa.Array, count: Ints, at: Ints, place: Ints, whole: int) -> pa.Array:
    """Split each total over its nodes: whole units where it is a number of them, the rest to the first nodes."""
    known = booleans(total.is_valid())
    raw = total.fill_null(0).to_numpy(zero_copy_only=False)
    unit = np.where(raw % whole == 0, whole, 1)
    each, rest = np.divmod(raw // unit, np.maximum(count, 1))
    return pa.array((each[at] + (place < rest[at])) * unit[at], pa.int64(), mask=~known[at])


def _unread(records: Records, origin: str, at: int) -> Reject:
    line, cluster = records.rows[LINE][at].as_py(), records.cluster[at].as_py()
    detail = "NodeList is no list of nodes, so the job's allocation is not known"
    return Reject("allocations", origin, line, "bad-nodes", detail, row_text(records.rows, at), cluster=cluster)
