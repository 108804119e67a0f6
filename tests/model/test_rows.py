"""Rows made clean: what is cast, what is refused, what stays as a ghost."""

import math
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydown.errors import InputError
from paydown.model.cells import AMOUNT_LIMIT, TEXT_LIMIT
from paydown.model.facts import FACTS
from paydown.model.rows import KEPT_REJECTS, REJECTED, normalise

SAMPLES = FACTS["gpu_samples"]
UTIL, ENGINE, MEMORY = (
    SAMPLES.measured.index(n) for n in ("gpu_util_ratio", "gr_engine_active_ratio", "memory_used_mib")
)


def samples(**columns):
    length = max((len(values) for values in columns.values()), default=1)
    given = {
        "cluster": ["c"] * length,
        "node": ["n1"] * length,
        "gpu": ["0"] * length,
        "start": [1_700_000_000_000 + 60_000 * i for i in range(length)],
        "duration_ms": [60_000] * length,
        "memory_used_mib": [1] * length,
    }
    return pa.table(given | columns)


def clean(table, rows):
    return normalise(FACTS[table], rows, "here")


def reasons(found):
    return [reject.reason for reject in found.rejects]


def test_text_becomes_typed():
    rows = pa.table(
        {
            "cluster": ["c"], "node": ["n1"], "gpu": ["0"], "start": ["2024-03-01T00:00:00Z"], "duration_ms": ["60000"],
            "gpu_util_ratio": ["0.5"], "memory_used_mib": ["12.5"], "processes": [" 3 "], "power_w": [""],
        }
    )  # fmt: skip
    found = clean("gpu_samples", rows)
    assert found.rejects == []
    assert found.rows.schema == SAMPLES.arrow.append(pa.field(REJECTED, pa.int32()))
    row = found.rows.to_pylist()[0]
    assert row["start"] == datetime(2024, 3, 1, tzinfo=UTC)
    assert (row["gpu_util_ratio"], row["memory_used_mib"], row["processes"], row["power_w"]) == (0.5, 13, 3, None)


@pytest.mark.parametrize(
    "start",
    [
        pa.array([1_709_251_200_000]),
        pa.array(["1709251200000"]),
        pa.array(["2024-03-01T01:00:00+01:00"]),
        pa.array(["2024-03-01 00:00:00.0009Z"]),
        pa.array(["2024-03-01T00:00:00"]),
        pa.array([1_709_251_200], pa.timestamp("s")),
        pa.array([1_709_251_200_000_999], pa.timestamp("us", "Europe/Berlin")),
        pa.array([1_709_251_200_000_999_999], pa.timestamp("ns", "UTC")),
        pa.array([19_783], pa.date32()),
        pa.array(["2024-03-01T00:00:00Z"]).dictionary_encode(),
    ],
    ids=str,
)
def test_an_instant_may_be_written_in_many_ways(start):
    found = clean("gpu_samples", samples(start=start))
    assert found.rejects == []
    assert found.rows["start"].cast(pa.int64()).to_pylist() == [1_709_251_200_000]


@pytest.mark.parametrize(
    ("start", "reason"),
    [("1969-12-31T23:59:59Z", "out-of-range"), ("2201-01-01T00:00:00Z", "out-of-range"), ("9999-01-01", "out-of-range"),
     ("yesterday", "not-a-time"), ("2024-02-30T00:00:00Z", "not-a-time"), ("", "bad-key"),
     ("-5", "out-of-range"), (str(10**17), "out-of-range"), (str(10**30), "not-a-time")],
)  # fmt: skip
def test_an_instant_that_is_none_rejects_its_row(start, reason):
    found = clean("gpu_samples", samples(start=["2024-03-01T00:00:00Z", start]))
    assert reasons(found) == [reason]
    assert len(found.rows) == 1


def test_the_last_believed_instant():
    found = clean("gpu_samples", samples(start=["2200-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z"]))
    assert found.rejects == []


@pytest.mark.parametrize(
    ("given", "kept", "bad"),
    [(0.5, 0.5, False), (1.01, 1.0, False), (-0.01, 0.0, False), (1.02, None, True), (-0.02, None, True),
     (math.nan, None, True), (math.inf, None, True), (None, None, False)],
)  # fmt: skip
def test_a_ratio_is_clipped_or_refused(given, kept, bad):
    found = clean("gpu_samples", samples(gpu_util_ratio=pa.array([given], pa.float64())))
    row = found.rows.to_pylist()[0]
    assert row["gpu_util_ratio"] == kept
    assert row[REJECTED] == (1 << UTIL if bad else 0)
    assert len(found.rejects) == bad
    assert (row["memory_used_mib"], row["duration_ms"]) == (1, 60_000)


def test_a_sample_without_a_believed_figure_stays_as_a_ghost():
    found = clean("gpu_samples", samples(memory_used_mib=[-1, 5]))
    ghost, fine = found.rows.to_pylist()
    assert (ghost["duration_ms"], ghost["memory_used_mib"], ghost[REJECTED]) == (0, None, 1 << MEMORY)
    assert (fine["duration_ms"], fine[REJECTED]) == (60_000, 0)
    assert sorted(reasons(found)) == ["negative", "nothing-left"]


@pytest.mark.parametrize("duration", [0, -1, None])
def test_a_sample_without_a_duration_stays_as_a_ghost_of_all_that_it_carried(duration):
    rows = samples(duration_ms=pa.array([duration], pa.int64()), gr_engine_active_ratio=[0.5])
    found = clean("gpu_samples", rows)
    ghost = found.rows.to_pylist()[0]
    assert (ghost["duration_ms"], ghost["gr_engine_active_ratio"], ghost["memory_used_mib"]) == (0, None, None)
    assert ghost[REJECTED] == (1 << MEMORY | 1 << ENGINE)
    assert len(found.rejects) == 1


def test_a_sample_that_carried_nothing_leaves_no_ghost():
    found = clean("gpu_samples", samples(memory_used_mib=pa.array([None], pa.int64())))
    assert (len(found.rows), reasons(found)) == (0, ["nothing-left"])


def test_a_sample_without_a_key_leaves_no_ghost():
    found = clean("gpu_samples", samples(node=pa.array([None, "n1"])))
    assert (len(found.rows), reasons(found)) == (1, ["bad-key"])


def test_a_ghost_that_comes_back_is_no_news():
    once = clean("gpu_samples", samples(memory_used_mib=[-1, 5]))
    again = clean("gpu_samples", once.rows)
    assert again.rejects == []
    assert again.rows.equals(once.rows)


def job(**columns):
    given = {"cluster": ["c"], "job_id": ["1"], "attempt": [0], "state": ["COMPLETED"]}
    return clean("jobs", pa.table(given | {name: pa.array([value]) for name, value in columns.items()}))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [({"state": "DONE"}, "unknown-value"), ({"attempt": -1}, "negative"), ({"attempt": "x"}, "not-a-number"),
     ({"job_id": "a\0b"}, "nul-byte"), ({"name": "a\0b"}, "nul-byte"), ({"job_id": b"\xe9"}, "not-utf8"),
     ({"start": 2_000, "end": 1_000}, "end-before-start")],
)  # fmt: skip
def test_a_job_that_is_lost(columns, reason):
    found = job(**columns)
    assert (len(found.rows), reasons(found)) == (0, [reason])


@pytest.mark.parametrize(
    ("columns", "reason"),
    [({"kind": "robot"}, "unknown-value"), ({"req_gpu_milli": -1}, "negative"),
     ({"req_cpu_milli": "lots"}, "not-a-number"),
     ({"req_memory_mib": AMOUNT_LIMIT + 1}, "out-of-range"), ({"exclusive": "maybe"}, "not-a-flag"),
     ({"name": "x" * (TEXT_LIMIT + 1)}, "too-long"), ({"name": b"caf\xe9"}, "not-utf8"),
     ({"submit": "soon"}, "not-a-time"),
     ({"priority": math.inf}, "not-a-number")],
)  # fmt: skip
def test_a_job_that_loses_a_field(columns, reason):
    found = job(**columns)
    assert reasons(found) == [reason]
    assert found.rows[next(iter(columns))].to_pylist() == [None]


def test_what_may_be():
    found = job(exclusive="TRUE", priority=-3.5, name="x" * TEXT_LIMIT, start=5, end=5, req_nodes=np.uint64(3), kind="")
    assert found.rejects == []
    row = found.rows.to_pylist()[0]
    assert (row["exclusive"], row["priority"], row["req_nodes"], row["kind"]) == (True, -3.5, 3, None)


def test_ratios_of_job_usage_go_by_the_signal():
    rows = pa.table(
        {"cluster": ["c"] * 4, "job_id": ["1"] * 4, "attempt": [0] * 4, "source": ["s"] * 4,
         "signal": ["gpu_util", "gpu_util", "cpu_used_milli", "sm_active"],
         "mean": [1.005, 1.5, 4000.0, None], "max": [None, None, None, 0.5]}
    )  # fmt: skip
    found = clean("job_usage", rows)
    assert found.rows["mean"].to_pylist() == [1.0, 4000.0, None]
    assert sorted(reasons(found)) == ["nothing-left", "out-of-range"]


def test_a_node_of_no_partition():
    rows = pa.table({"cluster": ["c"], "node": ["n"], "partitions": [""], "start": ["0"], "gpus": [""]})
    found = clean("nodes", pa.table(rows))
    assert (found.rejects, found.rows["partitions"].to_pylist(), found.rows["gpus"].to_pylist()) == ([], [""], [None])


def test_an_unknown_column_is_an_error_with_a_suggestion():
    with pytest.raises(InputError, match=r"here: .* no column `gpu_utl_ratio`; did you mean `gpu_util_ratio`"):
        clean("gpu_samples", samples(gpu_utl_ratio=[0.5]))


def test_a_missing_column_is_an_error():
    with pytest.raises(InputError, match=r"here: .* needs the column.* state"):
        clean("jobs", pa.table({"cluster": ["c"], "job_id": ["1"], "attempt": [0]}))


def test_a_column_of_no_fitting_type_is_an_error():
    with pytest.raises(InputError, match="`gpu` is of type double"):
        clean("gpu_samples", samples(gpu=[0.5]))


def test_a_reject_says_where_and_what():
    rows = samples(gpu_util_ratio=[0.5, 7.0]).append_column("_line", pa.array([11, 12]))
    found = clean("gpu_samples", rows)
    assert found.rows["_line"].to_pylist() == [11, 12]
    (reject,) = found.rejects
    assert (reject.table, reject.origin, reject.line, reject.cluster) == ("gpu_samples", "here", 12, "c")
    assert reject.detail == "gpu_util_ratio (7.0) is outside what can be believed"
    assert "gpu_util_ratio=7.0" in reject.row


def test_very_many_rejects_are_folded():
    found = clean("gpu_samples", samples(gpu_util_ratio=[2.0] * (KEPT_REJECTS + 5)))
    assert len(found.rejects) == KEPT_REJECTS + 1
    assert sum(reject.count for reject in found.rejects) == KEPT_REJECTS + 5


def test_no_rows():
    found = clean("gpu_samples", samples().slice(0, 0))
    assert (len(found.rows), found.rejects) == (0, [])


figure = st.one_of(st.none(), st.floats(-0.1, 1.2), st.sampled_from([math.nan, math.inf, -math.inf]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(figure, figure, st.sampled_from([60_000, 1, 0, -5])), min_size=1, max_size=20))
def test_every_row_is_believed_a_ghost_or_gone(given):
    util, engine, duration = (list(column) for column in zip(*given, strict=True))
    rows = samples(
        gpu_util_ratio=pa.array(util, pa.float64()), gr_engine_active_ratio=pa.array(engine, pa.float64()),
        duration_ms=duration, memory_used_mib=pa.nulls(len(util), pa.int64()),
    )  # fmt: skip
    found = clean("gpu_samples", rows)
    kept = {row["start"]: row for row in found.rows.to_pylist()}
    for at, (one, two, length) in enumerate(given):
        row = kept.get(datetime.fromtimestamp((1_700_000_000 + 60 * at), UTC))
        good = [x is not None and math.isfinite(x) and -0.01 <= x <= 1.01 for x in (one, two)]
        carried = (one is not None) << UTIL | (two is not None) << ENGINE
        believed = good[0] << UTIL | good[1] << ENGINE
        if length > 0 and believed:
            assert (row["duration_ms"], row[REJECTED]) == (length, carried & ~believed)
            assert row["gpu_util_ratio"] == (min(1.0, max(0.0, one)) if good[0] else None)
        elif carried:
            assert (row["duration_ms"], row[REJECTED], row["gpu_util_ratio"]) == (0, carried, None)
        else:
            assert row is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e18, 1e18), min_size=1, max_size=20))
def test_whole_numbers_are_rounded_half_up(figures):
    found = clean("host_samples", pa.table({
        "cluster": ["c"] * len(figures), "node": ["n"] * len(figures), "start": list(range(len(figures))),
        "duration_ms": [1] * len(figures), "read_bytes": figures, "write_bytes": [1] * len(figures),
    }))  # fmt: skip
    expected = [math.floor(x) + (x - math.floor(x) >= 0.5) if x >= -0.5 else None for x in figures]
    assert found.rows["read_bytes"].to_pylist() == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("count", [-(1 << 62), 253_402_300_800_000_000, 1 << 62])
def test_times_beyond_the_years_of_python_are_rejects(unit, count):
    start = pa.array([count, 5], pa.timestamp(unit, "UTC"))
    rows = {"cluster": ["c"] * 2, "node": ["n"] * 2, "partitions": ["p"] * 2, "start": start}
    found = clean("nodes", pa.table(rows))
    believed = unit == "ns" and count > 0
    assert len(found.rows) == 1 + believed
    assert [reject.reason for reject in found.rejects] == ["out-of-range"] * (not believed)
    assert all("start=" in reject.row for reject in found.rejects)


def test_an_empty_cluster_is_no_identity():
    rows = {"cluster": ["", "c"], "node": ["n"] * 2, "partitions": ["p"] * 2, "start": [0] * 2}
    found = clean("nodes", pa.table(rows))
    assert [reject.reason for reject in found.rejects] == ["bad-key"]
    assert found.rows["cluster"].to_pylist() == ["c"]


def test_bytes_that_are_no_text_are_no_figure():
    latin = pa.array([b"0.5", "½".encode("latin-1"), b"0.7"]).view(pa.string())
    whole = pa.array([b"1", b"2\xe9", b"3"]).view(pa.string())
    found = clean("gpu_samples", samples(gpu_util_ratio=latin, memory_used_mib=whole))
    assert sorted(reasons(found)) == ["not-a-number", "not-a-number", "nothing-left"]
    assert found.rows["gpu_util_ratio"].to_pylist() == [0.5, None, 0.7]
