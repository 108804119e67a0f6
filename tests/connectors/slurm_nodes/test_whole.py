"""Accounting and nodes of one real Slurm, recorded at the same instant: it balances, and the capacity is the nodes'."""

from pathlib import Path

import pytest

from paydown.connectors.identities import CONNECTOR as IDENTITIES
from paydown.connectors.identities import IdentitiesSettings
from paydown.connectors.interface import Context
from paydown.connectors.sacct import CONNECTOR as SACCT
from paydown.connectors.sacct import SacctSettings
from paydown.connectors.slurm_nodes import CONNECTOR, SlurmNodesSettings
from paydown.ingest import ingest
from paydown.ledger.check import check
from paydown.model.when import when
from paydown.reports.registry import report
from paydown.store import open_store

DUMPS = Path(__file__).parents[2] / "dumps" / "slurm_nodes"
MADE = {"22.05.8": "2026-11-24T10:15:32Z", "24.11.5": "2026-11-24T10:15:53Z"}


@pytest.fixture(params=sorted(MADE))
def lab(request, tmp_path):
    """Give the store of a lab, and its sacct's first end and the dump's instant in ms."""
    folder, at = DUMPS / request.param, when(MADE[request.param], now_ms=0, zone=None).ms
    store = open_store(tmp_path / "store", create=True)
    ingest(store, SACCT, SacctSettings(files=(str(folder / "sacct.txt"),)), Context())
    settings = SlurmNodesSettings(files=(str(folder / "scontrol-show-node.txt"),), at_ms=at)
    done = ingest(store, CONNECTOR, settings, Context(cluster="lab"))
    assert done.rejects == {}
    return store


def test_it_balances_and_the_capacity_is_the_nodes(lab):
    assert check(lab) == []
    sources = {row["source"]: row for row in lab.snapshot().rows("sources").to_pylist()}
    start = max(row["covers_from"] for row in sources.values())
    end = min(row["covers_to"] for row in sources.values())
    stated_ms = round((end - start).total_seconds() * 1000)
    rows = lab.snapshot().query(
        "SELECT tres, sum(amount) AS amount FROM daily WHERE category = 'reported' GROUP BY tres"
    )
    found = {row["tres"]: int(row["amount"]) for row in rows.to_pylist()}
    assert found == {
        "gpu": 4 * 8 * 1000 * stated_ms,
        "cpu": (4 * 64 + 2 * 32) * 1000 * stated_ms,
        "memory": (4 * 512_000 + 2 * 128_000) * stated_ms,
    }


def test_the_reports_have_what_is_not_held(lab):
    (row,) = answer(lab, "debt", tres=("cpu",))
    assert row["reported_hours"] > row["allocated_hours"] > 0
    assert row["not_held_hours"] > 0
    assert answer(lab, "usage")[0]["gpu_hours"] > 0


def test_the_teams_are_slurms_accounts_and_leave_nobody_out(lab):
    whole = answer(lab, "usage")[0]["gpu_hours"]
    assert [row["team"] for row in answer(lab, "usage", by=("team",))] == ["(unmapped)"]
    people = DUMPS.parent / "identities" / "24.11.5" / "sacctmgr-show-assoc.json"
    settings = IdentitiesSettings(files=(str(people),), department_from="parent")
    ingest(lab, IDENTITIES, settings, Context())
    by_team = {row["team"]: row["gpu_hours"] for row in answer(lab, "usage", by=("team",))}
    assert by_team.keys() == {"nlp", "vision", "prod"}
    assert sum(by_team.values()) == pytest.approx(whole)
    by_user = {row["user"]: row["gpu_hours"] for row in answer(lab, "usage", by=("user",))}
    assert by_team == {"nlp": by_user["alice"], "vision": by_user["bob"], "prod": by_user["carol"]}
    by_department = {row["department"]: row["gpu_hours"] for row in answer(lab, "usage", by=("department",))}
    assert by_department["research"] == pytest.approx(by_team["nlp"] + by_team["vision"])
    assert answer(lab, "usage", by=("user",), department=("(unmapped)",))[0]["user"] == "carol"


def answer(store, name, **asked):
    found = report(name)
    return found.run(store.snapshot(), found.parameters(**asked)).rows.to_pylist()
