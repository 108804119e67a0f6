"""The nodes and reservations of a cluster as the controller tells of them at one instant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from paydown.dialects.slurm_nodes.cluster import Cluster, Taking
from paydown.dialects.slurm_nodes.text import is_text, read_text
from paydown.errors import SourceError
from paydown.model.batch import Batch, Reject

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from paydown.connectors.interface import Context
    from paydown.connectors.slurm.far import Far
    from paydown.connectors.slurm.settings import SlurmSettings

ORIGIN = "scontrol show node"
"""What rejects of nodes name."""

TABLES = ("nodes", "devices", "node_states", "node_allocations")
"""The tables that are filled."""


def node_items(
    answer: bytes, at: int, far: Far, settings: SlurmSettings, context: Context, cluster: str, zone: ZoneInfo
) -> Iterator[Batch | Reject]:
    """Yield what an answer of `scontrol show node` says, going on from what the store knows."""
    if not is_text(answer):
        said = answer[:200].decode(errors="replace").strip()
        raise SourceError(f"scontrol shows no nodes, but {said!r}: with PrivateData=nodes it takes an operator.")
    dump = read_text(answer, ORIGIN, cluster, zone)
    yield from dump.rejects
    taking = Taking(hold=settings.hold, gpu_memory=settings.gpu_memory)
    instants = {far.looked_ms} if far.looked_ms is not None else set()
    known = Cluster.of(cluster, taking, context.stored, instants)
    known.take(dump, at, at if far.looked_ms is not None else far.from_ms)
    yield from known.batches(ORIGIN)
