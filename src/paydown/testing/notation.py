"""The words of the tiny-cluster notation: statements, quantities, places. docs/testing.md is its description."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import floor

from paydown.model.instants import parse_instant

KEYWORDS = (
    "cluster", "origin", "step", "horizon", "supports", "node", "device", "state", "says", "job", "hold", "use", "row",
)  # fmt: skip

_NEXT = re.compile(rf";\s+(?=(?:{'|'.join(KEYWORDS)})\b)")
_PAIR = re.compile(r"([a-z_]+)=(.*)", re.DOTALL)
_PARTS = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MIB = {"": 1, "M": 1, "G": 1_024, "T": 1_048_576}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]?)")
_RANGE = re.compile(r"(\d+)-(\d+)")


class NotationError(ValueError):
    """A text that is no tiny cluster; the message names the line and what was expected there."""


@dataclass(frozen=True)
class Statement:
    """One statement of a text."""

    line: int
    """Its 1-based line."""
    keyword: str
    words: tuple[str, ...]
    """What follows the keyword and is no pair: names, and the strip."""
    pairs: dict[str, str] = field(default_factory=dict)
    """Its `key=value` words."""

    def error(self, text: str) -> NotationError:
        """Make an error that names the line."""
        return NotationError(f"line {self.line}: {self.keyword}: {text}")

    def only(self, *known: str) -> None:
        """Refuse a key that is none of those known."""
        for key in self.pairs:
            if key not in known:
                raise self.error(f"there is no `{key}=` here{near(key, known)} (known: {', '.join(known)})")

    def word(self, at: int, what: str) -> str:
        """Give the word at a place, which must be there."""
        if at >= len(self.words):
            raise self.error(f"{what} is missing")
        return self.words[at]

    def milli(self, key: str) -> int | None:
        """Give an amount of devices or CPUs in thousandths: `2`, `0.5` or `500m`; None where it is not given."""
        amount, unit = self._amount(key, ("", "m"))
        return None if amount is None else round_half_up(amount if unit else amount * 1000)

    def whole(self, key: str) -> int | None:
        """Give a whole number; None where it is not given."""
        amount, _ = self._amount(key, ("",))
        if amount is not None and amount != int(amount):
            raise self.error(f"{key}={self.pairs[key]} is no whole number")
        return None if amount is None else int(amount)

    def mib(self, key: str) -> int | None:
        """Give an amount of memory in MiB: `64G`, `512M`, `2T`, or plain MiB; None where it is not given."""
        amount, unit = self._amount(key, tuple(_MIB))
        return None if amount is None else round_half_up(amount * _MIB[unit])

    def duration(self, key: str, default: int) -> int:
        """Give a length of time in ms, such as `90s` or `1h30m`."""
        return duration(self, self.pairs[key]) if key in self.pairs else default

    def _amount(self, key: str, units: Sequence[str]) -> tuple[float | None, str]:
        text = self.pairs.get(key)
        if text is None:
            return None, ""
        found = _AMOUNT.fullmatch(text)
        if not found or found[2] not in units:
            shown = ", ".join(f"`{unit}`" for unit in units if unit)
            raise self.error(
                f"{key}={text} is no amount (a number{f', with {shown} or nothing after it' * bool(shown)})"
            )
        return float(found[1]), found[2]


@dataclass(frozen=True)
class Place:
    """A node and devices of it."""

    node: str
    devices: tuple[str, ...]
    """Device names; empty: none are named."""


def near(word: str, known: Sequence[str]) -> str:
    """Give `; did you mean X?` where a known word is near, else an empty text."""
    found = get_close_matches(word, known, 1)
    return f"; did you mean `{found[0]}`?" if found else ""


def round_half_up(value: float) -> int:
    """Round to a whole number, halves up."""
    return floor(value + 0.5)


def statements(text: str) -> Iterator[Statement]:
    """Split a text into statements: one to a line, or several with `; ` between; `#` begins a comment."""
    for number, line in enumerate(text.splitlines(), 1):
        for part in _NEXT.split(line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError as error:
                raise NotationError(f"line {number}: a quotation mark is not closed") from error
            if words:
                yield _statement(number, words)


def _statement(number: int, words: list[str]) -> Statement:
    keyword, rest = words[0], words[1:]
    if keyword not in KEYWORDS:
        known = ", ".join(KEYWORDS)
        raise NotationError(
            f"line {number}: no statement begins with `{keyword}`{near(keyword, KEYWORDS)} (known: {known})"
        )
    plain: list[str] = []
    pairs: dict[str, str] = {}
    for word in rest:
        pair = _PAIR.fullmatch(word)
        if pair is None:
            plain.append(word)
        elif pair[1] in pairs:
            raise NotationError(f"line {number}: {keyword}: `{pair[1]}=` is given twice")
        else:
            pairs[pair[1]] = pair[2]
    return Statement(number, keyword, tuple(plain), pairs)


def duration(statement: Statement, text: str) -> int:
    """Give a length of time in ms: numbers with ms, s, m, h or d, one after the other."""
    if not _PARTS.fullmatch(text):
        raise statement.error(f"`{text}` is no length of time; write it as `90s`, `5m` or `1h30m`")
    return round_half_up(sum(float(number) * _MS[unit] for number, unit in _PART.findall(text)))


def instant(statement: Statement, text: str, origin: int) -> int:
    """Give an instant in ms since the epoch: `+90m` after the origin, or RFC 3339 (UTC where no offset is given)."""
    if text.startswith("+"):
        return origin + duration(statement, text[1:])
    found = parse_instant(text)
    if found is None:
        raise statement.error(f"`{text}` is no instant; write it as `2024-01-01T00:00` or as `+90m` after the origin")
    return found


def places(statement: Statement, text: str) -> tuple[Place, ...]:
    """Read `n1:0,1+n2:0-7`: nodes with `+` between, devices after a colon."""
    return tuple(_place(statement, part) for part in text.split("+"))


def _place(statement: Statement, text: str) -> Place:
    node, colon, listed = text.partition(":")
    names: list[str] = []
    for part in listed.split(",") if colon else ():
        span = _RANGE.fullmatch(part)
        names += [str(at) for at in range(int(span[1]), int(span[2]) + 1)] if span else [part]
    if not node or not all(names) or (colon and not names) or len(set(names)) != len(names):
        raise statement.error(f"`{text}` is no place; write it as `n1`, `n1:0,1`, `n1:0-7` or `n1:3/1`")
    return Place(node, tuple(names))
