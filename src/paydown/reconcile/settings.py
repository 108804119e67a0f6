"""What a reconciliation can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Check = Literal["utilization", "accounts", "nodes", "seff", "jobstats", "prometheus"]
"""What can be compared."""


class ReconcileSettings(BaseModel):
    """Which time of which clusters is compared with what, how it is asked, and how far figures may be apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_ms: int | None = Field(None, description="The first instant, in ms since the epoch.")
    end_ms: int | None = Field(
        None, description="The first instant after the window, in ms; without it, the last of which anything is known."
    )
    cluster: tuple[str, ...] = Field((), description="Only these clusters.")
    check: tuple[Check, ...] = Field((), description="Only these comparisons; without it all that can be made.")
    ssh: str = Field(
        "", description="What runs Slurm's commands elsewhere, such as `ssh login1`; without it they run here."
    )
    url: str | None = Field(None, description="The URL of the Prometheus that the samples came from.")
    prometheus: Mapping[str, Any] = Field(
        default_factory=dict,
        description="A setting of the source prometheus, as its flag without the dashes: `token-file=/etc/token`.",
    )
    jobs: int = Field(10, ge=0, le=1000, description="How many jobs seff and jobstats are asked about, one by one.")
    seed: int = Field(0, description="What chooses these jobs: the same seed chooses the same ones.")
    tolerance: float = Field(
        0.005, ge=0, le=1, description="How far two figures may be apart, as a part of the larger one."
    )
    look_minutes: float = Field(
        5,
        gt=0,
        description="Minutes between two looks of Paydown at the nodes: what changes is seen as late.",
    )
    timeout_s: float = Field(120, gt=0, description="How many seconds a command may take.")
    timezone: str = Field("UTC", description="The IANA time zone of times and of the page.")
    pseudonyms: bool = Field(False, description="Show person keys in place of users' names.")
