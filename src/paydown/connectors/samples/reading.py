"""A file of telemetry while it is read: what is asked, and what turned up that is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from paydown.connectors.samples.frames import Named, named
from paydown.connectors.samples.mapping import Mapped
from paydown.connectors.samples.opened import File
from paydown.connectors.samples.settings import SamplesSettings
from paydown.model.batch import Reject


@dataclass
class Reading:
    """A file while it is read."""

    file: File
    settings: SamplesSettings
    mapped: Mapped
    """What --map says."""
    zone: ZoneInfo
    """The time zone of local times."""
    doubled: int = 0
    """How many local times the clock showed twice."""
    rejects: list[Reject] = field(default_factory=list)
    """Lines that are not believed and not yet handed over."""

    @property
    def named(self) -> Named:
        """What the settings and the file's name fix."""
        return named(self.settings, self.file.name)

    def handed(self) -> Iterator[Reject]:
        """Hand over the rejects."""
        yield from self.rejects
        self.rejects.clear()
