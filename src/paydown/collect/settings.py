"""What can be said of collecting: the tables `[collect]` and `[sources.NAME]` of the configuration file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from paydown.errors import PaydownError
from paydown.model.lengths import length_ms
from paydown.model.when import zone_named


def _length(text: str | None) -> str | None:
    if text is not None and not length_ms(text):
        raise ValueError(f"{text!r} is no length of time; write it as 30s, 5m or 24h")
    return text


class CollectSettings(BaseModel):
    """How `paydown collect` goes about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    post: str = Field("5m", description="How often, at most, days whose facts changed are posted.")
    post_share: float = Field(0.25, gt=0, le=1, description="The most of its time that goes into posting.")
    post_days: int = Field(
        7, ge=1, description="How many days one posting works out at most, the latest first; the rest wait."
    )
    retry: str = Field("10s", description="How long to wait after a source failed once; longer after each time more.")
    patience: str = Field("10m", description="How long a source may take from one mark to the next until it is late.")
    compact: str = Field("24h", description="How often small files are put together and old ones removed.")
    log: Literal["text", "json"] = Field("text", description="How its log is written to stderr.")

    @field_validator("post", "retry", "patience", "compact")
    @classmethod
    def _lengths(cls, text: str) -> str:
        return _length(text) or text

    @property
    def post_ms(self) -> int:
        """How often days are posted at most, in ms."""
        return length_ms(self.post)

    @property
    def retry_s(self) -> float:
        """How long to wait after the first failure, in seconds."""
        return length_ms(self.retry) / 1000

    @property
    def patience_s(self) -> float:
        """How long a source may take for one part, in seconds."""
        return length_ms(self.patience) / 1000

    @property
    def compact_ms(self) -> int:
        """How often the store is compacted, in ms."""
        return length_ms(self.compact)


class SourceSettings(BaseModel):
    """What is said of a source that is collected; every other key is a setting of its connector."""

    model_config = ConfigDict(frozen=True, extra="allow")

    connector: str | None = Field(None, description="What reads it (default: the source's name).")
    cluster: str | None = Field(None, description="The cluster's name, where the source does not say it.")
    every: str | None = Field(
        None, description="How often it is read: 30s, 5m, 1h (default: as its connector says, else 1h)."
    )
    timezone: str | None = Field(None, description="The IANA time zone of its local times (default: `timezone`).")

    @field_validator("every")
    @classmethod
    def _every(cls, text: str | None) -> str | None:
        return _length(text)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str | None) -> str | None:
        try:
            return None if name is None else zone_named(name).key
        except PaydownError as error:
            raise ValueError(str(error)) from None

    @property
    def others(self) -> dict[str, Any]:
        """The settings of its connector."""
        return dict(self.model_extra or {})
