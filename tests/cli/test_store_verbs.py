"""What is in a store, and its rejects, in every format."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from paydown.model.entries import META
from paydown.model.facts import FACTS
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
    assert told["notes"] == ["Rows and fields not believed: 6."]
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


def test_a_whole_store_is_whole_and_a_damaged_one_is_told(place, capfd):
    assert run(["--store", place, "store", "check"]) == 0
    assert "whole" in capfd.readouterr().out
    (file,) = Path(place).glob("tables/rejects/**/*.parquet")
    file.unlink()
    assert run(["--store", place, "store", "check"]) == 1
    said = capfd.readouterr()
    assert "is missing" in said.out
    assert "1 faults" in said.err


def test_compaction_tells_what_it_did(place, capfd):
    assert run(["--store", place, "store", "compact", "--grace-hours", "0", "--wait", "1"]) == 0
    assert "files made into" in capfd.readouterr().out


def test_an_export_can_be_ingested_again(place, tmp_path, capfd):
    table = FACTS["nodes"].arrow
    row = {"cluster": "a", "node": "n1", "partitions": "gpu", "gpus": 4, "start": 0}
    with open_store(place).write(command="test") as transaction:
        transaction.upsert("nodes", pa.Table.from_pylist([row], table))
        transaction.commit()
    folder = str(tmp_path / "out")
    assert run(["--store", place, "store", "export", folder, "--format", "csv"]) == 0
    assert "nodes: 1 row" in capfd.readouterr().out
    assert "n1" in (tmp_path / "out" / "nodes.csv").read_text()
    assert run(["--store", place, "store", "export", folder, "--format", "csv"]) == 4
    assert run(["--store", place, "store", "export", folder, "--table", "nodez"]) == 4


def test_old_facts_are_dropped_when_told_to(place, capfd):
    assert run(["--store", place, "store", "retain", "gpu_samples", "--before", "90d"]) == 0
    assert "0 rows of gpu_samples" in capfd.readouterr().out
    assert run(["--store", place, "store", "retain", "entries", "--before", "90d"]) == 4
    assert run(["--store", place, "store", "retain", "gpu_samples"]) == 2
    assert "--before" in capfd.readouterr().err


def test_no_rejects_are_those_of_now(tmp_path, capfd):
    open_store(tmp_path / "empty", create=True)
    assert run(["--store", str(tmp_path / "empty"), "store", "rejects"]) == 0
    assert "1970" not in "".join(capfd.readouterr())
