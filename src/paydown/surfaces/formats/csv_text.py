"""CSV of the main table: a header line, then exactly the data. An empty field is a value that is not known.

Names are not altered, so a job called `=1+1` reaches a spreadsheet as it is: import such a file with its text columns
marked as text, or use the Parquet format.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from paydown.surfaces.values import plain_rows

if TYPE_CHECKING:
    from paydown.reports.interface import Answer
    from paydown.surfaces.formats.layout import Layout


def write(answer: Answer, layout: Layout) -> Iterator[str]:
    """Write the main table in pieces."""
    yield _lines([[column.name for column in answer.columns]])
    for chunk in plain_rows(answer.rows, layout.zone):
        yield _lines([[_field(value) for value in row] for row in chunk])


def _field(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ";".join(str(inner) for inner in value) if isinstance(value, list) else value


def _lines(rows: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
