"""A source that makes its facts up: a seeded synthetic cluster, with the truth beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paydown.connectors.interface import Connector, Context, Item
from paydown.connectors.synthetic.settings import SyntheticSettings
from paydown.model.facts import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator


def _read(settings: SyntheticSettings, context: Context) -> Iterator[Item]:
    from paydown.connectors.synthetic.generate import read

    yield from read(settings, context)


CONNECTOR = Connector(
    name="synthetic",
    summary="A made-up cluster: seeded, of any size, with queue, users, faults and the truth beside the facts.",
    settings=SyntheticSettings,
    supports=CAPABILITIES,
    tables=(
        "nodes",
        "devices",
        "node_states",
        "node_allocations",
        "reservations",
        "quotas",
        "jobs",
        "allocations",
        "job_usage",
        "gpu_samples",
        "host_samples",
        "service_samples",
    ),
    read=_read,
)
