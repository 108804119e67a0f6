"""Answers of Prometheus, of one metric each, joined on time into one reading for each device or host, and job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from paydown.dialects.samples.answers import Answer, Series
from paydown.dialects.samples.devices import Labels, Subject
from paydown.dialects.samples.frames import Frame, Named
from paydown.dialects.samples.mapping import Mapped
from paydown.dialects.samples.points import Points, merged, points
from paydown.errors import InputError
from paydown.model.batch import Reject
from paydown.model.exporters import METRICS, PART_LABELS, Measure
from paydown.model.measures import TABLES, own_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

Key = tuple[str, str | None, str, str | None, str | None]
"""Table, cluster, node, device (None: a host) and job of readings that are one."""


@dataclass
class Block:
    """Readings of one key."""

    key: Key
    model: str | None
    found: dict[str, list[Points]] = field(default_factory=dict)
    """Points by column."""


class Jobs:
    """Which job had which device when, as series say whose value is the job's id."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], list[Series]] = {}

    def add(self, node: str, gpu: str, series: Series) -> None:
        """Take a series."""
        self._told.setdefault((node, gpu), []).append(series)

    def split(self, node: str, gpu: str, made: Points) -> Iterator[tuple[str | None, Points]]:
        """Split points of a device by the job that had it at their moments; no job, or 0: None."""
        told = self._told.get((node, gpu))
        if not told:
            yield None, made
            return
        times, first = np.unique(np.concatenate([each.at for each in told]), return_index=True)
        ids = np.nan_to_num(np.concatenate([each.values for each in told]))[first].astype(np.int64)
        where = np.minimum(np.searchsorted(times, made.at), len(times) - 1)
        job = np.where(times[where] == made.at, ids[where], 0)
        for each in np.unique(job).tolist():
            mine = job == each
            yield str(each) if each > 0 else None, replace(made, at=made.at[mine], values=made.values[mine])


class Answers:
    """Collects the answers of all files, since each is of one metric and a reading of several."""

    def __init__(
        self, mapped: Mapped, *, short: bool = False, metric: str | None = None, interval_ms: int | None = None
    ) -> None:
        self.notes: dict[str, None] = {}
        self._mapped = mapped
        self._short = short
        self._metric = metric
        self._interval_ms = interval_ms
        self._series: list[Series] = []
        self._steps: dict[str, int] = {}
        self._fixed = Named(None, None, None, None)
        self._rejects: Counter[tuple[str, str, str]] = Counter()

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
        labels = Labels(self._mapped, self._fixed, short=self._short)
        labels.learn(self._series)
        measured = list(self._measured(_measures(self._mapped)))
        jobs = Jobs()
        blocks: dict[Key, Block] = {}
        for series, measure in sorted(measured, key=lambda each: each[1].kind != "job"):
            self._take(series, measure, labels.subject(series), blocks, jobs)
        self._series = []
        yield from self._framed(list(blocks.values()))
        for (origin, reason, detail), count in self._rejects.items():
            yield Reject("gpu_samples", origin, None, reason, detail, "", count)

    def _measured(self, measures: dict[str, Measure]) -> Iterator[tuple[Series, Measure]]:
        """Give the series that are known, and that count."""
        for series in self._series:
            name = self._name(series)
            if name not in measures:
                self.notes[f"{name} is not known and was passed over: --map COLUMN={name}:UNIT says what it is."] = None
            elif _counts(series, measures[name]):
                yield series, measures[name]

    def _take(self, series: Series, measure: Measure, subject: Subject, blocks: dict[Key, Block], jobs: Jobs) -> None:
        """Put a series where it belongs."""
        if subject.node is None or (measure.table == "gpu_samples" and subject.gpu is None):
            what = "node" if subject.node is None else "gpu"
            detail = f"the labels of {measure.name} do not say the {what}: --map {what}=LABEL names the one that does"
            self._rejects[series.origin, "bad-key", detail] += len(series.at)
        elif measure.kind == "job":
            jobs.add(subject.node, str(subject.gpu), series)
        elif subject.sliced and not measure.slices:
            self._slice(series, measure)
        else:
            self._keep(points(series, measure, self._steps[series.origin]), subject, blocks, jobs)

    def _name(self, series: Series) -> str:
        name = series.labels.get("__name__") or self._metric
        if not name:
            raise InputError(
                f"{series.origin}: its series have no name (the query was an expression): say which metric they are "
                "with --metric NAME."
            )
        return name

    def _slice(self, series: Series, measure: Measure) -> None:
        """Leave out what is not of the slice: a use that cannot be measured there, or the whole card's figure."""
        zeros = int((series.values == 0).sum())
        if measure.column == "gpu_util_ratio" and zeros:
            self._rejects[series.origin, "unproven-zero", f"{measure.name} is not measured of a MIG slice"] += zeros
        self.notes[f"{measure.name} of MIG slices is not theirs but the whole card's, and was left out."] = None

    def _keep(self, made: Points, subject: Subject, blocks: dict[Key, Block], jobs: Jobs) -> None:
        """Keep points by their job: that of the label, else the one that had the device at the moment."""
        node, table = str(subject.node), made.measure.table
        gpu = subject.gpu if table == "gpu_samples" else None
        split = [(subject.job, made)] if subject.job or gpu is None else jobs.split(node, gpu, made)
        for job, some in split:
            key = (table, subject.cluster, node, gpu, job)
            block = blocks.setdefault(key, Block(key, subject.model))
            block.found.setdefault(made.measure.column, []).append(some)

    def _framed(self, blocks: list[Block]) -> Iterator[Frame]:
        joined = [made for block in blocks if (made := _joined(block)) is not None]
        by_device: dict[tuple[str | None, ...], list[Joined]] = {}
        for each in joined:
            by_device.setdefault(each.key[:4], []).append(each)
        parts = [each for device in by_device.values() for each in self._labelled(device)]
        for table in TABLES:
            mine = [each for each in parts if each.key[0] == table]
            if mine:
                yield self._frame(table, mine)

    def _labelled(self, device: list[Joined]) -> list[Joined]:
        """Leave the label off at moments at which several jobs had one device: its figures are not of one of them."""
        if device[0].key[0] != TABLES[0]:
            return device
        single, shared = _single(device)
        if shared:
            self.notes["Where several jobs had one device, its figures are kept once and without a job."] = None
        return single

    def _frame(self, table: str, parts: list[Joined]) -> Frame:
        names = sorted({name for each in parts for name in each.columns})
        lengths = [len(each.at) for each in parts]
        doubted = {point.column for point in METRICS.values() if point.doubted}
        origin = self._origin()
        step = max(self._steps.values())
        if len({step for step in self._steps.values() if step}) > 1:
            self.notes["The answers have several steps; the longest counts: ask for all with one step."] = None
        clusters = [each.key[1] for each in parts]
        figures = {name: _column(parts, name) for name in names}
        rates = {name for each in parts for name, rate in each.rates.items() if rate}
        return Frame(
            table,
            origin,
            pa.array(np.concatenate([each.at for each in parts])),
            _texts([each.key[2] for each in parts], lengths),
            gpu=_texts([each.key[3] for each in parts], lengths) if table == "gpu_samples" else None,
            job=_texts([each.key[4] for each in parts], lengths),
            model=_texts([each.model for each in parts], lengths),
            cluster=_texts(clusters, lengths) if all(clusters) else None,
            figures={name: values for name, values in figures.items() if name not in rates},
            rates={name: values for name, values in figures.items() if name in rates},
            doubted=frozenset(doubted & (set(names) - rates)),
            duration=pa.array(np.full(sum(lengths), step, np.int64)),
        )

    def _origin(self) -> str:
        first, *more = self._steps
        return f"{first} and {len(more)} more" if more else first


@dataclass(frozen=True)
class Joined:
    """Readings of one key, one row for each moment."""

    key: Key
    model: str | None
    at: Ints
    columns: dict[str, NDArray[np.float64]]
    """By column; NaN where nothing was said."""
    rates: dict[str, bool]

    def part(self, where: NDArray[np.bool_], job: str | None) -> Joined:
        """Give some of the rows, for a job."""
        chosen = {name: values[where] for name, values in self.columns.items()}
        return replace(self, key=(*self.key[:4], job), at=self.at[where], columns=chosen)


def _measures(mapped: Mapped) -> dict[str, Measure]:
    """Give the metrics that are known, those of --map first."""
    own = {}
    for name in mapped.measured:
        column, _ = mapped.how(name, mapped.table)
        source = mapped.sources[name]
        own[source.name] = Measure(source.name, name, source.unit or own_unit(column), table=mapped.table)
    return {**METRICS, **own}


def _counts(series: Series, measure: Measure) -> bool:
    """Say whether a series counts: not one of a part of its job, nor of what the measure leaves out."""
    if any(series.labels.get(name) for name in PART_LABELS) and measure.name.startswith("cgroup_"):
        return False
    return measure.without is None or series.labels.get(measure.without[0]) not in measure.without[1]


def _joined(block: Block) -> Joined | None:
    """Join the points of a block on time."""
    columns = {name: merged(found) for name, found in sorted(block.found.items())}
    columns = {name: made for name, made in columns.items() if len(made[0])}
    if not columns:
        return None
    at = np.unique(np.concatenate([times for times, _ in columns.values()]))
    spread = {}
    for name, (times, values) in columns.items():
        spread[name] = np.full(len(at), np.nan)
        spread[name][np.searchsorted(at, times)] = values
    rates = {name: found[0].rate for name, found in block.found.items()}
    return Joined(block.key, block.model, at, spread, rates)


def _single(parts: list[Joined]) -> tuple[list[Joined], bool]:
    """Keep the moments at which several labelled readings of a device exist once, without a label."""
    labelled = [each for each in parts if each.key[4] is not None]
    at, count = np.unique(np.concatenate([each.at for each in labelled] or [np.zeros(0, np.int64)]), return_counts=True)
    shared = at[count > 1]
    if not len(shared):
        return parts, False
    single = [each for each in parts if each.key[4] is None]
    left = np.setdiff1d(shared, np.concatenate([each.at for each in single] or [shared[:0]]))
    for each in labelled:
        both = np.isin(each.at, shared)
        once = np.isin(each.at, left)
        left = np.setdiff1d(left, each.at)
        single += [each.part(~both, each.key[4]), each.part(once, None)]
    return [each for each in single if len(each.at)], True


def _column(parts: list[Joined], name: str) -> pa.Array:
    values = np.concatenate([each.columns.get(name, np.full(len(each.at), np.nan)) for each in parts])
    return pa.array(values, mask=np.isnan(values))


def _texts(names: list[str | None], lengths: list[int]) -> pa.Array:
    """Give a name for each row of parts, as a dictionary."""
    known = {name: at for at, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
    codes = np.repeat([known.get(name, -1) if name is not None else -1 for name in names], lengths)
    indices = pa.array(np.maximum(codes, 0).astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(known), pa.string()))
