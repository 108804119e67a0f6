"""Recorded answers of a real Prometheus 2.42 (tests/dumps/prometheus), replayed by a small server on loopback."""

import gzip
import json
from pathlib import Path

from tests.connectors.prometheus.replay import replaying

FILE = Path(__file__).parents[2] / "dumps" / "prometheus" / "lab.json.gz"
_running = []


def make(folder):
    """Replay the answers for the rest of this process, and give the settings that ask for them."""
    if not _running:
        server = replaying(FILE)
        _running.append((server, server.__enter__()))
    times = json.loads(gzip.decompress(FILE.read_bytes()))
    return {"url": _running[0][1], "start_ms": times["from"], "end_ms": times["to"], "concurrency": 1}
