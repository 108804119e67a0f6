"""What can be asked of the connector."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """What to read, and in which unit a footprint states the memory of devices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(
        description="The database `job.db`, or the folder that holds it.", json_schema_extra={"argument": True}
    )
    topology: tuple[Path, ...] = Field(
        (),
        description="A cluster's `cluster.json`, which turns PCI addresses into device indexes "
        "(may be given several times; default: the `cluster.json` beside the database, where there is one).",
    )
    only: tuple[str, ...] = Field((), description="Read only the jobs of these clusters (default: all).")
    gpu_memory_unit: Literal["MiB", "GiB", "MB", "GB"] = Field(
        "MiB", description="The unit of `acc_mem_used` in the footprints; ClusterCockpit's NVIDIA collector writes MiB."
    )
