"""The table for terminals: headline, rows that fit, notes. Grey is capacity, yellow allocation, green utilization."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from paydown.surfaces.values import ALARM, FIGURES, escaped, shown_rows, span

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from paydown.reports.interface import Answer, OutColumn
    from paydown.surfaces.formats.layout import Layout

STYLES = {"capacity": "bright_black", "allocation": "yellow", "utilization": "green", "debt": "red"}
"""The colour of a column by its role."""

_NARROWEST = 12
_HEADER_WORD = 9
_PADDING = 2
_NAMED = 5


def write(answer: Answer, layout: Layout) -> Iterator[str]:
    """Write an answer as one piece for each of its tables."""
    console = _console(layout)
    for sentence in answer.headline:
        console.print(escaped(sentence), markup=False, highlight=False, soft_wrap=layout.width is None)
    if answer.rows.num_rows:
        _print_rows(console, answer, layout)
    for note in _notes(answer, layout):
        console.print(f"* {escaped(note)}", style="dim", markup=False, highlight=False, soft_wrap=layout.width is None)
    file = console.file
    yield file.getvalue() if isinstance(file, io.StringIO) else ""
    for further in answer.more:
        yield f"\n{escaped(further.report)}\n"
        yield from write(further, layout)


def _console(layout: Layout) -> Console:
    from rich.console import Console

    return Console(
        file=io.StringIO(), width=layout.width or 10_000, force_terminal=layout.color, no_color=not layout.color,
        color_system="standard" if layout.color else None, legacy_windows=False,
    )  # fmt: skip


def _notes(answer: Answer, layout: Layout) -> Iterator[str]:
    total = max(answer.rows.num_rows, answer.coverage.get("rows", 0))
    if not total:
        yield f"No rows: {span(answer.window, layout.zone)}."
    if layout.limit and total > layout.limit:
        yield f"{layout.limit} of {total:,} rows; --limit 0 shows all."
    yield from answer.notes


def _print_rows(console: Console, answer: Answer, layout: Layout) -> None:
    rows = answer.rows.slice(0, layout.limit) if layout.limit else answer.rows
    cells = shown_rows(answer, rows, layout.zone)
    widths = _fitting(answer.columns, _natural(answer, cells), layout.width)
    console.print(_table(answer, cells, widths))
    left = [column.name for column, width in zip(answer.columns, widths, strict=True) if not width]
    if left:
        more = f" and {len(left) - _NAMED} more columns" if len(left) > _NAMED else ""
        text = f"* No room for {', '.join(left[:_NAMED])}{more}: use a wider terminal or --format csv."
        console.print(text, style="dim", markup=False, highlight=False)


def _header(column: OutColumn) -> str:
    """Break a long name at its underscores, so that it does not make a narrow column wide."""
    lines = [""]
    for word in column.name.split("_"):
        joined = f"{lines[-1]}_{word}" if lines[-1] else word
        if len(joined) > _HEADER_WORD and lines[-1]:
            lines[-1] += "_"
            lines.append(word)
        else:
            lines[-1] = joined
    return "\n".join(lines)


def _natural(answer: Answer, cells: list[list[str]]) -> list[int]:
    from rich.cells import cell_len

    headers = [max(map(cell_len, _header(column).split("\n"))) for column in answer.columns]
    return [max(width, *(cell_len(row[at]) for row in cells)) for at, width in enumerate(headers)]


def _fitting(columns: Sequence[OutColumn], natural: list[int], width: int | None) -> list[int]:
    """Give each column its width, 0 to those that find no room: minor ones first, then those to the right.

    Names are cut before a column goes; figures are never cut, since a figure without its end is another figure.
    """
    if width is None:
        return natural
    least = [
        wide if column.role in {*FIGURES, "instant"} else min(wide, _NARROWEST)
        for wide, column in zip(natural, columns, strict=True)
    ]
    kept = _kept(columns, least, width)
    spare = width - sum(least[at] + _PADDING for at in kept)
    widths = [0] * len(natural)
    for at in kept:
        given = min(natural[at] - least[at], max(spare, 0))
        spare -= given
        widths[at] = least[at] + given
    return widths


def _kept(columns: Sequence[OutColumn], least: list[int], width: int) -> list[int]:
    """Choose the columns that have room; the first is always among them."""
    kept: list[int] = []
    for minor in (False, True):
        for at, column in enumerate(columns):
            fits = sum(least[i] + _PADDING for i in (*kept, at)) <= width
            if column.minor == minor and (fits or not kept):
                kept.append(at)
            elif column.minor == minor:
                return sorted(kept)
    return sorted(kept)


def _table(answer: Answer, cells: list[list[str]], widths: list[int]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, _PADDING, 0, 0), pad_edge=False, header_style="bold")
    shown = [at for at, width in enumerate(widths) if width]
    for column, width in ((answer.columns[at], widths[at]) for at in shown):
        table.add_column(
            Text(_header(column)), width=width, no_wrap=True, overflow="ellipsis", style=STYLES.get(column.role, ""),
            justify="right" if column.role in FIGURES else "left", vertical="bottom",
        )  # fmt: skip
    for row in cells:
        table.add_row(*(Text(row[at], style=_style(answer.columns[at], row[at])) for at in shown))
    return table


def _style(column: OutColumn, cell: str) -> str:
    """A verdict that must be looked at stands out."""
    return "bold red" if column.role == "verdict" and cell == ALARM else ""
