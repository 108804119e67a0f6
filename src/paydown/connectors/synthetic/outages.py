"""When nodes are not there: failures, drains, a drain that was forgotten, maintenance, a reservation, a late joiner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paydown.connectors.synthetic.cluster import Cluster, generator
from paydown.connectors.synthetic.workload import HOUR
from paydown.model.units import MS_PER_SECOND

if TYPE_CHECKING:
    from paydown.connectors.synthetic.settings import SyntheticSettings

_DAY = 24 * HOUR
_FAILURES_PER_NODE_DAY = 1 / 50
_DRAINS_PER_NODE_DAY = 1 / 70
_REASONS = ("Not responding", "GPU has fallen off the bus", "Kernel panic", "Link down")


@dataclass(frozen=True, order=True)
class Outage:
    """A time, in seconds since the start, in which a node starts no jobs."""

    start: int
    end: int
    node: int
    kind: str
    """`down` (its jobs die), `planned_down` (they go on), `maintenance` (they are stopped), `user`, `absent`."""
    reason: str


def draw(cluster: Cluster, settings: SyntheticSettings) -> list[Outage]:
    """Draw the month's outages; those of one node do not overlap."""
    absent = [
        Outage(0, (node.joins_ms - cluster.start_ms) // MS_PER_SECOND, i, "absent", "")
        for i, node in enumerate(cluster.nodes)
        if node.joins_ms > cluster.start_ms
    ]
    if not settings.faults:
        return absent
    drawn = (
        absent + _maintenance(cluster) + _reservation(cluster) + _forgotten(cluster) + _random(cluster, settings.seed)
    )
    kept: list[Outage] = []
    for outage in drawn:
        if all(o.node != outage.node or o.end < outage.start or outage.end < o.start for o in kept):
            kept.append(outage)
    return sorted(kept)


def _maintenance(cluster: Cluster) -> list[Outage]:
    """Drain a quarter of the plain nodes for six hours, then work on them for eight, in the middle of the month."""
    if cluster.days < 3:
        return []
    begin = cluster.days // 2 * _DAY + 8 * HOUR
    plain = cluster.of_role("plain")
    return [
        outage
        for node in plain[: len(plain) // 4]
        for outage in (
            Outage(begin - 6 * HOUR, begin - 1, node, "planned_down", "maintenance is near"),
            Outage(begin, begin + 8 * HOUR, node, "maintenance", "firmware"),
        )
    ]


def _reservation(cluster: Cluster) -> list[Outage]:
    """Set a node aside for a course that hardly uses it."""
    plain = cluster.of_role("plain")
    if cluster.days < 5 or len(plain) < 4:
        return []
    begin = (cluster.days // 4) * _DAY + 7 * HOUR
    return [Outage(begin, begin + 2 * _DAY, plain[-1], "user", "course")]


def _forgotten(cluster: Cluster) -> list[Outage]:
    """Leave one node drained for a fifth of the time."""
    plain = cluster.of_role("plain")
    if cluster.days < 5 or len(plain) < 4:
        return []
    begin = cluster.days // 2 * _DAY + 15 * HOUR
    return [Outage(begin, begin + cluster.days * _DAY // 5, plain[-2], "planned_down", "check fan")]


def _random(cluster: Cluster, seed: int) -> list[Outage]:
    """Draw failures, repaired after hours, and drains of a working day."""
    rng = generator(seed, 3)
    count, span = len(cluster.nodes), cluster.days * _DAY
    found: list[Outage] = []
    for rate, kind in ((_FAILURES_PER_NODE_DAY, "down"), (_DRAINS_PER_NODE_DAY, "planned_down")):
        for _ in range(int(rng.poisson(rate * count * cluster.days))):
            begin, node = int(rng.integers(HOUR, span)), int(rng.integers(0, count))
            hours = float(rng.lognormal(1.6, 0.8)) if kind == "down" else float(rng.uniform(6, 30))
            reason = str(rng.choice(_REASONS)) if kind == "down" else "disk replacement"
            found.append(Outage(begin, begin + int(hours * HOUR), node, kind, reason))
    return found
