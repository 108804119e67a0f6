"""Logs of `nvidia-smi --query-gpu=... --format=csv`, with or without header and units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.samples.lines import bad_cells, whole_lines
from paydown.connectors.samples.reading import Reading
from paydown.connectors.samples.texts import array, figures, moments, scaled
from paydown.dialects.samples.frames import Frame, encoded, need_node, repeated
from paydown.errors import InputError
from paydown.model.batch import LINE, Reject
from paydown.model.delimited import Dialect, Source, header_of, open_text
from paydown.model.exporters import NVIDIA_SMI, Measure
from paydown.model.measures import conversion, measured_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CSV = Dialect(quoted=False)
_TIME, _INDEX = "timestamp", "index"
_ALIASES = {"name": ("name", "gpu_name"), "power.draw": ("power.draw", "power.draw.average", "power.draw.instant")}
_LETTERS = {"percent": "%", "MiB": "MiB", "W": "W"}


def read_smi(reading: Reading) -> Iterator[Frame | Reject]:
    """Give the readings of a log."""
    source, header = _header(open_text(reading.file.path), reading.settings.columns)
    source = replace(source, name=reading.file.name)
    _check(header, reading)
    for rows in whole_lines(source, header, _CSV, reading.rejects):
        yield _frame(rows, reading)
        yield from reading.handed()
    yield from reading.handed()


def _header(source: Source, columns: str | None) -> tuple[Source, list[str]]:
    """Give the fields of a log: of its first line, or of the settings where that is no header."""
    first = [_field(cell) for cell in header_of(source, _CSV)]
    if columns is None:
        return source, first
    header = [_field(cell) for cell in columns.split(",")]
    if first == header:
        return source, header
    return replace(source, rest=source.head + b"\n" + source.rest, lines=source.lines - 1), header


def _field(cell: str) -> str:
    """Give the name of a field without its unit: `memory.used [MiB]` is `memory.used`."""
    return cell.partition("[")[0].strip()


def _found(names: list[str], field: str) -> str | None:
    return next((name for name in _ALIASES.get(field, (field,)) if name in names), None)


def _check(header: list[str], reading: Reading) -> None:
    """Say what a log lacks, and how to make a better one."""
    missing = [name for name in (_TIME, _INDEX) if name not in header]
    if not any(_found(header, measure.name) for measure in NVIDIA_SMI.measures):
        missing.append("utilization.gpu")
    if missing:
        raise InputError(
            f"{reading.file.name}: the log lacks {', '.join(missing)}: make it with nvidia-smi "
            f"--query-gpu={','.join(NVIDIA_SMI.default)} --format=csv -l 30"
        )


def _frame(rows: pa.Table, reading: Reading) -> Frame:
    times = moments(array(rows[_TIME]), reading.zone)
    reading.doubled += times.doubled
    if times.bad.any():
        reading.rejects += bad_cells("gpu_samples", reading.file.name, _TIME, array(rows[_TIME]), times.bad, rows[LINE])
    return _filled(rows, times.ms, ~times.bad, reading)


def _filled(rows: pa.Table, at: pa.Array, kept: NDArray[np.bool_], reading: Reading) -> Frame:
    if not kept.all():
        rows, at = rows.filter(pa.array(kept)), at.filter(pa.array(kept))
    fixed = reading.named
    model = _found(rows.column_names, "name")
    frame = Frame(
        "gpu_samples",
        reading.file.name,
        at,
        repeated(need_node(fixed.node, reading.file.name), len(rows)),
        gpu=_trimmed(rows[_INDEX]),
        job=repeated(fixed.job, len(rows)),
        model=None if model is None else _trimmed(rows[model]),
        lines=array(rows[LINE]),
    )
    for measure in NVIDIA_SMI.measures:
        name = _found(rows.column_names, measure.name)
        if name is not None:
            fill(frame, measure, array(rows[name]), _LETTERS.get(measure.unit, ""))
    return frame


def fill(frame: Frame, measure: Measure, text: pa.Array, letters: str = "") -> None:
    """Put a column of text into a frame as figures of the column that it measures."""
    column = measured_columns(measure.table)[measure.column]
    how = conversion(column, measure.unit)
    found = figures(text, letters)
    (frame.rates if how.rate else frame.figures)[column.name] = scaled(found.values, how.factor)
    if found.garbage is not None:
        frame.garbage[column.name] = found.garbage
    if measure.doubted:
        frame.doubted |= {column.name}


def _trimmed(values: pa.ChunkedArray) -> pa.Array:
    """Give names as a dictionary, without the space after the comma."""
    found = encoded(array(values))
    return pa.DictionaryArray.from_arrays(found.indices, pc.ascii_trim_whitespace(found.dictionary))
