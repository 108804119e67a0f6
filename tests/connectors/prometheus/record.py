"""Record what a real Prometheus answers to the connector: `python -m tests.connectors.prometheus.record` (two minutes).

It runs Debian's prometheus and prometheus-node-exporter and the stand-in for dcgm-exporter (tests/services), changes
what the GPUs show, asks, and writes tests/dumps/prometheus/lab.json.gz.
"""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.connectors.prometheus.replay import question, send, serving
from tests.connectors.prometheus.sample import FILE

from paydown.connectors.interface import Context
from paydown.connectors.prometheus import CONNECTOR

PORT, NODE, DCGM = 29_700, 29_701, 29_702
TARGETS = [("node", "gpu01:9100", NODE, "/metrics")]
TARGETS += [("dcgm", f"{host}:9400", DCGM, f"/{host}/metrics") for host in ("gpu01", "gpu02")]
TARGETS += [("jobstats", f"{host}:9306", DCGM, f"/{host}/jobs") for host in ("gpu01", "gpu02")]
CHANGES = (  # seconds to wait after each
    (50, {"gpu01/0": {"hpc_job": "17", "util": 80}, "gpu02/0": {"util": 55},
          "gpu01/1": {"mig": [{"id": 1, "profile": "3g.40gb", "util": 30, "hpc_job": "18"}]}}),
    (20, {"gpu02/0": {"blank": True}}),
    (20, {"gpu02/0": {"blank": None, "util": 0}, "gpu01/0": {"util": 0}}),
    (20, {"gpu02/1": {"missing": True}}),
)  # fmt: skip


def config():
    """Write what is scraped, each host a target of the cluster lab."""
    scrapes = [
        {
            "job_name": f"{job}-{instance}",
            "metrics_path": path,
            "static_configs": [
                {
                    "targets": [f"127.0.0.1:{port}"],
                    "labels": {"job": job, "instance": instance, "cluster": "lab"},
                }
            ],
        }
        for job, instance, port, path in TARGETS
    ]
    return json.dumps({"global": {"scrape_interval": "5s", "scrape_timeout": "5s"}, "scrape_configs": scrapes})


@contextmanager
def run(*command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def change(said):
    with urlopen(Request(f"http://127.0.0.1:{DCGM}/set", json.dumps(said).encode()), timeout=10):
        pass


def main():
    exporter = Path(__file__).parents[2] / "services" / "dcgm_exporter.py"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "prometheus.yml").write_text(config())
        stack.enter_context(run(sys.executable, exporter, str(DCGM), "gpu01", "gpu02", "--gpus", "2"))
        stack.enter_context(run("prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{NODE}"))
        stack.enter_context(
            run(
                "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{PORT}",
            )
        )  # fmt: skip
        time.sleep(5)
        start = int(time.time() * 1000)
        for seconds, said in CHANGES:
            change(said)
            time.sleep(seconds)
        keep(f"http://127.0.0.1:{PORT}", start, int(time.time() * 1000))


def keep(url, start_ms, end_ms):
    """Ask as the connector does, without a cluster's name and with one, and keep what is answered."""
    kept = {}

    def answer(handler):
        path, form = question(handler)
        with urlopen(f"{url}{path}?{urlencode(form)}", timeout=60) as found:  # noqa: S310
            kept[path, form] = found.read()
        send(handler, kept[path, form])

    with serving(answer) as here:
        settings = CONNECTOR.settings(url=here, start_ms=start_ms, end_ms=end_ms, concurrency=1, lag="0s")
        for cluster in (None, "named-by-the-user"):
            list(CONNECTOR.read(settings, Context(cluster=cluster)))
    rows = [{"path": path, "form": form, "body": body.decode()} for (path, form), body in sorted(kept.items())]
    made = json.dumps({"program": "prometheus 2.42.0", "from": start_ms, "to": end_ms, "answers": rows}, indent=0)
    FILE.write_bytes(gzip.compress(made.encode(), mtime=0))


if __name__ == "__main__":
    main()
