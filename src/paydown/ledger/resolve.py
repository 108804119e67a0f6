"""The devices of allocations that name none (L1.4 rule 2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from paydown.ledger.attribution import join_by_node
from paydown.ledger.columns import NONE, counts, device_order, instants
from paydown.ledger.doubts import without_parents
from paydown.ledger.frame import Frame, Horizons
from paydown.ledger.holdings import Holdings, sizes_in
from paydown.ledger.inventory import Inventory, inventory
from paydown.ledger.jobs import attempts, effective_ends
from paydown.ledger.samples import gpu_coverage, gpu_samples
from paydown.ledger.settings import LedgerSettings
from paydown.model.units import MS_PER_DAY

Key = tuple[str, int, str, int]
"""(job_id, attempt, node, start in epoch ms) of an allocation."""


def unnamed(facts: Mapping[str, pa.Table]) -> pa.Table:
    """Give the allocations that hold GPUs and name no devices, with `until`, their end in epoch ms; only what lasts."""
    table = facts["allocations"]
    end = effective_ends(table, attempts(facts["jobs"]), Horizons.of(facts["sources"]))
    some = (counts(table, "gpu_milli") > 0) & (end > instants(table, "start", 0))
    some &= np.asarray(table.column("gpus").is_null())
    return table.append_column("until", pa.array(end)).filter(pa.array(some))


def resolve(cluster: str, settings: LedgerSettings, facts: Mapping[str, pa.Table]) -> dict[Key, list[tuple[str, int]]]:
    """Find the (device, milli) of each allocation that names none.

    Args:
        cluster: The cluster.
        settings: The ledger's settings.
        facts: Its nodes, devices, sources, jobs, allocations and job_usage, and at least those gpu_samples that are
            labelled with the jobs concerned.
    """
    table = unnamed(facts)
    if not table.num_rows:
        return {}
    horizons = Horizons.of(facts["sources"])
    today = -(-horizons.end // MS_PER_DAY)
    frame = Frame(cluster, today, today * MS_PER_DAY, settings)
    names = sorted({*table.column("node").to_pylist(), *facts["gpu_samples"].column("node").unique().to_pylist()})
    index = {name: code for code, name in enumerate(names)}
    named = _named_by_usage(facts["job_usage"], table)
    samples = facts["gpu_samples"].filter(facts["gpu_samples"].column("job_id").is_valid())
    nodes, gpus = samples.column("node").to_pylist(), samples.column("gpu").to_pylist()
    pairs = {(index[node], gpu) for node, gpu in set(zip(nodes, gpus, strict=True))}
    pairs |= {(index[key[2]], gpu) for key, found in named.items() for gpu in found if key[2] in index}
    inv = inventory(frame, horizons, facts["nodes"], facts["devices"], names, pairs)
    seen = _by_samples(frame, inv, index, table, samples)
    starts = instants(table, "start", 0).tolist()
    rows = zip(*(table.column(name).to_pylist() for name in ("job_id", "attempt", "node", "gpu_milli")), strict=True)
    found = {}
    for row, (job, attempt, node, milli) in enumerate(rows):
        devices = seen.get(row) or named.get((job, attempt, node), [])
        found[job, attempt, node, starts[row]] = _filled(inv, index[node], starts[row], devices, milli)
    return {key: devices for key, devices in found.items() if devices}


def _by_samples(
    frame: Frame, inv: Inventory, index: dict[str, int], table: pa.Table, samples: pa.Table
) -> dict[int, list[str]]:
    """Give, for each row of the table, the devices of its labelled samples in the order of their first start."""
    codes: dict[str, int] = {}
    rows = gpu_samples(frame, inv, samples, codes).of_nodes(0, len(inv.nodes))
    cover = without_parents(frame, inv, gpu_coverage(frame, rows)[0], None)
    jobs = np.array([codes.get(job, NONE) for job in table.column("job_id").to_pylist()], dtype=np.int64)
    node = np.array([index[name] for name in table.column("node").to_pylist()], dtype=np.int64)
    start, end = instants(table, "start", 0), counts(table, "until")
    row = np.flatnonzero(jobs != NONE)
    zero = np.zeros(len(row), dtype=np.int64)
    held = Holdings(
        row, zero + NONE, node[row], frame.inside(start[row]), frame.inside(end[row]), *(zero for _ in range(6))
    )
    moments = cover.at_nodes(inv.device_node)
    which, sample, _, _ = join_by_node(held, moments, np.arange(len(moments)), jobs)
    firsts: dict[int, dict[int, int]] = defaultdict(dict)
    devices, when = cover.entity[sample].tolist(), cover.start[sample].tolist()
    for alloc, device, moment in zip(row[which].tolist(), devices, when, strict=True):
        known = firsts[alloc]
        known[device] = min(moment, known.get(device, moment))
    return {
        alloc: [inv.device_names[device] for device in sorted(known, key=lambda d, k=known: (k[d], d))]  # type: ignore[misc]
        for alloc, known in firsts.items()
    }


def _named_by_usage(usage: pa.Table, table: pa.Table) -> dict[tuple[str, int, str], list[str]]:
    """Give the devices that job_usage rows name, by (job_id, attempt, node), in index order."""
    wanted = set(zip(table.column("job_id").to_pylist(), table.column("attempt").to_pylist(), strict=True))
    found: dict[tuple[str, int, str], set[str]] = defaultdict(set)
    names = ("job_id", "attempt", "node", "gpu")
    for job, attempt, node, gpu in zip(*(usage.column(name).to_pylist() for name in names), strict=True):
        if gpu is not None and node is not None and (job, attempt) in wanted:
            found[job, attempt, node].add(gpu)
    return {key: sorted(gpus, key=device_order) for key, gpus in found.items()}


def _filled(inv: Inventory, node: int, start: int, devices: Sequence[str], milli: int) -> list[tuple[str, int]]:
    """Take devices, each with its milli at the start, until what is held is reached."""
    codes = np.array([inv.device_index[node, gpu] for gpu in devices], dtype=np.int64)
    step = inv.step_at(np.array([node]), np.array([start]))
    sizes, _, _ = sizes_in(inv, np.repeat(inv.set_code[step], len(codes)), codes)
    found = []
    for gpu, size in zip(devices, sizes.tolist(), strict=True):
        part = min(size, milli)
        if part > 0:
            found.append((gpu, part))
        milli -= part
    return found
