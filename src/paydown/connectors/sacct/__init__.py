"""Dumps of Slurm's accounting: `sacct -P` or `-p` with any fields, or `sacct --json` (docs/connectors/sacct.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.interface import Connector, Context, Item
from paydown.connectors.sacct.recipes import RECIPES
from paydown.connectors.sacct.settings import SacctSettings
from paydown.dialects.slurm_accounting.allocations import allocation_rows
from paydown.dialects.slurm_accounting.apart import together
from paydown.dialects.slurm_accounting.gathered import Gathered
from paydown.dialects.slurm_accounting.jobs import job_rows
from paydown.dialects.slurm_accounting.jobstats import summary_rows
from paydown.dialects.slurm_accounting.json_dump import JsonDump
from paydown.dialects.slurm_accounting.lines import Dump
from paydown.dialects.slurm_accounting.records import Doubts, Records, read_records
from paydown.dialects.slurm_accounting.texts import column, durations_ms
from paydown.dialects.slurm_accounting.usage import USAGE_COLUMNS, Zeros, usage_rows
from paydown.errors import InputError
from paydown.model.batch import Batch, Vouch
from paydown.model.delimited import begins_json, open_bytes

SUPPORTS = ("allocation", "use", "wait")
"""Accounting knows no capacity."""


@dataclass
class _Seen:
    """What is known of each cluster once its dumps are read."""

    doubts: Doubts = field(default_factory=Doubts)
    zeros: Zeros = field(default_factory=Zeros)
    supports: dict[str, set[str]] = field(default_factory=dict)
    first_end: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    local: bool = False
    """Whether a dump had local times."""

    def note(self, dump: Dump | JsonDump, records: Records) -> None:
        """Note the clusters of records and the instants that they reach."""
        self.local |= isinstance(dump, Dump)
        supports = {word for word in SUPPORTS if _supports(dump, word)}
        running = _running_until(records)
        for cluster in pc.unique(records.cluster).to_pylist():
            self.supports.setdefault(cluster, set()).update(supports)
            mine = pc.equal(records.cluster, cluster)
            ends = pc.min_max(records.ms["End"].filter(mine)).as_py()
            _keep(self.first_end, cluster, ends["min"], min)
            for values in (*(records.ms[name] for name in ("Submit", "Start", "End")), running):
                span = pc.min_max(values.filter(mine)).as_py()
                _keep(self.first, cluster, span["min"], min)
                _keep(self.last, cluster, span["max"], max)

    def used(self, item: Item) -> None:
        """Note the clusters of figures that stand in comments: these support use without any field of use."""
        for cluster in pc.unique(item.rows["cluster"]).to_pylist() if isinstance(item, Batch) else ():
            self.supports.setdefault(cluster, set()).add("use")


def _keep(found: dict[str, int], cluster: str, ms: int | None, better: object) -> None:
    if ms is not None:
        found[cluster] = better(found.get(cluster, ms), ms)  # type: ignore[operator]


def _running_until(records: Records) -> pa.Array:
    """Give the instant at which running jobs were looked at: their start and how long they had run."""
    elapsed = durations_ms(column(records.rows, "Elapsed"))
    running = pc.and_(pc.equal(records.state, "RUNNING"), records.ms["End"].is_null())
    until = pc.add(records.ms["Start"], pa.array(np.nan_to_num(elapsed).astype(np.int64)))
    return pc.if_else(running, until, None)


def _supports(dump: Dump | JsonDump, word: str) -> bool:
    """Say whether a dump's columns can support something."""
    has = set(dump.wanted)
    if word == "allocation":
        return {"NodeList", "Start", "End"} <= has and bool(has & {"AllocTRES", "AllocGRES"})
    return "Submit" in has if word == "wait" else bool(has.intersection(USAGE_COLUMNS))


def read(settings: SacctSettings, context: Context) -> Iterator[Item]:
    """Yield the jobs, allocations and figures of each dump, then what they vouch for."""
    seen = _Seen()
    zone = ZoneInfo(context.timezone)
    for done, path in enumerate(settings.files):
        context.progress(path, done / len(settings.files))
        yield from _dump(_opened(path, settings, seen.doubts), context.cluster, zone, seen, settings.kind)
    yield from seen.zeros.settle(settings.files[-1])
    yield from _vouches(seen, zone)


def _opened(path: str, settings: SacctSettings, doubts: Doubts) -> Dump | JsonDump:
    """Open a dump of either form, which its first character tells."""
    stream = open_bytes(path)
    return JsonDump(path, stream, doubts) if begins_json(path, stream) else _text(path, settings, stream)


def _text(path: str, settings: SacctSettings, stream: IO[bytes]) -> Dump:
    return Dump(path, stream, columns=settings.columns, delimiter=settings.delimiter)


def _dump(
    dump: Dump | JsonDump, cluster: str | None, zone: ZoneInfo, seen: _Seen, kinds: Mapping[str, str]
) -> Iterator[Item]:
    """Read one dump, a piece at a time."""
    if cluster is None and "Cluster" not in dump.wanted:
        raise InputError(f"{dump.path} has no column Cluster: name the cluster with --cluster NAME.")
    gathered = Gathered(dump.path)
    for piece in together(dump.pieces()):
        records, rejects = read_records(piece, dump.path, cluster, zone, seen.doubts)
        yield from rejects
        seen.note(dump, records)
        jobs, left_out = job_rows(records, dump.path, seen.doubts, kinds)
        held, unread = allocation_rows(records, dump.path, seen.doubts)
        figures = [*usage_rows(records, dump.path, seen.zeros)]
        for item in summary_rows(records, dump.path, seen.doubts):
            seen.used(item)
            if isinstance(item, Batch):
                figures.append(item)
            else:
                yield item
        for batch in (Batch("jobs", jobs, dump.path), Batch("allocations", held, dump.path), *figures):
            yield from gathered.taken(batch)
        yield from (*left_out, *unread)
    yield from gathered.rest()
    yield from dump.rejects


def _vouches(seen: _Seen, zone: ZoneInfo) -> Iterator[Vouch]:
    """Say what the dumps support, from the first end of a job: `sacct -S` leaves out those that ended before."""
    notes = [f"Local times were read as {zone.key}."] * seen.local + seen.doubts.notes()
    for cluster, supports in sorted(seen.supports.items()):
        first = seen.first_end.get(cluster, seen.first.get(cluster))
        words = tuple(word for word in SUPPORTS if word in supports)
        yield Vouch(cluster, "sacct", words, first, seen.last.get(cluster), " ".join(notes))


CONNECTOR = Connector(
    name="sacct",
    summary="Dumps of Slurm's accounting: sacct -P or -p with any fields, or sacct --json.",
    settings=SacctSettings,
    supports=SUPPORTS,
    tables=("jobs", "allocations", "job_usage"),
    read=read,
    recipes=RECIPES,
)
"""The connector."""
