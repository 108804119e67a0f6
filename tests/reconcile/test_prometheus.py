"""Prometheus' own means against those of stored samples: a real one with a past that the test writes."""

import time

import pytest
from tests.reconcile.conftest import Nothing, Slurm, facts

from paydown.connectors.interface import Context
from paydown.connectors.prometheus import CONNECTOR, PrometheusSettings
from paydown.errors import UsageError
from paydown.ingest import ingest
from paydown.model.window import from_ms
from paydown.reconcile.prometheus import Mean, settings_of
from paydown.reconcile.run import reconcile
from paydown.reconcile.settings import ReconcileSettings

HOUR = 3_600_000
BLANK = 9223372036854775794
HOSTS = iter(range(10, 90))


class Past:
    """Two hours of a host's two GPUs in Prometheus and in a store."""

    def __init__(self, prometheus, store):
        self.prometheus, self.store = prometheus, store
        self.end = int(time.time()) * 1000 // HOUR * HOUR - 24 * HOUR
        self.start = self.end - 2 * HOUR
        self.host = f"gpu{next(HOSTS)}"

    def write(self, gpu=0, **odd):
        """Write a reading each minute, busier and busier; `odd` says what the tenth of each hour shows."""
        at = range(self.start + 30_000, self.end, 60_000)
        said = [{"util": number % 100, "fb_used": 1000 + number} for number in range(120)]
        said = [odd if odd and number % 60 == 10 else usual for number, usual in enumerate(said)]
        self.prometheus.past(self.host, gpu, list(zip(said, at, strict=True)))

    def read(self, **window):
        asked = {"start_ms": self.start, "end_ms": self.end, "match": f'Hostname="{self.host}"', **window}
        settings = PrometheusSettings(url=self.prometheus.url, **asked)
        ingest(self.store, CONNECTOR, settings, Context(cluster="lab", clock=lambda: self.end + HOUR))

    def judged(self):
        began, ended = (from_ms(ms).isoformat()[:19] for ms in (self.start, self.end))
        source = facts({"nodes": [{"node": self.host, "partitions": "", "gpus": 2, "start": began}]}, began, ended)
        ingest(self.store, source, Nothing(), Context())
        more = {"url": self.prometheus.url, "prometheus": {"match": f'Hostname="{self.host}"'}}
        asked = ReconcileSettings(start_ms=self.start, end_ms=self.end, check=("prometheus",), **more)
        found = reconcile(self.store.snapshot(), asked, Slurm()).figures
        columns = [each.figure.figure.removeprefix("mean ").split(" of ")[0] for each in found]
        return {(each.figure.of[3:].strip(), name): each for each, name in zip(found, columns, strict=True)}


@pytest.fixture
def past(prometheus, store):
    return Past(prometheus, store)


def test_what_was_read_is_what_prometheus_says(past):
    past.write(0)
    past.write(1)
    past.read()
    found = past.judged()
    assert {key: each.verdict for key, each in found.items()} == {
        ("", "gpu_util_ratio"): "equal", ("", "gr_engine_active_ratio"): "equal", ("", "memory_used_mib"): "equal",
    }  # fmt: skip
    assert found["", "gpu_util_ratio"].figure.ours == pytest.approx(sum(n % 100 for n in range(120)) / 12_000)
    assert found["", "memory_used_mib"].figure.figure.endswith("of 2 devices")


def test_a_unit_that_was_taken_wrongly_is_red(past):
    past.write()
    past.read(map=("gpu_util_ratio=DCGM_FI_DEV_GPU_UTIL:permille",))
    found = past.judged()
    assert found[f"{past.host}/0", "gpu_util_ratio"].verdict == "red"
    assert found["", "gpu_util_ratio"].verdict == "red"
    assert found["", "memory_used_mib"].verdict == "equal"


def test_readings_that_are_none_are_worked_out(past):
    past.write(fb_used=BLANK, util=BLANK, gr_engine=BLANK)
    past.read()
    found = past.judged()[f"{past.host}/0", "memory_used_mib"]
    assert (found.verdict, "blanks" in found.why, "2 readings say that there is none" in found.why) == (
        "explained",
        True,
        True,
    )


def test_readings_that_are_not_stored_reach_as_far_as_they_can(past):
    past.write()
    past.read(end_ms=past.start + HOUR // 2)
    past.read(start_ms=past.start + HOUR)
    found = past.judged()
    each = found[f"{past.host}/0", "gpu_util_ratio"]
    assert (each.verdict, found["", "gpu_util_ratio"].verdict) == ("explained", "explained")
    assert each.why.startswith("not stored (up to 0.247 ratio): 30 of 120 readings are not in the store")
    assert found["", "memory_used_mib"].verdict == "within"


def test_no_samples_are_skipped(past):
    past.write()
    (found,) = past.judged().values()
    assert (found.verdict, found.why) == ("skipped", "the store has no samples of devices in this window")


def test_a_server_that_is_not_there_is_skipped(past, monkeypatch):
    past.write()
    past.read()
    past.prometheus = type("Gone", (), {"url": "http://127.0.0.1:1", "past": None})()
    monkeypatch.setattr("paydown.outside.http.ATTEMPTS", 1)
    monkeypatch.setattr("time.sleep", lambda _: None)
    (found,) = past.judged().values()
    assert found.verdict == "skipped"
    assert "127.0.0.1:1" in found.why


def test_settings_of_the_source_are_taken_and_others_refused():
    assert settings_of("http://x", {"token-file": "/t", "short-names": "true"}).short_names
    with pytest.raises(UsageError, match="--prometheus: tokn_file"):
        settings_of("http://x", {"tokn-file": "/t"})


def test_means_add_up():
    found = Mean()
    found.add(2, 1.0, 1.5)
    found.add(1, 4.0, 4.0)
    assert (found.count, found.mean, found.most) == (3, 2.0, 4.0)
