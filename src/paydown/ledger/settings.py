"""The ledger's settings: the thresholds of docs/spec/ledger.md. A store is posted with one set of them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

GpuSignal = Literal["gr_engine_active", "gpu_util", "sm_active", "tensor_active"]


class LedgerSettings(BaseModel):
    """What the posting takes for granted; kept with every posted day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpu_signals: tuple[GpuSignal, ...] = Field(
        ("gr_engine_active", "gpu_util"),
        description="Which signal counts as use of a GPU: the first of these that a sample carries.",
        min_length=1,
    )
    inactive_ratio: float = Field(
        0.01, ge=0, le=1, description="A sample is quiet when every activity ratio it carries is at most this."
    )
    inactivity_span_ms: int = Field(
        300_000, ge=0, description="How long a quiet run must last to be inactive, in ms (default 5 min)."
    )
    max_duration_ms: int = Field(
        3_600_000, gt=0, description="Up to how long a sample's declared duration is believed, in ms (default 1 h)."
    )
    max_gap_ms: int = Field(
        300_000,
        ge=0,
        description="Over how long a lateness of the next sample one is stretched, in ms (default 5 min).",
    )
