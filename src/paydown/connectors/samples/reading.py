"""A file of telemetry while it is read: what is asked, and what turned up that is not believed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from zoneinfo import ZoneInfo

from paydown.connectors.samples.opened import File
from paydown.connectors.samples.settings import SamplesSettings
from paydown.dialects.samples.frames import Named
from paydown.dialects.samples.mapping import Mapped
from paydown.errors import InputError
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


def named(settings: SamplesSettings, path: str) -> Named:
    """Say what the settings and the file's name fix; a name that does not fit its expression is an `InputError`."""
    fixed = settings.label
    node = settings.node or fixed.get("node") or _from_name(settings.node_from_name, path, "--node-from-name")
    job = fixed.get("job_id") or _from_name(settings.job_from_name, path, "--job-from-name")
    return Named(node, job, fixed.get("gpu"), fixed.get("gpu_model"))


def _from_name(expression: str | None, path: str, flag: str) -> str | None:
    if expression is None:
        return None
    match = re.search(expression, PurePath(path).name)
    if match is None or not match[1]:
        raise InputError(
            f"{path}: its name does not fit {flag} {expression!r}: rename the file, or mend the expression."
        )
    return match[1]
