"""Asking a server by HTTP: its answers as bytes, bounded in size and time, with patience where the server asks for it.

Connections and TLS are httpx's, waiting and retrying tenacity's. What can be mended by asking again is asked again: a
connection that broke, an answer cut short, 429 and 502 to 504 (as late as `Retry-After` says). All else is told.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from paydown.errors import SourceError, UsageError
from paydown.outside.access import Access

ATTEMPTS = 5
"""How often one thing is asked at most."""

LONGEST_WAIT_S = 60.0
"""How long is waited at most before asking again, whatever the server says."""

_CONNECT_S = 10.0
_BUSY = frozenset({429, 502, 503, 504})
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,120})", re.IGNORECASE)
_SHOWN = 300


class Refused(Exception):  # noqa: N818 -- it is an answer, which the one who asked may deal with
    """The server answered, and will not answer otherwise when asked again."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:_SHOWN].decode(errors='replace')}")
        self.status = status
        """The status of HTTP."""
        self.body = body
        """What it said, as far as it was read."""


class TooLarge(Exception):  # noqa: N818 -- as Refused
    """The answer is longer than it may be; it was not read to its end."""


class _AgainError(Exception):
    """Asking again may help."""

    def __init__(self, told: str, after_s: float = 0.0, refused: Refused | None = None) -> None:
        super().__init__(told)
        self.after_s = after_s
        self.refused = refused


@dataclass(frozen=True)
class Limits:
    """How much patience there is with a server."""

    timeout_s: float = 60.0
    """How long an answer may take from its question to its last byte."""
    bytes: int = 1 << 28
    """How long an answer may be, unpacked."""
    connections: int = 4
    """How many questions may be open at once."""
    attempts: int = ATTEMPTS
    """How often one thing is asked at most."""


class Server:
    """A server that is asked, from several threads at once where need be; every request is counted."""

    def __init__(
        self, url: str, access: Access, limits: Limits | None = None, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.limits = limits or Limits()
        self.url = _checked(url)
        self.calls = 0
        """Requests that were sent."""
        self._sleep = sleep
        self._posts = True
        self._client = httpx.Client(
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **access.shown()},
            auth=access.basic(),
            verify=access.context(),
            timeout=httpx.Timeout(self.limits.timeout_s, connect=min(_CONNECT_S, self.limits.timeout_s)),
            limits=httpx.Limits(max_connections=self.limits.connections),
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(
        self,
        path: str,
        form: Mapping[str, str | list[str]],
        *,
        final: Callable[[Refused], bool] = lambda _: False,
        get: bool = False,
    ) -> bytes:
        """Give the answer at a path below the server's URL to a form, which is posted unless it has to be a GET.

        `final` says of an answer that would be asked for again (429, 503) that it is the last word. Raises `Refused`,
        `TooLarge`, or `SourceError` where there is no answer to be had.
        """
        patience = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_AgainError),
            stop=tenacity.stop_after_attempt(self.limits.attempts),
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return patience(self._once, path, form, final, get=get)
        except _AgainError as error:
            tried = f"asked {self.limits.attempts} times" if self.limits.attempts > 1 else "asked once"
            raise SourceError(f"{self.url}: {error} ({tried}).") from error

    def _once(
        self, path: str, form: Mapping[str, str | list[str]], final: Callable[[Refused], bool], *, get: bool
    ) -> bytes:
        posted = self._posts and not get
        with self._told():
            status, headers, body = self._sent(path, form, posted=posted)
        if status == httpx.codes.METHOD_NOT_ALLOWED and posted:
            self._posts = False
            return self._once(path, form, final, get=True)
        if httpx.codes.is_success(status):
            return self._page(body)
        refused = Refused(status, body)
        if status in _BUSY and not final(refused):
            raise _AgainError(f"it answers {status} ({_said(body)})", _after(headers), refused)
        self._shut(status, headers)
        raise refused

    def _sent(
        self, path: str, form: Mapping[str, str | list[str]], *, posted: bool
    ) -> tuple[int, httpx.Headers, bytes]:
        """Send a request and read its answer."""
        self.calls += 1
        until = time.monotonic() + self.limits.timeout_s
        how: dict[str, Any] = {"data": form} if posted else {"params": form}
        with self._client.stream("POST" if posted else "GET", f"{self.url}{path}", **how) as answer:
            parts, size = [], 0
            for part in answer.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > self.limits.bytes:
                    raise TooLarge(f"an answer of more than {self.limits.bytes:,} bytes")
                if time.monotonic() > until:
                    raise _AgainError(f"it did not finish its answer within {self.limits.timeout_s:g} s")
            return answer.status_code, answer.headers, b"".join(parts)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what goes wrong on the way into words."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise _AgainError(f"it said nothing for {self.limits.timeout_s:g} s") from error
        except httpx.UnsupportedProtocol as error:
            raise UsageError(f"{self.url} is no URL that can be asked: {error}.") from error
        except httpx.RemoteProtocolError as error:
            raise _AgainError(f"its answer broke off ({error})") from error
        except httpx.TransportError as error:
            raise _AgainError(f"it cannot be reached ({error or type(error).__name__})") from error
        except httpx.DecodingError as error:
            raise _AgainError(f"its answer cannot be unpacked ({error})") from error

    def _page(self, body: bytes) -> bytes:
        """Give an answer; a web page is none."""
        if body.lstrip()[:1] == b"<":
            title = _TITLE.search(body[: 1 << 14])
            named = f" ({' '.join(title[1].decode(errors='replace').split())})" if title else ""
            raise SourceError(f"{self.url}: it answers with a web page{named}: is a login or a proxy in between?")
        return body

    def _shut(self, status: int, headers: httpx.Headers) -> None:
        """Say what to do where the server does not let one in, or is another one."""
        if httpx.codes.is_redirect(status):
            raise SourceError(f"{self.url}: it points to {headers.get('location', 'nowhere')}: ask there, or log in.")
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise SourceError(f"{self.url}: it does not let us in ({status}): check token, user or tenant.")
        if status == httpx.codes.NOT_FOUND:
            raise SourceError(f"{self.url}: what was asked for is not there (404): does the URL lack a path?")


def _checked(url: str) -> str:
    """Give a URL without its last slash; one that holds a secret or is none is a `UsageError`."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"{url!r} is no URL: {error}.") from error
    if found.scheme not in {"http", "https"} or not found.host:
        raise UsageError(f"{url!r} is no URL of a server; write it as http://HOST:PORT or https://HOST/PATH.")
    if found.userinfo:
        raise UsageError("A URL must hold no user and no password: anybody may see it. There are flags for them.")
    return url.rstrip("/")


def _wait(state: tenacity.RetryCallState) -> float:
    """Say how long to wait before asking again: ever longer, by chance, and as long as the server says."""
    error = state.outcome.exception() if state.outcome else None
    after = error.after_s if isinstance(error, _AgainError) else 0.0
    usual = tenacity.wait_random_exponential(multiplier=1.0, max=LONGEST_WAIT_S)(state)
    return min(max(usual, after), LONGEST_WAIT_S)


def _after(headers: httpx.Headers) -> float:
    """Read `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3); 0: it is not there or means nothing."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, IndexError):
        return 0.0


def _said(body: bytes) -> str:
    text = " ".join(body[:_SHOWN].decode(errors="replace").split())
    return text or "and says no more"
