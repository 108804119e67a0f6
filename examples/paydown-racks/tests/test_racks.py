"""The source passes the conformance suite, and reads what it should."""

from paydown.connectors.interface import Context
from paydown.testing import check_connector
from paydown_racks import CONNECTOR

LIST = """\
host,rack,gpus,since,serial
gpu01,r1,8,2026-01-01T00:00:00Z,S1
gpu02,r1,,2026-01-01T00:00:00Z,S2
,r2,8,2026-01-01T00:00:00Z,S3
gpu03,r2,eight,2026-01-01T00:00:00Z,S4
"""


def test_conformance(tmp_path):
    file = tmp_path / "assets.csv"
    file.write_text(LIST)
    found = check_connector(CONNECTOR, {"file": file, "gpu_model": "A100"}, Context(cluster="lab"))
    assert found.tables["nodes"].select(["node", "pool", "gpus"]).to_pylist() == [
        {"node": "gpu01", "pool": "r1", "gpus": 8},
        {"node": "gpu02", "pool": "r1", "gpus": None},
        {"node": "gpu03", "pool": "r2", "gpus": None},
    ]
    assert [(reject.reason, reject.line) for reject in found.rejects] == [("not-a-number", 5), ("bad-key", 4)]
