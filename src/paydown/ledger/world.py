"""What a day of a cluster rests on before its samples are read: inventory, attempts, allocations, holders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.book import Book, Holders
from paydown.ledger.columns import counts, instants, words
from paydown.ledger.doubts import Doubts
from paydown.ledger.frame import Frame, Horizons
from paydown.ledger.histograms import Histograms
from paydown.ledger.holdings import Resolved
from paydown.ledger.intervals import Bools, Ints
from paydown.ledger.inventory import Inventory, inventory
from paydown.ledger.jobs import Allocations, Attempts, allocations, attempts, effective_ends, jobs_rows
from paydown.ledger.uses import (
    Runs,
    Summary,
    Target,
)
from paydown.ledger.waiting import Waiting, waiting
from paydown.ledger.whole_job import Figures, figures_of

Sampled = frozenset[tuple[str, int, str, str]]
"""(job_id, attempt, node, TRES) that have a sample which counts and starts inside one of its allocations (L3.5)."""


@dataclass(frozen=True)
class Known:
    """What days other than the posted one say of its allocations."""

    resolved: Resolved = field(default_factory=dict)
    """The devices of allocations that name none (L1.4 rule 2)."""
    sampled: Sampled = frozenset()


@dataclass
class World:
    """Everything of a day that does not depend on samples."""

    frame: Frame
    facts: Mapping[str, pa.Table]
    real: pa.Table
    """The allocations rows that last."""
    horizons: Horizons
    inv: Inventory
    nodes: dict[str, int]
    jobs: Attempts
    allocs: Allocations
    holders: Holders
    known: Known
    figures: Figures
    waits: Waiting
    book: Book
    codes: dict[str, int]
    """Job codes, labels of samples included."""
    doubts: Doubts
    histograms: Histograms
    summaries: list[tuple[str, Summary]] = field(default_factory=list)
    runs: list[tuple[str, Runs]] = field(default_factory=list)
    assumed: set[tuple[str, int, str, str]] = field(default_factory=set)
    totals: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    """By TRES what figures of whole jobs are spread over, once it is asked for."""
    _elsewhere: dict[str, Bools] = field(default_factory=dict)
    inside: dict[str, tuple[Ints, list[Ints]]] = field(default_factory=dict)

    @cached_property
    def of_jobs(self) -> frozenset[str]:
        """The signals of figures that speak of a whole job."""
        return frozenset(signal for each in self.figures.values() for node, _, signal in each if node is None)

    @cached_property
    def figured(self) -> Bools:
        """Which allocations have whole-job figures."""
        rows = range(len(self.allocs.job)) if self.figures else ()
        found = np.zeros(len(self.allocs.job), dtype=bool)
        found[[row for row in rows if self.allocs.key(row) in self.figures]] = True
        return found

    @cached_property
    def place(self) -> Ints:
        """A number for each (attempt, node), by allocation."""
        pairs = self.holders.of_alloc * max(len(self.inv.nodes), 1) + self.allocs.node
        place: Ints = np.unique(pairs, return_inverse=True)[1].reshape(-1).astype(np.int64)
        return place

    def elsewhere(self, tres: str) -> Bools:
        """Which allocations with figures have samples of a TRES on other days."""
        if tres not in self._elsewhere:
            found = np.zeros(len(self.allocs.job), dtype=bool)
            for row in np.flatnonzero(self.figured).tolist() if self.known.sampled else ():
                found[row] = (*self.allocs.key(row), self.inv.nodes[self.allocs.node[row]], tres) in self.known.sampled
            self._elsewhere[tres] = found
        return self._elsewhere[tres]

    def target(self, tres: str) -> Target:
        """Give where the entries of a TRES go."""
        return Target(self.frame, self.book, tres, self.holders.of_alloc, self.allocs.node)


def _names(facts: Mapping[str, pa.Table]) -> list[str]:
    tables = ("nodes", "allocations", "gpu_samples", "host_samples", "node_allocations", "node_states")
    return sorted(set().union(*(words(facts[name], "node") for name in tables)))


def _named_by_facts(facts: Mapping[str, pa.Table], nodes: dict[str, int], known: Known) -> set[tuple[int, str]]:
    """Give every (node code, device name) that allocations, samples or resolved devices name."""
    pairs = {(nodes[key[2]], gpu) for key, devices in known.resolved.items() if key[2] in nodes for gpu, _ in devices}
    for name, column in (("allocations", "gpus"), ("gpu_samples", "gpu")):
        for batch in facts[name].select(["node", column]).to_batches():
            pairs |= _pairs(batch, nodes)
    return pairs


def _pairs(batch: pa.RecordBatch, nodes: dict[str, int]) -> set[tuple[int, str]]:
    """Give every (node code, device name) of rows with a node and a text of devices."""
    node, gpu = (each if pa.types.is_dictionary(each.type) else each.dictionary_encode() for each in batch.columns)
    at, which = (np.asarray(pc.fill_null(each.indices, -1).to_numpy(), dtype=np.int64) for each in (node, gpu))
    width = len(gpu.dictionary) + 1
    met = np.zeros((len(node.dictionary) + 1) * width, dtype=bool)
    met[at * width + which % width] = True
    names, texts_of = node.dictionary.to_pylist(), gpu.dictionary.to_pylist()
    found = (divmod(code, width) for code in np.flatnonzero(met).tolist())
    return {
        (nodes[names[row]], each)
        for row, text in found
        if text < len(texts_of)
        for each in texts_of[text].split(";")
        if each
    }


def world_of(frame: Frame, facts: Mapping[str, pa.Table], known: Known) -> World:
    """Read everything of a day but its samples; the arguments are those of `paydown.ledger.day.post_day`."""
    horizons = Horizons.of(facts["sources"])
    names = _names(facts)
    nodes = {name: code for code, name in enumerate(names)}
    pairs = _named_by_facts(facts, nodes, known)
    inv = inventory(frame, horizons, facts["nodes"], facts["devices"], names, pairs)
    jobs = attempts(facts["jobs"])
    ends = effective_ends(facts["allocations"], jobs, horizons)
    allocs = allocations(frame, ends, facts["allocations"], jobs, nodes)
    codes = {job: code for code, job in enumerate(allocs.jobs)}
    # Rows of no length hold nothing; they have only ended the row before them.
    lasting = ends > instants(facts["allocations"], "start", 0)
    real = facts["allocations"].filter(pa.array(lasting))
    waits = waiting(frame, horizons, facts["jobs"], _held_gpus(real, jobs))
    holders, until = Holders.of(allocs, jobs, inv.labels), horizons.end - frame.origin
    return World(
        frame, facts, real, horizons, inv, nodes, jobs, allocs, holders, known, figures_of(facts["job_usage"]), waits,
        Book(len(inv.nodes), holders.rank), codes, Doubts(until), Histograms(frame, inv, allocs, holders, until),
    )  # fmt: skip


def _held_gpus(real: pa.Table, jobs: Attempts) -> Bools:
    """Tell for each jobs row whether its allocations hold GPUs."""
    held = np.zeros(jobs.table.num_rows + 1, dtype=bool)
    held[jobs_rows(real, jobs)[counts(real, "gpu_milli") > 0]] = True
    return held[:-1]
