"""Any table, CSV or Parquet, of which --map says what its columns mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.connectors.samples.columns import at_and_faults, durations, names, numbers
from paydown.connectors.samples.lines import bad_cells, whole_lines
from paydown.connectors.samples.reading import Reading
from paydown.connectors.samples.texts import array, scaled
from paydown.dialects.samples.frames import Frame, need_node, repeated, shortened
from paydown.dialects.samples.mapping import WHO, Mapped
from paydown.errors import InputError, UsageError
from paydown.model.batch import LINE, Reject
from paydown.model.delimited import Dialect, header_of, open_text
from paydown.model.nearest import suggestion

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH_ROWS = 500_000
"""Rows of Parquet read at once."""

_DELIMITERS = ",;\t|"


def read_csv(reading: Reading) -> Iterator[Frame | Reject]:
    """Give the readings of a CSV file; the delimiter is the most frequent of `,;|` and tab in its first line."""
    source = replace(open_text(reading.file.path), name=reading.file.name)
    dialect = Dialect(max(_DELIMITERS, key=source.first.count))
    header = header_of(source, dialect)
    wanted = _wanted(header, reading)
    for rows in whole_lines(source, header, dialect, reading.rejects, wanted):
        yield from _frame(rows, reading)
        yield from reading.handed()
    yield from reading.handed()


def read_parquet(reading: Reading) -> Iterator[Frame | Reject]:
    """Give the readings of a Parquet file, batch by batch."""
    for rows in _batches(reading):
        yield from _frame(rows, reading)
        yield from reading.handed()


def _batches(reading: Reading) -> Iterator[pa.Table]:
    """Give the columns of a Parquet file that the map names, with the numbers of the rows."""
    from pyarrow import parquet

    done = 0
    try:
        with parquet.ParquetFile(reading.file.path) as file:
            schema = file.schema_arrow
        wanted = _wanted(schema.names, reading)
        texts = [name for name in wanted if pa.types.is_string(schema.field(name).type)]
        with parquet.ParquetFile(reading.file.path, read_dictionary=texts) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
                lines = pa.array(np.arange(done + 1, done + len(batch) + 1))
                done += len(batch)
                yield pa.Table.from_batches([batch]).append_column(LINE, lines)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        name = reading.file.name
        raise InputError(f"{name}: cannot be read as Parquet ({error}): fetch or write it again.") from error


def _wanted(header: list[str], reading: Reading) -> list[str]:
    """Give the file's columns that are read, or say what of the map it lacks."""
    mapped, name = reading.mapped, reading.file.name
    _sense(mapped, reading)
    for column, source in mapped.sources.items():
        if source.name not in header:
            raise InputError(
                f"{name}: it has no column {source.name!r}, of which --map makes {column}"
                f"{suggestion(source.name, header[:200])}"
            )
        if source.name == LINE:
            raise InputError(f"{name}: a column named {LINE!r} cannot be read: give it another name.")
    return list(dict.fromkeys(source.name for source in mapped.sources.values()))


def _sense(mapped: Mapped, reading: Reading) -> None:
    """Say what the map lacks."""
    if not mapped.sources:
        raise UsageError(f"{reading.file.name} is a plain table: say with --map what its columns mean.")
    if ("start" in mapped.sources) == ("end" in mapped.sources):
        raise UsageError(
            "--map needs the time: either start=COLUMN, where it is the beginning of what a row describes, "
            "or end=COLUMN, where it is the moment of the reading."
        )
    if not mapped.measured:
        raise UsageError("--map names nothing that was measured, such as gpu_util_ratio=COLUMN:percent.")
    if mapped.table == "gpu_samples" and "gpu" not in mapped.sources and reading.named.gpu is None:
        raise UsageError("--map names no device: gpu=COLUMN, or for all rows alike --label gpu=0.")


def _frame(rows: pa.Table, reading: Reading) -> Iterator[Frame]:
    """Make a frame of rows whose time can be read."""
    mapped, origin = reading.mapped, reading.file.name
    when = "start" if "start" in mapped.sources else "end"
    given = mapped.sources[when]
    times = at_and_faults(array(rows[given.name]), given.unit, reading.zone, origin, when)
    reading.doubled += times.doubled
    if times.bad.any():
        reading.rejects += bad_cells(mapped.table, origin, when, array(rows[given.name]), times.bad, rows[LINE])
    kept: NDArray[np.bool_] = ~times.bad
    at = times.ms
    if not kept.all():
        rows, at = rows.filter(pa.array(kept)), at.filter(pa.array(kept))
    if len(rows):
        yield _filled(rows, at, reading, begins=when == "start")


def _filled(rows: pa.Table, at: pa.Array, reading: Reading, *, begins: bool) -> Frame:
    mapped, origin = reading.mapped, reading.file.name
    who = {name: names(rows, mapped, name) for name in WHO}
    fixed = reading.named
    length = len(rows)
    node = who["node"] if who["node"] is not None else repeated(need_node(fixed.node, origin), length)
    frame = Frame(
        mapped.table,
        origin,
        at,
        shortened(node, short=reading.settings.short_names),
        gpu=who["gpu"] if who["gpu"] is not None else repeated(fixed.gpu, length),
        job=who["job_id"] if who["job_id"] is not None else repeated(fixed.job, length),
        model=who["gpu_model"] if who["gpu_model"] is not None else repeated(fixed.model, length),
        cluster=who["cluster"],
        begins=begins,
        duration=durations(rows, mapped, origin),
        lines=array(rows[LINE]),
    )
    if frame.table != "gpu_samples":
        frame.gpu = None
    for name in mapped.measured:
        _fill(frame, rows, mapped, name)
    return frame


def _fill(frame: Frame, rows: pa.Table, mapped: Mapped, name: str) -> None:
    column, how = mapped.how(name, frame.table)
    found = numbers(array(rows[mapped.sources[name].name]), frame.origin, name)
    (frame.rates if how.rate else frame.figures)[name] = scaled(found.values, how.factor)
    if found.garbage is not None:
        frame.garbage[name] = found.garbage
    if column.ratio:
        frame.doubted |= {name}
