"""What is in a store, and its rejects, in every format."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from paydown.model.entries import META
from paydown.store import open_store
from paydown.surfaces.cli.main import run


@pytest.fixture
def place(tmp_path):
    store = open_store(tmp_path / "store", create=True)
    table = META["rejects"].arrow
    rows = [
        {"cluster": "a", "source": "facts", "table": "jobs", "origin": "jobs.csv", "line": line, "reason": reason,
         "detail": "why", "row": "\x1b[31m", "count": 2, "time": 1_714_568_400_000 + line, "day": None}
        for line, reason in ((1, "bad-key"), (2, "conflict"), (3, "bad-key"))
    ]  # fmt: skip
    with store.write(command="test") as transaction:
        transaction.append("rejects", pa.Table.from_pylist(rows, table))
        transaction.commit()
    return str(tmp_path / "store")


def test_info_tells_tables_rows_and_bytes(place, capfd):
    assert run(["--store", place, "store", "info", "--format", "json", "-q"]) == 0
    told = json.loads(capfd.readouterr().out)
    (row,) = told["rows"]
    assert (row["table"], row["role"], row["rows"], row["files"]) == ("rejects", "meta", 3, 1)
    assert row["bytes"] > 0
    assert told["coverage"]["version"] == 1


def test_rejects_are_listed_and_filtered(place, capfd):
    assert run(["--store", place, "store", "rejects", "--format", "json", "-q"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert [row["line"] for row in told["rows"]] == [1, 2, 3]
    assert told["notes"] == ["6 rows and fields were not believed."]
    assert told["window"]["start"] == "2024-05-01T13:00:00.001Z"
    assert run(["store", "rejects", "--reason", "conflict", "--store", place, "--format", "csv", "-q"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 2
    assert run(["store", "rejects", "--limit", "1", "--store", place]) == 0
    out = capfd.readouterr().out
    assert "\x1b" not in out
    assert "bad-key" in out
    assert "conflict" not in out


def test_a_limit_below_zero_is_a_usage_error(place, capfd):
    assert run(["--store", place, "store", "rejects", "--limit", "-1"]) == 2
    assert "--limit" in capfd.readouterr().err
