"""A small server that answers from recorded series of a real Prometheus, cut to what is asked, and may answer wrongly.

Only what the connector asks is understood: names by a regular expression, a range, counts by label. `fault` is called
with each question about readings; what it gives (a function that writes an answer) is done instead.
"""

import gzip
import json
import re
from contextlib import contextmanager

from tests.connectors.prometheus.replay import question, send, serving
from tests.connectors.prometheus.sample import FILE

NAMES = re.compile(r'__name__=~"([^"]*)"')
RANGE = re.compile(r"\[(\d+)ms\]$")
BY = re.compile(r"^count by \(([^)]*)\)")


def body_of(result, kind="matrix", **more):
    """Write an answer."""
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


def error_of(kind, text):
    """Write an error as Prometheus does."""
    return json.dumps({"status": "error", "errorType": kind, "error": text}).encode()


class Lab:
    """The recorded series."""

    def __init__(self):
        recorded = json.loads(gzip.decompress(FILE.read_bytes()))
        self.start_ms, self.end_ms = recorded["from"], recorded["to"]
        self.series = {}
        for row in recorded["answers"]:
            if RANGE.search(dict(row["form"])["query"]):
                for each in json.loads(row["body"])["data"]["result"]:
                    self.series[json.dumps(each["metric"], sort_keys=True)] = each
        self.asked = []
        self.fault = lambda names, start, end: None
        self.change = lambda result: result

    def answer(self, handler):
        """Answer a request."""
        path, form = question(handler)
        asked = dict(form)
        query = asked["query"]
        names = re.compile(NAMES.search(query)[1].replace("\\\\", "\\")) if NAMES.search(query) else None
        names = names or re.compile(re.escape(query.partition("(")[2].partition("{")[0] or query.partition("{")[0]))
        chosen = [each for each in self.series.values() if names.fullmatch(each["metric"]["__name__"])]
        reach = RANGE.search(query)
        if reach is None:
            send(handler, self.counted(chosen, BY.match(query)[1].split(", "), path, asked))
            return
        end = float(asked["time"])
        start = end - int(reach[1]) / 1000
        self.asked.append((query, start, end))
        fault = self.fault(query, start, end)
        if fault is not None:
            fault(handler)
            return
        send(handler, body_of(self.change(list(cut(chosen, start, end)))))

    def counted(self, chosen, by, path, asked):
        """Count series by labels, each as if it were there all the time."""
        found = {}
        for each in chosen:
            key = tuple((label, each["metric"][label]) for label in by if label in each["metric"])
            found[key] = found.get(key, 0) + 1
        if path.endswith("query_range"):
            return body_of(
                [{"metric": dict(key), "values": [[float(asked["start"]), str(n)]]} for key, n in found.items()]
            )
        rows = [{"metric": dict(key), "value": [float(asked["time"]), str(n)]} for key, n in found.items()]
        return body_of(rows, "vector")


def cut(series, start, end):
    """Give what series have in (start, end]."""
    for each in series:
        values = [pair for pair in each["values"] if start < pair[0] <= end]
        if values:
            yield {"metric": each["metric"], "values": values}


@contextmanager
def lab():
    """Serve the recorded series; give them and the URL."""
    found = Lab()
    with serving(found.answer) as url:
        yield found, url
