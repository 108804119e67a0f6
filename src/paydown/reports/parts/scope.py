"""What a report is about, worked out from its parameters and what the store knows: window, clusters, people, zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from paydown.errors import UsageError
from paydown.model.units import BUCKET_MS
from paydown.model.when import zone_named
from paydown.model.window import Window
from paydown.reports.parts.people import People
from paydown.reports.parts.statement import Statement
from paydown.reports.parts.strangers import strangers

if TYPE_CHECKING:
    import pyarrow as pa

    from paydown.reports.parts.parameters import Parameters
    from paydown.store.snapshot import Snapshot

KNOWN_SQL = """
SELECT min(start_ms) AS start_ms, max(end_ms) AS end_ms FROM (
    SELECT cluster, epoch_ms(covers_from) AS start_ms, epoch_ms(covers_to) AS end_ms FROM sources
    UNION ALL SELECT cluster, start_ms, NULL FROM ({held})
    UNION ALL SELECT cluster, epoch_ms(CAST(min(day) AS TIMESTAMP)), epoch_ms(max("end")) FROM posted
    WHERE cluster NOT IN (SELECT cluster FROM sources) GROUP BY cluster
) WHERE {where}
"""
"""From when to when anything is known: what the sources vouch for and what was held before that, up to the horizon.

Of a cluster without any source it is what is posted.
"""


@dataclass(frozen=True)
class Scope:
    """What a report is about."""

    snapshot: Snapshot
    asked: Window
    """The window as asked for, to the millisecond."""
    clusters: tuple[str, ...]
    """The clusters, all of the store's where none was named."""
    zone: ZoneInfo
    """Where days, weeks and months begin."""
    people: People
    """Who is who."""
    users: tuple[str, ...] | None
    """The person keys asked for; None: everybody."""
    known: Window | None
    """The time of which anything is known; None: none."""
    ends_open: bool = False
    """Whether no end was asked for, so that what ends at the very last known instant belongs to it."""
    whole: bool = False
    """Whether neither a start nor an end was asked for."""
    strange: tuple[str, ...] = ()
    """What must be said of partitions, accounts and nodes asked for that are not known."""

    @property
    def window(self) -> Window:
        """The window on the ledger's five-minute grid."""
        return self.asked.widened()

    @property
    def notes(self) -> list[str]:
        """What must be said of the window and of the zone beside every figure of the ledger."""
        notes = [self.zone_note, *self.stranger_notes]
        if self.window != self.asked and not self.whole:
            notes.append(
                f"The window was widened to the ledger's {BUCKET_MS // 60_000}-minute grid: "
                f"{said(self.window)} in place of {said(self.asked)}."
            )
        if self.known is None:
            notes.append("Nothing is known of it: ingest facts first (paydown ingest SOURCE ...).")
        return notes

    @property
    def stranger_notes(self) -> list[str]:
        """What must be said of whom and what was asked for and is not known."""
        strangers = self.people.strangers(self.users or ())
        users = [f"No user is known by the name {name!r}; it was taken for a person key." for name in strangers]
        return [*users, *self.strange]

    @property
    def zone_note(self) -> str:
        """In which zone days begin."""
        return f"Times, days, weeks and months are those of {self.zone.key}."

    def query(self, sql: str, statement: Statement | None = None, window: Window | None = None) -> Any:
        """Ask the store, of these clusters alone and, where a window is given, of files that touch it."""
        statement = statement or Statement()
        return self.snapshot.query(
            sql, statement.used_in(sql), clusters=list(self.clusters), window=window, tables=statement.tables or None
        )


def said(window: Window) -> str:
    """Say a window in words, in UTC."""
    start, end = (moment.isoformat(timespec="auto").replace("+00:00", "Z") for moment in (window.start, window.end))
    return f"{start} to {end}"


def scope_of(snapshot: Snapshot, asked: Parameters) -> Scope:
    """Work out what a report is about; an unknown cluster or zone is an error that names the nearest."""
    clusters = _clusters(snapshot, asked.cluster)
    people = People.of(snapshot, clusters, pseudonyms=asked.pseudonyms)
    known = _known(snapshot, clusters)
    return Scope(
        snapshot=snapshot,
        asked=_window(asked, known),
        clusters=clusters,
        zone=zone_named(asked.timezone),
        people=people,
        users=people.keys(asked.user) if asked.user else None,
        known=known,
        ends_open=asked.end_ms is None,
        whole=asked.start_ms is None and asked.end_ms is None,
        strange=strangers(snapshot, clusters, _named(asked), people.told),
    )


def _named(asked: Parameters) -> dict[str, tuple[str, ...]]:
    """Give the names by which an answer is filtered."""
    return {what: getattr(asked, what, ()) for what in ("partition", "account", "node")}


def _clusters(snapshot: Snapshot, asked: Sequence[str]) -> tuple[str, ...]:
    there = snapshot.clusters()
    for name in asked:
        if name not in there:
            raise UsageError(f"There is no cluster {name!r} in the store{nearest(name, there)}")
    return tuple(asked) or tuple(there)


def nearest(word: str, known: Sequence[str]) -> str:
    """End a sentence on an unknown word with the nearest known one, else with all of them."""
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(known)}." if known else "; it is empty."


def _known(snapshot: Snapshot, clusters: tuple[str, ...]) -> Window | None:
    if not clusters:
        return None
    statement = Statement()
    held = _first_held(snapshot, clusters)
    sql = KNOWN_SQL.format(
        held="SELECT cluster, min(epoch_ms(start)) AS start_ms FROM allocations GROUP BY cluster"
        if held is None
        else "SELECT * FROM first_held",
        where=statement.one_of("cluster", clusters),
    )
    given = {} if held is None else {"first_held": held}
    row = snapshot.query(sql, statement.params, clusters=list(clusters), tables=given).to_pylist()[0]
    if row["start_ms"] is None:
        return None
    return Window(row["start_ms"], max(row["start_ms"], row["end_ms"] or row["start_ms"]))


def _first_held(snapshot: Snapshot, clusters: tuple[str, ...]) -> pa.Table | None:
    """Give when something was first held on each cluster, from the log of the store; None where that does not tell."""
    import pyarrow as pa

    files = snapshot.data_files("allocations", clusters=list(clusters))
    if not all("start" in file.low for file in files):
        return None
    found = {"cluster": [file.part[0] for file in files], "start_ms": [file.low["start"] for file in files]}
    return pa.table(found, schema=pa.schema({"cluster": pa.string(), "start_ms": pa.int64()}))


def _window(asked: Parameters, known: Window | None) -> Window:
    """Take what was asked for, and what is known for the rest."""
    start, end = asked.start_ms, asked.end_ms
    if start is None:
        start = known.start_ms if known else end or 0
        start = start if end is None else min(start, end)
    if end is None:
        end = max(start, known.end_ms if known else start)
    if end < start:
        raise UsageError(f"The window ends ({end} ms) before it starts ({start} ms); exchange --from and --to.")
    return Window(start, end)
