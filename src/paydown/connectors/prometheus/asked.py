"""A server that is about to be asked: let in, and known whose series are meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from paydown.connectors.interface import Context
from paydown.connectors.prometheus.api import Api
from paydown.connectors.prometheus.questions import Selection
from paydown.connectors.prometheus.settings import PrometheusSettings
from paydown.connectors.prometheus.whose import whose
from paydown.dialects.samples.mapping import Mapped, mapped
from paydown.dialects.samples.prometheus import measures_of
from paydown.outside.http import Limits, Server


@dataclass(frozen=True)
class Asked:
    """A server, and what of it is meant."""

    api: Api
    cluster: str
    selection: Selection
    mapped: Mapped


@contextmanager
def asked(settings: PrometheusSettings, context: Context) -> Iterator[Asked]:
    """Connect to a server, and find out of which cluster its series are."""
    told = mapped(settings.map, settings.map_file)
    limits = Limits(timeout_s=settings.timeout_s, connections=settings.concurrency)
    server = Server(settings.url, settings.access, limits)
    try:
        api = Api(server)
        end = context.clock() if settings.end_ms is None else settings.end_ms
        cluster, selection = whose(api, Selection(measures_of(told), settings.match), context.cluster, end)
        yield Asked(api, cluster, selection, told)
    finally:
        server.close()
