"""Units in which sources tell what they measured, and how those become the units of our columns.

Factors are exact fractions: a percentage is divided by 100, never multiplied by 0.01.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from paydown.errors import UsageError
from paydown.model.facts import FACTS
from paydown.model.nearest import suggestion

if TYPE_CHECKING:
    from paydown.model.schema import Column

TABLES = ("gpu_samples", "host_samples")
"""The tables of samples that a source of measurements can fill; the first is that of devices."""

_EXACT: dict[str, tuple[str, Fraction]] = {
    "ratio": ("share", Fraction(1)),
    "percent": ("share", Fraction(1, 100)),
    "permille": ("share", Fraction(1, 1_000)),
    "W": ("power", Fraction(1)),
    "mW": ("power", Fraction(1, 1_000)),
    "kW": ("power", Fraction(1_000)),
    "J": ("energy", Fraction(1)),
    "mJ": ("energy", Fraction(1, 1_000)),
    "kJ": ("energy", Fraction(1_000)),
    "Wh": ("energy", Fraction(3_600)),
    "kWh": ("energy", Fraction(3_600_000)),
    "cores": ("cores", Fraction(1)),
    "milli": ("cores", Fraction(1, 1_000)),
    "nanocores": ("cores", Fraction(1, 10**9)),
    "count": ("count", Fraction(1)),
    "B": ("bytes", Fraction(1)),
    **{f"{letter}iB": ("bytes", Fraction(1024**power)) for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}B": ("bytes", Fraction(1000**power)) for power, letter in enumerate("kMGT", 1)},
}
"""Each unit: what it measures, and how many of that quantity's own unit it is (SI and IEC 80000-13 prefixes)."""

_ALIASES = {
    "%": "percent",
    "bytes": "B",
    "KB": "kB",
    "watts": "W",
    "joules": "J",
    "cpus": "cores",
    "millicores": "milli",
}

TIMES: dict[str, Fraction] = {
    "s": Fraction(1_000),
    "ms": Fraction(1),
    "us": Fraction(1, 1_000),
    "ns": Fraction(1, 10**6),
}
"""Units of times told as numbers since the epoch, and of durations, in ms."""

UNITS = (*_EXACT, *_ALIASES)
"""Every unit that can be named, times apart."""

_OWN = {"MiB": "MiB", "W": "W", "mJ": "mJ", "bytes": "B", "milli-CPU": "milli", "processes": "count", "ratio": "ratio"}
"""The units of our columns, by the names above."""

_PER_SECOND = "/s"


@dataclass(frozen=True)
class Conversion:
    """How a figure becomes one of a column."""

    factor: Fraction
    """What it is multiplied by; for a rate, by the duration in seconds as well."""
    rate: bool = False
    """Whether it is an amount each second, and the column an amount in the sample."""


def measured_columns(table: str) -> dict[str, Column]:
    """Give the measured columns of a table of samples by name."""
    return {column.name: column for column in FACTS[table].columns if column.measured}


def conversion(column: Column, unit: str) -> Conversion:
    """Say how figures in a unit become those of a measured column; an unfit unit is a `UsageError`.

    >>> conversion(measured_columns("gpu_samples")["gpu_util_ratio"], "percent")
    Conversion(factor=Fraction(1, 100), rate=False)
    """
    rate = unit.endswith(_PER_SECOND)
    plain = unit.removesuffix(_PER_SECOND)
    own = _EXACT[_OWN[column.unit]]
    told = _EXACT.get(_ALIASES.get(plain, plain))
    if told is None:
        raise UsageError(f"{unit} is no unit of {column.name}{suggestion(unit, units_of(column))}")
    if told[0] != own[0] or (rate and column.unit != "bytes"):
        raise UsageError(f"{column.name} cannot be in {unit}: it may be in {', '.join(units_of(column))}.")
    return Conversion(told[1] / own[1], rate)


def units_of(column: Column) -> list[str]:
    """List the units in which a measured column may be told."""
    own = _EXACT[_OWN[column.unit]][0]
    fit = [name for name, (kind, _) in _EXACT.items() if kind == own]
    return fit + [name + _PER_SECOND for name in fit if own == "bytes" and column.unit == "bytes"]


def own_unit(column: Column) -> str:
    """Give the unit of a measured column, by the name that `conversion` takes."""
    return _OWN[column.unit]
