"""What can be said of a Slurm that is asked."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from paydown.dialects.slurm_accounting.site_kinds import KIND_HELP, KindMap


class SlurmSettings(BaseModel):
    """How to reach Slurm's commands, and what to ask them for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ssh: str = Field(
        "",
        description="What comes before each of Slurm's commands where they are elsewhere: `ssh login1`, "
        "`sudo -u slurm`.",
    )
    start_ms: int | None = Field(
        None,
        description="From when to read the history of jobs the first time, in ms since the epoch; without it, from "
        "seven days ago.",
    )
    end_ms: int | None = Field(
        None,
        description="Up to when to read the history of jobs, in ms since the epoch; without it up to now, and what "
        "Slurm can say of now alone is read too.",
    )
    overlap: int = Field(
        60,
        ge=5,
        le=10_080,
        description="How many minutes before the last time are read again: accounting may learn of a job's end late.",
    )
    chunk: int = Field(
        24,
        ge=1,
        le=8_760,
        description="How many hours of history are asked for at once, at first; later windows follow from how "
        "many jobs there are.",
    )
    hold: int = Field(
        15,
        ge=0,
        le=1440,
        description="What nodes say is allocated holds from one time to the next, where that is at most so many "
        "minutes later; 0 leaves it out.",
    )
    gpu_memory: dict[str, int] = Field(
        {}, description="The memory of one GPU by model in MiB, which Slurm does not know: `a100=81920`."
    )
    kind: KindMap = Field(default_factory=dict, description=KIND_HELP)
    timeout: int = Field(300, ge=1, le=86_400, description="How many seconds one of Slurm's commands may take.")
