"""Strips: one character for each step of time. docs/testing.md is their description."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paydown.model.facts import JOB_STATES
from paydown.testing.notation import NotationError, Statement, near

_STATES = "|".join(sorted(JOB_STATES, key=len, reverse=True))
_ATOM = re.compile(
    rf"(?P<group>\[[^\[\]]*\])|(?P<value>\([^()]*\))|!(?P<state>{_STATES})|(?P<wrong>![A-Za-z_]*)|(?P<char>[^{{}}])"
)
_TIMES = re.compile(r"\{(\d+)\}")
_MOST = 1_000_000


@dataclass(frozen=True)
class Atom:
    """One step of a strip, or a mark between two steps."""

    kind: str
    """`char`, `value` (an exact figure), or `state` (a mark, no time)."""
    text: str


@dataclass(frozen=True)
class Strip:
    """A strip as read."""

    atoms: tuple[Atom, ...]
    open: bool
    """Whether it ends with `>`: what holds at its end goes on."""

    @property
    def length(self) -> int:
        """How many steps it has."""
        return sum(atom.kind != "state" for atom in self.atoms)


@dataclass(frozen=True)
class Run:
    """A stretch of equal characters."""

    symbol: str
    first: int
    """Its first step."""
    last: int | None
    """The step after its last one; None: it goes on."""


def strip(statement: Statement, words: Sequence[str]) -> Strip:
    """Read a strip; spaces and `|` only part it for the eye."""
    text = "".join(words).replace("|", "")
    is_open = text.endswith(">")
    atoms = tuple(_atoms(statement, text.removesuffix(">")))
    if len(atoms) > _MOST:
        raise statement.error(f"the strip has more than {_MOST:,} steps")
    return Strip(atoms, is_open)


def _atoms(statement: Statement, text: str) -> Iterator[Atom]:
    at = 0
    while at < len(text):
        found = _ATOM.match(text, at)
        if found is None or found["char"] in ("(", ")", "[", "]", ">"):
            raise statement.error(f"the strip cannot be read from `{text[at:]}` on")
        if found["wrong"]:
            raise _no_state(statement, found["wrong"])
        at = found.end()
        repeat = _TIMES.match(text, at)
        at = repeat.end() if repeat else at
        times = int(repeat[1]) if repeat else 1
        if times > _MOST:
            raise statement.error(f"the strip has more than {_MOST:,} steps")
        yield from _meant(statement, found) * times


def _meant(statement: Statement, found: re.Match[str]) -> list[Atom]:
    if found["group"]:
        return list(_atoms(statement, found["group"][1:-1]))
    if found["value"]:
        return [Atom("value", found["value"][1:-1])]
    return [Atom("state", found["state"])] if found["state"] else [Atom("char", found["char"])]


def _no_state(statement: Statement, text: str) -> NotationError:
    return statement.error(f"`{text}` is no state of a job{near(text[1:], JOB_STATES)}")


def runs(statement: Statement, found: Strip, symbols: str) -> list[Run]:
    """Give the stretches of equal characters, those of `.` left out; only these symbols may occur."""
    result: list[Run] = []
    for at, atom in enumerate(found.atoms):
        if atom.kind != "char" or atom.text not in symbols + ".":
            shown = atom.text if atom.kind == "char" else f"({atom.text})" if atom.kind == "value" else f"!{atom.text}"
            raise statement.error(f"`{shown}` cannot stand in this strip; it has `{'`, `'.join(symbols)}` and `.`")
        if atom.text == ".":
            continue
        if result and result[-1].symbol == atom.text and result[-1].last == at:
            result[-1] = Run(atom.text, result[-1].first, at + 1)
        else:
            result.append(Run(atom.text, at, at + 1))
    if found.open and result and result[-1].last == found.length:
        result[-1] = Run(result[-1].symbol, result[-1].first, None)
    return result
