"""A report of our own, an installation around it, and a way to run command lines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any, Literal

import pyarrow as pa
import pytest
from pydantic import BaseModel, ConfigDict, Field

from paydown.config import Settings
from paydown.model.window import Window
from paydown.reports.interface import Answer, Need, OutColumn, Report

HOSTILE = '=1+1\x1b[31m|<script>alert(1)</script>\u202e,"x"\n'
"""A job name that tries a spreadsheet, a terminal, a Markdown table, a browser, a bidirectional trick, and CSV."""

COLUMNS = (
    OutColumn("job", "", "The job.", "text"),
    OutColumn("when", "UTC", "An instant.", "instant"),
    OutColumn("gpu_hours", "GPU-hours", "Hours held.", "allocation"),
    OutColumn("debt_share", "share", "Debt, weighted by what was held.", "share"),
    OutColumn("amount", "milli-GPU x ms", "The exact amount.", "number"),
)
ROWS = pa.table(
    {
        "job": pa.array(["plain", HOSTILE, None]),
        "when": pa.array([datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 1, 12, 0, 0, 500_000, UTC), None],
                         pa.timestamp("ms", "UTC")),
        "gpu_hours": pa.array([1234.5, 0.25, None]),
        "debt_share": pa.array([0.125, float("nan"), None]),
        "amount": pa.array([Decimal(2**80), Decimal(1), None], pa.decimal128(38, 0)),
    }
)  # fmt: skip


class FakeParameters(BaseModel):
    """Parameters of every shape that reports use."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    start_ms: int | None = Field(None, description="The first instant.")
    end_ms: int | None = Field(None, description="The first instant after the window.")
    user: tuple[str, ...] = Field((), description="Only these users.")
    tres: tuple[Literal["gpu", "cpu"], ...] = Field((), description="Only these resources.")
    limit: int | None = Field(None, ge=0, description="How many rows at most; 0 is all.")
    timezone: str = Field("UTC", description="The time zone.")
    exact: bool = Field(False, description="Exact amounts.")


def answer_of(parameters: FakeParameters, rows: pa.Table = ROWS, **more: Any) -> Answer:
    """Answer with the rows above."""
    window = Window(parameters.start_ms or 0, parameters.end_ms or 86_400_000)
    kept = rows.slice(0, parameters.limit) if parameters.limit else rows
    return Answer(
        "fake", window, COLUMNS, kept, {"observed_share": None, "tables": ["jobs"]}, ("A note.",),
        headline=("A headline.",), **more,
    )  # fmt: skip


def report_of(run: Callable[[Any, Any], Answer] | None = None) -> Report:
    """Make a report that answers as `run` says."""
    needs = (Need("jobs", "No jobs are shown.", required=True),)
    return Report("fake", "What is fake?", FakeParameters, needs, run or (lambda _, asked: answer_of(asked)))


@dataclass
class FakeApp:
    """An installation whose store is nothing."""

    settings: Settings = field(default_factory=Settings)
    store_path: str = "/nowhere/store"

    def store(self, *, create: bool = False) -> FakeApp:
        """Be the store."""
        return self

    def snapshot(self) -> None:
        """Be empty."""


@dataclass
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_report(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Ran]:
    """Run `paydown fake ...` against a report."""
    import click

    from paydown.surfaces.cli.failures import guarded
    from paydown.surfaces.cli.report_verb import verb_of
    from paydown.surfaces.cli.session import Session, placed

    def run(*arguments: str, report: Report | None = None, app: FakeApp | None = None) -> Ran:
        session = Session(clock=lambda: 1_714_568_400_000)  # 2024-05-01T13:00:00Z
        session.__dict__["app"] = app or FakeApp()
        group = click.Group("paydown", commands=[placed(verb_of(report or report_of()))])
        code = guarded(lambda: group.main(["fake", *arguments], "paydown", standalone_mode=False, obj=session))
        said = capfdbinary.readouterr()
        return Ran(code, said.out.decode(), said.err.decode())

    return run


@pytest.fixture
def fake() -> ModuleType:
    """Give the report of our own: tests cannot import this file."""
    return sys.modules[__name__]
