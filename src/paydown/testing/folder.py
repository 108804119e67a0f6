"""Tables of facts written as a folder that can be ingested (docs/facts.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa


def write_facts(
    tables: Mapping[str, pa.Table],
    folder: Path | str,
    format: Literal["csv", "parquet"] = "csv",  # noqa: A002 -- the usual word
) -> Path:
    """Write each table that has rows to `<table>.csv` or `<table>.parquet` in a folder, made where it is missing.

    In CSV an empty field is null and instants are RFC 3339 with milliseconds. Gives the folder.
    """
    from pyarrow import csv, parquet

    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        if not rows.num_rows:
            continue
        if format == "csv":
            csv.write_csv(_as_text(rows), path / f"{name}.csv", csv.WriteOptions(quoting_style="needed"))
        else:
            parquet.write_table(rows, path / f"{name}.parquet")
    return path


def _as_text(rows: pa.Table) -> pa.Table:
    """Give instants as RFC 3339."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for at, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            text = pc.strftime(rows[field.name].cast(pa.timestamp("ms", "UTC")), "%Y-%m-%dT%H:%M:%SZ")
            rows = rows.set_column(at, field.name, text)
    return rows
