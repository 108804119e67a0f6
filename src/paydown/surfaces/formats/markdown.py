"""Markdown for people's own documents: the headline, a pipe table, the notes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from paydown.surfaces.formats.layout import Layout
from paydown.surfaces.values import FIGURES, escaped, shown_rows, span

if TYPE_CHECKING:
    from paydown.reports.interface import Answer

_ACTIVE = re.compile(r"([\\`*_{}\[\]#|~$!])")


def write(answer: Answer, layout: Layout) -> Iterator[str]:
    """Write an answer and its further tables."""
    yield f"## {safe(answer.report)}\n\n"
    yield span(answer.window, layout.zone) + (f", store {safe(layout.store)}" if layout.store else "") + ".\n\n"
    yield from (f"{safe(sentence)}\n\n" for sentence in answer.headline)
    yield from _table(answer, layout)
    yield from (f"- {safe(note)}\n" for note in answer.notes)
    for further in answer.more:
        yield "\n"
        yield from write(further, Layout(layout.zone, layout.limit))


def safe(text: str) -> str:
    """Take its Markdown meaning from every character of a text."""
    return html.escape(_ACTIVE.sub(r"\\\1", escaped(text)), quote=False)


def _table(answer: Answer, layout: Layout) -> Iterator[str]:
    names = [column.name for column in answer.columns]
    yield _line([safe(name) for name in names])
    yield _line(["---:" if column.role in FIGURES else "---" for column in answer.columns])
    rows = answer.rows.slice(0, layout.limit) if layout.limit else answer.rows
    yield from (_line([safe(cell) for cell in row]) for row in shown_rows(answer, rows, layout.zone))
    yield "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
