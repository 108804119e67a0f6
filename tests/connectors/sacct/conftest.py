"""Dumps written as text, and what is read of them."""

import pytest

from paydown.connectors.interface import Context
from paydown.connectors.sacct import CONNECTOR, SacctSettings
from paydown.model.batch import Batch, Reject, Vouch
from paydown.model.facts import FACTS
from paydown.model.rows import normalise

BASE = {
    "JobID": "1", "User": "ann", "Account": "lab", "Partition": "gpu", "State": "COMPLETED", "ExitCode": "0:0",
    "Submit": "2024-03-01T08:00:00", "Eligible": "2024-03-01T08:00:00", "Start": "2024-03-01T09:00:00",
    "End": "2024-03-01T10:00:00", "Elapsed": "01:00:00", "NodeList": "n1", "NNodes": "1",
    "AllocTRES": "billing=8,cpu=8,gres/gpu=2,mem=32G,node=1", "ReqTRES": "billing=8,cpu=8,gres/gpu=2,mem=32G,node=1",
}  # fmt: skip
"""A job that ran for an hour."""


class Read:
    """What a reading gave."""

    def __init__(self, items):
        self.tables, self.rejects, self.vouches = {"jobs": [], "allocations": [], "job_usage": []}, [], []
        for item in items:
            if isinstance(item, Batch):
                clean = normalise(FACTS[item.table], item.rows, item.origin)
                self.tables[item.table] += clean.rows.to_pylist()
                self.rejects += clean.rejects
            else:
                (self.rejects if isinstance(item, Reject) else self.vouches).append(item)
                assert isinstance(item, Reject | Vouch)
        self.jobs, self.allocations, self.usage = self.tables.values()
        self.reasons = [reject.reason for reject in self.rejects]
        self.note = " ".join(vouch.note for vouch in self.vouches)


@pytest.fixture
def dump(tmp_path):
    """Write a dump of raw text and read it."""

    def run(text, *, cluster="c", timezone="UTC", **settings):
        path = tmp_path / "dump.txt"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        chosen = SacctSettings(files=(str(path),), **settings)
        return Read(CONNECTOR.read(chosen, Context(cluster=cluster, timezone=timezone)))

    return run


@pytest.fixture
def jobs(dump):
    """Write rows, each the base job with some cells changed, and read them."""

    def run(*rows, **settings):
        cells = [{**(BASE if "." not in row.get("JobID", "1") else {}), **row} for row in rows]
        columns = list(dict.fromkeys(name for row in cells for name in row))
        lines = ["|".join(columns), *("|".join(str(row.get(name, "")) for name in columns) for row in cells)]
        return dump("\n".join(lines) + "\n", **settings)

    return run
