"""Jobs of clusters that are not posted: worked out from accounting alone, to the integer what posting gives."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from paydown.ledger.posting import post
from paydown.reports import job, jobs
from paydown.store import open_store

FIGURES = ("gpu_util", "gr_engine_active", "cpu_used_milli", "memory_used_mib")


def accounting(book, seed):
    """Make two days of jobs as accounting tells of them: no inventory, no samples, figures for whole jobs."""
    rng = random.Random(seed)
    facts = {"jobs": [], "allocations": [], "job_usage": [], "sources": [{**book.SOURCE, "supports": "allocation;use"}]}
    for number in range(60):
        key = {"cluster": "c", "job_id": str(number // 2), "attempt": number % 2}
        start = book.at(rng.uniform(-3, 46))
        end = start + timedelta(milliseconds=rng.choice((0, 40_001, 300_000, 7_123_457, 90_000_000)))
        over = None if rng.random() < 0.1 else end
        who = {"user": f"u{number % 5}", "account": "physics", "partition": "gpu", "state": "COMPLETED"}
        facts["jobs"].append({**key, **who, "submit": start, "start": start, "end": over})
        for node in range(rng.choice((1, 1, 3))):
            held = {"gpu_milli": rng.choice((0, 333, 2000)), "cpu_milli": rng.choice((None, 7000)), "memory_mib": 999}
            facts["allocations"].append({**key, **held, "node": f"n{node}", "start": start, "end": over})
            if rng.random() < 0.2:
                later = start + timedelta(seconds=1000)
                facts["allocations"].append({**key, **held, "gpu_milli": 1000, "node": f"n{node}", "start": later})
        for signal in rng.sample(FIGURES, 3):
            value = rng.choice((0.0, 0.1234567, 1.0)) if signal.startswith("g") else rng.choice((0.0, 777.5, 5e6))
            figure = rng.choice(("mean", "max"))
            facts["job_usage"].append({**key, "signal": signal, figure: value, "source": "sacct"})
    return facts


WINDOWS = [{}, {"start_ms": 3}, {"start_ms": 7, "end_ms": 7.03}, {"start_ms": 5.001, "end_ms": 29.7777}]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_what_is_worked_out_is_what_posting_gives(book, tmp_path, seed, window):
    unposted = book.store(**accounting(book, seed))
    store = open_store(tmp_path / "posted", create=True)
    book.fill(store, accounting(book, seed))
    assert post(store, days=[book.DAY - timedelta(days=1), book.DAY, book.DAY + timedelta(days=1)]).entries
    asked = jobs.JobsQuestion(**{name: book.ms(hours) for name, hours in window.items()})
    found, wanted = (jobs.run(snapshot, asked) for snapshot in (unposted, store.snapshot()))
    assert found.rows.to_pylist() == wanted.rows.to_pylist()
    assert any(row["memory_allocated_hours"] for row in found.rows.to_pylist())
    shares = found.coverage["observed_share_by_tres"]
    assert shares == wanted.coverage["observed_share_by_tres"]
    assert set(shares) <= {"gpu", "cpu", "memory"}
    assert "c is not posted: what jobs held" in " ".join(found.notes)
    assert "is not posted" not in " ".join(wanted.notes)


def test_one_job_is_worked_out_too(book):
    facts = accounting(book, 1)
    answer = job.run(book.store(**facts), job.JobQuestion(job_id="3"))
    assert any(row["memory_allocated_hours"] for row in answer.rows.to_pylist())
    assert "worked out from accounting alone" in " ".join(answer.notes)


@pytest.mark.parametrize(
    "more",
    [
        {"nodes": [{"cluster": "c", "node": "n9", "gpus": 1, "partitions": ""}]},
        {"host_samples": [{"cluster": "c", "node": "n9", "duration_ms": 1000, "cpu_used_milli": 5}]},
        {"job_usage": [{"cluster": "c", "job_id": "3", "attempt": 0, "node": "n0", "signal": "gpu_util", "mean": 0.5}]},
    ],
    ids=lambda more: next(iter(more)),
)
def test_only_posting_tells_where_more_is_known(book, more):
    facts = accounting(book, 1)
    for name, rows in more.items():
        instant = {} if name == "job_usage" else {"start": book.at(1)}
        facts[name] = [*facts.get(name, []), *({"source": "x", **row, **instant} for row in rows)]
    answer = jobs.run(book.store(**facts), jobs.JobsQuestion())
    assert all(row["memory_allocated_hours"] is None for row in answer.rows.to_pylist())
    assert "No day of this window is posted" in " ".join(answer.notes)


def test_the_first_rows_are_those_of_all_rows(book):
    snapshot = book.store(**accounting(book, 2))
    every = jobs.run(snapshot, jobs.JobsQuestion())
    first = jobs.run(snapshot, jobs.JobsQuestion(limit=7))
    assert first.rows.to_pylist() == every.rows.to_pylist()[:7]
    assert first.coverage["rows"] == every.coverage["rows"] == every.rows.num_rows
    by_name = jobs.run(snapshot, jobs.JobsQuestion(limit=7, sort="job_id"))
    assert by_name.rows.column("job_id").to_pylist() == sorted(every.rows.column("job_id").to_pylist())[:7]
