"""Some jobs one by one, chosen by chance and a seed, against what seff and jobstats say of each.

seff reads accounting, and so is compared with what accounting gave the store (`job_usage`). jobstats reads Prometheus,
and is compared with the samples in the store, else with the summaries that it left there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paydown.dialects.slurm_accounting.jobstats import BadSummaryError, figures_of
from paydown.dialects.slurm_reports.seff import seff
from paydown.errors import InputError, PaydownError
from paydown.model.units import MILLI, MS_PER_HOUR, MS_PER_SECOND
from paydown.model.window import Window
from paydown.reconcile.causes import real
from paydown.reconcile.figures import Explanation, Figure

if TYPE_CHECKING:
    from paydown.reconcile.asked import Question

SEFF, JOBSTATS = "seff", "jobstats"

SCRAPES_MS = 60_000
"""jobstats reads counters at scrapes, 30 s apart unless told otherwise: it misses up to two of them."""

_CHOSEN = """
SELECT j.job_id, j.attempt, j.start_ms, j.end_ms, h.core_ms, h.nodes, u.cpu_milli, u.memory_mib FROM (
    SELECT job_id, max(attempt) AS attempt, count(*) AS attempts, max(epoch_ms(start)) AS start_ms,
        max(epoch_ms("end")) AS end_ms
    FROM jobs WHERE start IS NOT NULL AND NOT contains(job_id, '+') GROUP BY job_id
) j LEFT JOIN (
    SELECT job_id, attempt, sum(cpu_milli * (epoch_ms("end") - epoch_ms(start))) / 1000.0 AS core_ms,
        list(DISTINCT node) AS nodes
    FROM allocations WHERE "end" IS NOT NULL GROUP BY ALL
) h USING (job_id, attempt) LEFT JOIN (
    SELECT job_id, attempt, max(mean) FILTER (WHERE signal = 'cpu_used_milli') AS cpu_milli,
        max(max) FILTER (WHERE signal = 'memory_used_mib') AS memory_mib
    FROM job_usage WHERE source = 'sacct' AND node IS NULL GROUP BY ALL
) u USING (job_id, attempt)
WHERE attempts = 1 AND end_ms > $from AND end_ms <= $to AND end_ms > start_ms
ORDER BY md5($seed || ':' || job_id), job_id LIMIT $most
"""
"""Jobs that ended in the window and started once, in the order of a hash of the seed and their id."""

_SAMPLED = """
SELECT node, gpu, count(gpu_util_ratio) AS count, avg(gpu_util_ratio) AS util, max(memory_used_mib) AS memory
FROM gpu_samples WHERE epoch_ms(start) >= $from AND epoch_ms(start) < $to AND node IN (SELECT unnest($nodes))
    AND (job_id IS NULL OR job_id = $job) GROUP BY node, gpu
"""

_LEFT = """
SELECT node, gpu, signal, mean, max FROM job_usage
WHERE source = 'jobstats' AND job_id = $job AND attempt = $attempt AND node IS NOT NULL
"""


@dataclass(frozen=True)
class Job:
    """A job that was chosen, and what accounting gave the store."""

    job_id: str
    attempt: int
    start_ms: int
    end_ms: int
    nodes: tuple[str, ...]
    core_ms: float | None
    """CPU time held; None: not tracked."""
    cpu_milli: float | None
    memory_mib: float | None

    @property
    def length_ms(self) -> int:
        """How long it ran."""
        return self.end_ms - self.start_ms


def chosen(asked: Question) -> list[Job]:
    """Choose jobs: the same seed chooses the same ones, whatever other jobs become known."""
    params = {"from": asked.window.start_ms, "to": asked.window.end_ms, "seed": str(asked.seed), "most": asked.jobs}
    rows = asked.snapshot.query(_CHOSEN, params, clusters=[asked.cluster]).to_pylist()
    return [
        Job(
            row["job_id"], row["attempt"], row["start_ms"], row["end_ms"], tuple(row["nodes"] or ()),
            None if row["core_ms"] is None else float(row["core_ms"]), row["cpu_milli"], row["memory_mib"],
        )
        for row in rows
    ]  # fmt: skip


def by_seff(asked: Question) -> Iterator[Figure]:
    """Compare with seff."""
    yield from _each(asked, SEFF, lambda job: _of_seff(asked, job))


def by_jobstats(asked: Question) -> Iterator[Figure]:
    """Compare with jobstats."""
    yield from _each(asked, JOBSTATS, lambda job: _of_jobstats(asked, job))


def _each(asked: Question, check: str, compare: Callable[[Job], Iterator[Figure]]) -> Iterator[Figure]:
    """Compare each job; where the first cannot be asked about, no other is."""
    jobs = chosen(asked)
    if not jobs:
        yield Figure(check, asked.cluster, "all", "", skipped="no job ended in this window")
    for done, job in enumerate(jobs):
        try:
            yield from list(compare(job))
        except PaydownError as error:
            whole = done == 0 and not isinstance(error, InputError)
            of = asked.cluster if whole else f"{asked.cluster} {job.job_id}"
            yield Figure(check, of, "all", "", skipped=str(error))
            if whole:
                return


def _of_seff(asked: Question, job: Job) -> Iterator[Figure]:
    said = seff(asked.command(("seff", job.job_id)))
    if said.cluster not in {None, asked.cluster}:
        raise InputError(f"seff knows the jobs of {said.cluster} here, not those of {asked.cluster}")
    cpu = None if job.cpu_milli is None else job.cpu_milli / MILLI * job.length_ms
    seconds = MS_PER_SECOND / MS_PER_HOUR
    # A mean of whole thousandths of a CPU is off by half of one at most.
    spread = job.length_ms / MILLI / 2 / MS_PER_HOUR
    rows = (
        ("CPU used", "core-hours", _hours(said.cpu_ms), _hours(cpu), seconds + spread),
        ("CPU held", "core-hours", _hours(said.core_ms), _hours(job.core_ms), seconds),
        ("time", "hours", _hours(said.wall_ms), _hours(job.length_ms), seconds),
        ("memory", "GiB", said.memory_gib, None if job.memory_mib is None else job.memory_mib / 1024,
         said.memory_rounding_gib + 1 / 2048),
    )  # fmt: skip
    for name, unit, theirs, ours, rounding in rows:
        yield Figure(SEFF, f"{asked.cluster} {job.job_id}", name, unit, theirs, ours, rounding)


def _hours(ms: float | None) -> float | None:
    return None if ms is None else ms / MS_PER_HOUR


def _of_jobstats(asked: Question, job: Job) -> Iterator[Figure]:
    text = asked.command(("jobstats", "-c", asked.cluster, "-j", job.job_id))
    try:
        summary: Any = json.loads(text)
        nodes = summary["nodes"]
        said = figures_of({"nodes": nodes}, job.length_ms, job.nodes or None)
    except (ValueError, KeyError, TypeError, AttributeError, BadSummaryError) as error:
        raise InputError(f"jobstats' answer on {job.job_id} cannot be read: {error}") from None
    sampled, left = _sampled(asked, job), _left(asked, job)
    for node, gpu, signal, mean, most in said:
        theirs = mean if mean is not None else most
        if theirs is None:
            continue
        count, ours = sampled.get((node, gpu, signal), (0, None))
        ours = left.get((node, gpu, signal)) if ours is None else ours
        of = f"{asked.cluster} {job.job_id} {node}{f'/{gpu}' if gpu else ''}"
        yield Figure(
            JOBSTATS, of, signal, _UNITS[signal], theirs, ours, rounding=_ROUNDINGS[signal],
            explanations=_causes(signal, count, job),
        )  # fmt: skip


_UNITS = {
    "cpu_used_milli": "milli-CPU", "memory_used_mib": "MiB", "gpu_util": "ratio", "gpu_memory_used_mib": "MiB",
}  # fmt: skip
_ROUNDINGS = {"cpu_used_milli": 1.0, "memory_used_mib": 1.0, "gpu_util": 0.0005, "gpu_memory_used_mib": 1.0}
"""jobstats rounds to tenths (of percent, seconds), and we to whole MiB and milli-CPU."""

Part = tuple[str, str | None, str]
"""Node, device or None, signal."""


def _sampled(asked: Question, job: Job) -> dict[Part, tuple[int, float | None]]:
    """Give what samples in the store say of the job's devices while it ran, and from how many."""
    window = Window(job.start_ms, job.end_ms)
    params = {"from": job.start_ms, "to": job.end_ms, "nodes": list(job.nodes), "job": job.job_id}
    rows = asked.snapshot.query(_SAMPLED, params, clusters=[asked.cluster], window=window).to_pylist()
    found: dict[Part, tuple[int, float | None]] = {}
    for row in rows:
        found[row["node"], row["gpu"], "gpu_util"] = row["count"], row["util"]
        found[row["node"], row["gpu"], "gpu_memory_used_mib"] = row["count"], row["memory"]
    return found


def _left(asked: Question, job: Job) -> dict[Part, float]:
    """Give what jobstats had said of the job when it ended, as it was ingested."""
    params = {"job": job.job_id, "attempt": job.attempt}
    rows = asked.snapshot.query(_LEFT, params, clusters=[asked.cluster]).to_pylist()
    found = {
        (row["node"], row["gpu"], row["signal"]): row["max"] if row["mean"] is None else row["mean"] for row in rows
    }
    return {key: float(value) for key, value in found.items() if value is not None}


def _causes(signal: str, count: int, job: Job) -> tuple[Explanation, ...]:
    """A mean of few readings depends on which of them lie inside; a counter stops at the last scrape."""
    edges = 2 / count if signal == "gpu_util" and count else 0.0
    cores = (job.core_ms or 0.0) / job.length_ms if signal == "cpu_used_milli" else 0.0
    late = cores * MILLI * SCRAPES_MS / job.length_ms
    return real([
        Explanation("readings at the edges", -edges, edges, f"of {count} readings the first or last may lie outside"),
        Explanation("last scrape", 0.0, late, "jobstats reads counters at scrapes, and misses what follows the last"),
    ])  # fmt: skip
