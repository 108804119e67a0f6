"""What holds for every report: its names, its documentation, its columns, and what it says when tables are missing."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from paydown.errors import UsageError
from paydown.model.entries import DERIVED, META
from paydown.model.facts import FACTS
from paydown.reports import registry

NAMES = ["coverage", "debt", "job", "jobs", "ledger", "now", "timeline", "usage", "wait"]


def asked(report, **more):
    """Ask a report with nothing but what it must be told."""
    return report.parameters(**({"job_id": "1"} if report.name == "job" else {}), **more)


def test_the_names_are_those_of_the_reports():
    assert set(NAMES) <= set(registry.names())
    assert sorted(registry.reports()) == registry.names()
    assert registry.found().warnings == ()
    with pytest.raises(UsageError, match="did you mean debt"):
        registry.report("dept")


def test_names_are_listed_without_importing_reports():
    code = "import sys, paydown.reports.registry as r; r.names(); print('paydown.reports.debt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_documented_and_declares_what_it_is(name):
    report = registry.report(name)
    module = sys.modules[report.run.__module__]
    assert report.question.endswith("?")
    for heading in ("## How to read it", "## Examples", "## Caveats"):
        assert heading in module.__doc__
    assert re.search(rf"^paydown {name}\b", module.__doc__, re.MULTILINE)
    assert module.COLUMNS
    assert all(field.description for field in report.parameters.model_fields.values())
    assert {need.table for need in report.needs} <= {*FACTS, *DERIVED, *META}


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_has_the_columns_it_describes(two_days, name):
    report = registry.report(name)
    answer = report.run(two_days, asked(report))
    for part in (answer, *answer.more):
        assert part.rows.column_names == [column.name for column in part.columns]
        assert all(column.description for column in part.columns)
        assert all(
            column.unit for column in part.columns if column.role in {"number", "share"} and column.name != "attempt"
        )
    assert "UTC" in " ".join(answer.notes)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_says_what_is_observed(two_days, book, name):
    report = registry.report(name)
    if name in {"usage", "wait"}:
        pytest.skip("rests on no measurement")
    moment = {"at_ms": book.ms(20)} if name == "now" else {}
    assert report.run(two_days, asked(report, **moment)).coverage["observed_share"] == 1


@pytest.mark.parametrize("name", [name for name in NAMES if name != "job"])
def test_an_empty_store_gives_an_answer(book, name):
    report = registry.report(name)
    answer = report.run(book.store(), asked(report))
    figures = [column.name for column in answer.columns if column.role in {"number", "share", "debt", "capacity"}]
    assert not any(row[figure] for row in answer.rows.to_pylist() for figure in figures)


@pytest.mark.parametrize("name", NAMES)
def test_pseudonyms_leave_no_name(two_days, name):
    report = registry.report(name)
    by = {"by": ("user",)} if "by" in report.parameters.model_fields else {}
    answer = report.run(two_days, asked(report, pseudonyms=True, **by))
    assert not any("ada" in row.values() for part in (answer, *answer.more) for row in part.rows.to_pylist())


# Figures that rest on a table: without it they are null or have no row, never zero.
RESTS = [
    ("debt", "nodes", ("not_held_hours", "idle_hours", "reported_hours", "not_held_share")),
    ("debt", "sources", ("debt_change_hours",)),
    ("debt", "daily", ("debt_hours", "allocated_hours")),
    ("timeline", "nodes", ("capacity", "idle", "not_held")),
    ("timeline", "entries", ("capacity", "allocated", "used")),
    ("ledger", "daily", ("hours",)),
    ("usage", "jobs", ("jobs_ended", "wait_mean_hours")),
    ("usage", "allocations", ("gpu_hours", "cpu_hours", "node_hours", "jobs_ended")),
    ("usage", "gpu_samples", ("energy_kwh",)),
    ("wait", "entries", ("free_gpus_mean", "enough_free_share", "fit_free_share")),
    ("wait", "daily", ("free_gpus_mean", "enough_free_share", "fit_free_share")),
    ("wait", "sources", ("free_gpus_mean", "enough_free_share", "fit_free_share")),
    ("jobs", "jobs", ("name", "state", "wait_hours", "req_gpus")),
    ("jobs", "allocations", ("gpus", "nodes")),
    ("jobs", "daily", ("gpu_debt_hours", "gpu_efficiency", "gpu_allocated_hours")),
    ("job", "daily", ("gpu_debt_hours", "gpu_efficiency")),
    ("job", "jobs", ("name", "state")),
]


@pytest.mark.parametrize(("name", "table", "figures"), RESTS)
def test_what_rests_on_a_missing_table_is_not_zero(two_days_without, name, table, figures):
    report = registry.report(name)
    assert table in {need.table for need in report.needs}
    for row in report.run(two_days_without(table), asked(report)).rows.to_pylist():
        assert {figure: row[figure] for figure in figures} == dict.fromkeys(figures)


def zeros(answer):
    """Give the columns that hold an exact zero in some row."""
    rows = answer.rows.to_pylist()
    return {name for row in rows for name, value in row.items() if value == 0 and not isinstance(value, bool)}


@pytest.mark.parametrize(
    ("name", "table"), [(name, need.table) for name in registry.names() for need in registry.report(name).needs]
)
def test_no_figure_becomes_zero_because_a_table_is_missing(two_days, two_days_without, name, table):
    report = registry.report(name)
    whole = report.run(two_days, asked(report))
    less = report.run(two_days_without(table), asked(report))
    assert [column.name for column in less.columns] == [column.name for column in whole.columns]
    assert zeros(less) <= zeros(whole)


def test_a_moment_is_the_five_minutes_that_hold_it(two_days):
    report = registry.report("debt")
    moment = report.run(two_days, report.parameters(end_ms=None)).window.start_ms + 3_600_123
    at = report.run(two_days, asked(report, at_ms=moment))
    start = moment // 300_000 * 300_000
    assert (at.window.start_ms, at.window.end_ms) == (start, start + 300_000)
    assert at.rows == report.run(two_days, asked(report, start_ms=start, end_ms=start + 300_000)).rows


def test_a_moment_and_a_window_do_not_go_together():
    with pytest.raises(ValueError, match="do not go together"):
        asked(registry.report("debt"), at_ms=0, end_ms=1)
