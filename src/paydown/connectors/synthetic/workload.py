"""The jobs: who submits what and when, how long it would run, and how it would end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from paydown.connectors.synthetic.cluster import Cluster, generator
from paydown.connectors.synthetic.families import Family, pattern_of
from paydown.model.units import MILLI

if TYPE_CHECKING:
    from paydown.connectors.synthetic.settings import SyntheticSettings

Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

HOUR = 3_600
NEVER = 1 << 40
"""An instant that does not come."""

_WEEKEND = 5
_SHORTEST, _LONGEST = 45.0, 4.0 * 24 * HOUR
_CPU_LOAD = 0.62


@dataclass(frozen=True)
class Workload:
    """All jobs in the order of their ids; times in seconds since the start of the simulation."""

    families: list[Family]
    family: Ints
    array: Ints
    """The first job of the array that it belongs to; -1: none."""
    submit: Ints
    eligible: Ints
    """When it may start; `NEVER` where it is held for ever, or placed by hand."""
    patience: Ints
    """When its user cancels it if it still waits; `NEVER`: not at all."""
    runtime: Ints
    limit: Ints
    outcome: npt.NDArray[np.object_]
    """The state in which it ends if it is left alone."""
    priority: Ints


def draw(cluster: Cluster, families: list[Family], settings: SyntheticSettings) -> Workload:
    """Draw the month's jobs, their total scaled to the load that the settings ask for."""
    rng = generator(settings.seed, 2)
    family, array, submit = _submissions(rng, cluster, families, settings.jobs)
    order = np.argsort(submit, kind="stable")
    family, submit = family[order], submit[order]
    array = _first_of(array[order])
    outcome = _outcomes(rng, families, family)
    runtime = _runtimes(rng, cluster, families, family, outcome, settings.load)
    limit = _limits(families, family, runtime, outcome)
    return Workload(
        families,
        family,
        array,
        submit,
        _eligible(rng, families, family, submit),
        _patience(rng, families, family, submit),
        np.where(outcome == "TIMEOUT", limit + rng.integers(0, 30, len(limit)), runtime),
        limit,
        outcome,
        _priorities(rng, families, family),
    )


def _column(families: list[Family], name: str) -> Reals:
    return np.array([float(getattr(family, name)) for family in families])


def _submissions(
    rng: np.random.Generator, cluster: Cluster, families: list[Family], jobs: int
) -> tuple[Ints, Ints, Ints]:
    """Draw campaigns until there are enough jobs: family, campaign and submit time of each job."""
    weights = _column(families, "weight")
    tasks = _column(families, "tasks")
    mean = float(weights @ tasks / weights.sum())
    campaigns = rng.choice(len(families), int(jobs / mean * 1.5) + 20, p=weights / weights.sum())
    sizes = 1 + rng.poisson(tasks[campaigns] - 1)
    cut = int(np.searchsorted(np.cumsum(sizes), jobs)) + 1
    campaigns, sizes = campaigns[:cut], sizes[:cut]
    begin = _moments(rng, cluster, families, campaigns)
    family = np.repeat(campaigns, sizes)
    member = np.arange(len(family)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    submit = np.repeat(begin, sizes) + member * _pauses(families)[family]
    array = np.where(np.repeat(sizes, sizes) > 1, np.repeat(np.arange(cut), sizes), -1)
    array[_pauses(families)[family] > 0] = -1
    last = cluster.days * 24 * HOUR - 1
    fixed = np.flatnonzero(weights == 0)
    starts = np.arange(len(fixed)) * 60
    return (
        np.concatenate([fixed, family]),
        np.concatenate([np.full(len(fixed), -1), array]),
        np.concatenate([starts, np.minimum(submit, last)]).astype(np.int64),
    )


def _pauses(families: list[Family]) -> Ints:
    """Give seconds between the jobs of a campaign: retries come one by one, arrays all at once."""
    return np.array([1_500 if pattern_of(f).name == "retries" else 0 for f in families])


def _moments(rng: np.random.Generator, cluster: Cluster, families: list[Family], campaigns: Ints) -> Ints:
    """Draw when campaigns begin: people by day, batch also at night, less at weekends, a backlog at the start."""
    people = np.array([pattern_of(f).kind == "interactive" for f in families])[campaigns]
    at = rng.random(len(campaigns))
    found = np.empty(len(campaigns))
    for here, night in ((people, 0.05), (~people, 0.35)):
        rates = _rates(cluster, night)
        found[here] = np.interp(at[here], np.cumsum(rates) / rates.sum(), (np.arange(len(rates)) + 1.0) * HOUR)
    return np.maximum(found.astype(np.int64) - 1, 0)


def _rates(cluster: Cluster, night: float) -> Reals:
    """Give submissions for each hour, as a rate: a working day is a hump from 8 to 20 o'clock around 14."""
    hours = np.arange(cluster.days * 24)
    weekday = (cluster.start_ms // 86_400_000 + 3 + hours // 24) % 7
    hump = np.clip(np.cos((hours % 24 + 0.5 - 14) * np.pi / 13), 0, None)
    rates = (night + hump) * np.where(weekday >= _WEEKEND, 0.4, 1.0)
    rates[0] += rates.sum() * 0.15 / cluster.days
    return np.asarray(rates)


def _first_of(array: Ints) -> Ints:
    """Turn campaign numbers into the index of the campaign's first job."""
    found = np.full(len(array), -1)
    here = array >= 0
    _, first, inverse = np.unique(array[here], return_index=True, return_inverse=True)
    found[here] = np.flatnonzero(here)[first][inverse]
    return found


def _outcomes(rng: np.random.Generator, families: list[Family], family: Ints) -> npt.NDArray[np.object_]:
    """Draw how jobs end when nothing happens to them."""
    fails = np.array([pattern_of(f).fails for f in families])[family]
    people = np.array([pattern_of(f).kind == "interactive" for f in families])[family]
    luck, at = rng.random(len(family)), rng.random(len(family))
    found = np.full(len(family), "COMPLETED", dtype=object)
    found[at < np.where(people, 0.6, 0.075)] = "TIMEOUT"
    found[at < np.where(people, 0.3, 0.045)] = "CANCELLED"
    found[luck < fails + 0.012] = "OUT_OF_MEMORY"
    found[luck < fails] = "FAILED"
    return found


def _runtimes(
    rng: np.random.Generator,
    cluster: Cluster,
    families: list[Family],
    family: Ints,
    outcome: npt.NDArray[np.object_],
    load: float,
) -> Ints:
    """Draw run times; failures come early (unless the pattern is to fail late); all scaled to the load."""
    raw = _column(families, "hours")[family] * HOUR * rng.lognormal(0.0, 0.5, len(family))
    late = np.array([pattern_of(f).name in ("failed-late", "retries") for f in families])[family]
    early = (outcome == "FAILED") & ~late
    raw[early] *= rng.uniform(0.02, 0.6, int(early.sum()))
    gpus = (_column(families, "nodes") * _column(families, "count") * _column(families, "milli") / MILLI)[family]
    cpus = (_column(families, "nodes") * _column(families, "cpus"))[family]
    span = cluster.days * 24 * HOUR
    fixed = _column(families, "weight")[family] == 0
    have = sum(node.gpus for node in cluster.nodes)
    cores = sum(node.cpus for node in cluster.nodes if not node.gpus)
    hidden = np.array([f.role == "hidden" for f in families])[family]
    runtime = np.where(hidden, 0.4 * span, np.where(fixed, float(NEVER), 0.0))
    for here, weight, want in (
        (~fixed & (gpus > 0), gpus, (load * have - float(gpus[fixed].sum())) * span),
        (~fixed & (gpus == 0), cpus, _CPU_LOAD * cores * span),
    ):
        runtime[here] = _scaled(raw[here], weight[here], want, span)
    return runtime.astype(np.int64)


def _scaled(raw: Reals, weight: Reals, want: float, span: float) -> Reals:
    """Scale run times so that their weighted total is what is wanted, within bounds."""
    longest = min(_LONGEST, span / 3)
    factor = 1.0
    for _ in range(8):
        total = float((np.clip(raw * factor, _SHORTEST, longest) * weight).sum())
        factor *= want / total if total else 1.0
    return np.clip(raw * factor, _SHORTEST, longest)


def _limits(families: list[Family], family: Ints, runtime: Ints, outcome: npt.NDArray[np.object_]) -> Ints:
    """Give time limits in whole minutes, seldom close to what is needed; a timeout has just its run time."""
    ask = np.where(outcome == "TIMEOUT", 1.0, np.maximum(_column(families, "overask")[family], 1.05))
    return np.maximum(np.ceil(np.minimum(runtime, 30 * 24 * HOUR) * ask / 60).astype(np.int64) * 60, 60)


def _eligible(rng: np.random.Generator, families: list[Family], family: Ints, submit: Ints) -> Ints:
    """Let some jobs wait for another one, and hold a few for ever."""
    fixed = _column(families, "weight")[family] == 0
    later = np.where(rng.random(len(family)) < 0.05, rng.lognormal(9.0, 1.0, len(family)), 0.0).astype(np.int64)
    found = submit + np.where(fixed, 0, later)
    found[(rng.random(len(family)) < 0.004) & ~fixed] = NEVER
    by_hand = np.array([f.role == "overbooked" for f in families])[family]
    return np.where(by_hand, NEVER, found)


def _patience(rng: np.random.Generator, families: list[Family], family: Ints, submit: Ints) -> Ints:
    fixed = _column(families, "weight")[family] == 0
    gives_up = (rng.random(len(family)) < 0.12) & ~fixed
    return np.where(gives_up, submit + rng.lognormal(8.4, 1.0, len(family)).astype(np.int64), NEVER)


def _priorities(rng: np.random.Generator, families: list[Family], family: Ints) -> Ints:
    """Give priorities: the QOS, then a share of the account that differs from account to account."""
    qos = np.array([{"high": 3_000, "normal": 1_000}.get(f.qos, 100) for f in families])
    accounts = {name: int(rng.integers(0, 400)) for name in sorted({f.account for f in families})}
    return np.asarray((qos + np.array([accounts[f.account] for f in families]))[family])
