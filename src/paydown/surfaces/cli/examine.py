"""What `doctor` looks at, each look as findings."""

from __future__ import annotations

import platform
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from paydown import __version__
from paydown.model.entries import DERIVED
from paydown.model.facts import FACTS
from paydown.model.window import from_ms
from paydown.surfaces.cli.needs import missing
from paydown.surfaces.values import counted, instant

if TYPE_CHECKING:
    from paydown.app import App
    from paydown.store.snapshot import Snapshot
    from paydown.store.store import Store
    from paydown.surfaces.cli.needs import Missing

State = Literal["ok", "note", "missing", "wrong"]
"""ok: as it should be; note: to be known; missing: something would be there; wrong: to be mended."""

LIBRARIES = ("click", "deltalake", "duckdb", "numpy", "pyarrow", "pydantic", "rich")
"""What Paydown cannot do without."""

EXTRAS = {"charts": "vl-convert-python", "objects": "obstore"}
"""What it can do without, by the extra that brings it."""

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    part: str
    """Environment, extensions, store, freshness, ledger or reports."""
    name: str
    """What was looked at."""
    state: State
    """How it is."""
    told: str
    """What was found, as a sentence or a value."""


def environment() -> Iterator[Finding]:
    """Look at Python, the libraries and the extras."""
    part = "environment"
    yield Finding(part, "paydown", "ok", __version__)
    yield Finding(part, "python", "ok", f"{sys.version.split()[0]} ({sys.executable}) on {platform.platform()}")
    for library in LIBRARIES:
        found = _version(library)
        yield Finding(part, library, "ok" if found else "wrong", found or f"not installed: pip install {library}")
    for extra, library in EXTRAS.items():
        found = _version(library)
        told = f"{library} {found}" if found else f"not installed: pip install 'paydown[{extra}]'"
        yield Finding(part, f"extra {extra}", "ok" if found else "missing", told)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def extensions(app: App) -> Iterator[Finding]:
    """Look at the connectors and reports, those of other distributions included."""
    for what, found in (("connectors", app.connectors()), ("reports", app.reports())):
        yield Finding("extensions", what, "ok", ", ".join(found.values) or "none")
        for warning in found.warnings:
            yield Finding("extensions", what, "wrong", warning)


def store(opened: Store) -> Iterator[Finding]:
    """Look at the store's place, layout, size and writer."""
    info = opened.info()
    kind = "shared: writers are told apart by a lease file, not by the kernel" if info.shared else "local"
    size = sum(table.bytes for table in info.tables)
    clusters = ", ".join(info.clusters)
    yield Finding("store", "place", "ok", info.path)
    yield Finding("store", "file system", "ok", f"{info.filesystem or 'unknown'}, {kind}")
    yield from _guarded(opened)
    yield Finding("store", "layout", "ok", f"version {info.layout}, made {info.created}")
    yield Finding("store", "state", "ok", f"{info.version:,} commits, {size:,} bytes in {len(info.tables)} tables")
    yield Finding("store", "writer", "note" if info.writer else "ok", info.writer or "nobody at the moment")
    yield Finding("store", "clusters", "ok" if clusters else "missing", clusters or "none: ingest facts first")


def _guarded(opened: Store) -> Iterator[Finding]:
    """Look whether an object store heeds the conditions that keep two writers apart."""
    fault = opened.unguarded()
    if fault is not None:
        yield Finding("store", "conditional puts", "wrong" if fault else "ok", fault or "heeded (If-None-Match)")


def freshness(snapshot: Snapshot, now_ms: int, *, pseudonyms: bool = False) -> Iterator[Finding]:
    """Look at what each source vouches for, and how long ago that ends."""
    rows = snapshot.rows("sources", sort=True)
    if pseudonyms:
        from paydown.store.pseudonyms import Pseudonyms

        rows = Pseudonyms.of(snapshot).rows("sources", rows)
    for row in rows.to_pylist():
        until = f"{instant(row['covers_from'], _UTC)} to {instant(row['covers_to'], _UTC)}"
        told = f"{until} ({_ago(row['covers_to'], now_ms)}): supports {row['supports'].replace(';', ', ') or 'nothing'}"
        yield Finding("freshness", f"{row['cluster']} {row['source']}", "note", told)
        if row.get("note"):
            yield Finding("freshness", f"{row['cluster']} {row['source']}", "note", row["note"])


def _ago(moment: datetime, now_ms: int) -> str:
    lag = from_ms(now_ms) - moment
    if lag < timedelta(0):
        return "ahead of this machine's clock"
    return f"{lag.days:,} days ago" if lag.days else f"{lag.seconds // 3600} h {lag.seconds // 60 % 60} min ago"


def dirty(snapshot: Snapshot) -> Iterator[Finding]:
    """Look at the days whose entries are not those of the facts yet."""
    days = Counter(row["cluster"] for row in snapshot.rows("dirty").to_pylist())
    for cluster, count in sorted(days.items()):
        yield Finding("ledger", cluster, "missing", f"{counted(count, 'day')} to post: paydown post")
    if not days:
        yield Finding("ledger", "days to post", "ok", "none")


def present(snapshot: Snapshot) -> set[str]:
    """Give the tables that hold anything."""
    return {name for name in (*FACTS, *DERIVED) if snapshot.files(name)}


def needs(snapshot: Snapshot, app: App) -> Iterator[Finding]:
    """Look at what each report lacks."""
    yield from lacking(present(snapshot), app)


def _remedy(lack: Missing) -> str:
    if lack.sources:
        return f"Bring it with: paydown ingest {' | '.join(lack.sources)}."
    return "paydown post makes it, where the facts give any."


def lacking(there: Collection[str], app: App) -> Iterator[Finding]:
    """Say what each report lacks where only some tables are there."""
    reports = app.reports().values
    lacks = missing(reports.values(), there, app.connectors().values)
    for lack in lacks:
        told = f"{'has no answer' if lack.need.required else 'says less'}. {lack.need.without} {_remedy(lack)}"
        yield Finding("reports", f"{lack.report} without {lack.need.table}", "missing", told)
    for name in sorted(set(reports) - {lack.report for lack in lacks}):
        yield Finding("reports", name, "ok", "has all it needs")
