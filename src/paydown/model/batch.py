"""What a connector hands over: batches of rows, rows that cannot be believed, what it vouches for, how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

LINE = "_line"
"""An optional extra column of a batch: the 1-based line (or row) of each row in its origin."""


@dataclass(frozen=True)
class Batch:
    """Rows of one fact table, as a source gives them."""

    table: str
    """The fact table's name."""
    rows: pa.Table
    """Any subset of the table's columns (missing ones are null), typed or as text; optionally `_line`."""
    origin: str
    """The file or command that they come from, named in rejects."""


@dataclass(frozen=True)
class Reject:
    """A row, or a field of a row, that cannot be believed."""

    table: str
    """The fact table that it was meant for, empty where that is unknown."""
    origin: str
    """The file or command that it came from."""
    line: int | None
    """Its 1-based line or row there, where known."""
    reason: str
    """A stable short code, such as `conflict`, `bad-key`, `not-a-number`, `out-of-range`, `end-before-start`."""
    detail: str
    """What was wrong, in words, with the value."""
    row: str
    """The row as it was read, at most 1,000 characters."""
    count: int = 1
    """How many times (a connector may fold equal ones)."""
    cluster: str | None = None
    """The cluster, where known."""


@dataclass(frozen=True)
class Vouch:
    """What a source supports for a cluster, and for which time."""

    cluster: str
    source: str
    supports: tuple[str, ...]
    """A subset of `paydown.model.facts.CAPABILITIES`."""
    covers_from_ms: int | None = None
    """From when it vouches, in ms since the epoch; None: the earliest instant of its rows."""
    covers_to_ms: int | None = None
    """The horizon, in ms since the epoch; None: the latest instant of its rows."""
    note: str | None = None
    """What its reader should know: assumptions, a doubtful hour, what was left out."""
    joins: bool = False
    """Whether it goes on from an earlier one: a stored row of the same cluster, source and capabilities whose time it
    overlaps or touches is extended, and takes this note. Who is asked every few minutes says so."""


@dataclass(frozen=True)
class Mark:
    """How far a live source has been read; ingest commits it together with everything that was yielded before it.

    What follows belongs to the next commit, so that a long history comes in parts, each whole, and a process that was
    killed goes on from the last mark.
    """

    cluster: str
    name: str
    """What is marked, such as `jobs`; a source may have several."""
    value: str
    """Whatever the source wants to be told next time (`Context.mark`)."""
