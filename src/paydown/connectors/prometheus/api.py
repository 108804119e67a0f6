"""The API of Prometheus, as far as it is asked; every answer is checked, and counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from paydown.dialects.samples.matrix import GarbledError, Matrix, Vector, matrix, names, told, vector
from paydown.errors import SourceError
from paydown.model.units import MS_PER_SECOND
from paydown.outside.http import Refused, Server, TooLarge

_QUERY, _RANGE = "/api/v1/query", "/api/v1/query_range"
_GARBLED_TRIES = 3
_WITHIN_LIMITS = re.compile(
    r"too many|too long|too large|exceed|limit|memory|maximum|timed out|timeout|canceled", re.IGNORECASE
)
"""Words by which servers say that a question asks for too much: Prometheus, Thanos, Mimir and VictoriaMetrics."""

_SHOWN = 200

Read = TypeVar("Read")
Form = Mapping[str, str | list[str]]


class TooMuchError(Exception):
    """The server will not answer a question of this size: ask for less at once."""


class Api:
    """A server that answers queries."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.warnings: dict[str, None] = {}
        """What it said of answers that may not be whole."""

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._server.url

    @property
    def calls(self) -> int:
        """How many requests were sent."""
        return self._server.calls

    def readings(self, selector: str, start_ms: int, end_ms: int, origin: str) -> Matrix:
        """Give the readings of series in [start, end) as they were scraped, with their own times.

        A range query would repeat the last reading for five minutes after its exporter was lost; a range selector at
        an instant gives what is stored, and nothing else.
        """
        form = {"query": f"{selector}[{end_ms - start_ms}ms]", "time": _seconds(end_ms - 1)}
        found = self._asked(_QUERY, form, lambda body: matrix(body, origin))
        self.warnings.update(dict.fromkeys(found.told.warnings))
        return found

    def steps(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        """Give what a query is at instants that are a step apart."""
        form = {
            "query": query, "start": _seconds(start_ms), "end": _seconds(end_ms), "step": _seconds(step_ms),
        }  # fmt: skip
        return self._asked(_RANGE, form, lambda body: matrix(body, self.url))

    def instant(self, query: str, at_ms: int) -> Vector:
        """Give what a query is at an instant."""
        return self._asked(_QUERY, {"query": query, "time": _seconds(at_ms)}, vector)

    def values(self, label: str, selectors: Iterable[str], start_ms: int, end_ms: int) -> list[str]:
        """Give the values of a label of series in a time."""
        form: Form = {"match[]": list(selectors), "start": _seconds(start_ms), "end": _seconds(end_ms)}
        return self._asked(f"/api/v1/label/{label}/values", form, names, get=True)

    def _asked(self, path: str, form: Form, read: Callable[[bytes], Read], *, get: bool = False) -> Read:
        for tried in range(1, _GARBLED_TRIES + 1):
            body = self._answer(path, form, get=get)
            try:
                return read(body)
            except GarbledError as error:
                if tried == _GARBLED_TRIES:
                    shown = body[:_SHOWN].decode(errors="replace")
                    raise SourceError(f"{self.url}: its answer cannot be read: {error}. It begins: {shown}") from error
        raise AssertionError

    def _answer(self, path: str, form: Form, *, get: bool) -> bytes:
        """Ask; what the server says of a question that it will not answer becomes an error of ours."""
        try:
            return self._server.ask(path, {"partial_response": "false", **form}, final=_timed_out, get=get)
        except TooLarge as error:
            raise TooMuchError(str(error)) from error
        except Refused as refused:
            said = _error(refused)
            if _timed_out(refused) or (refused.status in {413, 422} and _WITHIN_LIMITS.search(said)):
                raise TooMuchError(said) from refused
            raise SourceError(f"{self.url}: it refuses a query ({refused.status}): {said}") from refused


def _seconds(ms: int) -> str:
    return f"{ms // MS_PER_SECOND}.{ms % MS_PER_SECOND:03}"


def _timed_out(refused: Refused) -> bool:
    """Say whether a server gave up on a query: asking for the same again would only be load."""
    try:
        return told(refused.body).error_kind in {"timeout", "canceled"}
    except GarbledError:
        return False


def _error(refused: Refused) -> str:
    try:
        said = told(refused.body)
    except GarbledError:
        return " ".join(refused.body[:_SHOWN].decode(errors="replace").split()) or "it says no more"
    return f"{said.error_kind}: {said.error}" if said.error_kind else said.error
