"""A folder of facts that was written is read as it was."""

import pytest

from paydown.connectors.facts import CONNECTOR
from paydown.testing import check_connector, tiny, write_facts

TEXT = """
step 250ms
node n1 gpus=1 cpus=2 partitions=
job 1 ann/chem on=n1:0 exclusive=true name='a, "b"' .wR
use n1:0 5F(0.3)
use n1 (1)(2)
state n1 ..d>
"""


@pytest.mark.parametrize("shape", ["csv", "parquet"])
def test_what_is_written_is_read(tmp_path, shape):
    facts = tiny(TEXT)
    folder = write_facts(facts, tmp_path / "new" / "folder", shape)
    assert {file.suffix for file in folder.iterdir()} == {f".{shape}"}
    found = check_connector(CONNECTOR, {"folder": folder})
    assert found.rejects == []
    assert found.tables.keys() == {name for name, rows in facts.items() if len(rows)} - {"sources"}
    assert all(rows.to_pylist() == facts[name].to_pylist() for name, rows in found.tables.items())
    (vouch,) = found.vouches
    assert (vouch.cluster, vouch.source, vouch.covers_to_ms - vouch.covers_from_ms) == ("tiny", "tiny", 750)


def test_a_figure_that_is_not_believed_stays_so(tmp_path):
    write_facts(tiny("use n1:0 5x5"), tmp_path)
    found = check_connector(CONNECTOR, {"folder": tmp_path})
    assert {(reject.table, reject.reason) for reject in found.rejects} >= {("gpu_samples", "not-a-number")}
    assert found.tables["gpu_samples"]["gpu_util_ratio"].to_pylist() == [0.5, None, 0.5]
