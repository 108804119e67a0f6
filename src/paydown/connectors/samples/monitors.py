"""The tables that `nvidia-smi dmon` and `dcgmi dmon` print: words between blanks, headers that come again.

Only nvidia-smi can print the time (`-o DT`); of a dump without times --start and --interval say it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.samples.lines import bad_cells
from paydown.connectors.samples.reading import Reading
from paydown.connectors.samples.smi import fill
from paydown.connectors.samples.texts import moments
from paydown.dialects.samples.frames import Frame, encoded, need_node, repeated
from paydown.errors import InputError
from paydown.model.batch import Reject
from paydown.model.delimited import open_bytes, readable
from paydown.model.exporters import DCGMI, NVIDIA_SMI_DMON, Exporter, Measure
from paydown.model.rows import ROW_TEXT
from paydown.model.window import to_ms

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 250_000
"""Lines made a frame at once."""

_DATE, _TIME, _INDEX = "Date", "Time", "gpu"
_ENTITY = "Entity"
_SLICE = "GPU-I"
_CARD = "GPU"


@dataclass
class Lines:
    """Lines with figures, in columns."""

    header: list[str]
    columns: list[list[str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    """Their 1-based numbers."""

    def add(self, number: int, words: list[str]) -> None:
        """Add a line."""
        if not self.columns:
            self.columns = [[] for _ in self.header]
        for column, word in zip(self.columns, words, strict=True):
            column.append(word)
        self.numbers.append(number)

    def column(self, name: str) -> pa.Array | None:
        """Give a column as text."""
        if name not in self.header or not self.columns:
            return None
        return pa.array(self.columns[self.header.index(name)], pa.string())


class Rounds:
    """Numbers lines by the round in which they were printed: one begins where a device comes again."""

    def __init__(self) -> None:
        self._round = 0
        self._seen: set[str] = set()

    def next(self, devices: pa.Array) -> NDArray[np.int64]:
        """Give the round of each line, from 0."""
        found = np.zeros(len(devices), np.int64)
        for at, device in enumerate(devices.to_pylist()):
            if device in self._seen:
                self._round += 1
                self._seen.clear()
            self._seen.add(device)
            found[at] = self._round
        return found


def read_dmon(reading: Reading) -> Iterator[Frame | Reject]:
    """Give the readings of `nvidia-smi dmon`."""
    rounds = Rounds()
    for lines in _lines(reading, _smi_words):
        device = lines.column(_INDEX)
        if device is None:
            raise InputError(f"{reading.file.name}: its header has no column `gpu`: log it with nvidia-smi dmon -o DT.")
        at, kept = _moments(lines, device, rounds, reading)
        yield _frame(lines, device, at, kept, reading, NVIDIA_SMI_DMON)
        yield from reading.handed()
    yield from reading.handed()


def read_dcgmi(reading: Reading) -> Iterator[Frame | Reject]:
    """Give the readings of `dcgmi dmon`."""
    rounds, refused = Rounds(), Counter[str]()
    for lines in _lines(reading, _dcgmi_words):
        entity = lines.column(_ENTITY)
        at = _counted(rounds.next(entity), reading)
        device, kept = _devices(entity, reading, refused)
        yield _frame(lines, device, at, kept, reading, DCGMI)
        yield from reading.handed()
    for detail, count in sorted(refused.items()):
        yield Reject("gpu_samples", reading.file.name, None, "unknown-slice", detail, "", count)
    yield from reading.handed()


def _smi_words(line: str) -> list[str]:
    return line.replace(",", " ").split()


def _dcgmi_words(line: str) -> list[str]:
    """Split a line; the kind and number of what it is of (`GPU-I 8`) are one word."""
    words = line.split()
    return [" ".join(words[:2]), *words[2:]] if words[:1] and words[0].startswith(_CARD) else words


def _lines(reading: Reading, words_of: Callable[[str], list[str]]) -> Iterator[Lines]:
    """Give lines in columns, as the last header names them; others become rejects."""
    header: list[str] = []
    found = Lines(header)
    with open_bytes(reading.file.path) as stream, readable(reading.file.name):
        for number, raw in enumerate(stream, 1):
            line = raw.decode(errors="replace").strip()
            words = words_of(line)
            if not words or _is_units(line):
                continue
            if _is_header(line):
                header = line.lstrip("# ").replace(",", " ").split()
                if header != found.header:
                    yield from [found] if found.numbers else []
                    found = Lines(header)
            elif len(words) != len(header) or not raw.endswith(b"\n"):
                reading.rejects.append(_refused(reading.file.name, number, line, words, header))
            else:
                found.add(number, words)
            if len(found.numbers) >= ROWS:
                yield found
                found = Lines(header)
    if not header:
        raise InputError(
            f"{reading.file.name}: it has no header line (`#Entity ...` or `# gpu ...`), so it is no such dump."
        )
    if found.numbers:
        yield found


def _is_header(line: str) -> bool:
    words = line.lstrip("# ").split()
    return bool(words) and (words[0] == _ENTITY or (line.startswith("#") and _INDEX in words))


def _is_units(line: str) -> bool:
    first = line.split(maxsplit=1)[0] if line.split() else ""
    return first in {"ID", "Id"} or (line.startswith("#") and not _is_header(line))


def _refused(origin: str, number: int, line: str, words: list[str], header: list[str]) -> Reject:
    shown = line[:ROW_TEXT].replace("\0", "\\0")
    if len(words) == len(header):
        detail = "the last line has no end: it may have been cut in the middle of a figure"
        return Reject("", origin, number, "cut-line", detail, shown)
    detail = f"the line has {len(words)} words, not {len(header)}"
    return Reject("", origin, number, "broken-line", detail, shown)


def _moments(lines: Lines, device: pa.Array, rounds: Rounds, reading: Reading) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Give the moment of each line of nvidia-smi, at the end of what it describes, and which lines have one."""
    date, time = lines.column(_DATE), lines.column(_TIME)
    if time is None:
        counted = _counted(rounds.next(device), reading)
        return counted, np.ones(len(counted), np.bool_)
    if date is None:
        raise InputError(f"{reading.file.name}: it has times without dates: log both with nvidia-smi dmon -o DT.")
    iso = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(date, 0, 4), pc.utf8_slice_codeunits(date, 4, 6), pc.utf8_slice_codeunits(date, 6), "-"
    )
    told = pc.binary_join_element_wise(iso, time, "T")
    read = moments(told, reading.zone)
    reading.doubled += read.doubled
    numbers = pa.array(lines.numbers)
    reading.rejects += bad_cells("gpu_samples", reading.file.name, "Date and Time", told, read.bad, numbers)
    return read.ms, ~read.bad


def _counted(rounds: NDArray[np.int64], reading: Reading) -> pa.Array:
    """Give the moments of rounds, at the end of what each describes."""
    start, interval = reading.settings.start, reading.settings.interval_ms
    if start is None or interval is None:
        missing = " and ".join(
            name for name, value in (("--start TIME", start), ("--interval DELAY", interval)) if value is None
        )
        raise InputError(
            f"{reading.file.name}: it holds no times: say when it was begun and how often it printed: give {missing} "
            "(nvidia-smi dmon prints times with -o DT)."
        )
    return pa.array(to_ms(start) + (rounds + 1) * interval)


def _devices(entity: pa.Array, reading: Reading, refused: Counter[str]) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Give our names of what DCGM numbers; instances of MIG are known by the settings alone."""
    distinct = entity.dictionary_encode()
    at = distinct.indices.to_numpy()
    names = [_device(each, reading.settings.slices) for each in distinct.dictionary.to_pylist()]
    for each, name, count in zip(distinct.dictionary.to_pylist(), names, np.bincount(at), strict=True):
        kind, _, number = each.partition(" ")
        if name is None and kind == _SLICE:
            which = f"--slices {number}=GPU/INSTANCE (`dcgmi discovery -c` lists them)"
            refused[f"{each} is an instance of MIG by DCGM's own number: say which with {which}"] += int(count)
    known = np.array([name is not None for name in names], np.bool_)[at]
    return pa.array([name or "" for name in names]).take(distinct.indices), known


def _device(entity: str, slices: Mapping[str, str]) -> str | None:
    """Give our name of a GPU or of an instance; None of anything else, such as the parts of an instance."""
    kind, _, number = entity.partition(" ")
    return number if kind == _CARD else slices.get(number) if kind == _SLICE else None


def _frame(
    lines: Lines, device: pa.Array, at: pa.Array, kept: NDArray[np.bool_], reading: Reading, tool: Exporter
) -> Frame:
    named = reading.named
    length = int(kept.sum())
    keep = pa.array(kept)
    frame = Frame(
        "gpu_samples",
        reading.file.name,
        at.filter(keep),
        repeated(need_node(named.node, reading.file.name), length),
        gpu=encoded(device.filter(keep)),
        job=repeated(named.job, length),
        model=repeated(named.model, length),
        lines=pa.array(lines.numbers).filter(keep),
    )
    for measure in tool.measures:
        text = lines.column(measure.name)
        if text is not None:
            fill(frame, measure, _of_slices(text.filter(keep), frame.gpu, measure))
    return frame


def _of_slices(text: pa.Array, gpu: pa.Array, measure: Measure) -> pa.Array:
    """Leave out what is not measured of MIG slices."""
    if measure.slices:
        return text
    sliced = pc.match_substring(gpu.dictionary, "/").take(gpu.indices)
    return pc.if_else(sliced, None, text)
