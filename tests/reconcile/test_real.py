"""Real Slurms of both versions: what they sum themselves is what the ledger says, and a planted figure is red."""

import json
import time

import pytest
from tests.services.command import paydown

HOUR, DAY = 3_600, 86_400

WRONG = """#!/bin/sh
PATH={path} sreport "$@" | sed -E 's/^(lab\\|nlp\\|alice\\|.*\\|cpu\\|)([0-9]+)$/\\19\\2/'
"""
"""An sreport that puts a 9 before alice's CPU seconds."""


@pytest.fixture(scope="module")
def lab(either_slurm, tmp_path_factory):
    """Give a cluster with hundreds of jobs in its past, a store of its dumps, and a window of whole days."""
    cluster = either_slurm
    cluster.history(400, 3)
    cluster.roll_up(time.strftime("%Y-%m-%d", time.gmtime(time.time() - 6 * DAY)))
    folder = tmp_path_factory.mktemp("real")
    jobs, nodes, store = folder / "jobs.txt", folder / "nodes.txt", folder / "store"
    until = int(time.time()) // HOUR * HOUR
    first = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(until - 10 * DAY))
    jobs.write_text(cluster.run("sacct", "-a", "-D", "-P", "-o", "ALL", "-S", first, "-E", "now"))
    nodes.write_text(cluster.run("scontrol", "-d", "show", "node"))
    zone = ("--timezone", time.strftime("%Z"))
    paydown(store, "ingest", "sacct", jobs, *zone, "--no-post")
    paydown(
        store, "ingest", "slurm-nodes", nodes, "--cluster", "lab", *zone, "--since", until - 10 * DAY, "--hold", "0"
    )
    return cluster, store, (until - 2 * DAY, until)


def reconciled(lab, *arguments, code=0, before=""):
    cluster, store, (since, until) = lab
    path = f"{before}:{cluster.environment['PATH']}" if before else cluster.environment["PATH"]
    environment = {**cluster.environment, "PATH": path}
    window = ("--from", since, "--to", until, "--format", "json")
    return json.loads(paydown(store, "reconcile", *window, *arguments, environment=environment, code=code))["rows"]


def test_what_slurm_sums_is_what_the_ledger_says(lab):
    found = reconciled(lab, "--tolerance", "0", "--check", "accounts")
    users = {row["of"].split("/")[1].split()[0]: row for row in found if "/" in row["of"]}
    assert set(users) == {"alice", "bob", "carol"}
    assert {row["verdict"] for row in found} == {"equal"}, found
    assert all(row["ours"] > 1 for row in users.values())


def test_capacity_is_equal_and_what_became_of_it_is_explained(lab):
    found = {(row["of"], row["figure"]): row for row in reconciled(lab, "--tolerance", "0", "--check", "utilization")}
    assert len(found) == 12
    assert {row["verdict"] for row in found.values()} <= {"equal", "explained"}, found
    assert {row["why"].partition(" (")[0] for row in found.values()} <= {"", "over-allocated"}
    assert {found[of, "reported"]["verdict"] for of, _ in found} == {"equal"}


def test_a_planted_figure_is_red(lab, tmp_path):
    wrong = tmp_path / "bin/sreport"
    wrong.parent.mkdir()
    wrong.write_text(WRONG.format(path=lab[0].environment["PATH"]))
    wrong.chmod(0o755)
    found = reconciled(lab, "--check", "accounts", code=1, before=str(wrong.parent))
    assert [row["of"] for row in found if row["verdict"] == "red"] == ["lab nlp/alice cpu"]


def test_an_ordinary_user_whom_rows_are_hidden_from(lab):
    cluster = lab[0]
    old = cluster.version < "24"
    with cluster.setting(PrivateData="usage,accounts,users"):
        found = reconciled(lab, "--check", "accounts", "--ssh", "runuser -u alice --", code=0 if old else 1)
    said = {row["of"].removeprefix("lab "): (row["verdict"], row["why"].partition(" (")[0]) for row in found}
    if not old:
        assert set(said) == {"lab"}
        assert said["lab"][0] == "skipped"
        return
    assert {said[f"{whose} gpu"] for whose in ("root", "nlp/alice")} == {("equal", "")}
    assert {said[f"{whose} gpu"] for whose in ("vision/bob", "prod/carol")} == {("explained", "not shown")}
