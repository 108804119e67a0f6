"""The notation of docs/spec/ledger-examples.md: facts in minutes, then what the ledger says of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.ledger.brute import TABLES, Result
from tests.ledger.clusters import CLEAN, Facts, Row, bit, complete

from paydown.ledger.settings import LedgerSettings
from paydown.model.entries import HISTOGRAM_BINS
from paydown.model.facts import FACTS

PAGE = Path(__file__).parents[2] / "docs/spec/ledger-examples.md"
ORIGIN = 19_800 * 86_400_000
"""Minute 0: 2024-03-18, 00:00 UTC."""
MINUTE = 60_000
ENTRY = (
    "cluster", "node", "bucket", "partition", "tres", "category", "detail", "job_id", "attempt", "user", "account",
    "basis", "signal",
)  # fmt: skip
NOT_HELD = ("reported", "down", "planned_down", "idle", "blocked")
SPAN = re.compile(r"(-?[\d.]+)\.\.(-?[\d.]+)?")


@dataclass
class Expected:
    """One line of what the ledger says: which rows it is about, and what they come to."""

    table: str
    where: dict[str, str | None]
    amounts: dict[str, int]
    line: str


@dataclass
class Example:
    """One block of the page."""

    name: str
    facts: Facts
    settings: LedgerSettings
    expected: list[Expected] = field(default_factory=list)


def instant(text: str) -> int:
    """Read minutes as an instant."""
    return ORIGIN + int(Fraction(text) * MINUTE)


def amount(text: str) -> int:
    """Read an amount (or a length): unit x minutes, or unit x ms where it says so."""
    return int(text.removesuffix("ms")) if text.endswith("ms") else int(Fraction(text) * MINUTE)


def typed(table: str, name: str, text: str) -> Any:
    """Read a value by its column's kind."""
    kind = FACTS[table].by_name[name].kind
    if kind == "instant":
        return instant(text)
    return {"int": int, "real": float, "text": str}[kind](text)


def words(line: str) -> tuple[dict[str, str], list[str]]:
    """Split a line into its `name=value` words and the others."""
    split = line.split()
    pairs = dict(word.split("=", 1) for word in split if "=" in word)
    return pairs, [word for word in split if "=" not in word]


def sample_rows(row: Row, begin: int, end: int, rest: list[str]) -> list[Row]:
    """Give the samples of a line: one, or one `every` so many minutes, each `lasting` so many."""
    after = dict(zip(rest[::2], rest[1::2], strict=True))
    step = int(Fraction(after["every"]) * MINUTE) if "every" in after else end - begin
    length = amount(after["lasting"]) if "lasting" in after else step
    return [{**row, "start": start, "duration_ms": length} for start in range(begin, end, step)]


def fact(facts: Facts, line: str) -> None:
    """Add the rows of one line of facts."""
    pairs, (table, *rest) = words(line)
    ghosts = pairs.pop("rejected", "")
    row: Row = {"node": "n", "attempt": 0, "source": "s", "ingested_at": 0, "partitions": "", "gpu_milli": 0}
    row |= {"state": "RUNNING"} if table == "jobs" else {}
    row |= {name: typed(table, name, text) for name, text in pairs.items()}
    row |= {"node": None} if table == "job_usage" and "node" not in pairs else {}
    row = {name: value for name, value in row.items() if name in FACTS[table].names}
    row |= {"_rejected": sum(bit(table, name) for name in ghosts.split(";") if name)} if table in CLEAN else {}
    span = SPAN.fullmatch(rest[0]) if rest else None
    if span is None:
        facts[table].append(row)
        return
    start, end = instant(span[1]), instant(span[2]) if span[2] else None
    if table in CLEAN and end is not None:
        facts[table] += sample_rows(row, start, end, rest[1:])
        return
    first, last = ("covers_from", "covers_to") if table == "sources" else ("start", "end")
    facts[table].append({**row, first: start, last: end})


def expect(line: str) -> Expected:
    """Read one line of what the ledger says."""
    pairs, (what, *rest) = words(line)
    where: dict[str, str | None] = {name: None if text == "null" else text for name, text in pairs.items()}
    if what in {"pools", "doubts", "demand", "histograms"}:
        figures = ("used", "inactive", "underused", "samples", "allocated", "waiting", "ppm_ms", *HISTOGRAM_BINS)
        given = {name: str(where.pop(name)) for name in figures if name in where}
        return Expected(what, where, {n: int(t) if n == "samples" else amount(t) for n, t in given.items()}, line)
    category, _, detail = rest[0].partition("/")
    where |= {"tres": what, "category": category} | ({"detail": detail} if detail else {})
    return Expected("entries", where, {"amount": amount(rest[1])}, line)


def read(page: Path = PAGE) -> list[Example]:
    """Read the examples of the page: its `ledger` blocks, each named by its heading."""
    found: list[Example] = []
    heading = ""
    for part in re.split(r"^(#+ [^\n]+|```ledger\n.*?^```)$", page.read_text(), flags=re.MULTILINE | re.DOTALL):
        if part.startswith("#"):
            heading = part.lstrip("# ")
        elif part.startswith("```ledger"):
            found.append(block(heading, part.removeprefix("```ledger\n").removesuffix("```")))
    return found


def block(name: str, text: str) -> Example:
    """Read one block."""
    before, _, after = text.partition("=>\n")
    facts: Facts = {table: [] for table in TABLES}
    chosen: dict[str, Any] = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in before.splitlines())):
        if line.startswith("settings "):
            pairs, _ = words(line)
            chosen |= {n: tuple(v.split(";")) if n == "gpu_signals" else float(v) for n, v in pairs.items()}
        else:
            fact(facts, line)
    if not facts["sources"]:
        fact(facts, "sources supports=capacity;allocation;use;wait 0..60")
    facts = {table: complete(table, "c", rows) for table, rows in facts.items()}
    lines = filter(None, (line.partition("#")[0].strip() for line in after.splitlines()))
    return Example(name, facts, LedgerSettings(**chosen), [expect(line) for line in lines])


Said = list[tuple[dict[str, str | None], dict[str, int]]]
"""Rows of one table of a ledger: what they are about (as text), and their amounts."""


def said(result: Result) -> dict[str, Said]:
    """Give a ledger's rows as the page speaks of them: buckets and hours in minutes."""

    def text(names: tuple[str, ...], key: tuple[Any, ...]) -> dict[str, str | None]:
        found = {n: None if value is None else str(value) for n, value in zip(names, key, strict=True)}
        for name in ("bucket", "hour"):
            if name in found:
                found[name] = f"{(int(found[name] or 0) - ORIGIN) / MINUTE:g}"
        if "day" in found:
            found["day"] = str(int(found["day"] or 0) - ORIGIN // 86_400_000)
        return found

    pools, doubts = ("cluster", "day", "node", "kind"), ("cluster", "day", "node", "gpu", "job_id", "reason")
    demand = ("cluster", "hour", "pool", "partition", "account", "tres")
    three, two = ("used", "inactive", "underused"), ("allocated", "waiting")
    return {
        "entries": [(text(ENTRY, key), {"amount": value}) for key, value in result.entries.items()],
        "pools": [(text(pools, key), dict(zip(three, v, strict=True))) for key, v in result.pools.items()],
        "doubts": [(text(doubts, key), {"samples": value}) for key, value in result.doubts.items()],
        "demand": [(text(demand, key), dict(zip(two, v, strict=True))) for key, v in result.demand.items()],
        "histograms": _histograms(result, text),
    }


HISTOGRAM = ("hour", "node", "gpu", "signal", "counted", "holders", "job_id", "attempt")


def _histograms(result: Result, text: Any) -> Said:
    """Give the rows of histograms, with what they do not hold as 0."""
    rows: dict[Any, dict[str, int]] = {}
    for (_, (key, column)), value in result.histograms.items():
        rows.setdefault(key, dict.fromkeys(("samples", "ppm_ms", *HISTOGRAM_BINS), 0))[column] = value
    return [(text(HISTOGRAM, key), amounts) for key, amounts in rows.items()]


def about(expected: list[Expected], table: str, row: dict[str, str | None]) -> bool:
    """Tell whether the page would have said something of a row: it names its table, and of entries its TRES.

    Of what is not held it speaks only where it gives a figure for any of that.
    """
    mine = [one.where for one in expected if one.table == table]
    if table != "entries":
        return bool(mine) and table != "demand"
    mine = [where for where in mine if where["tres"] == row["tres"]]
    return bool(mine) and (row["category"] not in NOT_HELD or any(where["category"] in NOT_HELD for where in mine))


def differences(example: Example, rows: dict[str, Said]) -> list[str]:
    """Say where a ledger differs from what the page says."""
    wrong: list[str] = []
    matched: set[tuple[str, int]] = set()
    for one in example.expected:
        sums = dict.fromkeys(one.amounts, 0)
        for i, (row, amounts) in enumerate(rows[one.table]):
            if all(row[name] == value for name, value in one.where.items()):
                matched.add((one.table, i))
                sums = {name: sums[name] + amounts[name] for name in sums}
        if sums != one.amounts:
            wrong.append(f"`{one.line}`: { ({n: v / MINUTE for n, v in sums.items()}) } ({sums} exactly)")
    for table, several in rows.items():
        for i, (row, amounts) in enumerate(several):
            if (table, i) not in matched and about(example.expected, table, row):
                shown = {name: value for name, value in row.items() if value is not None and name != "cluster"}
                wrong.append(f"not on the page: {table} {shown} { ({n: v / MINUTE for n, v in amounts.items()}) }")
    return wrong
