"""A store, sources of a known cluster, and a site folder in which the source is a distribution of its own."""

from pathlib import Path

import pytest
from tests.collect.live_source import CONNECTOR, Live

from paydown.collect.collector import Collector
from paydown.collect.settings import CollectSettings
from paydown.collect.source import Source
from paydown.model.entries import DERIVED
from paydown.store import open_store

NOW = 1_800_000_000_000
QUICK = {"retry": "50ms", "post": "100ms", "patience": "5s"}


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


@pytest.fixture
def collector(store):
    """Make collectors."""

    def made(*sources, clock=lambda: NOW, **settings):
        return Collector(store, sources, CollectSettings(**QUICK | settings), clock)

    return made


def live(name="live", connector=CONNECTOR, interval_ms=50, **settings):
    """Make a source."""
    return Source(name, connector, Live(**settings), settings.get("node", "n1"), "UTC", interval_ms)


def content(store, tables=("nodes", "jobs", "allocations", "gpu_samples", *DERIVED)):
    """Give what a store holds and derived, people's random keys and file order apart."""
    snapshot = store.snapshot()
    found = {}
    for name in tables:
        rows = snapshot.rows(name).to_pylist()
        found[name] = sorted(str({**row, **({"user": bool(row["user"])} if "user" in row else {})}) for row in rows)
    return found


@pytest.fixture
def site(tmp_path):
    """Make a folder for PYTHONPATH that holds the source as a distribution."""
    folder = tmp_path / "site"
    about = folder / "live_source-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "live_source.py").write_text((Path(__file__).parent / "live_source.py").read_text())
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: live-source\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[paydown.connectors]\nlive = live_source:CONNECTOR\n")
    return folder
