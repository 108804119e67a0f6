"""The nodes report: what the inventory lists, states, what was held and used, and what cannot be told."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from tests.connectors.openb.sample import make
from tests.ledger.stored import take

from paydown.connectors.interface import Context
from paydown.connectors.openb import CONNECTOR as OPENB
from paydown.errors import UsageError
from paydown.ingest import ingest
from paydown.ledger.settings import LedgerSettings
from paydown.model.units import MS_PER_DAY, MS_PER_HOUR
from paydown.reports import debt
from paydown.reports.nodes import NodesQuestion, run
from paydown.reports.parts.parameters import LedgerParameters
from paydown.reports.parts.pictures import Heat
from paydown.store import open_store
from paydown.surfaces import charts

T = 20_000 * MS_PER_DAY
END = T + 10 * MS_PER_HOUR
C = {"cluster": "c"}


def hour(hours):
    return T + round(hours * MS_PER_HOUR)


def site(supports="capacity;allocation;use;wait", **more):
    """Two GPU nodes of different models and one without GPUs; job 1 holds a GPU of n1 for five hours, half used."""
    job = {**C, "job_id": "1", "attempt": 0, "start": T, "end": hour(5)}
    sample = {**C, "node": "n1", "gpu": "0", "duration_ms": 600_000, "gpu_util_ratio": 0.5}
    tables = {
        "sources": [{**C, "source": "s", "supports": supports, "covers_from": T, "covers_to": END}],
        "nodes": [
            {
                **C,
                "node": "n1",
                "partitions": "gpu",
                "pool": "x",
                "gpus": 4,
                "gpu_model": "A100",
                "cpus": 8,
                "start": T,
            },
            {**C, "node": "n2", "partitions": "gpu;old", "gpus": 2, "gpu_model": "V100", "cpus": 8, "start": hour(5)},
            {**C, "node": "n3", "partitions": "cpu", "gpus": 0, "cpus": 64, "start": T},
        ],
        "jobs": [{**job, "user": "ann", "partition": "gpu", "submit": T, "state": "COMPLETED"}],
        "allocations": [{**job, "node": "n1", "gpu_milli": 1000, "gpus": "0", "cpu_milli": 2000}],
        "gpu_samples": [{**sample, "start": hour(at / 6)} for at in range(30)],
    }
    return {**tables, **more}


@pytest.fixture
def ask(tmp_path):
    def asked(rows, **question):
        store = open_store(tmp_path / "store", create=True)
        take(store, rows, LedgerSettings())
        return run(store.snapshot(), NodesQuestion(**question))

    return asked


def by(answer, *names):
    return {tuple(row[name] for name in names): row for row in answer.rows.to_pylist()}


def test_each_node(ask):
    found = by(ask(site()), "node")
    one, two = found["n1",], found["n2",]
    assert (one["gpu_model"], one["gpus"], one["state"], one["up_share"]) == ("A100", 4, "up", 1)
    assert (one["capacity_hours"], two["capacity_hours"]) == (40, 10)
    assert (one["allocated_hours"], one["used_hours"], one["underused_hours"]) == (5, 2.5, 2.5)
    assert (one["idle_hours"], one["allocated_share"], one["used_share"]) == (35, 0.125, 0.5)
    assert (two["allocated_hours"], two["idle_hours"], two["used_share"]) == (0, 10, None)


def test_by_model_pool_and_cluster(ask):
    found = by(ask(site(), by=("gpu_model",)), "gpu_model")
    assert {model: (row["nodes"], row["gpus"], row["capacity_hours"]) for (model,), row in found.items()} == {
        "A100": (1, 4, 40), "V100": (1, 2, 10), None: (1, 0, 0),
    }  # fmt: skip
    assert found["A100",]["allocated_hours"] == 5
    assert {key: row["gpus"] for key, row in by(ask(site(), by=("pool",)), "pool").items()} == {("x",): 4, (None,): 2}
    (whole,) = ask(site(), by=("cluster",), tres=("cpu",)).rows.to_pylist()
    assert (whole["nodes"], whole["capacity_hours"], whole["allocated_hours"]) == (3, 80 + 40 + 640, 10)


def test_states_and_reasons(ask):
    states = [
        {**C, "node": "n1", "state": "down", "reason": "burnt", "start": hour(8), "end": None},
        {**C, "node": "n2", "state": "down", "reason": "gone", "start": T, "end": hour(6)},
        {**C, "node": "n2", "state": "planned_down", "reason": "later wins", "start": hour(5), "end": hour(7)},
    ]
    kept = [{**C, "name": "patch", "nodes": "n3", "kind": "maintenance", "start": hour(9), "end": hour(12)}]
    found = by(ask(site(node_states=states, reservations=kept), tres=("cpu",)), "node")
    shares = {
        node: (row["state"], row["reason"], row["up_share"], row["planned_down_share"], row["down_share"])
        for (node,), row in found.items()
    }
    assert shares == {
        "n1": ("down", "burnt", 0.8, 0, 0.2),
        "n2": ("up", None, 0.6, 0.4, 0),
        "n3": ("planned_down", "maintenance: patch", 0.9, 0.1, 0),
    }
    assert found["n1",]["down_hours"] == 16


def test_occupancy_is_refused_where_no_source_supports_allocation(ask):
    rows = site("capacity", jobs=[], allocations=[], gpu_samples=[])
    answer = ask(rows, by=("gpu_model",))
    found = by(answer, "gpu_model")["A100",]
    assert (found["gpus"], found["capacity_hours"]) == (4, 40)
    held = ("allocated_hours", "used_hours", "idle_hours", "unobserved_hours", "allocated_share", "observed_share")
    assert [found[name] for name in held] == [None] * 6
    assert any("occupancy of c is refused" in note for note in answer.notes)
    assert not answer.more


def test_the_reason_is_the_sources_own(tmp_path):
    store = open_store(tmp_path / "store", create=True)
    ingest(store, OPENB, OPENB.settings(**make(tmp_path)), Context(cluster="c"))
    answer = run(store.snapshot(), NodesQuestion(by=("gpu_model",)))
    assert {row["gpu_model"]: row["gpus"] for row in answer.rows.to_pylist()} == {"G9": 8, "T9": 2, None: 0}
    (said,) = [note for note in answer.notes if "refused" in note]
    assert "The pods are a sample" in said


def test_devices_with_slices_and_models_of_their_own(ask):
    slices = [
        {**C, "node": "n1", "gpu": f"0/{i}", "milli": 500, "gpu_model": model, "start": T}
        for i, model in enumerate(("A100", "H100"))
    ]
    answer = ask(site(devices=slices), by=("device",))
    found = by(answer, "node", "gpu")
    assert [key for key in found if key[0] == "n1"] == [("n1", "0/0"), ("n1", "0/1")]
    assert (found["n1", "0/1"]["gpu_model"], found["n1", "0/1"]["gpus"]) == ("H100", 0.5)
    assert by(ask(site(devices=slices)), "node")["n1",]["gpu_model"] is None


def test_devices(ask):
    answer = ask(site(), by=("device",))
    found = by(answer, "node", "gpu")
    assert len(found) == 6
    one, other = found["n1", "0"], found["n1", "1"]
    assert (one["capacity_hours"], one["allocated_hours"], one["used_hours"], one["used_share"]) == (10, 5, 2.5, 0.5)
    assert (other["allocated_hours"], other["used_share"]) == (None, None)
    (heat,) = answer.more[0].pictures
    assert isinstance(heat, Heat)
    assert answer.more[0].rows.column("mean_ratio").to_pylist() == [0.5] * 5


def test_the_map_of_nodes_over_time(ask):
    answer = ask(site())
    rows = answer.more[0].rows.to_pylist()
    shares = [(row["allocated_share"], row["used_share_of_capacity"]) for row in rows if row["node"] == "n1"]
    assert shares == [(0.25, 0.125)] * 5 + [(0, 0)] * 5
    held, used = answer.more[0].pictures
    assert (held.value, used.value) == ("allocated_share", "used_share_of_capacity")
    specs = [drawing.spec for drawing in charts.charts_of(answer, ZoneInfo("UTC"), charts.FILE)]
    assert charts.picture_file(specs, ".svg")


def test_a_part_of_the_window_and_of_the_nodes(ask):
    answer = ask(site(), node=("n2",), start_ms=hour(4), end_ms=hour(7))
    (row,) = answer.rows.to_pylist()
    assert (row["node"], row["capacity_hours"]) == ("n2", 4)
    assert answer.headline == ("2 GPUs on 1 of 1 nodes: V100 2.",)


def test_an_inventory_of_an_instant_has_no_hours(ask):
    source = {**C, "source": "s", "supports": "capacity", "covers_from": T, "covers_to": T}
    answer = ask(site(sources=[source], jobs=[], allocations=[], gpu_samples=[]))
    assert by(answer, "node")["n1",]["gpus"] == 4
    assert any("over no time" in note for note in answer.notes)


@pytest.mark.parametrize("until", [10, 8])
def test_capacity_is_that_of_debt_or_the_difference_is_said(tmp_path, until):
    """Over ten hours n1 and n2 list 4 x 10 + 2 x 5 GPU-hours; up to the eighth hour 4 x 8 + 2 x 3 are stated."""
    source = {**C, "source": "s", "covers_from": T}
    sources = [source | {"supports": "capacity", "covers_to": END}]
    sources.append(source | {"source": "t", "supports": "allocation;use", "covers_to": hour(until)})
    store = open_store(tmp_path / "store", create=True)
    take(store, site(sources=sources), LedgerSettings())
    answer = run(store.snapshot(), NodesQuestion(tres=("gpu",)))
    capacity = sum(row["capacity_hours"] or 0 for row in answer.rows.to_pylist())
    (owed,) = debt.run(store.snapshot(), LedgerParameters(tres=("gpu",))).rows.to_pylist()
    assert (capacity, owed["reported_hours"]) == (50, 50 if until == 10 else 38)
    told = [note for note in answer.notes if note.startswith("The inventory lists")]
    assert bool(told) == (until == 8)
    assert all("lists 50.0 GPU-hours (capacity_hours); of 38.0 it is" in note for note in told)


def test_what_cannot_be_asked(ask):
    for question, said in (
        ({"by": ("nod",)}, "node"),
        ({"by": ("device", "pool")}, "nothing else"),
        ({"user": ("a",)}, "user"),
    ):
        with pytest.raises(UsageError, match=said):
            ask(site(), **question)
