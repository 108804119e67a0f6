"""What the user who asks may see, from both configurations and the user's rights in accounting."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paydown.dialects.slurm_control.config import ControlConfig
from paydown.model.slurm import parse_duration

_PRIVATE = re.compile(r"^PrivateData\s*= (\S+)", re.MULTILINE)
_RANGE = re.compile(r"^MaxQueryTimeRange\s*= (\S+)", re.MULTILINE)
_ALL = frozenset({"Operator", "Administrator"})


@dataclass(frozen=True)
class DatabaseConfig:
    """What matters of `sacctmgr show configuration`."""

    private: frozenset[str]
    """PrivateData of slurm.conf and of slurmdbd.conf together."""
    most_ms: int | None
    """The longest window of jobs that it answers (MaxQueryTimeRange), in ms; None: any."""


def read_database_config(text: str) -> DatabaseConfig:
    """Read an answer."""
    words = {word for found in _PRIVATE.findall(text) for word in found.split(",")}
    most = _RANGE.search(text)
    return DatabaseConfig(frozenset(words - {"none", "(null)"}), parse_duration(most[1]) if most else None)


@dataclass(frozen=True)
class View:
    """What can be seen of jobs and nodes."""

    user: str
    others: bool
    """Whether jobs of others are seen."""
    nodes: bool
    """Whether nodes are seen."""
    gpus: bool
    """Whether accounting keeps GPUs."""

    @property
    def whole(self) -> bool:
        """Whether what all jobs hold is known from accounting alone."""
        return self.others and self.gpus

    def notes(self) -> list[str]:
        """Say what is not seen, and what would mend it."""
        found = []
        if not self.others:
            found.append(
                f"PrivateData=jobs: {self.user} is shown their own jobs alone. What others hold is (unseen), by what "
                f"nodes say is allocated, and nobody's waiting is known. `sacctmgr modify user {self.user} set "
                "AdminLevel=Operator` shows all."
            )
        if not self.nodes:
            found.append(
                f"PrivateData=nodes: {self.user} is shown no nodes: capacity is not known. An operator is shown them."
            )
        if not self.gpus:
            found.append(
                "AccountingStorageTRES has no gres/gpu: accounting does not know what GPUs jobs held. Those of jobs "
                "that were seen while they ran are known; what nodes say beyond is (unseen)."
            )
        return found


def view_of(config: ControlConfig, database: DatabaseConfig, user: str, level: str) -> View:
    """Work out what a user sees; `level` is the AdminLevel of `sacctmgr show user`."""
    private = config.private | database.private
    sees_all = level in _ALL or user in {"root", config.slurm_user}
    return View(
        user,
        others=sees_all or "jobs" not in private,
        nodes=sees_all or "nodes" not in private,
        gpus="gres/gpu" in config.tres,
    )
