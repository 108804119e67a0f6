"""What a connector is. Connectors know nothing of each other, of the store, or of reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from paydown.model.batch import Batch, Mark, Reject, Vouch
from paydown.model.facts import FACTS
from paydown.model.window import to_ms

if TYPE_CHECKING:
    import pyarrow as pa

Item = Batch | Reject | Vouch | Mark
"""One thing that a connector yields; batches hold at most a few million rows, and so does all that a mark ends."""

Progress = Callable[[str, float | None], None]
"""Called with a short text and, where it can be told, the share done in [0, 1]."""


def no_progress(text: str, share: float | None) -> None:
    """Show nothing: the default progress callback."""


class Stored(Protocol):
    """How a connector asks for what the store holds."""

    def __call__(self, table: str, cluster: str, *, still: bool = False, since_ms: int | None = None) -> pa.Table:
        """Give the rows of a table; with `still` only those without an end, with `since_ms` those not over by then."""


def nothing_stored(
    table: str,
    cluster: str,  # noqa: ARG001 -- as it is called
    *,
    still: bool = False,  # noqa: ARG001
    since_ms: int | None = None,  # noqa: ARG001
) -> pa.Table:
    """Give no rows: what is known where there is no store."""
    return FACTS[table].arrow.empty_table()


def nothing_known(cluster: str) -> int | None:  # noqa: ARG001 -- as it is called
    """Give no instant: the first fact where there is no store."""
    return None


def nothing_marked(cluster: str, name: str) -> str | None:  # noqa: ARG001 -- as it is called
    """Give no mark: how far a source was read where there is no store."""
    return None


def system_clock() -> int:
    """Give the current instant in ms since the epoch."""
    return to_ms(datetime.now(tz=UTC))


@dataclass(frozen=True)
class Context:
    """What a connector is given besides its settings."""

    cluster: str | None = None
    """The cluster's name where the user gave one; a source that names its own cluster is overruled by it."""
    timezone: str = "UTC"
    """The IANA time zone in which the source writes local times."""
    progress: Progress = field(default=no_progress)
    """Where to tell how far it is."""
    stored: Stored = field(default=nothing_stored)
    """Gives the rows of a fact table (`nodes`) that the store holds of a cluster, where asked those that are still open
    alone: for what is known at an instant only and goes on from what was known before. Of a table without clusters
    (`identities`) it gives all. Users have their names in it, as a source says them. After a mark it knows what was
    committed with that."""
    first_ms: Callable[[str], int | None] = field(default=nothing_known)
    """Gives the earliest instant of which the store knows anything of a cluster, in ms since the epoch."""
    mark: Callable[[str, str], str | None] = field(default=nothing_marked)
    """Gives the value of the last mark of this source, by cluster and name."""
    source: str = ""
    """What this source is called where it is configured (`[sources.NAME]`); empty: as its connector."""
    clock: Callable[[], int] = field(default=system_clock)
    """Gives the current instant in ms since the epoch."""


@dataclass(frozen=True)
class Recipe:
    """How a good dump of a source is made, and what it takes: `paydown ingest NAME --print-command` tells it."""

    title: str
    """What the commands make and with which versions, such as `text, Slurm 17.11 and newer`."""
    commands: tuple[str, ...]
    """The lines as they are typed; what the user has to fill in stands in capitals, such as START."""
    role: str
    """The least privilege with which they give everything."""
    without: str
    """What goes missing without it."""
    notes: tuple[str, ...] = ()
    """What else to know, a sentence each: what to put for the capitals, what a version gets wrong."""


@dataclass(frozen=True)
class Connector:
    """A source of facts: a value, made at the end of its module as `CONNECTOR`."""

    name: str
    """The word after `paydown ingest`."""
    summary: str
    """What it reads, in one line."""
    settings: type[BaseModel]
    """Its settings: frozen, unknown keys forbidden, each field with a description; fields become flags.

    A field with `json_schema_extra={"argument": True}` is a positional argument of the command.
    """
    supports: tuple[str, ...]
    """The most that it can support (`paydown.model.facts.CAPABILITIES`)."""
    tables: tuple[str, ...]
    """The fact tables that it can fill."""
    read: Callable[[Any, Context], Iterator[Item]]
    """Read everything; raises `InputError` only where nothing can be read at all."""
    interval_s: int | None = None
    """How often a live source is usefully asked, in seconds; None: it reads what lies there, and is not live."""
    recipes: tuple[Recipe, ...] = ()
    """How its dumps are made, the best way first; none where there is nothing to dump."""
