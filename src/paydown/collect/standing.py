"""How each source stands, as an answer: those of the configuration, and those that the store still knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from paydown.collect import health
from paydown.model.units import MS_PER_MINUTE, MS_PER_SECOND
from paydown.model.window import Window, from_ms, to_ms
from paydown.reports.interface import Answer, OutColumn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paydown.collect.health import Health
    from paydown.collect.source import Source
    from paydown.store.snapshot import Snapshot

LATE = 3
"""After how many intervals without a success a source is late."""

STATES = {
    "ok": "the last time went well, and not long ago",
    "failing": "the last time failed",
    "late": f"the last success lies more than {LATE} intervals back",
    "never": "it has not been read yet",
    "gone": "it was collected once, and the configuration does not name it any more",
}
"""What is said of a source in one word."""

COLUMNS = (
    OutColumn("source", "", "The source's name."),
    OutColumn("connector", "", "What reads it.", minor=True),
    OutColumn("cluster", "", "The clusters for which it vouches.", minor=True),
    OutColumn("state", "", "; ".join(f"`{word}`: {meaning}" for word, meaning in STATES.items()) + "."),
    OutColumn("every_minutes", "min", "How often it is to be read.", "number", minor=True),
    OutColumn("last_success", "UTC", "When it was last read to its end.", "instant"),
    OutColumn("age_minutes", "min", "How long ago that was.", "number"),
    OutColumn("lag_minutes", "min", "How far the time up to which it vouches lies back.", "number"),
    OutColumn("took_s", "s", "How long the last success took.", "number", minor=True),
    OutColumn("rows", "rows", "Believed rows of the last time.", "number"),
    OutColumn("rows_total", "rows", "Believed rows of all times.", "number", minor=True),
    OutColumn("rejects", "rows", "Rejects of the last time.", "number"),
    OutColumn("rejects_total", "rows", "Rejects of all times.", "number", minor=True),
    OutColumn("errors", "times", "How often in a row it failed.", "number"),
    OutColumn("errors_total", "times", "How often it failed ever.", "number", minor=True),
    OutColumn("last_failure", "UTC", "When it last failed.", "instant", minor=True),
    OutColumn("note", "", "Why it last failed."),
)


def standing(snapshot: Snapshot | None, sources: Sequence[Source], now_ms: int, *, pseudonyms: bool = False) -> Answer:
    """Say how each source stands; without a store, nothing was collected yet."""
    known = {} if snapshot is None else health.read(snapshot)
    horizons = {} if snapshot is None else _horizons(snapshot)
    every = [health.of(source, known) for source in sources]
    every += [known[name] for name in sorted(known.keys() - {source.name for source in sources})]
    configured = {source.name for source in sources}
    rows = [_row(each, horizons.get(each.source, {}), now_ms, gone=each.source not in configured) for each in every]
    if pseudonyms and snapshot is not None:
        rows = _nameless(rows, snapshot)
    table = pa.Table.from_pylist(rows, pa.schema([(column.name, _type(column)) for column in COLUMNS]))
    counts = {word: sum(row["state"] == word for row in rows) for word in STATES}
    return Answer("sources", Window(now_ms, now_ms), COLUMNS, table, {"states": counts}, _notes(rows, sources))


def _notes(rows: list[dict[str, Any]], sources: Sequence[Source]) -> tuple[str, ...]:
    if not sources:
        return ("The configuration names no source: `paydown init` writes one, docs/collecting.md tells how.",)
    if all(row["state"] in {"never", "gone"} for row in rows):
        return ("Nothing was collected yet: `paydown collect --once` reads every source once.",)
    return ()


def _row(each: Health, horizons: Mapping[str, int], now_ms: int, *, gone: bool) -> dict[str, Any]:
    horizon = max(horizons.values(), default=None)
    return {
        "source": each.source,
        "connector": each.connector,
        "cluster": ";".join(sorted(horizons)) or None,
        "state": "gone" if gone else state(each, now_ms),
        "every_minutes": each.interval_ms / MS_PER_MINUTE,
        "last_success": _instant(each.success),
        "age_minutes": None if each.success is None else (now_ms - each.success) / MS_PER_MINUTE,
        "lag_minutes": None if horizon is None else (now_ms - horizon) / MS_PER_MINUTE,
        "took_s": None if each.took_ms is None else each.took_ms / MS_PER_SECOND,
        "rows": each.rows if each.attempt else None,
        "rows_total": each.rows_total,
        "rejects": each.rejects if each.attempt else None,
        "rejects_total": each.rejects_total,
        "errors": each.errors,
        "errors_total": each.errors_total,
        "last_failure": _instant(each.failed),
        "note": each.note,
    }


def state(each: Health, now_ms: int) -> str:
    """Say in one word how a source stands."""
    if each.errors:
        return "failing"
    if each.success is None:
        return "never"
    return "late" if now_ms - each.success > LATE * each.interval_ms else "ok"


def _instant(ms: int | None) -> Any:
    return None if ms is None else from_ms(ms)


def _type(column: OutColumn) -> pa.DataType:
    if column.role == "instant":
        return pa.timestamp("ms", "UTC")
    if column.role == "number":
        return pa.float64() if column.unit in {"min", "s"} else pa.int64()
    return pa.string()


def _horizons(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    """Give up to when each source vouches, by cluster."""
    found: dict[str, dict[str, int]] = {}
    for row in snapshot.rows("sources", columns=["source", "cluster", "covers_to"]).to_pylist():
        mine = found.setdefault(row["source"], {})
        mine[row["cluster"]] = max(to_ms(row["covers_to"]), mine.get(row["cluster"], 0))
    return found


def _nameless(rows: list[dict[str, Any]], snapshot: Snapshot) -> list[dict[str, Any]]:
    from paydown.store.pseudonyms import Pseudonyms

    mask = Pseudonyms.of(snapshot).mask
    return [{**row, "note": None if row["note"] is None else mask.prose(row["note"])} for row in rows]
