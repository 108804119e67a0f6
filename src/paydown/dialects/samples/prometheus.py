"""Answers of Prometheus, of one metric each, joined on time into one reading for each device or host, and job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.dialects.samples.answers import Answer, Series
from paydown.dialects.samples.devices import Labels, Naming, Subject
from paydown.dialects.samples.frames import Frame, Named
from paydown.dialects.samples.joined import Joined, Owners, joined
from paydown.dialects.samples.mapping import Mapped
from paydown.dialects.samples.points import Told
from paydown.errors import InputError
from paydown.model.batch import Reject
from paydown.model.exporters import KNOWN, METRICS, PART_LABELS, TARGET_LABELS, Measure
from paydown.model.measures import TABLES, own_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DOUBTED = frozenset(measure.column for measure in METRICS.values() if measure.doubted)


class Answers:
    """Collects the answers of all files, since each is of one metric and a reading of several."""

    def __init__(
        self, mapped: Mapped, *, short: bool = False, metric: str | None = None, interval_ms: int | None = None
    ) -> None:
        self._mapped = mapped
        self._short = short
        self._metric = metric
        self._interval_ms = interval_ms
        self._series: list[Series] = []
        self._steps: dict[str, int] = {}
        self._fixed = Named(None, None, None, None)
        self.notes: dict[str, None] = {}

    def add(self, name: str, answer: Answer, fixed: Named) -> None:
        """Take an answer, and what holds for all of its series."""
        for warning in answer.warnings:
            self.notes[f"Prometheus said of {name}: {warning}."] = None
        step = self._interval_ms or answer.step_ms
        if step is None and answer.series:
            raise InputError(
                f"{name}: it holds one moment alone, so nothing says how long that lasts: give --interval."
            )
        self._fixed = fixed
        self._steps[name] = step or 0
        self._series += answer.series

    def frames(self) -> Iterator[Frame | Reject]:
        """Give what all answers hold together."""
        if not self._series:
            return
        steps = {step for step in self._steps.values() if step}
        if len(steps) > 1:
            self.notes["The answers have several steps; the longest counts: ask for all with one step."] = None
        joiner = Joiner(self._mapped, Labels(self._mapped, self._fixed, Naming(short=self._short)), metric=self._metric)
        first, *more = self._steps
        origin = f"{first} and {len(more)} more" if more else first
        yield from joiner.frames(((each, self._steps[each.origin]) for each in self._series), origin, max(steps))
        self._series = []
        self.notes.update(joiner.notes)


@dataclass
class _Kept:
    """What of a table is kept of the series: each, its owner, and for each owner what is told of it."""

    told: list[Told]
    owners: list[int]


class Joiner:
    """Joins series on time, and says of whom each is."""

    def __init__(self, mapped: Mapped, labels: Labels, *, metric: str | None = None) -> None:
        self.notes: dict[str, None] = {}
        self._labels = labels
        self._metric = metric
        self._measures = measures_of(mapped)
        self._rank = {name: at for at, name in enumerate(self._measures)}
        self._rejects: Counter[tuple[str, str, str]] = Counter()

    def frames(
        self,
        series: Iterable[tuple[Series, int]],
        origin: str,
        lasting_ms: int | None = None,
        since_ms: int | None = None,
    ) -> Iterator[Frame | Reject]:
        """Give what series, each with the ms from one of its readings to the next, hold together.

        All readings last `lasting_ms` where it is given, else as long as the step of their series. Those before
        `since_ms` are there for the increases of counters alone.
        """
        unique = _unique(series)
        self._labels.learn(each for each, _ in unique)
        yield from _Join(self, self._known(unique)).frames(origin, lasting_ms, since_ms)
        for (where, reason, detail), count in self._rejects.items():
            yield Reject("gpu_samples", where, None, reason, detail, "", count)
        self._rejects.clear()

    def _known(self, series: list[tuple[Series, int]]) -> Iterator[tuple[Series, int, Measure]]:
        """Give the series that are known and count."""
        beside = {(each.labels.get("__name__"), target_of(each)) for each, _ in series}
        for each, step in series:
            name = self._name(each)
            if name not in self._measures:
                self.notes[_passed_over(name)] = None
            elif _counts(each, self._measures[name]):
                yield each, step, _meant(self._measures[name], target_of(each), beside)

    def rank(self, told: Told) -> int:
        """Say how early in the catalogue a metric stands: of several of one column the first counts."""
        return self._rank[told.measure.name]

    def _name(self, series: Series) -> str:
        name = series.labels.get("__name__") or self._metric
        if not name:
            raise InputError(
                f"{series.origin}: its series have no name (the query was an expression): say which metric they are "
                "with --metric NAME."
            )
        return name

    def subject(self, series: Series, measure: Measure) -> Subject | None:
        """Say what a series is about; None, and why is noted, where it is of nothing that is known or not its own."""
        subject = self._labels.subject(series)
        fault = _nameless(subject, measure)
        if fault:
            self._rejects[series.origin, "bad-key", fault] += len(series.at)
            return None
        if measure.of_jobs and subject.job is None:
            return None
        if subject.sliced and not measure.slices and measure.kind != "job":
            self._slice(series, measure)
            return None
        return subject

    def _slice(self, series: Series, measure: Measure) -> None:
        """Leave out what is not of the slice: a use that cannot be measured there, or the whole card's figure."""
        zeros = int((series.values == 0).sum())
        if measure.column == "gpu_util_ratio" and zeros:
            self._rejects[series.origin, "unproven-zero", f"{measure.name} is not measured of a MIG slice"] += zeros
        self.notes[f"{measure.name} of MIG slices is not theirs but the whole card's, and was left out."] = None


class _Join:
    """One joining: whose the series are, table by table."""

    def __init__(self, joiner: Joiner, series: Iterable[tuple[Series, int, Measure]]) -> None:
        self._joiner = joiner
        self._subjects: dict[tuple[str | None, ...], int] = {}
        self._named: list[Subject] = []
        self._targets: dict[tuple[str | None, ...], int] = {}
        self._owners = Owners()
        self._jobs: list[Told] = []
        self._kept = {table: _Kept([], []) for table in TABLES}
        for each, step, measure in series:
            self._take(each, step, measure)

    def _take(self, series: Series, step: int, measure: Measure) -> None:
        """Put a series where it belongs."""
        subject = self._joiner.subject(series, measure)
        if subject is None:
            return
        number = self._number(subject, measure.table)
        target = self._targets.setdefault(target_of(series), len(self._targets))
        told = Told(series, measure, number, target, step)
        if measure.kind == "job":
            self._jobs.append(told)
            return
        kept = self._kept[measure.table]
        kept.told.append(told)
        kept.owners.append(self._owners.of(number, subject.job))

    def _number(self, subject: Subject, table: str) -> int:
        gpu = subject.gpu if table == TABLES[0] else None
        key = (table, subject.cluster, subject.node, gpu)
        if key not in self._subjects:
            self._subjects[key] = len(self._named)
            self._named.append(replace(subject, gpu=gpu))
        return self._subjects[key]

    def frames(self, origin: str, lasting_ms: int | None, since_ms: int | None) -> Iterator[Frame]:
        """Give the readings of each table."""
        for table, kept in self._kept.items():
            if not kept.told:
                continue
            jobs = self._jobs if table == TABLES[0] else []
            # Series of one owner side by side: their moments are the same, and sort fast.
            ranked = sorted(range(len(kept.told)), key=lambda at: (kept.owners[at], self._joiner.rank(kept.told[at])))
            told, owners = [kept.told[at] for at in ranked], [kept.owners[at] for at in ranked]
            made = joined(told, np.array(owners, np.int64), self._owners, jobs, since_ms)
            if table == TABLES[0]:
                made = self._single(made)
            if len(made.at):
                yield self._frame(table, made, origin, lasting_ms)

    def _single(self, made: Joined) -> Joined:
        """Leave the label off at moments at which several jobs had one device: its figures are not of one of them."""
        pairs = list(self._owners.pairs)
        subject = np.array([pair[0] for pair in pairs], np.int64)[made.owner]
        labelled = np.array([pair[1] is not None for pair in pairs], np.bool_)[made.owner]
        order = np.lexsort((made.owner, labelled, made.at, subject))
        fresh = (np.diff(subject[order], prepend=-1) != 0) | (np.diff(made.at[order], prepend=-1) != 0)
        group = np.cumsum(fresh) - 1
        several = np.bincount(group, labelled[order]) > 1
        if not several.any():
            return made
        self._joiner.notes["Where several jobs had one device, its figures are kept once and without a job."] = None
        free = np.array([self._owners.of(pair[0], None) for pair in pairs], np.int64)
        kept = np.flatnonzero(fresh | ~several[group])
        rows = order[kept]
        owner = np.where(several[group[kept]], free[made.owner[rows]], made.owner[rows])
        chosen = {name: values[rows] for name, values in made.columns.items()}
        return Joined(owner, made.at[rows], made.step[rows], chosen)

    def _frame(self, table: str, made: Joined, origin: str, lasting_ms: int | None) -> Frame:
        pairs = list(self._owners.pairs)
        subjects = [self._named[subject] for subject, _ in pairs]
        clusters = [subject.cluster for subject in subjects]
        step = made.step if lasting_ms is None else np.full(len(made.at), lasting_ms, np.int64)
        return Frame(
            table,
            origin,
            pa.array(made.at),
            _texts([subject.node for subject in subjects], made.owner),
            gpu=_texts([subject.gpu for subject in subjects], made.owner) if table == TABLES[0] else None,
            job=_texts([job for _, job in pairs], made.owner),
            model=_texts([subject.model for subject in subjects], made.owner),
            cluster=_texts(clusters, made.owner) if all(clusters) else None,
            figures={name: pa.array(values, mask=np.isnan(values)) for name, values in made.columns.items()},
            doubted=_DOUBTED & set(made.columns) if table == TABLES[0] else frozenset(),
            duration=pa.array(step),
        )


def _unique(series: Iterable[tuple[Series, int]]) -> list[tuple[Series, int]]:
    """Make one of series with the same labels: answers come in parts, and some come twice."""
    by_labels: dict[tuple[tuple[str, str], ...], list[tuple[Series, int]]] = {}
    for each in series:
        by_labels.setdefault(tuple(sorted(each[0].labels.items())), []).append(each)
    return [found[0] if len(found) == 1 else _together(found) for found in by_labels.values()]


def _together(found: list[tuple[Series, int]]) -> tuple[Series, int]:
    first = found[0][0]
    at = np.concatenate([each.at for each, _ in found])
    values = np.concatenate([each.values for each, _ in found])
    return Series(first.origin, first.labels, at, values), max(step for _, step in found)


def measures_of(mapped: Mapped) -> dict[str, Measure]:
    """Give the metrics that are known, those of --map first."""
    own = {}
    for name in mapped.measured:
        column, _ = mapped.how(name, mapped.table)
        source = mapped.sources[name]
        own[source.name] = Measure(source.name, name, source.unit or own_unit(column), table=mapped.table)
    return {**own, **{name: measure for name, measure in METRICS.items() if name not in own}}


def _nameless(subject: Subject, measure: Measure) -> str:
    """Say why a series cannot be of anything; empty: it is of what its labels say."""
    if subject.node is None or (measure.table == "gpu_samples" and subject.gpu is None):
        what = "node" if subject.node is None else "gpu"
        return f"the labels of {measure.name} do not say the {what}: --map {what}=LABEL names the one that does"
    for what, name in (("node", subject.node), ("gpu", subject.gpu), ("job", subject.job)):
        if name is not None and not name.isprintable():
            return f"the {what} of {measure.name} is named {name!r}, which is no name"
    return ""


def _passed_over(name: str) -> str:
    """Say why a metric is not read."""
    exporter = KNOWN.get(name)
    if exporter is None:
        return f"{name} is not known and was passed over: --map COLUMN={name}:UNIT says what it is."
    return f"{name} of {exporter.name} says nothing of use and was passed over."


def target_of(series: Series) -> tuple[str | None, ...]:
    """Say of which scraped target a series is."""
    return tuple(series.labels.get(name) for name in TARGET_LABELS)


def _counts(series: Series, measure: Measure) -> bool:
    """Say whether a series counts: not one of a part of its job, nor of what the measure leaves out."""
    if any(series.labels.get(name) for name in PART_LABELS) and measure.name.startswith("cgroup_"):
        return False
    if measure.only is not None and series.labels.get(measure.only[0]) not in measure.only[1]:
        return False
    return measure.without is None or series.labels.get(measure.without[0]) not in measure.without[1]


def _meant(measure: Measure, target: tuple[str | None, ...], beside: Container[object]) -> Measure:
    """Give what a metric means where its target has another one too."""
    if measure.beside is None or (measure.beside[0], target) not in beside:
        return measure
    _, column, doubted = measure.beside
    return replace(measure, column=column, doubted=doubted)


def _texts(names: list[str | None], owner: NDArray[np.int64]) -> pa.Array:
    """Give a name for each row by its owner, as a dictionary."""
    known = {name: at for at, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
    codes = np.array([-1 if name is None else known[name] for name in names], np.int32)[owner]
    indices = pa.array(np.maximum(codes, 0), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(known), pa.string()))
