"""The columns of capacity, allocation and use at a moment."""

from __future__ import annotations

from paydown.reports.parts import curve

_NAMES = (
    "capacity", "allocated", "used", "inactive", "underused", "unobserved", "not_held", "idle", "blocked", "down",
    "planned_down", "overcommitted",
)  # fmt: skip

COLUMNS = tuple(column for name in _NAMES for column in curve.COLUMNS if column.name == name)
"""The figures of a row; before them stand the cuts and the TRES."""
