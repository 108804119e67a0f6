"""Working out days: the task that an executor runs, and how days are parted over its workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from paydown.ledger.carried import carried, measured
from paydown.ledger.day import DayTables, post_day
from paydown.ledger.energy import energy
from paydown.ledger.load import Loader
from paydown.ledger.settings import LedgerSettings
from paydown.ledger.world import Known

if TYPE_CHECKING:
    from paydown.store.delta import DataFile
    from paydown.store.snapshot import Snapshot


@dataclass(frozen=True)
class Worked:
    """A day that was worked out: its tables, or files of the store that hold them until they are taken in."""

    tables: DayTables
    """Without the rows that lie in files."""
    files: dict[str, DataFile] = field(default_factory=dict)
    """By derived table."""


def work_out(
    snapshot: Snapshot, cluster: str, days: Sequence[int], settings: LedgerSettings, known: Known, *, aside: bool
) -> Iterator[tuple[int, Worked]]:
    """Work out a stretch of days; with `aside` what it makes is written into the store's files at once."""
    loader = Loader(snapshot, cluster, settings)
    for day in days:
        made, files = _set_aside(snapshot, post_day(*loader.day(day), known), _ASIDE if aside else ())
        names = ("gpu_samples", "host_samples")
        there = {name: measured(snapshot, cluster, day, name, loader.samples(name, day)) for name in names}
        of_samples = {
            "carried": carried(snapshot, cluster, day, there),
            "energy": energy(cluster, day, there[names[0]]),
        }
        yield day, Worked(replace(made, **of_samples), files)
        del made, there


def work_out_away(
    snapshot: Snapshot, cluster: str, days: Sequence[int], settings: LedgerSettings, known: Known, *, aside: bool
) -> list[tuple[int, Worked]]:
    """Work out a stretch of days: the task that an executor runs, with nothing in it but values."""
    return list(work_out(snapshot, cluster, days, settings, known, aside=aside))


def _set_aside(snapshot: Snapshot, made: DayTables, names: Iterable[str]) -> tuple[DayTables, dict[str, DataFile]]:
    """Write some of a day's tables, each gone from memory before the next is written."""
    files = {}
    for name in names:
        if getattr(made, name).num_rows:
            files[name] = snapshot.set_aside(name, getattr(made, name))
        # A slice of no rows would keep all of them.
        made = replace(made, **{name: getattr(made, name).schema.empty_table()})
    return made, files


_ASIDE = ("entries", "daily", "runs", "summaries", "histograms")


def stretches_of(days: list[int], workers: int) -> list[list[int]]:
    """Part days into stretches of neighbours: a few for each worker, and long, since each reads days around it too."""
    size = len(days) if workers == 1 else max(1, min(10, -(-len(days) // (2 * workers))))
    stretches: list[list[int]] = []
    for day in days:
        if stretches and len(stretches[-1]) < size and stretches[-1][-1] == day - 1:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return stretches
