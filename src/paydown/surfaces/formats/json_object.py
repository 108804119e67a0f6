"""One JSON object: report, window, columns, rows (objects), coverage, notes, and tables where there are more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from paydown.surfaces.values import instant, plain, plain_rows

if TYPE_CHECKING:
    from paydown.reports.interface import Answer
    from paydown.surfaces.formats.layout import Layout


def write(answer: Answer, layout: Layout) -> Iterator[str]:
    """Write an answer in pieces, one row a line."""
    yield from _object(answer, layout)
    yield "\n"


def _object(answer: Answer, layout: Layout) -> Iterator[str]:
    head = {
        "report": answer.report,
        "window": {
            "start": instant(answer.window.start, layout.zone),
            "end": instant(answer.window.end, layout.zone),
        },
        "columns": [{"name": c.name, "unit": c.unit, "description": c.description} for c in answer.columns],
    }
    yield _text(head)[:-1] + ', "rows": ['
    yield from _rows(answer, layout)
    tail = {"coverage": plain(answer.coverage, layout.zone), "notes": list(answer.notes)}
    yield "], " + _text(tail)[1:-1]
    yield from _more(answer.more, layout)
    yield "}"


def _rows(answer: Answer, layout: Layout) -> Iterator[str]:
    names = [column.name for column in answer.columns]
    before = "\n"
    for chunk in plain_rows(answer.rows, layout.zone):
        yield before + ",\n".join(_text(dict(zip(names, row, strict=True))) for row in chunk)
        before = ",\n"


def _more(answers: tuple[Answer, ...], layout: Layout) -> Iterator[str]:
    for place, answer in enumerate(answers):
        yield ', "tables": [\n' if place == 0 else ",\n"
        yield from _object(answer, layout)
    if answers:
        yield "]"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
