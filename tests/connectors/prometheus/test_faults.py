"""Answers as they go wrong: asked again where that may help, told where it does not, and nothing is invented.

The series are those of a real Prometheus, recorded; a small real HTTP server answers from them, and is made to fail.
"""

import time
from collections import Counter

import pytest
from tests.connectors.prometheus.cut import body_of, error_of, lab
from tests.connectors.prometheus.replay import send, serving

from paydown.connectors.interface import Context
from paydown.connectors.prometheus import CONNECTOR
from paydown.errors import SourceError
from paydown.ingest import ingest
from paydown.model.batch import Batch, Mark, Reject, Vouch
from paydown.outside import http
from paydown.store import open_store


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Wait no time before asking again; give how long would have been waited."""
    waited = []
    real = http._wait
    monkeypatch.setattr(http, "_wait", lambda state: waited.append(real(state)) or 0.0)
    return waited


@pytest.fixture
def served():
    with lab() as (series, url):
        yield series, url


@pytest.fixture
def small(monkeypatch):
    """Let parts be shorter than a minute: so are the recorded series."""
    monkeypatch.setattr("paydown.connectors.prometheus.fetch.SHORTEST_MS", 10_000)


def settings(served, **given):
    series, url = served
    return CONNECTOR.settings(url=url, start_ms=series.start_ms, end_ms=series.end_ms, lag="0s", **given)


def read(served, **given):
    return list(CONNECTOR.read(settings(served, **given), Context(cluster="lab")))


def rows(items):
    """Give the rows that were read, in an order of their own."""
    found = [(item.table, row) for item in items if isinstance(item, Batch) for row in item.rows.to_pylist()]
    return sorted(
        found, key=lambda pair: (pair[0], *(str(pair[1].get(key)) for key in ("node", "gpu", "job_id", "start")))
    )


def rejects(items):
    return dict(sum((Counter({item.reason: item.count}) for item in items if isinstance(item, Reject)), Counter()))


def times(number, fault):
    """Fail the first few questions."""
    left = [number]

    def asked(*_):
        left[0] -= 1
        return fault if left[0] >= 0 else None

    return asked


def broken_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.wfile.write(b'{"status":"success","data":{"resultType":"matrix","result":[{"metric"')
    handler.close_connection = True


def cut_short(handler):
    send(
        handler,
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"DCGM_FI_DEV_GPU_UTIL',
    )


def other_json(handler):
    send(handler, b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}')


def busy(status, **headers):
    return lambda handler: send(handler, b"come back later", status, **headers)


@pytest.mark.parametrize(
    "fault", [broken_off, cut_short, other_json, busy(429), busy(502), busy(503), busy(504)],
    ids=["broken-off", "cut-short", "other-json", "429", "502", "503", "504"],
)  # fmt: skip
def test_what_goes_wrong_once_is_asked_again(served, fault):
    whole = rows(read(served))
    assert len(whole) > 100
    served[0].fault = times(2, fault)
    assert rows(read(served)) == whole


@pytest.mark.parametrize(
    ("fault", "said"),
    [(broken_off, "broke off"), (cut_short, "cut off"), (other_json, "no pairs of a time and a figure"),
     (busy(429), "answers 429.*come back later.*5 times"), (busy(500), r"refuses a query \(500\): come back later"),
     (busy(401), r"does not let us in \(401\)"), (busy(404), "does the URL lack a path"),
     (busy(302, Location="https://login.example.org/"), "points to https://login.example.org/"),
     (lambda handler: send(handler, b"<!doctype html><title>Sign in</title>"), r"web page \(Sign in\)")],
)  # fmt: skip
def test_what_stays_wrong_is_told(served, fault, said):
    served[0].fault = lambda *_: fault
    with pytest.raises(SourceError, match=said):
        read(served)


def test_a_server_waits_as_long_as_it_likes(served, patience):
    served[0].fault = times(1, busy(429, Retry_After="7"))
    read(served)
    assert 7 <= max(patience) <= 60


def test_a_server_that_stalls_is_given_up(served):
    served[0].fault = lambda *_: lambda handler: time.sleep(1)
    with pytest.raises(SourceError, match=r"said nothing for 0.2 s \(asked 5 times\)"):
        read(served, timeout="200ms")


def test_a_server_that_drips_is_given_up(served):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            for _ in range(20):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass
        handler.close_connection = True

    served[0].fault = lambda *_: drip
    with pytest.raises(SourceError, match=r"did not finish its answer within 0.3 s"):
        read(served, timeout="300ms")


@pytest.mark.parametrize(
    "refusal",
    [("execution", "query processing would load too many samples into memory", 422),
     ("timeout", "query timed out in expression evaluation", 503),
     ("bad_data", "the query exceeded the maximum number of chunks (limit: 9)", 422)],
    ids=["too-many-samples", "timed-out", "mimir"],
)  # fmt: skip
def test_what_is_too_much_is_asked_for_in_parts(served, refusal, small):
    whole = rows(read(served))
    served[0].asked.clear()
    kind, text, status = refusal
    no = lambda handler: send(handler, error_of(kind, text), status)  # noqa: E731
    served[0].fault = lambda query, start, end: no if end - start > 100 else None
    assert rows(read(served)) == whole
    assert max(end - start for _, start, end in served[0].asked[-4:]) < 100


def test_what_is_too_much_even_in_the_smallest_part_is_told(served):
    refusal = lambda handler: send(handler, error_of("execution", "too many samples"), 422)  # noqa: E731
    served[0].fault = lambda *_: refusal
    with pytest.raises(SourceError, match=r"refuses a minute of .*too many samples"):
        read(served)


def test_an_answer_that_is_too_long_is_asked_for_in_parts(served, monkeypatch, small):
    whole = rows(read(served))
    sizes = []
    real = served[0].change
    served[0].change = lambda result: sizes.append(len(body_of(result))) or real(result)
    read(served)
    limits = http.Limits
    monkeypatch.setattr(
        "paydown.connectors.prometheus.asked.Limits", lambda **given: limits(**given, bytes=max(sizes) - 1)
    )
    assert rows(read(served)) == whole


def test_a_server_that_takes_no_posts_is_asked_by_get(served):
    whole, methods = rows(read(served)), set()
    real = served[0].answer

    def answer(handler):
        methods.add(handler.command)
        if handler.command == "POST":
            handler.rfile.read(int(handler.headers["Content-Length"]))
            send(handler, b"", 405)
        else:
            real(handler)

    with serving(answer) as url:
        assert rows(read((served[0], url))) == whole
    assert methods == {"GET", "POST"}


def test_duplicates_change_nothing(served):
    whole = rows(read(served))
    served[0].change = lambda result: [each for each in result for _ in range(10)]
    items = read(served)
    assert rows(items) == whole
    assert rejects(items) == {}


def test_labels_that_hold_anything(served):
    whole = rows(read(served))

    def change(result):
        for each in result:
            each["metric"] = {**each["metric"], "note": 'two\nlines, "quotes", \\ and values":[[1,"2"]]'}
        return result

    served[0].change = change
    assert rows(read(served)) == whole


@pytest.mark.parametrize(("label", "text"), [("Hostname", "gpu02\n"), ("Hostname", "gpu\x0002"), ("hpc_job", "17\n18")])
def test_names_that_hold_control_characters_are_rejects(served, label, text):
    def change(result):
        for each in result:
            if each["metric"].get("Hostname") == "gpu02":
                each["metric"] = {**each["metric"], label: text}
        return result

    whole = rows(read(served))
    served[0].change = change
    items = read(served)
    fewer = rows(items)
    assert len(fewer) < len(whole)
    assert {row["node"] for _, row in fewer} == {"gpu01", "gpu02"}  # of which jobstats' exporter tells as well
    assert {row["job_id"] for _, row in fewer} <= {row["job_id"] for _, row in whole}
    assert rejects(items)["bad-key"] > 10


def test_a_label_of_ten_megabytes_is_a_reject(served):
    whole = rows(read(served))
    long = {"metric": {"__name__": "DCGM_FI_DEV_GPU_UTIL", "Hostname": "gpu09", "gpu": "0", "note": "x" * 10**7}}
    served[0].change = lambda result: [*result, {**long, "values": [[served[0].start_ms / 1000 + 5, "1"]]}]
    items = read(served)
    assert rows(items) == whole
    assert rejects(items)["long-label"] >= 1


def test_times_that_cannot_be_are_left_out(served):
    whole = rows(read(served))

    def change(result):
        for each in result:
            each["values"] = [[-5, "1"], *each["values"], [1e18, "1"]]
        return result

    served[0].change = change
    assert rows(read(served)) == whole


def test_warnings_are_noted(served):
    served[0].fault = lambda *_: lambda handler: send(handler, body_of([], warnings=["store 2 is away"]))
    [vouch] = [item for item in read(served) if isinstance(item, Vouch)]
    assert "store 2 is away" in vouch.note


def test_what_was_read_before_the_fault_is_kept_and_the_next_time_goes_on(served, tmp_path, monkeypatch):
    monkeypatch.setattr("paydown.connectors.prometheus.reading._FIRST_CHUNK_MS", 30_000)
    monkeypatch.setattr("paydown.connectors.prometheus.questions.POINTS_A_CHUNK", 300)
    monkeypatch.setattr("paydown.connectors.prometheus.questions.SHORTEST_MS", 10_000)
    undisturbed = rows(read(served))
    marks = [item for item in read(served) if isinstance(item, Mark)]
    assert len(marks) > 2
    store = open_store(tmp_path / "store", create=True)
    served[0].fault = lambda query, start, end: cut_short if end > served[0].start_ms / 1000 + 70 else None
    with pytest.raises(SourceError):
        ingest(store, CONNECTOR, settings(served), Context("lab"), post=False)
    before = store.snapshot().rows("gpu_samples")
    assert 0 < len(before) < len([1 for table, _ in undisturbed if table == "gpu_samples"])
    served[0].fault = lambda *_: None
    done = ingest(store, CONNECTOR, settings(served), Context("lab"), post=False)
    assert done.unchanged == {}
    stored = store.snapshot()
    counts = Counter(table for table, _ in undisturbed)
    assert {table: len(stored.rows(table)) for table in counts} == counts
