"""People from CSV: one row for each user name, or for each stretch of time that it spent in a team."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow as pa

from paydown.connectors.identities.said import Said
from paydown.errors import InputError, UsageError
from paydown.model.batch import LINE, Reject
from paydown.model.delimited import BrokenLine, Dialect, Source, header_of, read_delimited
from paydown.model.when import when

if TYPE_CHECKING:
    from paydown.connectors.identities.settings import IdentitiesSettings

NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user", "login", "username", "userid", "uid", "account", "netid", "unixname"),
    "display": ("display", "name", "displayname", "fullname"),
    "email": ("email", "mail", "emailaddress"),
    "team": ("team", "group", "researchgroup", "workinggroup"),
    "department": ("department", "dept", "division", "faculty", "institute"),
    "cluster": ("cluster",),
    "start": ("start", "from", "since", "validfrom"),
    "end": ("end", "to", "until", "validto"),
}
"""The names under which a column is known; case, spaces, dashes and underscores do not matter."""

_MOST = 4_096
_DATE = re.compile(r"\d{4}-\d{2}")


@dataclass
class Csv:
    """One CSV file, and what is wrong with it."""

    source: Source
    settings: IdentitiesSettings
    zone: ZoneInfo
    rejects: list[Reject] = field(default_factory=list)

    def read(self) -> Iterator[Said]:
        """Give what each row says; a file without a column of user names is an `InputError`."""
        dialect = Dialect(_delimiter(self.source.first))
        header = header_of(self.source, dialect)
        places = self._places(header)
        wanted = list(dict.fromkeys(places.values()))
        for rows in read_delimited(self.source, header, dialect, self._broken, wanted):
            cells = {what: rows[name].combine_chunks().cast(pa.binary()).to_pylist() for what, name in places.items()}
            for at, line in enumerate(rows[LINE].to_pylist()):
                said = self._said({what: values[at] for what, values in cells.items()}, line)
                if said is not None:
                    yield said

    def _places(self, header: list[str]) -> dict[str, str]:
        """Find which column is which."""
        known = {_plain(name): name for name in reversed(header)}
        found = {what: known[word] for what, words in NAMES.items() for word in reversed(words) if word in known}
        for what, name in self.settings.columns.items():
            if what not in NAMES or name not in header:
                wrong = f"{name!r} is no column of it" if what in NAMES else f"{what!r} is none of {', '.join(NAMES)}"
                raise InputError(f"{self.source.name}: --columns {what}={name}: {wrong}; it has {', '.join(header)}.")
            found[what] = name
        if "user" not in found:
            raise InputError(
                f"{self.source.name}: no column holds user names; it has {', '.join(header[:20])}. Name one `user`, or "
                "say which it is with --columns user=NAME."
            )
        self._check_near(header, found)
        return found

    def _check_near(self, header: list[str], found: dict[str, str]) -> None:
        """Take a column that is nearly one of ours for a misspelt one; other columns are not read."""
        words = {word: what for what, names in NAMES.items() if what not in found for word in names}
        for name in header:
            close = get_close_matches(_plain(name), words, 1, 0.8) if name not in found.values() else []
            if close:
                raise InputError(f"{self.source.name}: the column {name!r}: did you mean `{words[close[0]]}`?")
        if set(found) <= {"user", "cluster", "start", "end"}:
            raise InputError(
                f"{self.source.name}: no column says more than the user name; it has {', '.join(header[:20])}. Name "
                "one `team`, or say which it is with --columns team=NAME."
            )

    def _said(self, raw: dict[str, bytes | None], line: int) -> Said | None:
        """Read a row; None where it is a reject."""
        try:
            cells = {what: _text(value) for what, value in raw.items()}
            times = {what: self._moment(cells.get(what)) for what in ("start", "end")}
        except _BadCell as error:
            self._reject(line, error.reason, error.detail)
            return None
        login = cells.get("user")
        if not login:
            self._reject(line, "bad-key", "the row has no user name")
            return None
        texts = {what: cells.get(what) for what in ("cluster", "display", "email", "team", "department")}
        return Said(login, self.source.name, line, **texts, start_ms=times["start"], end_ms=times["end"])

    def _moment(self, text: str | None) -> int | None:
        if text is None:
            return None
        if not _DATE.match(text):
            raise _BadCell("not-a-time", "start or end is no date such as 2026-01-31")
        try:
            return when(text, now_ms=0, zone=self.zone).ms
        except UsageError:
            raise _BadCell("not-a-time", "start or end is no date such as 2026-01-31") from None

    def _broken(self, broken: BrokenLine) -> None:
        detail = f"the line has {broken.cells} cells, and the first line {broken.expected}"
        self._reject(broken.line, "wrong-cells", detail)

    def _reject(self, line: int, reason: str, detail: str) -> None:
        self.rejects.append(Reject("identities", self.source.name, line, reason, detail, ""))


class _BadCell(Exception):  # noqa: N818 -- a value on its way to a reject
    """A cell that cannot be believed."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    if b"\0" in value:
        raise _BadCell("nul-byte", "a cell holds a NUL byte")
    if len(value) > _MOST:
        raise _BadCell("too-long", f"a cell is longer than {_MOST:,} bytes")
    try:
        return value.decode().strip() or None
    except UnicodeDecodeError:
        raise _BadCell("not-utf8", "a cell is not UTF-8: save the file in UTF-8") from None


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", "", name).lower()


def _delimiter(line: str) -> str:
    """Give what stands between the cells: whichever of comma, semicolon and tab the first line has most of."""
    return max(",;\t", key=line.count)
