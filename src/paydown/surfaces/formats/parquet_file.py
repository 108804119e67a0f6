"""Parquet of the main table; what stands beside the figures is in the file's metadata under `paydown`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from paydown.surfaces.values import instant, plain

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.interface import Answer
    from paydown.surfaces.formats.layout import Layout


def write(answer: Answer, layout: Layout) -> Iterator[bytes]:
    """Write the main table as one piece."""
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(_described(answer, layout), file, compression="zstd")
    yield file.getvalue()


def _described(answer: Answer, layout: Layout) -> pa.Table:
    beside = {
        "report": answer.report,
        "window": [instant(answer.window.start, layout.zone), instant(answer.window.end, layout.zone)],
        "columns": [{"name": c.name, "unit": c.unit, "description": c.description} for c in answer.columns],
        "coverage": plain(answer.coverage, layout.zone),
        "notes": list(answer.notes),
    }
    named = answer.rows.rename_columns([column.name for column in answer.columns])
    return named.replace_schema_metadata({"paydown": json.dumps(beside)})
