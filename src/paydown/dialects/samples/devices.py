"""Of what and whom a series of Prometheus is: node, device, job, by its labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from paydown.dialects.samples.answers import Series
from paydown.dialects.samples.frames import Named
from paydown.dialects.samples.mapping import Mapped
from paydown.model.exporters import (
    GPU_LABELS,
    JOB_LABELS,
    JOB_PATHS,
    MODEL_LABELS,
    NODE_LABELS,
    SLICE_LABEL,
    UUID_LABELS,
)

_SLICE_UUID = "MIG-"
_REMEMBERED = 200_000


@dataclass(frozen=True)
class Subject:
    """What a series is about."""

    cluster: str | None
    node: str | None
    gpu: str | None
    """Index, or index and slice; None: not named, or no device."""
    job: str | None
    model: str | None
    uuid: str | None
    sliced: bool
    """Whether it is a MIG slice."""


@dataclass(frozen=True)
class Naming:
    """How a node is named by what a label says of it."""

    short: bool = False
    """Whether names are cut at the first dot."""
    pattern: re.Pattern[str] | None = None
    """What the name is found by: its first group."""
    known: Mapping[str, str] = field(default_factory=dict)
    """What labels say, with or without its port, and the node that it is."""

    def node(self, seen: str, *, address: bool) -> str:
        """Name a node; `address`: what is seen is where it was scraped, and so may have a port."""
        plain = _without_port(seen) if address else seen
        for each in (seen, plain):
            if each in self.known:
                return self.known[each]
        if self.pattern is not None and (match := self.pattern.search(seen)) and match[1]:
            return match[1]
        return plain.partition(".")[0] if self.short and not _is_address(plain) else plain


class Labels:
    """Reads labels as the settings say; devices that only their UUID names are known from the other series."""

    def __init__(self, mapped: Mapped, fixed: Named, naming: Naming | None = None) -> None:
        self._asked = {name: source.name for name, source in mapped.sources.items()}
        self._fixed = fixed
        self._naming = naming or Naming()
        self._known: dict[str, tuple[int, str, str]] = {}
        self._said: dict[tuple[tuple[str, str], ...], Subject] = {}

    @property
    def model_labels(self) -> tuple[str, ...]:
        """The labels that may name the model of a device."""
        return (self._asked["gpu_model"],) if "gpu_model" in self._asked else MODEL_LABELS

    def learn(self, series: Iterable[Series]) -> None:
        """Note which UUID is which device; the index of dcgm-exporter is stronger than a minor number."""
        for each in series:
            subject = self._plain(each.labels)
            if subject.uuid and subject.node and subject.gpu and not subject.sliced:
                rank = next((at for at, name in enumerate(GPU_LABELS) if name in each.labels), len(GPU_LABELS))
                found = (rank, subject.node, subject.gpu)
                self._known[subject.uuid] = min(found, self._known.get(subject.uuid, found))

    def subject(self, series: Series) -> Subject:
        """Say what a series is about."""
        found = self._plain(series.labels)
        known = self._known.get(found.uuid or "")
        if known is None or found.sliced or not _same(found.node, known[1]):
            return found
        return Subject(found.cluster, known[1], known[2], found.job, found.model, found.uuid, found.sliced)

    def _plain(self, labels: Mapping[str, str]) -> Subject:
        """Say what labels say by themselves; that of all metrics of a device is worked out once."""
        key = tuple(pair for pair in labels.items() if pair[0] != "__name__")
        found = self._said.get(key)
        if found is None:
            if len(self._said) >= _REMEMBERED:
                self._said.clear()
            found = self._said[key] = self._read(labels)
        return found

    def _read(self, labels: Mapping[str, str]) -> Subject:
        part = labels.get(SLICE_LABEL) or None
        uuid = _first(labels, UUID_LABELS)
        gpu = self._fixed.gpu or self._of("gpu", labels, GPU_LABELS)
        if (gpu or "").startswith(_SLICE_UUID) or ((uuid or "").startswith(_SLICE_UUID) and not part):
            gpu = None  # a slice that is not told from the others of its card
        return Subject(
            cluster=self._of("cluster", labels, ("cluster",)),
            node=self._node(labels),
            gpu=f"{gpu}/{part}" if gpu and part else gpu,
            job=self._fixed.job or self._of("job_id", labels, JOB_LABELS) or _in_path(labels),
            model=self.model(labels),
            uuid=uuid,
            sliced=bool(part) or (uuid or "").startswith(_SLICE_UUID),
        )

    def _of(self, name: str, labels: Mapping[str, str], usual: tuple[str, ...]) -> str | None:
        return _first(labels, (self._asked[name],) if name in self._asked else usual)

    def _node(self, labels: Mapping[str, str]) -> str | None:
        if self._fixed.node:
            return self._fixed.node
        node = self._of("node", labels, NODE_LABELS)
        if node is None:
            return None
        return self._naming.node(node, address=node == labels.get("instance"))

    def model(self, labels: Mapping[str, str]) -> str | None:
        """Say of which model the device of a series is."""
        return self._fixed.model or self._of("gpu_model", labels, MODEL_LABELS)


def _in_path(labels: Mapping[str, str]) -> str | None:
    """Give the job that a path names."""
    for name, pattern in JOB_PATHS:
        if (path := labels.get(name)) and (match := re.search(pattern, path)):
            return match[1]
    return None


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    for name in names:
        if found := labels.get(name):
            return found
    return None


def _without_port(instance: str) -> str:
    host, colon, port = instance.rpartition(":")
    return host.strip("[]") if colon and port.isdigit() else instance


def _is_address(node: str) -> bool:
    return node.replace(".", "").isdigit() or ":" in node


def _same(one: str | None, other: str) -> bool:
    """Say whether two names may be of one node: one with its domain, one without."""
    return one is None or one.partition(".")[0] == other.partition(".")[0]
