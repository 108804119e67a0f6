"""How nodes are named, by the settings."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from paydown.connectors.prometheus.settings import PrometheusSettings
from paydown.dialects.samples.devices import Naming
from paydown.errors import InputError

COLUMNS = ("seen", "node")
"""The columns of a node map."""


def naming(settings: PrometheusSettings) -> Naming:
    """Say how nodes are named; a map that cannot be read is an `InputError`."""
    known = node_map(settings.node_map) if settings.node_map else {}
    return Naming(settings.short_names, re.compile(settings.node_from) if settings.node_from else None, known)


def node_map(path: Path) -> dict[str, str]:
    """Read a CSV file with the columns seen,node."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise InputError(f"{path}: a node map has the columns {','.join(COLUMNS)} in its first line.")
            return {row["seen"].strip(): row["node"].strip() for row in rows if row["seen"] and row["node"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}.") from error
