"""Figures of many series joined on time: one row for each device or host, job and moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paydown.dialects.samples.points import AT_BITS, Points, Told, distinct, family, figures, laid, summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Reals = NDArray[np.float64]

_MOMENT = (1 << AT_BITS) - 1
_JOB_BITS = 40
_JOB = (1 << _JOB_BITS) - 1


class Owners:
    """Numbers for pairs of a subject and a job, of which the rows are."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[int, str | None], int] = {}

    def of(self, subject: int, job: str | None) -> int:
        """Number a pair."""
        return self.pairs.setdefault((subject, job), len(self.pairs))


@dataclass(frozen=True)
class Joined:
    """Rows of one table, each of one owner and moment."""

    owner: Ints
    at: Ints
    step: Ints
    """How long each lasts, in ms."""
    columns: dict[str, Reals]
    """By column; NaN where nothing was said."""


def joined(told: list[Told], owner: Ints, owners: Owners, jobs: list[Told], since_ms: int | None = None) -> Joined:
    """Join series of one table on time, from an instant on where one is given.

    `owner` numbers the owner of each series; points of one that names no job are of the job that `jobs`, series whose
    value is a job's id, say of its subject at the moment.
    """
    points = figures(laid([each.series for each in told]), told)
    if since_ms is not None:
        points = points.where(points.at >= since_ms)
    owned = owner[points.who]
    if jobs:
        owned = _owned(points, owned, told, owners, jobs)
    names = sorted({each.measure.column for each in told})
    number = {name: at for at, name in enumerate(names)}
    column = np.array([number[each.measure.column] for each in told], np.int64)
    steps = np.array([each.step_ms for each in told], np.int64)
    part = np.array([each.measure.part != 0 for each in told], np.bool_)[points.who]
    plain = points.where(~part)
    found = ((owned[~part] << AT_BITS) | plain.at, plain.values, column[plain.who], steps[plain.who])
    if not part.any():
        return _rows(names, *found)
    sums = _sums(points.where(part), owned[part], told, column)
    return _rows(names, *(np.concatenate(pair) for pair in zip(found, sums, strict=True)))


def _rows(names: list[str], key: Ints, value: Reals, of: Ints, step: Ints) -> Joined:
    """Put figures into rows; of several of one column and moment the first counts."""
    rows, where = distinct(key)
    lasting = np.zeros(len(rows), np.int64)
    np.maximum.at(lasting, where, step)
    columns = {}
    for at, name in enumerate(names):
        mine = np.flatnonzero(of == at)[::-1]
        if len(mine):
            columns[name] = np.full(len(rows), np.nan)
            columns[name][where[mine]] = value[mine]
    return Joined(rows >> AT_BITS, rows & _MOMENT, lasting, columns)


def _sums(points: Points, owned: Ints, told: list[Told], column: Ints) -> tuple[Ints, Reals, Ints, Ints]:
    """Sum parts: those of one owner, target and column."""
    target = np.array([each.target for each in told], np.int64)[points.who]
    families = {name: at for at, name in enumerate(sorted({family(each.measure) for each in told}))}
    kind = np.array([families[family(each.measure)] for each in told], np.int64)[points.who]
    shape = (int(owned.max()) + 1, int(column.max()) + 1, int(target.max()) + 1, len(families))
    groups, group = distinct(np.ravel_multi_index((owned, column[points.who], target, kind), shape))
    found, at, total = summed(points, told, group)
    steps = np.zeros(len(groups), np.int64)
    np.maximum.at(steps, group, np.array([each.step_ms for each in told], np.int64)[points.who])
    owner, of, _, _ = np.unravel_index(groups, shape)
    return (owner[found] << AT_BITS) | at, total, of[found], steps[found]


def _owned(points: Points, owned: Ints, told: list[Told], owners: Owners, jobs: list[Told]) -> Ints:
    """Say of whom points without a job are: of the job that had the subject at the moment, if any."""
    free = np.array([number for (_, job), number in owners.pairs.items() if job is None], np.int64)
    mine = np.flatnonzero(np.isin(owned, free))
    subject = np.array([each.subject for each in told], np.int64)[points.who[mine]]
    job = _jobs_at((subject << AT_BITS) | points.at[mine], jobs)
    pairs, where = distinct((subject << _JOB_BITS) | job)
    numbers = [owners.of(pair >> _JOB_BITS, _job_named(pair & _JOB)) for pair in pairs.tolist()]
    made = owned.copy()
    made[mine] = np.array(numbers, np.int64)[where]
    return made


def _job_named(number: int) -> str | None:
    return str(number) if number else None


def _jobs_at(asked: Ints, jobs: list[Told]) -> Ints:
    """Give the job at moments of subjects, by the nearest reading that names one, half a step away at most; 0: none."""
    said = laid([each.series for each in jobs])
    if not len(said.at):
        return np.zeros_like(asked)
    key = (np.array([each.subject for each in jobs], np.int64)[said.who] << AT_BITS) | said.at
    key, first = np.unique(key, return_index=True)
    told = said.values[first]
    ids = np.where((told > 0) & (told < 1 << _JOB_BITS), told, 0).astype(np.int64)
    later = np.minimum(np.searchsorted(key, asked), len(key) - 1)
    earlier = np.maximum(later - 1, 0)
    nearest = np.where(np.abs(key[later] - asked) <= np.abs(key[earlier] - asked), later, earlier)
    near = 2 * np.abs(key[nearest] - asked) <= max(each.step_ms for each in jobs)
    found: Ints = np.where(near, ids[nearest], 0)
    return found
