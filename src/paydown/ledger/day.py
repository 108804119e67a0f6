"""One cluster's day: all four TRES from the facts, as derived tables but for what other days decide.

What other days decide is handed in as `Known`, and finished by `paydown.ledger.details`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from paydown.ledger.attribution import Pieces, device_pieces, host_pieces
from paydown.ledger.book import kind_code, ledger_tables
from paydown.ledger.capacity import (
    CATEGORIES,
    STATES,
    Mood,
    NodeTime,
    Unallocated,
    node_state,
    stated_capacity,
    unallocated,
    unseen,
    unseen_memory,
)
from paydown.ledger.columns import NONE, instants, recode, texts
from paydown.ledger.demand import demand_table
from paydown.ledger.doubts import doubts_table, without_parents
from paydown.ledger.frame import FOREVER, Frame
from paydown.ledger.holdings import Holdings, gpu_holdings, host_holdings, memory_of, tracked_capacity
from paydown.ledger.intervals import Bools, Ints, Steps, covered, empty, split_at_buckets, sum_by, union
from paydown.ledger.inventory import Inventory, inventory, said
from paydown.ledger.pooled import (
    Loose,
    NodeMoments,
    Pool,
    loose,
    moments,
    outside,
    pool,
    pool_amounts,
    pooled_by_bucket,
)
from paydown.ledger.rollups import rollups
from paydown.ledger.samples import Coverage, gpu_coverage, gpu_samples, host_coverage, host_samples
from paydown.ledger.tables import pools_table, runs_table, summaries_table
from paydown.ledger.uses import (
    Runs,
    Settled,
    Summary,
    counted,
    phases,
    post_dark,
    post_held,
    post_pieces,
    post_runs,
    post_whole_job,
    settle,
    summarise,
    whole_job_pieces,
)
from paydown.ledger.waiting import wanted_steps
from paydown.ledger.whole_job import SIGNALS, WholeJob, job_totals, whole_job
from paydown.ledger.world import Known, Sampled, World, world_of
from paydown.model.entries import CARRIED, ENERGY
from paydown.model.units import BUCKET_MS, MS_PER_DAY


@dataclass(frozen=True)
class DayTables:
    """What a day's facts come to."""

    entries: pa.Table
    """Without the inactive of `open` runs."""
    daily: pa.Table
    """The sums of these entries over the day's buckets."""
    runs: pa.Table
    open: pa.Table
    """Those of the runs whose phase other days have a say in: of attempts that hold something on other days too."""
    summaries: pa.Table
    edge: pa.Table
    """Those of the summaries that are of such attempts."""
    pools: pa.Table
    doubts: pa.Table
    demand: pa.Table
    histograms: pa.Table
    assumed: Sampled
    """What was taken as without samples, so that whole-job figures counted: other days may prove it wrong."""
    inside: dict[tuple[str, str], int]
    """(node, TRES) to what is held while its capacity is reported: the `allocated` of the first identity (L2)."""
    carried: pa.Table = field(default_factory=CARRIED.arrow.empty_table)
    """Which samples there are: counted in the store, not from the facts that the ledger reads."""
    energy: pa.Table = field(default_factory=ENERGY.arrow.empty_table)
    """The energy of the day's samples: likewise."""
    rollups: dict[str, pa.Table] = field(default_factory=dict)
    """What reports sum (`paydown.ledger.rollups`), by table, of these entries."""


def post_day(frame: Frame, facts: Mapping[str, pa.Table], known: Known) -> DayTables:
    """Work out a day of a cluster.

    Args:
        frame: The cluster and day, and how far the facts reach around it.
        facts: The cluster's fact tables: every table that the ledger reads, each with at least the rows that touch the
            frame, all allocations of their attempts, all attempts of their jobs, and the whole inventory.
        known: What other days say.
    """
    world = world_of(frame, facts, known)
    gpu = gpu_holdings(frame, world.inv, world.allocs, known.resolved)
    holdings = {
        "gpu": gpu,
        "gpu_memory": memory_of(frame, world.inv, gpu),
        "cpu": host_holdings(frame, world.inv, world.allocs, "cpu"),
        "memory": host_holdings(frame, world.inv, world.allocs, "memory"),
    }
    hidden = _unseen(world, holdings)
    _post_unallocated(world, holdings, hidden)
    pools = _post_gpus(world, holdings, hidden["gpu"])
    _post_hosts(world, holdings, hidden)
    _join_parts(world)
    _post_runs(world)
    runs = runs_table(frame, world.inv, world.allocs, world.runs)
    summaries = summaries_table(frame, world.inv, world.allocs, world.summaries)
    entries, daily, lines = ledger_tables(frame, world.inv, world.holders, world.book)
    others = _of_others(runs, world, world.runs)
    return DayTables(
        entries, daily,
        runs, others,
        summaries, _of_others(summaries, world, world.summaries), pools,
        doubts_table(frame, world.inv, world.doubts, world.codes),
        demand_table(frame, world.inv, world.jobs, world.allocs, holdings, hidden, world.waits, world.real),
        world.histograms.table(), frozenset(world.assumed), _inside(world),
        rollups=rollups(lines, others),
    )  # fmt: skip


def _join_parts(world: World) -> None:
    """Put together what the parts of the day gave, so that each TRES is one."""
    for tres in sorted({tres for tres, _ in world.runs}):
        runs = Runs.joined([each for name, each in world.runs if name == tres])
        summary = Summary.joined([each for name, each in world.summaries if name == tres])
        world.runs = [(tres, runs), *((name, each) for name, each in world.runs if name != tres)]
        world.summaries = [(tres, summary), *((name, each) for name, each in world.summaries if name != tres)]


def _post_runs(world: World) -> None:
    """Post the runs whose phase no other day has a say in."""
    for (tres, every), (_, summary) in zip(world.runs, world.summaries, strict=True):
        runs = every.pick(~world.allocs.beyond[every.alloc])
        post_runs(world.target(tres), runs, phases(runs, summary))


def _of_others(table: pa.Table, world: World, found: Sequence[tuple[str, Runs | Summary]]) -> pa.Table:
    """Choose the rows of attempts that hold something on other days too; the table's rows are those of `found`."""
    beyond = [world.allocs.beyond[each.alloc] for _, each in found]
    return table.filter(pa.array(np.concatenate(beyond))) if beyond else table


def _inside(world: World) -> dict[tuple[str, str], int]:
    return {
        (world.inv.nodes[node], tres): amount
        for tres, (amounts, (nodes,)) in world.inside.items()
        for node, amount in zip(nodes.tolist(), amounts.tolist(), strict=True)
    }


def _unseen(world: World, holdings: dict[str, Holdings]) -> dict[str, NodeTime]:
    frame, inv, allocs = world.frame, world.inv, world.allocs
    node, start, end, figures = said(frame, world.horizons, world.facts["node_allocations"], world.nodes)
    found = {}
    for tres in ("gpu", "cpu", "memory"):
        null = {"cpu": allocs.cpu, "memory": allocs.memory}.get(tres)
        silent = np.zeros(len(allocs.node), dtype=bool) if null is None else null == NONE
        gaps = union(allocs.node[silent], allocs.start[silent], allocs.end[silent])
        capacity = _capacity(world, tres)
        found[tres] = unseen(frame, inv, holdings[tres], (node, start, end, figures[tres]), capacity, gaps)
    found["gpu_memory"] = unseen_memory(inv, found["gpu"], frame, holdings["gpu_memory"])
    return found


def _capacity(world: World, tres: str) -> tuple[Ints, Ints, Ints, Ints]:
    return tracked_capacity(world.frame, world.inv, world.allocs, tres)


def _states(world: World) -> Steps:
    table, horizons = world.facts["node_states"], world.horizons
    codes, words = texts(table, "node")
    state_codes, state_words = texts(table, "state")
    start, end = instants(table, "start", 0), instants(table, "end", FOREVER)
    end = np.minimum(np.where(end == FOREVER, horizons.capacity_end, end), horizons.end)
    state = recode(state_codes, state_words, {name: code for code, name in enumerate(STATES)})
    node = recode(codes, words, world.nodes)
    keep = end > start
    return node_state(world.frame, len(world.inv.nodes), node[keep], start[keep], end[keep], state[keep])


def _maintenance(world: World) -> tuple[Ints, Ints, Ints]:
    table, horizons = world.facts["reservations"], world.horizons
    start, end = instants(table, "start", 0), instants(table, "end", FOREVER)
    end = np.minimum(np.where(end == FOREVER, horizons.capacity_end, end), horizons.end)
    rows = [
        (world.nodes[node], low, high)
        for nodes, kind, low, high in zip(
            table.column("nodes").to_pylist(), table.column("kind").to_pylist(),
            world.frame.inside(start).tolist(), world.frame.inside(end).tolist(), strict=True,
        )
        if kind == "maintenance" and high > low
        for node in nodes.split(";")
        if node in world.nodes
    ]  # fmt: skip
    array = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
    return union(array[:, 0], array[:, 1], array[:, 2])


def _post_unallocated(world: World, holdings: dict[str, Holdings], hidden: dict[str, NodeTime]) -> None:
    state, maintenance = _states(world), _maintenance(world)
    wanted = {want: wanted_steps(world.inv, world.waits, gpu=want) for want in (True, False)}
    for tres, held in holdings.items():
        capacity = stated_capacity(world.frame, world.horizons, _capacity(world, tres))
        mood = Mood(state, maintenance, wanted[tres in ("gpu", "gpu_memory")])
        found = unallocated(world.frame, world.inv, capacity, held, hidden[tres], mood)
        _post_free(world, tres, found)
        _post_unseen(world, tres, hidden[tres])


def _clip(world: World, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    low, high = np.maximum(start, world.frame.first), np.minimum(end, world.frame.last)
    row, bucket, low, high = split_at_buckets(low, np.maximum(high, low), BUCKET_MS)
    return row, bucket - world.frame.first // BUCKET_MS, low, high


def _post_free(world: World, tres: str, found: Unallocated) -> None:
    row, bucket, low, high = _clip(world, found.start, found.end)
    inside = found.category[row] == NONE
    world.inside[tres] = sum_by((found.amount[row] * (high - low))[inside], found.node[row][inside])
    row, bucket, low, high = (column[~inside] for column in (row, bucket, low, high))
    kinds = np.array([kind_code(tres, category) for category in CATEGORIES], dtype=np.int64)[found.category[row]]
    who = world.holders.label(world.inv.label[found.step[row]])
    world.book.post(who, found.node[row], bucket, kinds, found.amount[row] * (high - low))


def _post_unseen(world: World, tres: str, found: NodeTime) -> None:
    row, bucket, low, high = _clip(world, found.start, found.end)
    who = np.full(len(row), world.holders.unseen, dtype=np.int64)
    kind = kind_code(tres, "unobserved", "unseen", "none")
    world.book.post(who, found.node[row], bucket, kind, found.amount[row] * (high - low))


def _post_gpus(world: World, holdings: dict[str, Holdings], hidden: NodeTime) -> pa.Table:
    """Post gpu and gpu_memory, some nodes at a time; gives the pools."""
    frame, inv = world.frame, world.inv
    when = moments(frame, world.horizons, inv, holdings["gpu"], hidden)
    samples = gpu_samples(frame, inv, world.facts["gpu_samples"], world.codes)
    pools: dict[str, list[tuple[list[Ints], list[Ints]]]] = {"pooled": [], "outside": []}
    for first, last, part in samples.parts(len(inv.nodes)):
        gpu, memory = (holdings[tres].on_nodes(first, last) for tres in ("gpu", "gpu_memory"))
        gpu_cover, memory_cover = gpu_coverage(frame, part)
        gpu_cover = without_parents(frame, inv, gpu_cover, world.doubts)
        memory_cover = without_parents(frame, inv, memory_cover, None)
        free, found, pieces = _post_gpu(world, gpu, gpu_cover, when)
        world.histograms.add(part, gpu, gpu_cover, pieces)
        pieces = device_pieces(memory, memory_cover, world.allocs.job)
        held, known, _ = _post_tres(world, "gpu_memory", memory, memory_cover, pieces)
        post_dark(world.target("gpu_memory"), held, *known)
        pools["pooled"].append(pool_amounts(frame, found.devices, gpu_cover))
        pools["outside"].append(pool_amounts(frame, outside(free, when), gpu_cover))
    return pools_table(frame, inv, pools)


def _post_gpu(world: World, gpu: Holdings, cover: Coverage, when: NodeMoments) -> tuple[Loose, Pool, Pieces]:
    """Post gpu of some nodes; gives what is measured of no holder, what of it is pooled, and what counts for whom."""
    frame, inv = world.frame, world.inv
    pieces = device_pieces(gpu, cover, world.allocs.job)
    world.doubts.unheld(frame, cover, pieces.sample, device=True)
    held, known, ruled = _post_tres(world, "gpu", gpu, cover, pieces)
    free = loose(frame, inv, cover, gpu)
    found = pool(free, when, gpu, ruled)
    shares = pooled_by_bucket(frame, found, gpu)
    target = world.target("gpu")
    target.post(shares[0], shares[1], kind_code("gpu", "unobserved", "pooled", "none"), shares[2])
    post_dark(target, held, *known, shares)
    return free, found, pieces


def _post_hosts(world: World, holdings: dict[str, Holdings], hidden: dict[str, NodeTime]) -> None:
    """Post cpu and memory, some nodes at a time."""
    allocs = world.allocs
    unknown = [hidden[tres] for tres in ("gpu", "cpu", "memory")]
    on_node = covered(
        np.concatenate([allocs.node, *(each.node for each in unknown)]),
        np.concatenate([allocs.start, *(each.start for each in unknown)]),
        np.concatenate([allocs.end, *(each.end for each in unknown)]),
        len(world.inv.nodes),
    )
    alone = on_node.where(on_node.values == 1, world.frame.length)
    samples = host_samples(world.frame, world.inv.nodes, world.facts["host_samples"], world.codes)
    for first, last, part in samples.parts(len(world.inv.nodes)):
        covers = dict(zip(("cpu", "memory"), host_coverage(world.frame, part), strict=True))
        here = {tres: holdings[tres].on_nodes(first, last) for tres in covers}
        pieces = {tres: host_pieces(here[tres], cover, allocs.job, alone) for tres, cover in covers.items()}
        # What is held of CPUs shows whose labels are held; where they are not tracked, the allocations do.
        tracked = not bool((allocs.cpu == NONE).any())
        labels = pieces["cpu"].sample if tracked else _held_labels(world, covers["cpu"])
        world.doubts.unheld(world.frame, covers["cpu"], labels, device=False)
        for tres, cover in covers.items():
            held, known, _ = _post_tres(world, tres, here[tres], cover, pieces[tres])
            post_dark(world.target(tres), held, *known)


def _held_labels(world: World, cover: Coverage) -> Ints:
    """Give the labelled host samples whose job is on the node at some moment that they cover."""
    allocs = world.allocs
    zero = np.zeros(len(allocs.node), dtype=np.int64)
    everything = Holdings(
        np.arange(len(zero)), zero + NONE, allocs.node, allocs.start, allocs.end, zero, zero, zero, zero, zero, zero
    )
    nowhere = covered(zero[:0], zero[:0], zero[:0], len(world.inv.nodes))
    return host_pieces(everything, cover, allocs.job, nowhere.where(nowhere.values > 0, world.frame.length)).sample


def _post_tres(
    world: World, tres: str, holdings: Holdings, cover: Coverage, pieces: Pieces
) -> tuple[tuple[Ints, Ints, Ints], list[tuple[Ints, Ints, Ints]], Bools]:
    """Post what is used of a TRES.

    Gives what is held and what is covered, each by (allocation, bucket), and the holdings that whole-job figures rule.
    """
    frame, allocs, target = world.frame, world.allocs, world.target(tres)
    settled = settle(frame, tres, holdings, pieces, cover)
    summary = summarise(frame, holdings, settled, cover, allocs.start)
    world.summaries.append((tres, summary))
    sampled = counted(holdings, settled, cover, allocs.start) if world.figures else empty()
    whole, ruled = _whole_job(world, tres, holdings, sampled)
    if bool(ruled.any()):
        keep = ~ruled[pieces.holding]
        settled = Settled(
            pieces.pick(keep), settled.value[keep], settled.quiet[keep], settled.basis[keep], settled.signal[keep]
        )
    held = post_held(target, holdings)
    covered_amounts, runs = post_pieces(target, holdings, settled)
    world.runs.append((tres, runs))
    return held, [covered_amounts, post_whole_job(target, holdings, *whole)], ruled


def _whole_job(world: World, tres: str, holdings: Holdings, sampled: Ints) -> tuple[tuple[Settled, Bools], Bools]:
    """Find what whole-job figures say; `sampled` are the allocations that samples of this frame count for."""
    allocs, inv, frame = world.allocs, world.inv, world.frame
    signals: tuple[str, ...] = SIGNALS.get(tres, tuple(frame.settings.gpu_signals))
    judged = world.figured & ~world.elsewhere(tres)
    if not bool(judged[holdings.alloc].any()):
        return whole_job_pieces(holdings, WholeJob.none()), np.zeros(len(holdings), dtype=bool)
    judged &= ~np.isin(world.place, world.place[sampled])
    if tres not in world.totals:
        some = bool(world.of_jobs.intersection(signals))
        everywhen = _everywhen(world) if some and tres == "gpu_memory" else None
        world.totals[tres] = job_totals(tres, world.real, world.figures, everywhen) if some else {}
    whole, ruled = whole_job(tres, signals, inv, allocs, holdings, world.figures, judged, world.totals[tres])
    today = ruled & (holdings.end > frame.first) & (holdings.start < frame.last)
    for row in np.unique(holdings.alloc[today]).tolist():
        world.assumed.add((*allocs.key(row), inv.nodes[allocs.node[row]], tres))
    return whole_job_pieces(holdings, whole), ruled


def _everywhen(world: World) -> Inventory:
    """Give the inventory over all time (a frame that begins at the epoch)."""
    frame = Frame(world.frame.cluster, world.frame.day, world.frame.day * MS_PER_DAY, world.frame.settings)
    return inventory(frame, world.horizons, world.facts["nodes"], world.facts["devices"], world.inv.nodes, set())
