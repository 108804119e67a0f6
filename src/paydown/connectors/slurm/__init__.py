"""A running Slurm, asked by its own commands, here or elsewhere (docs/connectors/slurm.md)."""

from __future__ import annotations

from collections.abc import Iterator

from paydown.connectors.interface import Connector, Context, Item
from paydown.connectors.slurm.recipes import RECIPES
from paydown.connectors.slurm.settings import SlurmSettings

TABLES = (
    "nodes", "devices", "node_states", "node_allocations", "reservations", "quotas", "jobs", "allocations", "job_usage",
)  # fmt: skip
"""The tables that are filled."""


def read(settings: SlurmSettings, context: Context) -> Iterator[Item]:
    """Yield the windows that are not read yet, then what is known of now; raises `SourceError`."""
    from paydown.connectors.slurm.asked import Slurm
    from paydown.connectors.slurm.reading import Reading
    from paydown.outside.commands import Commands, Limits

    slurm = Slurm(Commands(settings.ssh, Limits(timeout_s=settings.timeout)))
    yield from Reading(slurm, settings, context).items()


CONNECTOR = Connector(
    name="slurm",
    summary="A running Slurm: jobs from sacct, the queue, nodes and reservations from scontrol.",
    settings=SlurmSettings,
    supports=("capacity", "allocation", "use", "wait"),
    tables=TABLES,
    read=read,
    interval_s=300,
    recipes=RECIPES,
)
"""The connector."""
