"""A small real HTTP server that replays recorded answers of a real Prometheus.

Answers are found again by what was asked: after a change of the questions they have to be recorded anew (record.py).
"""

import gzip
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

RUNNING = {}
"""Servers that run until this process ends, by file."""


def question(handler):
    """Give path and form of a request, whether it is a GET or a POST."""
    split = urlsplit(handler.path)
    length = int(handler.headers.get("Content-Length") or 0)
    form = parse_qsl(split.query) + parse_qsl(handler.rfile.read(length).decode())
    return split.path, tuple(sorted(pair for pair in form if pair[0] != "partial_response"))


@contextmanager
def serving(answer):
    """Serve what `answer(handler)` writes, on a free port; give the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            answer(self)

        do_POST = do_GET  # noqa: N815 -- as http.server calls it

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def send(handler, body, status=200, **headers):
    """Answer with a body, in full."""
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def recorded(file):
    """Read recorded answers by question."""
    rows = json.loads(gzip.decompress(Path(file).read_bytes()))["answers"]
    return {(row["path"], tuple(map(tuple, row["form"]))): row["body"].encode() for row in rows}


@contextmanager
def replaying(file):
    """Serve recorded answers; what was not recorded is a 404 that says so."""
    known = recorded(file)

    def answer(handler):
        asked = question(handler)
        body = known.get(asked)
        if body is None:
            send(handler, f"not recorded: {asked}".encode(), 400)
        else:
            send(handler, body)

    with serving(answer) as url:
        yield url


def started(file):
    """Replay a file for the rest of this process; give the URL."""
    if file not in RUNNING:
        server = replaying(file)
        RUNNING[file] = (server, server.__enter__())
    return RUNNING[file][1]
