"""What can be said of a dump of sacct."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from paydown.dialects.slurm_accounting.site_kinds import KIND_HELP, KindMap


class SacctSettings(BaseModel):
    """Which dumps to read, and how they were made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[str, ...] = Field(
        min_length=1,
        description="Dumps of `sacct -P`, `-p` or `--json`, plain or gzipped; `-` is standard input.",
        json_schema_extra={"argument": True},
    )
    columns: str | None = Field(
        None, description="The columns of dumps without a header, comma or space between, as in --format of sacct."
    )
    delimiter: str = Field("|", min_length=1, max_length=1, description="What stands between the cells.")
    kind: KindMap = Field(default_factory=dict, description=KIND_HELP)
