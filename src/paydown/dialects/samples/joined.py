"""Figures of many series joined on time: one row for each device or host, job and moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paydown.dialects.samples.points import AT_BITS, Points, Told, family, figures, laid, summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Reals = NDArray[np.float64]

_MOMENT = (1 << AT_BITS) - 1


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
    rows, where = np.unique(key, return_inverse=True)
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
    asked = np.stack([owned, column[points.who], target, kind])
    groups, group = np.unique(asked, axis=1, return_inverse=True)
    group = group.reshape(-1)
    found, at, total = summed(points, told, group)
    steps = np.zeros(groups.shape[1], np.int64)
    np.maximum.at(steps, group, np.array([each.step_ms for each in told], np.int64)[points.who])
    return (groups[0][found] << AT_BITS) | at, total, groups[1][found], steps[found]


def _owned(points: Points, owned: Ints, told: list[Told], owners: Owners, jobs: list[Told]) -> Ints:
    """Say of whom points without a job are: of the job that had the subject at the moment, if any."""
    free = np.array([number for (_, job), number in owners.pairs.items() if job is None], np.int64)
    mine = np.flatnonzero(np.isin(owned, free))
    subject = np.array([each.subject for each in told], np.int64)[points.who[mine]]
    job = _jobs_at((subject << AT_BITS) | points.at[mine], jobs)
    pairs, where = np.unique(np.stack([subject, job]), axis=1, return_inverse=True)
    numbers = [owners.of(subject, str(job) if job > 0 else None) for subject, job in pairs.T.tolist()]
    made = owned.copy()
    made[mine] = np.array(numbers, np.int64)[where.reshape(-1)]
    return made


def _jobs_at(asked: Ints, jobs: list[Told]) -> Ints:
    """Give the job at moments of subjects, by the nearest reading that names one, half a step away at most; 0: none."""
    said = laid([each.series for each in jobs])
    if not len(said.at):
        return np.zeros_like(asked)
    key = (np.array([each.subject for each in jobs], np.int64)[said.who] << AT_BITS) | said.at
    key, first = np.unique(key, return_index=True)
    ids = np.nan_to_num(said.values[first]).astype(np.int64)
    later = np.minimum(np.searchsorted(key, asked), len(key) - 1)
    earlier = np.maximum(later - 1, 0)
    nearest = np.where(np.abs(key[later] - asked) <= np.abs(key[earlier] - asked), later, earlier)
    near = 2 * np.abs(key[nearest] - asked) <= max(each.step_ms for each in jobs)
    found: Ints = np.where(near, ids[nearest], 0)
    return found
