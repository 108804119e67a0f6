"""What is planted is there: peculiar nodes, patterns of use, and hours that the samples really show."""

from collections import defaultdict
from datetime import timedelta

import pytest

from paydown.connectors.synthetic.patterns import GPU_PATTERNS

SPAN = timedelta(minutes=5)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="session")
def roles(small):
    found = defaultdict(set)
    for row in small.truth["nodes"]:
        found[row["role"]].add(row["node"])
    return found


@pytest.fixture(scope="session")
def samples(small):
    found = defaultdict(list)
    for row in small.rows("gpu_samples"):
        found[row["node"], row["gpu"]].append(row)
    return found


@pytest.fixture(scope="session")
def allocations(small):
    return {(row["job_id"], row["attempt"], row["node"]): row for row in small.rows("allocations")}


def test_every_attempt_that_ran_is_in_the_truth(small):
    ran = {(row["job_id"], row["attempt"]) for row in small.rows("jobs") if row["start"]}
    told = {(row["job_id"], row["attempt"]) for row in small.truth["attempts"] if row["role"] != "hidden"}
    assert told == ran


def test_dark_nodes_have_no_samples_but_figures_per_job(small, roles, samples):
    assert {node for node, _ in samples}.isdisjoint(roles["dark"])
    usage = [row for row in small.rows("job_usage") if row["node"] in roles["dark"]]
    assert {row["signal"] for row in usage} == {
        "gpu_util",
        "gpu_memory_used_mib",
        "cpu_used_milli",
        "memory_used_mib",
    }


def test_devices_are_unknown_on_legacy_nodes_alone(small, roles):
    legacy = roles["legacy"] | roles["legacy-labelled"]
    unknown = {row["node"] for row in small.rows("allocations") if row["gpu_milli"] and row["gpus"] is None}
    assert unknown == legacy


def test_samples_carry_jobs_on_labelled_nodes_alone(roles, samples, allocations):
    named = {node for (node, _), rows in samples.items() if any(row["job_id"] for row in rows)}
    assert named == roles["labelled"] | roles["legacy-labelled"]
    holders = defaultdict(set)
    for job, _, node in allocations:
        holders[node].add(job)
    for (node, _), rows in samples.items():
        assert {row["job_id"] for row in rows} - {None} <= holders[node]


def test_a_node_says_more_than_its_visible_jobs_explain(small, roles):
    node = next(iter(roles["unseen"]))
    rows = [row for row in small.rows("node_allocations") if row["node"] == node]
    held = [row for row in small.rows("allocations") if row["node"] == node]
    unseen = []
    for row in rows:
        moment = row["start"]
        seen = sum(a["gpu_milli"] for a in held if a["start"] <= moment and (a["end"] is None or a["end"] > moment))
        unseen.append(row["gpu_milli"] - seen)
    assert min(unseen) == 0
    assert max(unseen) == 2_000


def test_somebody_uses_a_device_without_a_job(roles, samples, allocations):
    node = next(iter(roles["outside"]))
    busy = [row for row in samples[node, "7"] if row["gr_engine_active_ratio"] == pytest.approx(0.55, abs=0.001)]
    held = [row for row in allocations.values() if row["node"] == node and "7" in (row["gpus"] or "").split(";")]

    def free(moment):
        return not any(a["start"] <= moment and (not a["end"] or moment < a["end"]) for a in held)

    assert any(free(row["start"]) for row in busy)


def test_a_node_that_joins_late_has_nothing_before(small, roles, samples):
    node = next(iter(roles["late"]))
    joined = next(row["start"] for row in small.rows("nodes") if row["node"] == node)
    assert joined > min(row["start"] for row in small.rows("nodes"))
    assert all(row["start"] >= joined for (name, _), rows in samples.items() if name == node for row in rows)
    assert all(row["start"] >= joined for row in small.rows("allocations") if row["node"] == node)


def test_slices_add_up_to_a_gpu_and_have_no_gpu_util(small, roles, samples):
    milli = defaultdict(int)
    for row in small.rows("devices"):
        milli[row["node"], row["gpu"].split("/")[0]] += row["milli"]
    assert set(milli.values()) == {1_000}
    rows = [row for (node, _), found in samples.items() if node in roles["mig"] for row in found]
    assert all(row["gpu_util_ratio"] is None for row in rows)
    assert any(row["gr_engine_active_ratio"] for row in rows)


def test_devices_are_shared_on_shared_nodes(small, roles):
    rows = [row for row in small.rows("allocations") if row["node"] in roles["shared"]]
    assert {row["gpu_milli"] for row in rows} == {250, 500}
    both = [
        (a, b)
        for a in rows
        for b in rows
        if a["job_id"] < b["job_id"]
        and a["gpus"] == b["gpus"]
        and a["node"] == b["node"]
        and a["start"] < b["start"]
        and (not a["end"] or b["start"] < a["end"])
    ]
    assert both


def measured(rows, start, end):
    """GPU-hours of one device that the samples show as used, inactive and all, between two instants."""
    inside = [row for row in rows if start <= row["start"] and row["duration_ms"] and row["start"] < end]
    use = {row["start"]: row["gr_engine_active_ratio"] or 0.0 for row in inside}
    total, quiet, runs = 0.0, 0.0, 0.0
    for moment in sorted(use):
        length = timedelta(milliseconds=inside[0]["duration_ms"]) / HOUR
        total += use[moment] * length
        if use[moment] <= 0.01:
            quiet += length
        else:
            runs, quiet = runs + (quiet if quiet >= SPAN / HOUR else 0.0), 0.0
    return total, runs + (quiet if quiet >= SPAN / HOUR else 0.0)


def test_simple_jobs_show_the_hours_that_the_truth_says(small, samples, allocations):
    by_attempt = defaultdict(list)
    for (job, attempt, _), row in allocations.items():
        by_attempt[job, attempt].append(row)
    checked = set()
    step = 300 / 3_600
    for truth in small.truth["attempts"]:
        if not truth["simple"] or truth["pattern"] in ("bubbles", "evaluation"):
            continue
        used = inactive = devices = 0
        for row in by_attempt[truth["job_id"], truth["attempt"]]:
            for gpu in row["gpus"].split(";"):
                found = measured(samples[row["node"], gpu], row["start"], row["end"] or row["start"] + 900 * HOUR)
                used, inactive, devices = used + found[0], inactive + found[1], devices + 1
        told = sum(truth[f"{name}_gpu_hours"] for name in ("never_used", "startup", "gap", "tail"))
        hours = truth["allocated_gpu_hours"]
        periods = 0 if not truth["gap_gpu_hours"] else hours / devices / 0.4
        room = devices * step * (4 + 2 * periods) + 0.05 * hours
        assert used == pytest.approx(truth["used_gpu_hours"], abs=room), truth
        assert inactive == pytest.approx(told, abs=room), truth
        checked.add(truth["pattern"])
    assert {"steady", "never-used", "tail", "slow-start", "small-batch"} <= checked


def test_the_truth_of_an_attempt_adds_up(small):
    parts = ("never_used", "startup", "gap", "tail", "used", "underused")
    for row in small.truth["attempts"]:
        total = sum(row[f"{name}_gpu_hours"] for name in parts)
        assert total == pytest.approx(row["allocated_gpu_hours"], abs=1e-6)
        assert min(row[f"{name}_gpu_hours"] for name in parts) >= -1e-9


def test_causes_are_named_for_what_wastes_and_not_for_hard_negatives():
    causes = {pattern.name: pattern.cause for pattern in GPU_PATTERNS}
    assert causes["left-open"] == "notebook-left-open"
    assert not any(causes[name] for name in ("steady", "bubbles", "evaluation", "memory-bound", "reinforcement"))
