"""An S3 server in this process (moto), and what can go wrong with one: late, failing, cut off, heedless."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


@dataclass(frozen=True)
class Request:
    """A request as it comes in."""

    number: int
    method: str
    path: str
    conditional: bool


@dataclass
class Trouble:
    """What goes wrong: for each request, what `plan` says.

    None: nothing. A float: so many seconds late. A status (500, 503): that, and nothing is done. "reset": cut off, and
    nothing is done. "lost": done, and the answer is cut off. "killed": that, and `kill` is called. "heedless": done,
    whatever the conditions.
    """

    plan: object = None
    kill: object = None
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> Counter[str]:
        return Counter(each.method for each in self.requests)

    def once(self, wrong, matches) -> None:
        """Let the first request that matches go wrong."""
        left = [1]

        def plan(request):
            return wrong if matches(request) and left and left.pop() else None

        self.plan = plan


class Server:
    """moto, with conditional puts one at a time (moto's own check and write are two steps)."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.trouble = Trouble()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._writing = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ, start_response):
        trouble = self.trouble
        with trouble.lock:
            request = Request(
                len(trouble.requests), environ["REQUEST_METHOD"], environ["PATH_INFO"], "HTTP_IF_NONE_MATCH" in environ
            )
            trouble.requests.append(request)
        wrong = trouble.plan(request) if trouble.plan else None
        if wrong in {500, 503}:
            name = "SlowDown" if wrong == 503 else "InternalError"
            start_response(f"{wrong} {name}", [("Content-Type", "application/xml")])
            return [f"<Error><Code>{name}</Code></Error>".encode()]
        if wrong == "reset":
            environ["wsgi.input"].read()
            return self._cut(environ)
        if wrong == "heedless":
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if isinstance(wrong, float):
            time.sleep(wrong)
        if request.conditional:
            with self._writing:
                answer = list(self._moto(environ, start_response))
        else:
            answer = self._moto(environ, start_response)
        if wrong == "killed":
            answer = list(answer)
            trouble.kill()
        return self._cut(environ) if wrong in {"lost", "killed"} else answer

    def _cut(self, environ):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError
