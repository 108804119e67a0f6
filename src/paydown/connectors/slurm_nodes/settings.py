"""What can be said of dumps of nodes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SlurmNodesSettings(BaseModel):
    """Which dumps to read, when they were made, and for which time they speak."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[str, ...] = Field(
        min_length=1,
        description="Dumps of `scontrol show node` (with or without -o, -d, --json) or `sinfo --json`, plain or "
        "gzipped; `-` is standard input.",
        json_schema_extra={"argument": True},
    )
    since_ms: int | None = Field(
        None,
        description="From when the nodes are taken to have been as the first dump says, in ms since the epoch; without "
        "it, from the earliest fact of the cluster on.",
    )
    at_ms: int | None = Field(
        None,
        description="When the dump was made, in ms since the epoch; without it, as a dump in JSON says, else the time "
        "of the file.",
    )
    partial: bool = Field(
        False,
        description="The dumps are of some nodes only. Without it, a node of an earlier dump that is no longer there "
        "is gone.",
    )
    hold: int = Field(
        10,
        ge=0,
        le=1440,
        description="What a dump says is allocated holds until the next, where that is at most so many minutes later; "
        "0 leaves it out.",
    )
    gpu_memory: dict[str, int] = Field(
        {}, description="The memory of one GPU by model in MiB, which Slurm does not know: `a100=81920`."
    )

    @model_validator(mode="after")
    def _one_moment(self) -> SlurmNodesSettings:
        if self.at_ms is not None and len(self.files) > 1:
            raise ValueError("one moment (--at) cannot be that of several dumps; ingest them one by one")
        return self
