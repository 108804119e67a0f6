"""Finds the reports: modules of this package with a `REPORT`, and entry points of the group `paydown.reports`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from paydown.errors import UsageError
from paydown.plugins import NOT_EXTENSIONS, Found, discover
from paydown.reports.interface import Report
from paydown.reports.parts.scope import nearest

PACKAGE = "paydown.reports"
GROUP = "paydown.reports"
"""The entry-point group in which other packages name their reports."""


def names() -> list[str]:
    """List the names of all reports without importing one: a module, and an entry point, bears its report's name."""
    own = pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__)
    modules = {info.name for info in own if not info.ispkg and info.name not in NOT_EXTENSIONS}
    return sorted(modules | {point.name for point in entry_points(group=GROUP)})


def report(name: str) -> Report:
    """Give one report, importing no other; an unknown name is an error that tells the nearest."""
    if name not in names():
        raise UsageError(f"There is no report {name!r}{nearest(name, names())}")
    try:
        module = importlib.import_module(f"{PACKAGE}.{name}")
    except ModuleNotFoundError:
        return reports()[name]
    found: Report = module.REPORT
    return found


def reports() -> dict[str, Report]:
    """Give all reports by name."""
    return dict(found().values)


@cache
def found() -> Found:
    """Give all reports, and a sentence for each that cannot be had."""
    return discover(PACKAGE, "REPORT", GROUP)
