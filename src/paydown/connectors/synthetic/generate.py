"""Puts the parts together: machines, users, queue, lives, then the facts, a day of samples at a time."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paydown.connectors.interface import Context, Item
from paydown.connectors.synthetic import (
    capacity,
    cluster,
    families,
    faults,
    jobs,
    life,
    oddities,
    outages,
    schedule,
    services,
    truth,
    workload,
)
from paydown.connectors.synthetic.gpus import Gpus
from paydown.connectors.synthetic.hosts import Hosts, by_text, usage
from paydown.connectors.synthetic.record import Attempts, finished
from paydown.model.batch import Batch, Vouch
from paydown.model.facts import CAPABILITIES
from paydown.model.units import MS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from paydown.connectors.synthetic.settings import SyntheticSettings

NAME = "synthetic"
"""The connector's name, the origin of its rows, and the cluster's name where none is given."""


@dataclass(frozen=True)
class Simulated:
    """Everything that happened, before it is told as facts."""

    settings: SyntheticSettings
    machines: cluster.Cluster
    work: workload.Workload
    off: list[outages.Outage]
    limit_milli: int
    """What the limited account may hold at once."""
    attempts: Attempts
    lives: life.Lives
    gaps: list[faults.Gap]
    names: list[str]
    """The id of each job."""

    @property
    def job_ids(self) -> list[str]:
        """The id of each attempt's job."""
        return [self.names[job] for job in self.attempts.job.tolist()]


def simulate(settings: SyntheticSettings, name: str) -> Simulated:
    """Play the whole time."""
    machines = cluster.build(settings, name)
    work = workload.draw(machines, families.draw(machines, settings), settings)
    off = outages.draw(machines, settings)
    queue = schedule.Simulation(machines, work, off)
    record = queue.run()
    jobs.overbook(machines, work, record)
    attempts = finished(record)
    return Simulated(
        settings,
        machines,
        work,
        off,
        queue.limit,
        attempts,
        life.live(machines, work, attempts, settings.seed),
        faults.gaps(machines, off, settings.seed, faults=settings.faults),
        jobs.ids(work),
    )


def read(settings: SyntheticSettings, context: Context) -> Iterator[Item]:
    """Yield what the cluster has, its jobs, then its samples day by day; write the truth where it is asked for."""
    context.progress("simulating the queue", None)
    done = simulate(settings, context.cluster or NAME)
    machines = done.machines
    yield Vouch(machines.name, NAME, CAPABILITIES, machines.start_ms, machines.end_ms, "made up, not measured")
    planted: Counter[tuple[str, str]] = Counter()
    for table, rows in _plain(done):
        yield Batch(table, rows, f"{NAME}:{table}")
    if settings.faults:
        planted.update(oddities.REASONS)
        for table, rows in oddities.tables(machines):
            yield Batch(table, rows, f"{NAME}:odd-{table}")
    yield from _samples(done, context, planted)
    if settings.truth is not None:
        truth.write(settings.truth, _truth(done, planted))


def _plain(done: Simulated) -> Iterator[tuple[str, pa.Table]]:
    """Give the tables that are not samples; empty ones are left out."""
    found = itertools.chain(capacity.facts(done.machines, done.off, done.limit_milli), _work(done))
    yield from ((table, rows) for table, rows in found if len(rows))


def _work(done: Simulated) -> Iterator[tuple[str, pa.Table]]:
    """Give the tables on jobs, one after the other, so that only one is in memory."""
    machines, work, attempts, lives = done.machines, done.work, done.attempts, done.lives
    rank = jobs.ranks(done.names)
    yield "node_allocations", capacity.node_allocations(machines, work, lives, attempts.held)
    yield "jobs", jobs.jobs(machines, work, attempts, done.names, rank)
    yield "allocations", jobs.allocations(machines, work, attempts, done.names, rank)
    short = 2 * done.settings.host_interval * MS_PER_SECOND
    yield "job_usage", usage(machines, work, lives, attempts.held, done.job_ids, short)


def _samples(done: Simulated, context: Context, planted: Counter[tuple[str, str]]) -> Iterator[Batch]:
    """Give the samples, a day at a time."""
    settings, machines, lives, held = done.settings, done.machines, done.lives, done.attempts.held
    job_ids = done.job_ids
    spans = life.spans(machines, done.work, lives, held)
    outsiders = faults.outsiders(machines, life.device_bases(machines))
    gpus = Gpus(machines, settings, lives, spans, done.gaps, outsiders, job_ids)
    hosts = Hosts(
        machines, settings, done.work, lives, by_text(lives, held, jobs.ranks(done.names)), done.gaps, job_ids
    )
    for day in range(machines.days):
        context.progress(f"day {day + 1} of {machines.days}", day / machines.days)
        yield from _batch("gpu_samples", gpus.day(day))
        yield from _batch("host_samples", hosts.day(day))
        yield from _batch("service_samples", services.day(machines, lives, job_ids, day))
    planted.update({("gpu_samples", reason): count for reason, count in gpus.rejects.items()})


def _batch(table: str, rows: pa.Table | None) -> Iterator[Batch]:
    if rows is not None and len(rows):
        yield Batch(table, rows, f"{NAME}:{table}")


def _truth(done: Simulated, planted: Counter[tuple[str, str]]) -> dict[str, pa.Table]:
    return {
        "attempts": truth.attempts(done.machines, done.work, done.lives, done.attempts.held, done.gaps, done.job_ids),
        "nodes": truth.nodes(done.machines),
        "rejects": truth.rejects(planted),
    }
