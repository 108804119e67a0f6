"""What can be said of files of telemetry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from paydown.model.lengths import length_ms

Form = Literal["nvidia-smi", "dmon", "dcgmi", "prometheus", "csv", "parquet"]
"""The forms that are read; docs/connectors/samples.md describes each."""

FIXED = ("node", "gpu", "job_id", "gpu_model")
"""What may be fixed for all rows by --label."""


class SamplesSettings(BaseModel):
    """Which files to read, and what they do not say themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[str, ...] = Field(
        min_length=1,
        description="Files of telemetry, plain or gzipped; `-` is standard input.",
        json_schema_extra={"argument": True},
    )
    form: Form | None = Field(None, description="The form of the files, where it is not to be told by their content.")
    map: tuple[str, ...] = Field(
        (),
        description="What a CSV or Parquet column (or a label or metric of Prometheus) means, as "
        "COLUMN=SOURCE[:UNIT], several with commas between: `start=time:s,gpu_util_ratio=util:percent`.",
    )
    map_file: Path | None = Field(None, description="A TOML file with the same in a table `map`.")
    node: str | None = Field(None, min_length=1, description="The node, where files do not name it.")
    node_from_name: str | None = Field(
        None, description="A regular expression on the file's name; its first group is the node: `^([^.]+)`."
    )
    job_from_name: str | None = Field(
        None, description="A regular expression on the file's name; its first group is the job that all rows are of."
    )
    label: Mapping[str, str] = Field(
        default_factory=dict,
        description="What holds for all rows: `job_id=123`, and likewise `gpu`, `node`, `gpu_model`.",
    )
    short_names: bool = Field(False, description="Cut node names at the first dot, as Slurm mostly knows them.")
    interval: str | None = Field(
        None, description="How long a sample lasts: `30s`, `500ms`, `1m` (default: each device's median spacing)."
    )
    start: datetime | None = Field(None, description="When a dump without times (dcgmi dmon) was begun.")
    slices: Mapping[str, str] = Field(
        default_factory=dict,
        description="Instances of MIG by DCGM's own numbers, as GPU/INSTANCE: `8=0/1` (dcgmi discovery -c lists them).",
    )
    columns: str | None = Field(
        None, description="The fields of nvidia-smi logs without a header, as in --query-gpu, comma between."
    )
    metric: str | None = Field(None, description="The metric of Prometheus answers whose series have no name.")
    believe_zeros: bool = Field(
        False, description="Believe zeros also of a signal that these files never show above zero for a GPU model."
    )

    @field_validator("interval")
    @classmethod
    def _length(cls, text: str | None) -> str | None:
        if text is not None and not length_ms(text):
            raise ValueError(f"{text!r} is no length of time; write it as 30s, 500ms, 1m or 1h")
        return text

    @field_validator("label")
    @classmethod
    def _fixed(cls, given: Mapping[str, str]) -> Mapping[str, str]:
        unknown = sorted(set(given) - set(FIXED))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} cannot be fixed for all rows; known are {', '.join(FIXED)}")
        return given

    @field_validator("node_from_name", "job_from_name")
    @classmethod
    def _pattern(cls, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            groups = re.compile(text).groups
        except re.error as error:
            raise ValueError(f"{text!r} is no regular expression: {error}") from None
        if not groups:
            raise ValueError(f"{text!r} has no group: put round brackets around the part that is the name")
        return text

    @property
    def interval_ms(self) -> int | None:
        """The length of a sample in ms, where it is given."""
        return None if self.interval is None else length_ms(self.interval)
