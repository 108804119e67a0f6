"""Tiny clusters written as text, made into tables of facts. docs/testing.md describes the notation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paydown.model.facts import CAPABILITIES, FACTS
from paydown.testing import inventory, lives, samples
from paydown.testing.notation import Statement, duration, instant, near, statements
from paydown.testing.sketch import SOURCE, Sketch, cell

if TYPE_CHECKING:
    import pyarrow as pa

_HEADERS = ("cluster", "origin", "step", "horizon", "supports")
_SUPPORTED_BY = {
    "nodes": "capacity", "allocations": "allocation", "gpu_samples": "use", "host_samples": "use", "job_usage": "use",
}  # fmt: skip
_ORIGIN = "2024-01-01T00:00"


def tiny(text: str) -> dict[str, pa.Table]:
    r"""Read a tiny cluster and give all tables of facts, empty ones included, with the schemas of `FACTS`.

    >>> facts = tiny("node n1 gpus=2\njob 1 on=n1:0 ..RRR")
    >>> facts["allocations"].select(["job_id", "node", "gpu_milli", "gpus"]).to_pylist()
    [{'job_id': '1', 'node': 'n1', 'gpu_milli': 1000, 'gpus': '0'}]
    """
    import pyarrow as pa

    found = Sketch()
    listed = list(statements(text))
    _headers(found, [statement for statement in listed if statement.keyword in _HEADERS])
    for statement in sorted(listed, key=lambda statement: _ORDER.index(statement.keyword)):
        if statement.keyword in _MEANINGS:
            _MEANINGS[statement.keyword](found, statement)
    for key, row in found.samples.items():
        found.add(key[0], **row)
    _source(found)
    return {
        name: pa.table({f.name: pa.array([row.get(f.name) for row in rows], f.type) for f in FACTS[name].arrow})
        for name, rows in found.rows.items()
    }


def _headers(found: Sketch, listed: list[Statement]) -> None:
    """Read what holds for the whole text, in whatever order it stands."""
    said: dict[str, Statement] = {}
    for statement in listed:
        statement.only()
        if statement.keyword in said:
            raise statement.error("it is said twice")
        if statement.keyword != "supports" and len(statement.words) != 1:
            raise statement.error("one word must follow")
        said[statement.keyword] = statement
    plain = Statement(0, "origin", (_ORIGIN,))
    origin = said.get("origin", plain)
    found.origin = instant(origin, origin.words[0], 0)
    found.cluster = said["cluster"].words[0] if "cluster" in said else SOURCE
    if "step" in said:
        found.step = duration(said["step"], said["step"].words[0])
        if not found.step:
            raise said["step"].error("a step must last some time")
    if "horizon" in said:
        found.horizon = instant(said["horizon"], said["horizon"].words[0], found.origin)
    if "supports" in said:
        found.supports = _capabilities(said["supports"])


def _capabilities(statement: Statement) -> tuple[str, ...]:
    for word in statement.words:
        if word not in CAPABILITIES:
            raise statement.error(f"`{word}` is none of {', '.join(CAPABILITIES)}")
    return statement.words


def _source(found: Sketch) -> None:
    """Add the row that says what is vouched for, and up to when."""
    latest = max([found.latest, *(_latest(rows) for rows in found.rows.values())])
    held = {_SUPPORTED_BY[name] for name, rows in found.rows.items() if rows and name in _SUPPORTED_BY}
    held |= {"wait"} if any(row.get("submit") is not None for row in found.rows["jobs"]) else set()
    supports = [word for word in CAPABILITIES if word in held] if found.supports is None else found.supports
    end = latest if found.horizon is None else found.horizon
    if not found.rows["sources"]:
        found.add(
            "sources",
            source=SOURCE,
            supports=";".join(supports),
            covers_from=found.origin,
            covers_to=end,
            ingested_at=end,
        )


def _latest(rows: list[dict[str, Any]]) -> int:
    """Give the latest instant of rows, the end of samples included."""
    times = [row.get(name) or 0 for row in rows for name in ("submit", "eligible", "start", "end", "time")]
    return max([*times, *((row["start"] + row["duration_ms"]) for row in rows if "duration_ms" in row)], default=0)


def _row(found: Sketch, statement: Statement) -> None:
    name = statement.word(0, "the table")
    if name not in FACTS:
        raise statement.error(f"there is no table `{name}`{near(name, tuple(FACTS))}")
    table = FACTS[name]
    statement.only(*table.names)
    defaults = {"cluster": found.cluster, "attempt": 0, "source": SOURCE, "start": found.origin}
    needed = {
        column.name: defaults[column.name] for column in table.columns if column.name in defaults and not column.null
    }
    given = {key: cell(statement, table.by_name[key], text, found.origin) for key, text in statement.pairs.items()}
    found.rows[name].append({**needed, **given})
    missing = [c.name for c in table.columns if not c.null and found.rows[name][-1].get(c.name) is None]
    if missing:
        raise statement.error(f"`{missing[0]}=` is missing")


_MEANINGS: dict[str, Callable[[Sketch, Statement], None]] = {
    "node": inventory.node,
    "device": inventory.device,
    "state": inventory.state,
    "says": inventory.says,
    "job": lives.job,
    "hold": lives.hold,
    "use": samples.use,
    "row": _row,
}
_ORDER = (*_HEADERS, *_MEANINGS)
"""What the later of these may ask of the earlier, they have said already."""
