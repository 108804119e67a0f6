"""Golden cases of what parts the ledger from sreport: each rule explains what it must, and no more."""

import pytest
from tests.reconcile.conftest import HELD, UTILIZATION, Slurm, ms, report

from paydown.reconcile.answers import answer
from paydown.reconcile.run import reconcile
from paydown.reconcile.settings import ReconcileSettings

FROM, TO = ms("00:00"), ms("04:00")
GPU_S = 3_600
"""One GPU-hour in seconds."""


def node(name, start="00:00", end=None, **more):
    return {"node": name, "partitions": "gpu", "gpus": 4, "start": start, "end": end, **more}


def job(number, start, end, node="n1", gpus=2, user="alice", account="nlp", state="COMPLETED", **more):
    """Give the rows of a job that held GPUs of a node."""
    row = {"job_id": str(number), "attempt": 0, "user": user, "account": account, "partition": "gpu", "state": state,
           "submit": start, "start": start, "end": end, **more}  # fmt: skip
    return row, {
        "job_id": str(number),
        "attempt": 0,
        "node": node,
        "gpu_milli": 1000 * gpus,
        "start": start,
        "end": end,
    }


def site(*jobs, nodes=("n1", "n2"), **more):
    """Give the rows of a small site."""
    listed = [node(one) if isinstance(one, str) else one for one in nodes]
    return {"nodes": listed, "jobs": [row for row, _ in jobs], "allocations": [row for _, row in jobs], **more}


USUAL = (job(1, "01:00", "03:00"), job(2, "00:30", "02:30", "n2", 4, "bob", "vision"))
"""12 GPU-hours of 32."""


def slurm(allocated=12, free=20, down=0, reported=32, held=((("nlp", "alice"), 4), (("vision", "bob"), 8)), rolled=TO):
    """Give a Slurm that says so many GPU-hours."""
    rows = [("lab", account, user, "", "gres/gpu", hours * GPU_S) for (account, user), hours in held]
    rows.append(("lab", "root", "", "", "gres/gpu", sum(hours for _, hours in held) * GPU_S))
    figures = [("lab", "gres/gpu", allocated * GPU_S, down * GPU_S, 0, free * GPU_S, 0, reported * GPU_S)]
    stats = f"Cluster 'lab' rollup statistics\nHour  last ran Tue Nov 24 04:00:00 2026 ({rolled // 1000})\n"
    answers = {"Utilization": report(UTILIZATION, *figures), "AccountUtilizationByUser": report(HELD, *rows)}
    return Slurm(**answers, stats=stats)


def judged(snapshot, command, **asked):
    """Reconcile and give the verdicts of GPUs, by check, of what and figure."""
    settings = ReconcileSettings(**{"start_ms": FROM, "end_ms": TO, "tolerance": 0.001, **asked})
    found = reconcile(snapshot, settings, command)
    return {
        (each.figure.check, each.figure.of.removeprefix("lab "), each.figure.figure): (each.verdict, each.why)
        for each in found.figures
        if each.figure.of.endswith("gpu") or each.verdict != "skipped"
    }


def verdicts(found):
    return {key: verdict for key, (verdict, _) in found.items() if verdict != "equal"}


ALLOCATED = ("utilization", "gpu", "allocated")
DOWN = ("utilization", "gpu", "down + planned down")
FREE = ("utilization", "gpu", "idle + planned")
REPORTED = ("utilization", "gpu", "reported")


def test_two_honest_sides_are_equal(known):
    command = slurm()
    found = judged(known(site(*USUAL)), command)
    assert verdicts(found) == {}
    assert len(found) == 7
    assert command.asked[1] == (
        "env", "TZ=UTC", "sreport", "-P", "-t", "Seconds", "-T", "gres/gpu,cpu,mem", "cluster", "Utilization",
        "Clusters=lab", "Start=2026-11-24T00:00:00", "End=2026-11-24T04:00:00",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "red"),
    [
        ({"allocated": 13}, {ALLOCATED: "red"}),
        ({"free": 19}, {FREE: "red"}),
        ({"reported": 31}, {REPORTED: "red"}),
        ({"down": 1}, {DOWN: "red"}),
        ({"held": ((("nlp", "alice"), 5), (("vision", "bob"), 8))}, {("accounts", "nlp/alice gpu", "held"): "red", ("accounts", "root gpu", "held"): "red"}),  # noqa: E501
        ({"held": ((("nlp", "alice"), 4), (("vision", "carol"), 8))}, {("accounts", "vision/bob gpu", "held"): "red", ("accounts", "vision/carol gpu", "held"): "red"}),  # noqa: E501
    ],
)  # fmt: skip
def test_a_wrong_figure_is_red(known, wrong, red):
    assert verdicts(judged(known(site(*USUAL)), slurm(**wrong))) == red


def test_over_allocation_is_worked_out_by_the_hour(known):
    # Both jobs hold all of n1 from 1:00 to 2:00: Slurm sees 8 of 8 GPUs for that hour, the ledger 4 of 4 on n1.
    jobs = (job(1, "01:00", "02:00", gpus=4), job(2, "01:00", "02:00", gpus=4, user="bob"))
    held = ((("nlp", "alice"), 4), (("nlp", "bob"), 4))
    found = judged(known(site(*jobs)), slurm(allocated=8, free=24, held=held))
    assert verdicts(found) == {ALLOCATED: "explained", FREE: "explained"}
    assert found[ALLOCATED][1].startswith("over-allocated (4 GPU-hours): ")
    assert verdicts(judged(known(site(*jobs)), slurm(allocated=7, free=25, held=held)))[ALLOCATED] == "red"


def test_drained_and_down_are_compared_as_one(known):
    states = [
        {"node": "n1", "state": "planned_down", "start": "03:00"},
        {"node": "n2", "state": "down", "start": "03:00"},
    ]
    found = judged(known(site(*USUAL, node_states=states)), slurm(down=8, free=12))
    assert verdicts(found) == {}


def test_a_state_that_was_seen_late(known):
    rows = site(*USUAL, node_states=[{"node": "n2", "state": "down", "start": "03:05"}])
    found = judged(known(rows), slurm(down=4, free=16))
    assert verdicts(found) == {DOWN: "explained", FREE: "explained"}
    assert found[DOWN][1].startswith("seen late (up to 0.333 GPU-hours): 1 changes of node states")
    assert verdicts(judged(known(rows), slurm(down=4, free=16), look_minutes=1)) == {DOWN: "red", FREE: "red"}


def test_what_is_held_on_a_node_that_is_down(known):
    rows = site(*USUAL, node_states=[{"node": "n1", "state": "down", "start": "01:00", "end": "03:00"}])
    found = judged(known(rows), slurm(down=8, free=12))
    assert verdicts(found) == {DOWN: "explained", FREE: "explained"}
    assert "held while down (up to 4 GPU-hours)" in found[DOWN][1]


def test_a_node_that_came(known):
    rows = site(*USUAL, nodes=("n1", "n2", node("n3", "02:00")))
    found = judged(known(rows), slurm(free=29, reported=41))
    assert verdicts(found) == {REPORTED: "explained", FREE: "explained"}
    assert found[REPORTED][1].startswith("nodes changed (up to 8 GPU-hours): 1 nodes came or went")


def test_a_reservation_for_users(known):
    booked = [{"name": "course", "nodes": "n2", "kind": "user", "accounts": "nlp", "start": "03:00", "end": "04:00"}]
    held = ((("nlp", "alice"), 4), (("vision", "bob"), 8), (("nlp", ""), 0))
    rows = site(*USUAL, reservations=booked)
    found = judged(known(rows), slurm(allocated=16, free=16, held=held))
    assert verdicts(found) == {ALLOCATED: "explained", FREE: "explained"}
    more = ((("nlp", "alice"), 8), (("vision", "bob"), 8))
    assert verdicts(judged(known(rows), slurm(allocated=16, free=16, held=more)))[
        "accounts", "nlp/alice gpu", "held"
    ] == "explained"  # fmt: skip
    others = ((("nlp", "alice"), 4), (("vision", "bob"), 12))
    assert verdicts(judged(known(rows), slurm(allocated=16, free=16, held=others)))[
        "accounts", "vision/bob gpu", "held"
    ] == "red"  # fmt: skip


def test_maintenance_that_ignores_jobs(known):
    booked = [{"name": "m", "nodes": "n2", "kind": "maintenance", "start": "03:00", "end": "04:00"}]
    found = judged(known(site(*USUAL, reservations=booked)), slurm())
    assert verdicts(found) == {DOWN: "explained", FREE: "explained"}
    assert "IGNORE_JOBS" in found[DOWN][1]


HIDDEN = site(
    USUAL[1],
    node_allocations=[
        {"node": "n1", "gpu_milli": 2000, "start": "01:00", "end": "03:00"},
        {"node": "n2", "gpu_milli": 4000, "start": "00:30", "end": "02:30"},
    ],
)
"""Job 1 is not seen, but its node says that it holds something."""


@pytest.mark.parametrize(
    ("config", "nodes"),
    [({"config": "PrivateData = jobs\n"}, "explained"), ({"configuration": "PrivateData = all\n"}, "explained"),
     ({"config": "PrivateData = none\nAccountingStorageTRES = cpu,mem\n"}, "explained"),
     ({"config": "PrivateData = usage\nAccountingStorageTRES = cpu,mem,gres/gpu:a100\n"}, "red"), ({}, "red")],
)  # fmt: skip
def test_jobs_that_are_not_visible(known, config, nodes):
    command = slurm()
    command.answers |= config
    assert verdicts(judged(known(HIDDEN), command)) == {
        ("accounts", "nlp/alice gpu", "held"): "explained", ("accounts", "root gpu", "held"): "explained",
        ("nodes", "gpu", "allocated on 2 nodes"): nodes, ("nodes", "n1 gpu", "allocated"): nodes,
    }  # fmt: skip


def test_rows_that_are_not_shown_come_to_what_the_sum_has_more(known):
    command = slurm(held=((("nlp", "alice"), 4), (("vision", "bob"), 8)))
    whole = command.answers["AccountUtilizationByUser"]
    (bob,) = [line for line in whole.splitlines() if "|bob|" in line]
    command.answers["AccountUtilizationByUser"] = whole.replace(f"{bob}\n", "")
    found = judged(known(site(*USUAL)), command)
    assert verdicts(found) == {("accounts", "vision/bob gpu", "held"): "explained"}
    assert found["accounts", "vision/bob gpu", "held"][1].startswith("not shown (up to 8 GPU-hours)")


def test_hours_that_are_not_rolled_up(known):
    def utilization(words):
        return report(UTILIZATION, *(() if "Start=2026-11-24T03:00:00" in words else [line]))

    line = ("lab", "gres/gpu", 12 * GPU_S, 0, 0, 12 * GPU_S, 0, 24 * GPU_S)
    command = slurm()
    command.answers |= {"Utilization": utilization}
    del command.answers["stats"]
    found = judged(known(site(*USUAL)), command)
    assert verdicts(found) == {REPORTED: "explained", FREE: "explained"}
    assert (
        found[REPORTED][1] == "not rolled up (up to 8 GPU-hours): sreport has nothing for the last hour of the window"
    )


def test_what_is_rolled_up_ends_the_window(known):
    command = slurm()
    command.answers["stats"] = command.answers["stats"].replace(str(TO // 1000), str(ms("02:00") // 1000))
    judged(known(site(*USUAL)), command)
    assert "End=2026-11-24T02:00:00" in command.asked[1]


def test_gaps_of_our_sources(known):
    known(site(*USUAL), "00:00", "02:00")
    snapshot = known({"nodes": [node("n1"), node("n2")]}, "03:00", "04:00", source="later")
    found = judged(snapshot, slurm())
    told = "not covered (up to 8 GPU-hours): Paydown's sources leave gaps in this window"
    assert found[REPORTED] == ("explained", told)


def test_what_cannot_be_asked_is_skipped_with_the_reason(known):
    snapshot = known(site(*USUAL))
    settings = ReconcileSettings(start_ms=FROM, end_ms=TO)
    found = reconcile(snapshot, settings, Slurm())
    assert {each.verdict for each in found.figures} == {"skipped"}
    assert [each.why for each in found.figures][:2] == ["env cannot be run"] * 2
    told = answer(found, settings)
    assert told.headline == ("Nothing could be compared (5 skipped).",)
    hidden = reconcile(snapshot, settings, Slurm(sreport=report(HELD)))
    assert {each.figure.check: each.why for each in hidden.figures}["accounts"].startswith("sreport shows no sum")


def test_a_dump_of_accounting_alone_states_no_capacity(known):
    rows = site(*USUAL)
    del rows["nodes"]
    found = judged(known(rows, supports=("allocation", "wait")), slurm())
    assert found[ALLOCATED][0] == "skipped"
    assert verdicts(found) | {} == dict.fromkeys((ALLOCATED, DOWN, FREE, REPORTED), "skipped")
