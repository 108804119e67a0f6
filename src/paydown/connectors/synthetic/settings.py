"""What can be asked of the generator."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SyntheticSettings(BaseModel):
    """The size, length and seed of a synthetic cluster; equal settings give equal facts, to the byte."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodes: int = Field(32, ge=1, le=5_000, description="GPU nodes.")
    gpus_per_node: int = Field(8, ge=1, le=16, description="GPUs of each GPU node.")
    cpu_nodes: int = Field(8, ge=0, le=5_000, description="Nodes without GPUs.")
    days: int = Field(30, ge=1, le=400, description="How many days.")
    start: date = Field(date(2026, 6, 1), description="The first day (UTC).")
    jobs: int = Field(20_000, ge=1, le=5_000_000, description="About how many jobs (array tasks counted one by one).")
    interval: int = Field(60, ge=5, le=3_600, description="Seconds between two samples of a GPU.")
    host_interval: int = Field(300, ge=5, le=3_600, description="Seconds between two samples of a job's host use.")
    load: float = Field(0.80, gt=0, le=1.5, description="Work offered, as a share of the GPUs' capacity.")
    signals: Literal["use", "memory", "all"] = Field(
        "all", description="What a GPU sample carries: use alone, memory and power too, or everything."
    )
    faults: bool = Field(
        True,
        description="Plant what goes wrong in life: outages, lost scrapes, unknown devices, rows that are rejected.",
    )
    seed: int = Field(1, ge=0, description="The seed; another one gives another cluster of the same kind.")
    truth: Path | None = Field(None, description="A folder in which to write what was planted, as Parquet.")
