"""What can be said of files that tell who is who."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["account", "parent", "organization", "none"]
"""What of Slurm's accounts is meant: the user's default account, the one above it, or its Organization."""


class IdentitiesSettings(BaseModel):
    """Which files to read, and what they mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[str, ...] = Field(
        min_length=1,
        description="CSV files, or dumps of `sacctmgr show user`, `show assoc` and `show account` with -P, -p or "
        "--json, plain or gzipped; `-` is standard input.",
        json_schema_extra={"argument": True},
    )
    columns: dict[str, str] = Field(
        {}, description="Which column of a CSV file is which, where its name does not say it: `team=Group`."
    )
    team_from: Level = Field("account", description="Of sacctmgr: what of a user's account is the team.")
    department_from: Level = Field(
        "organization", description="Of sacctmgr: what of a user's account is the department."
    )
    since_ms: int | None = Field(
        None,
        description="From when a team or department without a start is the person's, in ms since the epoch; without "
        "it, always.",
    )
