"""Telemetry from a running Prometheus, and from what speaks its API: Thanos, Mimir, VictoriaMetrics.

docs/connectors/prometheus.md says what is read, and how.
"""

from __future__ import annotations

from collections.abc import Iterator

from paydown.connectors.interface import Connector, Context, Item
from paydown.connectors.prometheus.recipes import RECIPES
from paydown.connectors.prometheus.settings import PrometheusSettings


def read(settings: PrometheusSettings, context: Context) -> Iterator[Item]:
    """Yield the samples of each chunk of time, what they vouch for, and a mark; raises `SourceError`."""
    from paydown.connectors.prometheus.asked import asked
    from paydown.connectors.prometheus.reading import Reading

    with asked(settings, context) as found:
        yield from Reading(found.api, settings, context, found.cluster, found.selection, found.mapped).items()


CONNECTOR = Connector(
    name="prometheus",
    summary="Telemetry from a running Prometheus, or what speaks its API: GPUs and hosts.",
    settings=PrometheusSettings,
    supports=("use",),
    tables=("gpu_samples", "host_samples"),
    read=read,
    interval_s=300,
    recipes=RECIPES,
)
"""The connector."""
