"""Rows that no source should give: a clock at the epoch, a sample of no node, a job that ended before it began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.connectors.synthetic.arrow import instants, rows
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR

if TYPE_CHECKING:
    from paydown.connectors.synthetic.cluster import Cluster

REASONS = (("gpu_samples", "out-of-range"), ("gpu_samples", "bad-key"), ("jobs", "end-before-start"))
"""What each of them must be rejected for."""

_BEFORE_EPOCH_MS = -400 * MS_PER_DAY


def tables(cluster: Cluster) -> list[tuple[str, pa.Table]]:
    """Give the odd rows."""
    node = cluster.nodes[cluster.gpu_nodes[0]].name
    noon = cluster.start_ms + MS_PER_DAY // 2
    samples = rows(
        "gpu_samples",
        cluster.name,
        {
            "node": pa.array([node, None], pa.string()),
            "gpu": ["0", "0"],
            "start": instants(np.array([_BEFORE_EPOCH_MS, noon])),
            "duration_ms": [60_000, 60_000],
            "gpu_util_ratio": [0.5, 0.5],
        },
        2,
    )
    jobs = rows(
        "jobs",
        cluster.name,
        {
            "job_id": ["99999"],
            "attempt": [0],
            "submit": instants(np.array([noon])),
            "start": instants(np.array([noon + MS_PER_HOUR])),
            "end": instants(np.array([noon])),
            "state": ["COMPLETED"],
        },
        1,
    )
    return [("gpu_samples", samples), ("jobs", jobs)]
