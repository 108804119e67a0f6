"""Puts the parts together: machines, users, queue, lives, then the facts, a day of samples at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paydown.connectors.interface import Context, Item
from paydown.connectors.synthetic import (
    capacity, cluster, families, faults, jobs, life, oddities, outages, schedule, services, truth, workload,
)
from paydown.connectors.synthetic.gpus import Gpus
from paydown.connectors.synthetic.hosts import Hosts, by_text, usage
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
    queue: schedule.Simulation
    lives: life.Lives
    held: life.Places
    gaps: list[faults.Gap]
    names: list[str]
    """The id of each job."""
    job_ids: list[str]
    """The id of each attempt's job."""


def simulate(settings: SyntheticSettings, name: str) -> Simulated:
    """Play the whole time."""
    machines = cluster.build(settings, name)
    work = workload.draw(machines, families.draw(machines, settings), settings)
    off = outages.draw(machines, settings)
    queue = schedule.Simulation(machines, work, off)
    record = queue.run()
    jobs.overbook(machines, work, record)
    names = jobs.ids(work)
    return Simulated(
        settings, machines, work, off, queue, life.live(machines, work, record, settings.seed), life.places(record),
        faults.gaps(machines, off, settings.seed, faults=settings.faults), names, [names[job] for job in record.job],
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
    machines, work, record = done.machines, done.work, done.queue.record
    short = 2 * done.settings.host_interval * MS_PER_SECOND
    found = (
        *capacity.facts(machines, done.off, done.queue.limit),
        ("node_allocations", capacity.node_allocations(machines, work, done.lives, done.held)),
        ("jobs", jobs.jobs(machines, work, record, done.names)),
        ("allocations", jobs.allocations(machines, work, record, done.held, done.names)),
        ("job_usage", usage(machines, work, done.lives, done.held, done.job_ids, short)),
    )
    yield from ((table, rows) for table, rows in found if len(rows))


def _samples(done: Simulated, context: Context, planted: Counter[tuple[str, str]]) -> Iterator[Batch]:
    """Give the samples, a day at a time."""
    settings, machines, lives = done.settings, done.machines, done.lives
    bases = life.device_bases(machines)
    outsiders = faults.outsiders(machines, bases)
    gpus = Gpus(
        machines, settings, lives, life.spans(machines, done.work, lives, done.held), done.gaps, outsiders, done.job_ids
    )
    held = by_text(lives, done.held, done.job_ids)
    hosts = Hosts(machines, settings, done.work, lives, held, done.gaps, done.job_ids)
    for day in range(machines.days):
        context.progress(f"day {day + 1} of {machines.days}", day / machines.days)
        made = (
            ("gpu_samples", gpus.day(day)), ("host_samples", hosts.day(day)),
            ("service_samples", services.day(machines, lives, done.job_ids, day)),
        )
        yield from (Batch(table, rows, f"{NAME}:{table}") for table, rows in made if rows is not None and len(rows))
    planted.update({("gpu_samples", reason): count for reason, count in gpus.rejects.items()})


def _truth(done: Simulated, planted: Counter[tuple[str, str]]) -> dict[str, pa.Table]:
    return {
        "attempts": truth.attempts(done.machines, done.work, done.lives, done.held, done.gaps, done.job_ids),
        "nodes": truth.nodes(done.machines),
        "rejects": truth.rejects(planted),
    }
