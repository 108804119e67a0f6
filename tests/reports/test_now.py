"""One moment: the same figures as the timeline, who waits, and devices that are held for nothing."""

from __future__ import annotations

import pyarrow as pa
import pytest

from paydown.connectors.facts import CONNECTOR
from paydown.connectors.interface import Context
from paydown.errors import UsageError
from paydown.ingest import ingest
from paydown.reports import timeline, wait
from paydown.reports.now import NowQuestion, run
from paydown.reports.parts.curve import COLUMNS
from paydown.store import open_store
from paydown.testing import tiny, write_facts

CLUSTER = """
cluster lab; step 1m; origin 2024-01-01T00:00; supports capacity allocation use wait
node n1 gpus=4 cpus=16 memory=64G partitions=gpu model=A100
node n2 gpus=4 cpus=16 memory=64G partitions=gpu;all model=H100
job 1 ada/chem on=n1:0,1 cpu=4  RRRRRRRRRRRRRRRRRRRR
job 2 bob/phys on=n1:2,3 cpu=4  wwRRRRRRRRRRRRRRRRRR
job 3 eve/phys on=n2:0 cpu=2    ..........RRRRRRRRRR
use n1:0                        99999999999999999999
use n1:1                        99990000000000000000
use n1:2                        ..000000000000000000
use n2:0                        ..........5555500000
row jobs job_id=4 user=cat account=phys partition=gpu state=PENDING submit=+2m eligible=+4m req_gpu_milli=4000 \
req_cpu_milli=1000 req_nodes=1 pending_reason=Resources
row jobs job_id=5 user=cat account=chem partition=gpu state=PENDING submit=+2m eligible=+3m req_gpu_milli=3000 \
req_cpu_milli=1000 req_nodes=1 pending_reason=Priority
row jobs job_id=6 user=cat account=chem partition=gpu state=PENDING submit=+2m req_gpu_milli=1000 \
pending_reason=Dependency
horizon +20m
""".replace("\\\n", "")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    store = open_store(folder / "store", create=True)
    facts = CONNECTOR.settings(folder=write_facts(tiny(CLUSTER), folder / "facts"))
    ingest(store, CONNECTOR, facts, Context(), post=True)
    return store.snapshot()


def ms(minutes):
    return 1_704_067_200_000 + round(minutes * 60_000)


def tables(snapshot, **asked):
    answer = run(snapshot, NowQuestion(**asked))
    return {part.report: part.rows.to_pylist() for part in (answer, *answer.more)}


def test_the_last_known_moment_is_the_last_whole_five_minutes(lab):
    answer = run(lab, NowQuestion())
    assert (answer.window.start_ms, answer.window.end_ms) == (ms(15), ms(20))
    assert answer.coverage["moment_ms"] == ms(20) - 1
    assert [part.report for part in answer.more] == ["now.waiting", "now.devices", "now.sources"]
    gpu = answer.rows.to_pylist()[0]
    assert (gpu["cluster"], gpu["tres"]) == ("lab", "gpu")
    assert (gpu["capacity"], gpu["allocated"], gpu["not_held"]) == (8, pytest.approx(5), 3)
    assert (gpu["inactive"], gpu["unobserved"]) == (3, 1)


@pytest.mark.parametrize("by", ["cluster", "partition", "node", "node_partition", "gpu_model"])
@pytest.mark.parametrize("minute", [0, 7.5, 19])
def test_figures_are_those_of_the_timeline_at_the_moment(lab, by, minute):
    names = [by, "tres", *(c.name for c in COLUMNS[2:15] if c.name != "lost")]
    asked = {"at_ms": ms(minute), "by": (by,), "tres": ("gpu", "cpu")}
    expected = timeline.run(lab, timeline.TimelineQuestion(bucket="5min", **asked)).rows.select(names)
    assert run(lab, NowQuestion(**asked)).rows.select(names) == expected


def test_who_waits_for_what_and_whether_it_would_fit(lab):
    found = tables(lab, at_ms=ms(10))["now.waiting"]
    assert [(row["job_id"], row["req_gpus"], row["pending_reason"]) for row in found] == [
        ("5", 3, "Priority"),
        ("4", 4, "Resources"),
    ]
    assert [row["waiting_hours"] for row in found] == [pytest.approx(7 / 60), pytest.approx(6 / 60)]
    assert [row["since_submit_hours"] for row in found] == [pytest.approx(8 / 60)] * 2
    # From minute 10 on three of the four GPUs of n2 are free.
    assert [(row["free_gpus"], row["fits"]) for row in found] == [(3, True), (3, False)]
    notes = run(lab, NowQuestion(at_ms=ms(10))).notes
    assert any("1 job held or not yet eligible" in note for note in notes)


def test_a_job_that_started_since_waited_then(lab):
    assert [row["job_id"] for row in tables(lab, at_ms=ms(1))["now.waiting"]] == ["2"]
    assert [row["job_id"] for row in tables(lab, at_ms=ms(5), account=("chem",))["now.waiting"]] == ["5"]
    assert tables(lab, at_ms=ms(5), partition=("other",), show=("waiting",))["now.waiting"] == []


def test_devices_that_are_quiet(lab):
    found = tables(lab)["now.devices"]
    assert [(row["job_id"], row["node"], row["gpu"], row["evidence"]) for row in found] == [
        ("2", "n1", "2", "quiet"),
        ("1", "n1", "1", "quiet"),
        ("3", "n2", "0", "quiet"),
    ]
    assert [round(row["idle_hours"] * 60, 2) for row in found] == [18, 16, 5]
    assert [round(row["held_hours"] * 60, 2) for row in found] == [18, 20, 10]
    answer = run(lab, NowQuestion())
    assert "3 of 5 devices held by known jobs have no process, or are quiet." in answer.headline
    assert any("no sample says anything: 1." in note for note in answer.notes)
    assert [row["gpu"] for row in tables(lab, user=("bob",))["now.devices"]] == ["2"]
    assert [row["gpu"] for row in tables(lab, node=("n2",))["now.devices"]] == ["0"]


def test_a_moment_before_they_fell_quiet(lab):
    assert [row["job_id"] for row in tables(lab, at_ms=ms(3))["now.devices"]] == ["2"]


def test_show_chooses_and_the_first_leads(lab):
    answer = run(lab, NowQuestion(show=("devices", "waiting"), limit=1))
    assert (answer.report, [part.report for part in answer.more]) == ("now.devices", ["now.waiting"])
    assert (answer.rows.num_rows, answer.coverage["rows"]) == (1, 3)


def test_a_window_is_no_moment(lab):
    with pytest.raises(UsageError, match="--at"):
        run(lab, NowQuestion(start_ms=0))


def test_the_age_of_each_source(lab):
    (row,) = tables(lab, at_ms=ms(10) - 1)["now.sources"]
    assert row["behind_hours"] == pytest.approx(-10 / 60)


def test_a_cluster_that_is_not_known_at_the_moment_is_named(book):
    other = book.SOURCE | {"cluster": "old", "covers_to": book.at(5)}
    node = {"partitions": "", "gpus": 1, "start": book.at(0), "node": "n1"}
    store = book.store(
        sources=[book.SOURCE, other],
        nodes=[node | {"cluster": name} for name in ("c", "old")],
    )
    answer = run(store, NowQuestion())
    assert answer.window.end_ms == book.ms(48)
    assert any(note.startswith("old is known up to 2024-05-01T05:00:00Z only") for note in answer.notes)
    assert run(store, NowQuestion(cluster=("old",))).window.end_ms == book.ms(5)


def test_a_source_supports_what_all_of_its_rows_do(book):
    parts = [book.SOURCE | {"supports": each} for each in ("capacity", "allocation;wait")]
    (row,) = tables(book.store(sources=parts))["now.sources"]
    assert row["supports"] == "allocation;capacity;wait"


def test_where_no_source_supports_wait_nobody_is_said_not_to_wait(book):
    store = book.store(sources=[book.SOURCE | {"supports": "capacity;allocation;use"}])
    answer = run(store, NowQuestion())
    assert answer.headline == ()
    assert any("No source of c supports wait" in note for note in answer.notes)


def test_hours_waited_are_the_demand_that_the_ledger_posts(lab):
    posted = lab.query("SELECT sum(waiting) AS waiting FROM demand WHERE tres = 'gpu'").to_pylist()[0]["waiting"]
    (row,) = wait.run(lab, wait.WaitQuestion(by=())).rows.to_pylist()
    assert row["waited_gpu_hours"] == pytest.approx(int(posted) / 3_600_000_000)


# ---- processes


HELD = {"cluster": "c", "attempt": 0, "node": "n1", "gpu_milli": 1000, "cpu_milli": 1000}


def sample(book, gpu, hours, processes, job_id=None, **more):
    return {
        "cluster": "c", "node": "n1", "gpu": gpu, "job_id": job_id, "start": book.at(hours), "duration_ms": 60_000,
        "processes": processes,
    } | more  # fmt: skip


def devices(store, book, hours=30):
    answer = run(store, NowQuestion(at_ms=book.ms(hours), show=("devices",)))
    return [(row["gpu"], row["evidence"], round(row["idle_hours"], 2)) for row in answer.rows.to_pylist()]


def run_of_quiet(book, job, gpu, start, end):
    return {
        "cluster": "c", "day": book.at(start).date(), "job_id": job, "attempt": 0, "node": "n1", "tres": "gpu",
        "gpu": gpu, "allocated_from": book.at(2), "start": book.at(start), "end": book.at(end), "basis": "sampled",
        "signal": "gpu_util", "milli": 1000,
    }  # fmt: skip


def test_no_process_is_stronger_than_activity_and_missing_is_not_zero(book):
    allocations = [HELD | {"job_id": str(n), "gpus": str(n), "start": book.at(2)} for n in range(6)]
    samples = [
        sample(book, "0", 29.99, 0),  # none, and none in the day before
        sample(book, "1", 25, 1),
        sample(book, "1", 29.99, 0),  # none since hour 25
        sample(book, "2", 29.99, 1),  # has one, though it is quiet
        sample(book, "3", 29.99, None),  # not known: by activity
        sample(book, "4", 28, 0),  # too long ago to describe the moment
        sample(book, "5", 29.99, 2, "other"),  # that of another job
        sample(book, "5", 29.99, 0, "5"),
    ]
    runs = [run_of_quiet(book, "2", "2", 24, 40), run_of_quiet(book, "3", "3", 20, 24)]
    runs += [run_of_quiet(book, "3", "3", 24, 40)]
    store = book.store(allocations=allocations, gpu_samples=samples, runs=runs, sources=[book.SOURCE])
    assert devices(store, book) == [
        ("0", "no process", 24),
        ("5", "no process", 24),
        ("3", "quiet", 10),
        ("1", "no process", 4.98),
    ]


def test_an_allocation_ends_with_its_job_or_the_next_row(book):
    allocations = [
        HELD | {"job_id": "1", "gpus": "0", "start": book.at(2)},
        HELD | {"job_id": "2", "gpus": "1", "start": book.at(2)},
        HELD | {"job_id": "2", "gpus": "2", "start": book.at(3)},
    ]
    jobs = [{"cluster": "c", "job_id": "1", "attempt": 0, "state": "COMPLETED", "start": book.at(2), "end": book.at(9)}]
    samples = [sample(book, gpu, 29.99, 0) for gpu in ("0", "1", "2")]
    store = book.store(allocations=allocations, jobs=jobs, gpu_samples=samples, sources=[book.SOURCE])
    assert [gpu for gpu, _, _ in devices(store, book)] == ["2"]


def test_pseudonyms_leave_no_name(lab):
    answer = run(lab, NowQuestion(pseudonyms=True))
    rows = pa.concat_tables([part.rows.select(["user"]) for part in answer.more[:2]])
    assert not {"ada", "bob", "eve", "cat"} & set(rows["user"].to_pylist())


QUEUED = """
cluster lab; step 1m; origin 2024-01-01T00:00; supports {supports}
node n1 gpus=4 cpus=16 memory=64G partitions=gpu
row jobs job_id=1 user=cat partition={partition} state=PENDING submit=+2m eligible=+4m {asked}
horizon +20m
"""


@pytest.mark.parametrize(
    ("supports", "partition", "asked", "said"),
    [
        ("allocation wait", "gpu", "req_gpu_milli=4000", "no source states capacity and what is held throughout then"),
        ("capacity allocation wait", "other", "req_gpu_milli=4000", "no node is listed for them then"),
        ("capacity allocation wait", "gpu", "", "of jobs that do not say what they ask for (1)"),
        ("capacity allocation wait", "gpu", "req_gpu_milli=4000", ""),
    ],
)
def test_why_it_is_not_known_whether_it_fits(tmp_path, supports, partition, asked, said):
    store = open_store(tmp_path / "store", create=True)
    text = QUEUED.format(supports=supports, partition=partition, asked=asked)
    facts = CONNECTOR.settings(folder=write_facts(tiny(text), tmp_path / "facts"))
    ingest(store, CONNECTOR, facts, Context(), post=True)
    found = run(store.snapshot(), NowQuestion(at_ms=ms(10), show=("waiting",)))
    assert [row["fits"] for row in found.rows.to_pylist()] == [None if said else True]
    told = [note for note in found.notes if "fits" in note]
    assert len(told) == bool(said)
    assert all(said in note for note in told)
