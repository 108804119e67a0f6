"""Of what and whom a series of Prometheus is: node, device, job, by its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paydown.dialects.samples.answers import Series
from paydown.dialects.samples.frames import Named
from paydown.dialects.samples.mapping import Mapped
from paydown.model.exporters import (
    GPU_LABELS,
    JOB_LABELS,
    MODEL_LABELS,
    NODE_LABELS,
    SLICE_LABEL,
    UUID_LABELS,
)

_SLICE_UUID = "MIG-"


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


class Labels:
    """Reads labels as the settings say; devices that only their UUID names are known from the other series."""

    def __init__(self, mapped: Mapped, fixed: Named, *, short: bool) -> None:
        self._asked = {name: source.name for name, source in mapped.sources.items()}
        self._fixed = fixed
        self._short = short
        self._known: dict[str, tuple[int, str, str]] = {}

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
        part = labels.get(SLICE_LABEL) or None
        uuid = _first(labels, UUID_LABELS)
        gpu = self._fixed.gpu or self._of("gpu", labels, GPU_LABELS)
        return Subject(
            cluster=self._of("cluster", labels, ("cluster",)),
            node=self._node(labels),
            gpu=f"{gpu}/{part}" if gpu and part else gpu,
            job=self._fixed.job or self._of("job_id", labels, JOB_LABELS),
            model=self._fixed.model or self._of("gpu_model", labels, MODEL_LABELS),
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
        if node == labels.get("instance"):
            node = _without_port(node)
        return node.partition(".")[0] if self._short and not _is_address(node) else node


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)


def _without_port(instance: str) -> str:
    host, colon, port = instance.rpartition(":")
    return host.strip("[]") if colon and port.isdigit() else instance


def _is_address(node: str) -> bool:
    return node.replace(".", "").isdigit() or ":" in node


def _same(one: str | None, other: str) -> bool:
    """Say whether two names may be of one node: one with its domain, one without."""
    return one is None or one.partition(".")[0] == other.partition(".")[0]
