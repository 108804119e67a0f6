"""A running Slurm, asked by its own commands, here or elsewhere (docs/connectors/slurm.md)."""

from __future__ import annotations

from collections.abc import Iterator

from paydown.connectors.interface import Connector, Context, Item
from paydown.connectors.slurm.recipes import RECIPES
from paydown.connectors.slurm.settings import SlurmSettings


def read(settings: SlurmSettings, context: Context) -> Iterator[Item]:
    """Yield the windows that are not read yet, then what is known of now; raises `SourceError`."""
    from paydown.connectors.slurm.asked import Slurm
    from paydown.connectors.slurm.reading import Reading, cluster_of
    from paydown.outside.commands import Commands, Limits

    slurm = Slurm(Commands(settings.ssh, Limits(timeout_s=settings.timeout)))
    config = slurm.config()
    yield from Reading(slurm, settings, context, config, cluster_of(config, context)).items()


CONNECTOR = Connector(
    name="slurm",
    summary="A running Slurm: jobs from sacct, the queue, nodes and reservations from scontrol.",
    settings=SlurmSettings,
    supports=("capacity", "allocation", "use", "wait"),
    tables=("nodes", "devices", "node_states", "node_allocations", "jobs", "allocations", "job_usage"),
    read=read,
    interval_s=300,
    recipes=RECIPES,
)
"""The connector."""
