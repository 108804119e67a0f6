"""What is asked of a server: which metrics, of how many series, in pieces that it answers in one go."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from paydown.connectors.prometheus.api import Api
from paydown.connectors.prometheus.covered import Span
from paydown.model.exporters import PART_LABELS, Measure
from paydown.model.units import MS_PER_DAY, MS_PER_MINUTE

POINTS_A_QUERY = 400_000
"""How many points one query is to give: about 10 MB, read in a tenth of a second."""

POINTS_A_CHUNK = 1_500_000
"""How many points are read before they are handed over."""

SHORTEST_MS = MS_PER_MINUTE
"""The shortest time that is asked for at once."""

LONGEST_MS = 7 * MS_PER_DAY
"""The longest chunk: it is lost where a reading is broken off."""

_LOOKS = 8
_ASSUMED_MS = 15_000


@dataclass(frozen=True)
class Selection:
    """The series that are read."""

    measures: Mapping[str, Measure]
    """By the metric's name."""
    match: str | None
    """More matchers of every series."""
    cluster: str | None = None
    """The value of the label `cluster`, where it tells clusters apart."""

    def text(self, names: Iterable[str]) -> str:
        """Write a selector of metrics that are narrowed alike.

        >>> Selection({}, 'env="prod"').text(["up"])
        'up{env="prod"}'
        """
        found = sorted(names)
        more = self.narrowed(found[0]) if found[0] in self.measures else ""
        matchers = [self.match] if self.match else []
        if self.cluster is not None:
            matchers.append(f"cluster={quoted(self.cluster)}")
        if more:
            matchers.append(more)
        if len(found) == 1:
            return f"{found[0]}{{{','.join(matchers)}}}"
        either = "|".join(re.escape(name) for name in found).replace("\\", "\\\\")
        return f"{{{','.join([f'__name__=~{quoted(either, escaped=True)}', *matchers])}}}"

    def narrowed(self, name: str) -> str:
        """Write matchers by which the server leaves out series of a metric that would not count."""
        measure = self.measures[name]
        if measure.only is not None:
            return f"{measure.only[0]}=~{quoted('|'.join(measure.only[1]))}"
        if measure.without is not None:
            return f"{measure.without[0]}!~{quoted('|'.join(measure.without[1]))}"
        if name.startswith("cgroup_"):
            return ",".join(f'{label}=""' for label in PART_LABELS)
        return ""

    def alike(self, *, reaching: bool | None = None) -> dict[str, list[str]]:
        """Give the metrics by the matchers that narrow them; `reaching` chooses some."""
        found: dict[str, list[str]] = {}
        for name in self.measures:
            if reaching is None or self.reaching(name) == reaching:
                found.setdefault(self.narrowed(name), []).append(name)
        return found

    def of(self, cluster: str | None) -> Selection:
        """Give the selection of one cluster."""
        return replace(self, cluster=cluster)

    def reaching(self, name: str) -> bool:
        """Say whether readings before a time are needed as well: those of counters, and those that name jobs."""
        return self.measures[name].kind != "gauge"


def quoted(text: str, *, escaped: bool = False) -> str:
    """Write a string of PromQL."""
    inner = text if escaped else text.replace("\\", "\\\\").replace("\n", "\\n")
    return '"' + inner.replace('"', '\\"') + '"'


@dataclass
class Rates:
    """How many points there are in a ms, by metric: assumed from a count of series at first, then as read."""

    by_name: dict[str, float] = field(default_factory=dict)

    def learn(self, points: Counter[str], span: Span) -> None:
        """Take what was read in a time."""
        length = span[1] - span[0]
        for name in {*self.by_name, *points}:
            self.by_name[name] = points[name] / length

    def chunk_ms(self) -> int:
        """Say how long a chunk may be."""
        total = sum(self.by_name.values())
        wanted = int(POINTS_A_CHUNK / total) if total else LONGEST_MS
        return max(SHORTEST_MS, min(wanted, LONGEST_MS))

    def groups(self, names: Iterable[str], length_ms: int) -> Iterator[list[str]]:
        """Put metrics together, so that each query gives about as much as it may."""
        group: list[str] = []
        held = 0.0
        for name in names:
            expected = self.by_name.get(name, 0.0) * length_ms
            if group and held + expected > POINTS_A_QUERY:
                yield group
                group, held = [], 0.0
            group.append(name)
            held += expected
        if group:
            yield group


def surveyed(api: Api, selection: Selection, span: Span) -> Rates:
    """Count the series of each metric at a few instants of a time: what is not there then is asked for all the same."""
    step = max((span[1] - span[0]) // _LOOKS, SHORTEST_MS)
    counts: dict[str, float] = {}
    for names in selection.alike().values():
        found = api.steps(f"count by (__name__) ({selection.text(names)})", span[0], span[1], step)
        counts |= {each.labels["__name__"]: float(each.values.max()) for each in found.series if each.labels}
    return Rates({name: count / _ASSUMED_MS for name, count in counts.items()})
