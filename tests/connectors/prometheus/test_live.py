"""A real Prometheus, asked by the connector: what comes is what was scraped, and nothing where nothing was."""

import time
from collections import Counter

import pytest

from paydown.connectors.interface import Context
from paydown.connectors.prometheus import CONNECTOR
from paydown.errors import SourceError
from paydown.ingest import ingest
from paydown.model.batch import Batch, Mark, Reject, Vouch
from paydown.store import open_store

HOUR = 3_600_000
UTIL = "gpu_util_ratio"


def settings(server, **given):
    return CONNECTOR.settings(url=server.url, lag="0s", node_from="^([^.:]+)", **given)


def rows_of(items, table="gpu_samples"):
    """Give the rows of a table, times in ms."""
    rows = []
    for item in items:
        if isinstance(item, Batch) and item.table == table:
            rows += item.rows.to_pylist()
    return rows


@pytest.fixture
def past(prometheus):
    """Write a past of an hour, scraped every 30 s, of a GPU that no exporter shows now; give its first and last ms."""
    host = f"old{time.time_ns() % 10**9}"
    start = int(time.time() * 1000) // 60_000 * 60_000 - 5 * HOUR

    def write(gpu, said, **labels):
        prometheus.past(host, gpu, [(readings, start + at * 1000) for at, readings in said], **labels)

    return host, start, write


def device(items, host):
    found = [row for row in rows_of(items) if row["node"] == host]
    return sorted(found, key=lambda row: (row["gpu"], row["start"]))


def test_readings_keep_the_times_at_which_they_were_scraped(prometheus, past):
    host, start, write = past
    said = [(30 * step + (step % 3), {"util": step % 100}) for step in range(60)]
    write(0, said)
    asked = settings(prometheus, start_ms=start, end_ms=start + HOUR, match=f'Hostname="{host}"')
    rows = device(CONNECTOR.read(asked, Context(cluster="lab")), host)
    assert [row["start"] + row["duration_ms"] for row in rows] == [start + at * 1000 for at, _ in said]
    assert {row["duration_ms"] for row in rows} == {30_000, 31_000} & {row["duration_ms"] for row in rows}
    assert [round(row[UTIL] * 100) for row in rows] == [readings["util"] for _, readings in said]


def test_an_exporter_lost_leaves_a_gap_and_not_its_last_reading(prometheus, past):
    host, start, write = past
    write(0, [(30 * step, {"util": 90}) for step in range(120) if not 40 <= step < 60])
    asked = settings(prometheus, start_ms=start, end_ms=start + HOUR, match=f'Hostname="{host}"')
    ends = [row["start"] + row["duration_ms"] for row in device(CONNECTOR.read(asked, Context(cluster="lab")), host)]
    assert len(ends) == 100
    assert not [end for end in ends if start + 40 * 30_000 <= end < start + 60 * 30_000]


def test_blanks_and_labels_of_jobs(prometheus, past):
    host, start, write = past
    write(1, [(30 * step, {"util": 50, "blank": step >= 5}) for step in range(10)], hpc_job="17")
    asked = settings(prometheus, start_ms=start, end_ms=start + HOUR, match=f'Hostname="{host}"')
    rows = device(CONNECTOR.read(asked, Context(cluster="lab")), host)
    assert [row["job_id"] for row in rows] == ["17"] * 5


def test_a_store_goes_on_where_it_ended_and_nothing_is_read_twice(prometheus, past, tmp_path):
    host, start, write = past
    write(0, [(30 * step, {"util": 90}) for step in range(120)])
    store = open_store(tmp_path / "store", create=True)

    def read(now, **given):
        asked = settings(prometheus, match=f'Hostname="{host}"', **given)
        clock = lambda: start + now * 60_000  # noqa: E731
        return ingest(store, CONNECTOR, asked, Context("lab", clock=clock), post=False, clock=clock)

    assert read(20, start_ms=start).rows == {"gpu_samples": 40}
    assert read(40).rows == {"gpu_samples": 40}
    again = read(40, start_ms=start)
    assert again.rows == {}
    whole = read(60, start_ms=start, again=True)
    assert whole.inserted["gpu_samples"] == 40
    assert whole.unchanged["gpu_samples"] == 80
    assert whole.rejects == {}


def test_the_job_of_a_device_is_that_of_the_exporter_that_names_it(prometheus):
    prometheus.set(**{"gpu04/1": {"util": 40, "hpc_job": "99"}, "gpu04/2": {"util": 10}})
    prometheus.wait('nvidia_gpu_jobId{instance="gpu04:9306",minor_number="1"} == 99')
    time.sleep(6)
    items = list(CONNECTOR.read(settings(prometheus, start_ms=int(time.time() * 1000) - 5000), Context(cluster="lab")))
    prometheus.reset()
    jobs = Counter((row["gpu"], row["job_id"]) for row in rows_of(items) if row["node"] == "gpu04")
    assert set(jobs) == {*((str(gpu), None) for gpu in (0, 2, 3, 4, 5, 6, 7)), ("1", "99")}
    assert {row["duration_ms"] for row in rows_of(items)} == {1000}
    hosts = rows_of(items, "host_samples")
    assert {row["node"] for row in hosts} == {"gpu01"}
    assert all(row["cpu_used_milli"] > 0 and row["memory_used_mib"] > 0 for row in hosts)
    kinds = [type(item) for item in items]
    assert kinds[-2:] == [Vouch, Mark]
    assert Reject not in kinds


def test_the_server_says_what_is_wrong_with_a_matcher(prometheus):
    with pytest.raises(SourceError, match=r"400.*parse error"):
        list(CONNECTOR.read(settings(prometheus, match='Hostname="'), Context(cluster="lab")))
