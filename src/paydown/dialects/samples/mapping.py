"""What the columns of a file mean: `COLUMN=SOURCE[:UNIT]`, from --map or from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from paydown.errors import InputError, UsageError
from paydown.model.measures import TABLES, TIMES, UNITS, Conversion, conversion, measured_columns, own_unit
from paydown.model.nearest import suggestion

if TYPE_CHECKING:
    from paydown.model.schema import Column

WHO = ("cluster", "node", "gpu", "job_id", "gpu_model")
"""What says of whom a row is: text, without a unit."""

WHEN = ("start", "end", "duration_ms")
"""What says when: `end` is the moment of the reading, `start` the beginning of what it describes."""

_RATE = "/s"


@dataclass(frozen=True)
class Source:
    """A column of a file (or a metric of Prometheus), and the unit of its figures."""

    name: str
    unit: str | None


@dataclass(frozen=True)
class Mapped:
    """What the columns of files mean."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    """By our column."""

    @property
    def table(self) -> str:
        """The table that the measured columns are of: those of devices need one."""
        gpu = "gpu" in self.sources or any(name not in measured_columns(TABLES[1]) for name in self.measured)
        return TABLES[0] if gpu else TABLES[1]

    @property
    def measured(self) -> list[str]:
        """The measured columns."""
        return [name for name in self.sources if name not in (*WHO, *WHEN)]

    def how(self, name: str, table: str) -> tuple[Column, Conversion]:
        """Say how the figures of a measured column of a table are converted."""
        column = measured_columns(table)[name]
        return column, conversion(column, self.sources[name].unit or own_unit(column))


def mapped(texts: Iterable[str], file: Path | None = None) -> Mapped:
    """Read a map from texts and from a file; what cannot be meant is a `UsageError` with the nearest that can."""
    told = _of_file(file) if file else {}
    for text in texts:
        name, equals, source = text.partition("=")
        if not equals or not source.strip():
            raise UsageError(f"--map takes COLUMN=SOURCE[:UNIT], and {text!r} is none.")
        told[name.strip()] = source.strip()
    return Mapped({name: _source(name, text) for name, text in told.items()})


def _of_file(path: Path) -> dict[str, str]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no TOML: {error}.") from error
    found = values.get("map")
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise InputError(f'{path}: it must hold a table `map` of texts, such as gpu_util_ratio = "util:percent".')
    return dict(found)


def _source(name: str, text: str) -> Source:
    known = (*WHO, *WHEN, *measured_columns(TABLES[0]), *measured_columns(TABLES[1]))
    if name not in known:
        raise UsageError(f"--map: {name} is no column of samples{suggestion(name, dict.fromkeys(known))}")
    column, colon, unit = text.rpartition(":")
    if not colon or not _may_be_unit(unit):
        return Source(text, None)
    _fit(name, unit)
    return Source(column, unit)


def _may_be_unit(text: str) -> bool:
    """A colon may stand in a column's name; behind the last one is a unit where it looks like one."""
    return text in TIMES or text.removesuffix(_RATE) in UNITS or (text.isalpha() and len(text) <= len("nanocores"))


def _fit(name: str, unit: str) -> None:
    if name in WHO:
        raise UsageError(f"--map: {name} is a name and has no unit; {unit} was given.")
    if name in WHEN:
        if unit not in TIMES:
            raise UsageError(f"--map: {unit} is no unit of {name}{suggestion(unit, TIMES)}")
        return
    for table in TABLES:
        if name in measured_columns(table):
            conversion(measured_columns(table)[name], unit)
            return
