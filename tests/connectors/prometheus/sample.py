"""Recorded answers of a real Prometheus 2.42 (tests/dumps/prometheus), replayed by a small server on loopback."""

import gzip
import json
from pathlib import Path

from tests.connectors.prometheus.replay import started

FILE = Path(__file__).parents[2] / "dumps" / "prometheus" / "lab.json.gz"


def make(folder):
    """Give the settings that ask the server which replays the answers."""
    times = json.loads(gzip.decompress(FILE.read_bytes()))
    return {"url": started(FILE), "start_ms": times["from"], "end_ms": times["to"], "concurrency": 1, "lag": "0s"}
