"""The load of inference services: a busy one follows the hours of the day, an idle one is hardly asked for anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.connectors.synthetic.arrow import codes, instants, rows
from paydown.connectors.synthetic.life import chance, hour_of_day
from paydown.connectors.synthetic.patterns import PATTERNS
from paydown.model.units import MS_PER_DAY, MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.connectors.synthetic.cluster import Cluster
    from paydown.connectors.synthetic.life import Lives

_STEP_MS = 300_000
_MOST_REQUESTS = 40
_TOKENS_PER_REQUEST_S = 35


def day(cluster: Cluster, lives: Lives, job_ids: list[str], number: int) -> pa.Table | None:
    """Give the `service_samples` of a day; None where no service runs."""
    begin = cluster.start_ms + number * MS_PER_DAY
    kinds = np.array([p.kind == "service" for p in PATTERNS])
    runs = np.flatnonzero(kinds[lives.pattern] & (lives.start < begin + MS_PER_DAY) & (lives.end > begin))
    runs = np.array(sorted(runs.tolist(), key=lambda i: (job_ids[i], lives.start[i])), np.int64)
    which = np.repeat(runs, MS_PER_DAY // _STEP_MS)
    time = begin + np.tile(np.arange(MS_PER_DAY // _STEP_MS) * _STEP_MS, len(runs))
    inside = (time >= lives.start[which]) & (time + _STEP_MS <= lives.end[which])
    which, time = which[inside], time[inside]
    return _table(cluster, lives, job_ids, which, time) if len(which) else None


def _table(cluster: Cluster, lives: Lives, job_ids: list[str], which: np.ndarray, time: np.ndarray) -> pa.Table:
    level = lives.figures["level"][which] * np.where(
        lives.diurnal[which], hour_of_day(time), lives.figures["duty"][which]
    )
    running = np.rint(level * _MOST_REQUESTS * (0.8 + 0.4 * chance(which, time // _STEP_MS)))
    seconds = _STEP_MS // MS_PER_SECOND
    return rows(
        "service_samples",
        cluster.name,
        {
            "job_id": codes(job_ids, which),
            "start": instants(time),
            "duration_ms": np.full(len(which), _STEP_MS),
            "requests_running": running.astype(np.float64),
            "requests_waiting": np.maximum(running - 25, 0).astype(np.float64),
            "kv_cache_ratio": np.rint(np.minimum(running.astype(np.float64) / _MOST_REQUESTS, 1) * 1_000) / 1_000,
            "tokens": (running * _TOKENS_PER_REQUEST_S * seconds).astype(np.int64),
        },
        len(which),
    )
