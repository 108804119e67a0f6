"""The ledger of recorded jobs against what the same Slurm summed of them, 22.05 and 24.11 (tests/dumps/slurm)."""

from pathlib import Path

import pytest
from tests.reconcile.conftest import ALL, Nothing, Slurm, facts, ms

from paydown.connectors.interface import Context
from paydown.connectors.sacct import CONNECTOR, SacctSettings
from paydown.dialects.slurm_reports.rollup import rolled_until
from paydown.dialects.slurm_reports.sreport import held, utilization
from paydown.errors import InputError
from paydown.ingest import ingest
from paydown.reconcile.run import reconcile
from paydown.reconcile.settings import ReconcileSettings

DUMPS = Path(__file__).parents[1] / "dumps/slurm"
BEGAN = {"22.05.8": ("17:28:26", "17:29:04", "17:29:19", "17:29:03"), "24.11.5": ("17:29:31", "17:30:06", "17:30:17", "17:30:06")}  # fmt: skip  # noqa: E501
"""When the cluster, the failure of cpu02, the draining of gpu04 and the maintenance of gpu03 began."""
VERSIONS = tuple(BEGAN)


def answer(version, name):
    return (DUMPS / version / name).read_text()


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def snapshot(version, store):
    """Ingest the jobs that sreport summed, and the nodes as events and reservations had them."""
    start, down, drained, maintained = BEGAN[version]
    sizes = {**{f"gpu0{i}": (8, 64, 512_000) for i in range(1, 5)}, **{f"cpu0{i}": (0, 32, 128_000) for i in (1, 2)}}
    hour_later = f"18{maintained[2:]}"
    rows = {
        "nodes": [
            {"node": name, "partitions": name[:3], "gpus": gpus, "cpus": cpus, "memory_mib": memory, "start": start}
            for name, (gpus, cpus, memory) in sizes.items()
        ],
        "node_states": [
            {"node": "cpu02", "state": "down", "start": down},
            {"node": "gpu04", "state": "planned_down", "start": drained},
        ],
        "reservations": [
            {"name": "maint", "nodes": "gpu03", "kind": "maintenance", "users": "root", "start": maintained,
             "end": hour_later},
        ],
    }  # fmt: skip
    ingest(store, facts(rows, "15:00", "20:00", supports=ALL), Nothing(), Context())
    jobs = SacctSettings(files=(str(DUMPS / version / "usage-sacct-D-P.txt"),))
    ingest(store, CONNECTOR, jobs, Context(cluster="lab"))
    return store.snapshot()


def said(version, **changed):
    answers = {
        "Utilization": answer(version, "usage-sreport-Utilization-Seconds.txt"),
        "AccountUtilizationByUser": answer(version, "usage-sreport-AccountUtilizationByUser.txt"),
    }
    return Slurm(**{**answers, **changed})


def verdicts(snapshot, command):
    asked = ReconcileSettings(start_ms=ms("15:00"), end_ms=ms("20:00"), tolerance=0)
    found = reconcile(snapshot, asked, command).figures
    return {(each.figure.of, each.figure.figure): (each.verdict, each.why) for each in found}


def test_recorded_sums_are_equal_or_explained(version, snapshot):
    found = verdicts(snapshot, said(version))
    assert {verdict for verdict, _ in found.values()} <= {"equal", "explained", "skipped"}, found
    users = {of: verdict for (of, figure), (verdict, _) in found.items() if figure == "held" and "/" in of}
    each = [
        f"lab {user} {tres}" for user in ("nlp/alice", "vision/bob", "prod/carol") for tres in ("gpu", "cpu", "memory")
    ]
    assert users == {
        **dict.fromkeys(each, "equal"),
        "lab root/root cpu": "explained",
    }  # fmt: skip
    assert "reservations set aside" in found["lab root/root cpu", "held"][1]
    assert found["lab gpu", "allocated"] == ("equal", "")


def test_a_second_more_in_a_recorded_sum_is_red(version, snapshot):
    text = answer(version, "usage-sreport-AccountUtilizationByUser.txt")
    (row,) = [line for line in text.splitlines() if line.startswith("lab|nlp|alice||cpu|")]
    seconds = int(row.rpartition("|")[2])
    wrong = text.replace(row, f"{row.rpartition('|')[0]}|{seconds + 10}")
    found = verdicts(snapshot, said(version, AccountUtilizationByUser=wrong))
    assert [key for key, (verdict, _) in found.items() if verdict == "red"] == [("lab nlp/alice cpu", "held")]


def test_both_versions_of_the_columns_are_read(version):
    found = utilization(answer(version, "usage-sreport-Utilization-Seconds.txt"), "lab")
    assert sorted(found) == ["cpu", "gpu", "memory"]
    for each in found.values():
        assert each.planned_down == 0
        assert each.allocated + each.down + each.idle + each.planned == each.reported
    assert found["cpu"].planned == (1062 if version == "22.05.8" else 874)


def test_sums_of_users_are_read(version):
    found = held(answer(version, "usage-sreport-AccountUtilizationByUser.txt"), "lab")
    assert sum(row.used for row in found if row.user and row.tres == "gpu") == next(
        row.used for row in found if row.account == "root" and not row.user and row.tres == "gpu"
    )
    assert held("nothing\n", "lab") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [("Cluster|TRES Name|Allocated\n", "lacks the columns down, idle"),
     ("Cluster|TRES Name|Allocated|Down|PLND Down|Idle|Reserved|Reported\nlab|cpu|1(2%)|0|0|0|0|0\n",
      "'1(2%)', which is no")],
)  # fmt: skip
def test_an_answer_that_is_none_is_a_sentence(text, told):
    with pytest.raises(InputError, match=told.replace("(", r"\(").replace(")", r"\)")):
        utilization(text, "lab")


def test_until_when_usage_is_rolled_up():
    text = (
        "Cluster 'old' rollup statistics\nHour  last ran Tue Nov 24 19:00:00 2026 (7)\n"
        "Cluster 'lab' rollup statistics\nHour  last ran Tue Nov 24 20:00:00 2026 (1795550400)\n"
        "Day   last ran Tue Nov 24 00:00:00 2026 (1795478400)\n"
    )
    assert rolled_until(text, "lab") == 1_795_550_400_000
    assert rolled_until(text, "other") is None
