"""A real Prometheus that scrapes exporters whose values a test sets, and takes a past that a test writes."""

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.services.dcgm_exporter import labels_of, readings
from tests.services.remote_write import write
from tests.services.running import need, running

SETTLE_S = 30
WATCHED = {
    "DCGM_FI_DEV_GPU_UTIL": "util",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": "gr_engine",
    "DCGM_FI_DEV_FB_USED": "fb_used",
}
"""The metrics of a past, and the readings that they show."""


@dataclass
class Prometheus:
    """A Prometheus on loopback with hosts gpu01 to gpu04 of eight GPUs each, scraped each second."""

    folder: Path
    url: str
    node_exporter: str
    exporter: str

    def set(self, **cards):
        """Set what GPUs show from now on: `set(**{"gpu03/2": {"util": 0}})`; dcgm_exporter.py says what can be set."""
        return json.loads(_send(f"{self.exporter}/set", json.dumps(cards).encode()))

    def reset(self):
        """Let every GPU be idle again."""
        _send(f"{self.exporter}/reset", b"{}")

    def query(self, expression, at=None):
        """Give the samples of an instant query: pairs of labels and value."""
        asked = {"query": expression, **({} if at is None else {"time": at})}
        with urlopen(f"{self.url}/api/v1/query?{urlencode(asked)}", timeout=30) as answer:  # noqa: S310
            found = json.load(answer)["data"]["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def wait(self, expression):
        """Wait until a query has an answer, and give it."""
        until = time.monotonic() + SETTLE_S
        while not (found := self.query(expression)):
            if time.monotonic() > until:
                raise RuntimeError(f"no answer to {expression} within {SETTLE_S} s")
            time.sleep(0.1)
        return found

    def write(self, series):
        """Write series of the past: pairs of labels (`__name__` among them) and of (value, milliseconds) samples."""
        write(self.url, series)

    def past(self, host, gpu, samples, **labels):
        """Write what dcgm-exporter on a host had shown of a GPU: (what is set, milliseconds) samples.

        `labels` are further ones, as `hpc_job`; the target's are job dcgm and instance HOST:9400.
        """
        own = labels_of(host, gpu, None, labels, labels.get("hpc_job"))
        own |= {"instance": f"{host}:9400", "job": "dcgm"} | labels
        self.write(
            [
                ({"__name__": metric, **own}, [(readings(said)[key], at) for said, at in samples])
                for metric, key in WATCHED.items()
            ]
        )


def _send(url, body):
    with urlopen(Request(url, body), timeout=30) as answer:  # noqa: S310
        return answer.read()


@contextmanager
def scraping():
    """Run it."""
    need("prometheus", "promtool", "prometheus-node-exporter", "curl")
    with running("prometheus", PYTHON=sys.executable) as place:
        urls = [f"http://127.0.0.1:{place.port + offset}" for offset in range(3)]
        yield Prometheus(place.folder, *urls)
