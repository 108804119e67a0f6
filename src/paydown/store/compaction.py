"""Putting small files together, and removing files that nobody reads any more."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paydown.store.delta import DataFile
    from paydown.store.staging import Staged

MOST_ROWS = 2_000_000
"""Files are put together up to this many rows: what can be sorted in some hundred megabytes."""

MANY_FILES = 16
"""With more small files than this in a partition a commit puts them together without being asked."""

SMALL_SHARE = 4
"""A file is small with fewer rows than a row group over this."""


@dataclass(frozen=True)
class Compacted:
    """What a compaction did."""

    merged: int
    """Files that were put together."""
    made: int
    """Files made of them."""
    removed: int
    """Files removed that no state within the grace time names."""
    freed_bytes: int
    """Their size."""


def compact(staged: Staged) -> tuple[int, int]:
    """Put the files of each partition together, in order; give how many there were, and how many are made of them."""
    merged = made = 0
    for files in _partitions(staged).values():
        for group in _groups(files):
            merged += len(group)
            made += _merge(staged, group)
    return merged, made


def tidy(staged: Staged) -> None:
    """Put small files together where this transaction added to a partition that has many of them."""
    most = staged.table.row_group // SMALL_SHARE
    touched = {staged.files[path].part for path in staged.made}
    for part, files in _partitions(staged).items():
        small = [file for file in files if file.rows < most]
        if part in touched and len(small) > MANY_FILES:
            for group in _groups(small):
                _merge(staged, group)


def _partitions(staged: Staged) -> dict[tuple[str, ...], list[DataFile]]:
    found: dict[tuple[str, ...], list[DataFile]] = defaultdict(list)
    for file in staged.in_order():
        found[file.part].append(file)
    return found


def _groups(files: list[DataFile]) -> Iterator[list[DataFile]]:
    """Give runs of files that make one of at most MOST_ROWS; a run of one file is left as it is."""
    group: list[DataFile] = []
    for file in files:
        if group and sum(each.rows for each in group) + file.rows > MOST_ROWS:
            if len(group) > 1:
                yield group
            group = []
        group.append(file)
    if len(group) > 1:
        yield group


def _merge(staged: Staged, group: list[DataFile]) -> int:
    """Put files of one partition together; open rows stay apart from closed ones, so two may come of it."""
    rows = staged.read(group)
    for file in group:
        staged.drop(file)
    before = len(staged.files)
    staged.add(rows)
    return len(staged.files) - before
