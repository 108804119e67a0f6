"""What can be said of a Prometheus that is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from paydown.model.lengths import length_ms
from paydown.model.units import MS_PER_SECOND
from paydown.outside.access import Access


class PrometheusSettings(BaseModel):
    """Which server to ask, for what time, how to be let in, and what its labels mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        description="The server's URL, with its path where it has one: `http://prometheus:9090`; of Mimir "
        "`https://HOST/prometheus`, of VictoriaMetrics `http://HOST:8428`."
    )
    start_ms: int | None = Field(
        None,
        description="From when, in ms since the epoch (default: where the last reading ended, at first an hour ago).",
    )
    end_ms: int | None = Field(None, description="Until when, in ms since the epoch (default: now, less --lag).")
    again: bool = Field(False, description="Read also what was read before.")
    lag: str = Field("2m", description="How late scrapes may arrive: what is younger is left for the next time.")
    interval: str | None = Field(
        None, description="How long a reading lasts: `30s`, `1m` (default: as far as each target's are apart)."
    )
    match: str | None = Field(
        None, description='More matchers for every series, as in PromQL: `cluster="alex",job=~"dcgm.*"`.'
    )
    map: tuple[str, ...] = Field(
        (),
        description="What a label or metric means, as COLUMN=SOURCE[:UNIT], several with commas between: "
        "`node=kubernetes_node,gpu_util_ratio=site:gpu_busy:percent`.",
    )
    map_file: Path | None = Field(None, description="A TOML file with the same in a table `map`.")
    node_map: Path | None = Field(
        None, description="A CSV file with the columns seen,node: what the labels say, and the node that it is."
    )
    node_from: str | None = Field(
        None, description="A regular expression on what names the node; its first group is the node: `^([^.:]+)`."
    )
    short_names: bool = Field(False, description="Cut node names at the first dot, as Slurm mostly knows them.")
    believe_zeros: bool = Field(False, description="Believe zeros also of a signal that is never above zero.")
    token_file: Path | None = Field(None, description="A file that holds a bearer token.")
    token_variable: str | None = Field(None, description="An environment variable that holds a bearer token.")
    user: str | None = Field(None, description="The user of basic authentication.")
    password_file: Path | None = Field(None, description="A file that holds the user's password.")
    password_variable: str | None = Field(None, description="An environment variable that holds the user's password.")
    ca: Path | None = Field(None, description="Certificates of the authorities that are believed, as PEM.")
    certificate: Path | None = Field(None, description="The client's own certificate, as PEM.")
    key: Path | None = Field(None, description="Its key, where it is not in the same file.")
    tenant: str | None = Field(None, description="The tenant of Mimir, Cortex or Loki's kin: the header X-Scope-OrgID.")
    header: Mapping[str, str] = Field(default_factory=dict, description="Another header of every request; no secrets.")
    concurrency: int = Field(4, ge=1, le=32, description="How many queries may be open at once.")
    timeout: str = Field("60s", description="How long an answer may take.")

    @field_validator("lag", "interval", "timeout")
    @classmethod
    def _length(cls, text: str | None) -> str | None:
        if text is not None and not length_ms(text) and text.strip() != "0s":
            raise ValueError(f"{text!r} is no length of time; write it as 30s, 5m or 1h")
        return text

    @field_validator("node_from")
    @classmethod
    def _pattern(cls, text: str | None) -> str | None:
        try:
            groups = re.compile(text).groups if text is not None else 1
        except re.error as error:
            raise ValueError(f"{text!r} is no regular expression: {error}") from None
        if not groups:
            raise ValueError(f"{text!r} has no group: put round brackets around the part that is the name")
        return text

    @model_validator(mode="after")
    def _sense(self) -> PrometheusSettings:
        if self.start_ms is not None and self.end_ms is not None and self.start_ms >= self.end_ms:
            raise ValueError("--to must be later than --from")
        return self

    @property
    def lag_ms(self) -> int:
        """How late scrapes may arrive, in ms."""
        return length_ms(self.lag)

    @property
    def interval_ms(self) -> int | None:
        """How long a reading lasts in ms, where it is given."""
        return None if self.interval is None else length_ms(self.interval)

    @property
    def timeout_s(self) -> float:
        """How long an answer may take, in seconds."""
        return max(length_ms(self.timeout) / MS_PER_SECOND, 0.1)

    @property
    def access(self) -> Access:
        """What it takes to be let in."""
        tenant = {"X-Scope-OrgID": self.tenant} if self.tenant else {}
        return Access(
            token_file=self.token_file, token_variable=self.token_variable, user=self.user,
            password_file=self.password_file, password_variable=self.password_variable, ca=self.ca,
            certificate=self.certificate, key=self.key, headers={**self.header, **tenant},
        )  # fmt: skip
