"""The parameters that reports share: window, filters, cut, order. Their fields become flags and API fields."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from paydown.model.units import BUCKET_MS

TresName = Literal["gpu", "gpu_memory", "cpu", "memory"]
"""The name of a TRES (`paydown.model.units.TRES`)."""


class Parameters(BaseModel):
    """What every report can be asked: which time, which clusters, whose jobs, and how to show it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_ms: int | None = Field(
        None, description="The first instant, in ms since the epoch; without it, the first of which anything is known."
    )
    end_ms: int | None = Field(
        None, description="The first instant after the window, in ms; without it, the last of which anything is known."
    )
    at_ms: int | None = Field(
        None, description="A moment, in ms since the epoch: the five minutes that hold it are the window."
    )
    cluster: tuple[str, ...] = Field((), description="Only these clusters.")
    partition: tuple[str, ...] = Field(
        (), description="Only jobs of these partitions, and unallocated capacity of nodes with exactly this text."
    )
    account: tuple[str, ...] = Field((), description="Only what these accounts held.")
    user: tuple[str, ...] = Field((), description="Only what these users held, by name or by person key.")
    team: tuple[str, ...] = Field((), description="Only what people of these teams held; (unmapped): of no team.")
    department: tuple[str, ...] = Field(
        (), description="Only what people of these departments held; (unmapped): of no department."
    )
    sort: str | None = Field(None, description="The column to sort by; with - before it, the largest first.")
    limit: int | None = Field(None, ge=0, description="How many rows at most; 0 is all.")
    timezone: str = Field("UTC", description="The IANA time zone in which days, weeks and months begin.")
    pseudonyms: bool = Field(
        False, description="Show opaque person keys in place of users' names, and numbers in place of jobs' names."
    )

    @model_validator(mode="before")
    @classmethod
    def _moment(cls, given: Any) -> Any:
        """Make a moment the window of its bucket (L4)."""
        if not isinstance(given, dict) or given.get("at_ms") is None:
            return given
        if given.get("start_ms") is not None or given.get("end_ms") is not None:
            raise ValueError("a moment (--at) and a window (--from, --to) do not go together; give one of them")
        start = int(given["at_ms"]) // BUCKET_MS * BUCKET_MS
        return {**given, "start_ms": start, "end_ms": start + BUCKET_MS}


class LedgerParameters(Parameters):
    """What every report on the ledger can be asked besides."""

    node: tuple[str, ...] = Field((), description="Only these nodes.")
    tres: tuple[TresName, ...] = Field((), description="Only these countable resources.")
    by: tuple[str, ...] = Field(
        (), description="Cut by these columns: cluster, partition, account, user, node, day ..."
    )
    exact: bool = Field(False, description="Give exact integer amounts as well, in the TRES's own unit.")
