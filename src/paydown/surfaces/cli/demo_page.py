"""The page and the headline of a demonstration, both from the answers of ordinary reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from paydown.surfaces import charts
from paydown.surfaces.formats.html_page import noted, page, picture, safe, table

if TYPE_CHECKING:
    from paydown.reports.interface import Answer
    from paydown.surfaces.formats.layout import Layout

UNITS = {"gpu": ("GPUs", "GPU-hours"), "cpu": ("CPU cores", "core-hours")}
"""What is shown of a cluster, and in which hours."""

DEBTOR = ("user", "account", "debt_hours", "debt_share", "inactive_hours", "underused_hours", "allocated_hours")
"""The columns of the debtors' table."""


@dataclass(frozen=True)
class Shown:
    """What a demonstration shows."""

    debt: Answer
    """The debt, one row for each TRES."""
    debtors: Answer
    """The largest debtors."""
    timeline: Answer
    """The picture's figures."""


def headline(shown: Shown) -> dict[str, list[tuple[str, str]]]:
    """Give the headline: for each TRES what is told of it, as a name and a sentence."""
    return {row["tres"]: list(_told(row, UNITS[row["tres"]][1])) for row in shown.debt.rows.to_pylist()}


def _told(row: dict[str, Any], unit: str) -> Iterator[tuple[str, str]]:
    yield "capacity", f"{_hours(row['reported_hours'])} {unit}"
    yield "allocation", f"{_hours(row['allocated_hours'])} {unit}, {_share(row['allocated_share'])} of the capacity"
    yield "utilization", f"{_hours(row['used_hours'])} {unit}, {_share(row['used_share'])} of the allocation"
    yield (
        "debt",
        (
            f"{_hours(row['debt_hours'])} {unit}, {_share(row['debt_share'])} of the allocation: "
            f"{_hours(row['inactive_hours'])} inactive, {_hours(row['underused_hours'])} underused "
            f"(at most {_hours(row['debt_max_hours'])} with what is unobserved)"
        ),
    )
    yield "coverage", f"{_share(row['observed_share'])} of the allocation is observed"


def _hours(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "an unknown share" if value is None else f"{value:.1%}"


def html(shown: Shown, layout: Layout, following: Sequence[str]) -> Iterator[str]:
    """Write the page: the picture, the headline, the debtors, and what to run next."""
    yield from page("Paydown: capacity, allocation, utilization", list(_body(shown, layout, following)), drawn=True)


def _body(shown: Shown, layout: Layout, following: Sequence[str]) -> Iterator[str]:
    window = shown.debt.window
    yield "<h1>Capacity, allocation, utilization</h1>\n"
    yield f'<p class="dim">A synthetic cluster, {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}.</p>\n'
    pictures = {drawn.of["tres"]: drawn for drawn in charts.charts_of(shown.timeline, layout.zone)}
    for place, (tres, lines) in enumerate(headline(shown).items()):
        yield f"<h2>{UNITS[tres][0]}</h2>\n" + '<div class="wide"><table><tbody>\n'
        yield from (
            f'<tr><th scope="row">{safe(name)}</th><td class="told">{safe(told)}</td></tr>\n' for name, told in lines
        )
        yield "</tbody></table></div>\n"
        if tres in pictures:
            yield picture(pictures[tres], place)
    yield "<h2>The largest debtors</h2>\n"
    yield from table(_chosen(shown.debtors, DEBTOR), layout)
    yield from noted(tuple(dict.fromkeys((*shown.debt.notes, *shown.debtors.notes))))
    yield "<h2>Next</h2>\n<pre>" + safe_lines(following) + "</pre>\n"


def _chosen(answer: Answer, names: Sequence[str]) -> Answer:
    columns = tuple(column for column in answer.columns if column.name in names)
    return replace(answer, columns=columns, rows=answer.rows.select([column.name for column in columns]))


def safe_lines(lines: Sequence[str]) -> str:
    """Take their meaning from lines, and keep them lines."""
    return "\n".join(safe(line) for line in lines)
