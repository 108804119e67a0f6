"""Files of telemetry written as text, and what is read of them."""

import json
from pathlib import Path

import pytest

from paydown.connectors.interface import Context
from paydown.connectors.samples import CONNECTOR, SamplesSettings
from paydown.model.batch import Batch, Reject
from paydown.model.facts import FACTS
from paydown.model.rows import REJECTED, normalise

DUMPS = Path(__file__).parents[2] / "dumps" / "samples"


class Read:
    """What a reading gave."""

    def __init__(self, items):
        self.tables, self.rejects, self.vouches = {"gpu_samples": [], "host_samples": []}, [], []
        for item in items:
            if isinstance(item, Batch):
                clean = normalise(FACTS[item.table], item.rows, item.origin)
                self.tables[item.table] += [told(row) for row in clean.rows.to_pylist() if row["duration_ms"]]
                self.rejects += clean.rejects
            else:
                (self.rejects if isinstance(item, Reject) else self.vouches).append(item)
        self.gpus, self.hosts = self.tables.values()
        self.reasons = {}
        for reject in self.rejects:
            self.reasons[reject.reason] = self.reasons.get(reject.reason, 0) + reject.count
        self.note = " ".join(vouch.note or "" for vouch in self.vouches)

    def column(self, name, table="gpu_samples"):
        return [row.get(name) for row in self.tables[table]]


def told(row):
    """Leave out what a row does not say, and the cluster; times as text."""
    kept = {
        name: value for name, value in row.items() if value is not None and name not in ("cluster", REJECTED, "_line")
    }
    return {**kept, "start": f"{row['start']:%d %H:%M:%S.%f}"[:-3]}


@pytest.fixture
def read():
    """Read files by their paths."""

    def run(*files, cluster="c", timezone="UTC", **settings):
        chosen = SamplesSettings(files=tuple(map(str, files)), **settings)
        return Read(CONNECTOR.read(chosen, Context(cluster=cluster, timezone=timezone)))

    return run


@pytest.fixture
def dump(read, tmp_path):
    """Write one file and read it."""

    def run(text, name="node1.log", **settings):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path, **settings)

    return run


@pytest.fixture
def answers(read, tmp_path):
    """Write answers of Prometheus, one file each, from (name, labels, values at 30 s), and read them."""

    def run(*series, at=None, **settings):
        files = []
        for number, (name, labels, values) in enumerate(series):
            moments = at or [1709555670 + 30 * step for step in range(len(values))]
            metric = {**({"__name__": name} if name else {}), **labels}
            points = [list(pair) for pair in zip(moments, map(str, values), strict=True)]
            result = [{"metric": metric, "values": points}]
            files.append(tmp_path / f"{number}.json")
            files[-1].write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))
        return read(*files, **settings)

    return run
