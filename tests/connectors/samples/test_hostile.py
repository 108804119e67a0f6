"""Files that are cut, damaged, of another kind, or hold what they should not: a clear sentence, or counted rejects."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paydown.connectors.interface import Context
from paydown.connectors.samples import CONNECTOR, SamplesSettings
from paydown.errors import InputError, PaydownError

HEAD = "timestamp, index, name, utilization.gpu [%], memory.used [MiB]\n"
LINE = "2024/03/04 12:{minute:02}:00.000, {gpu}, NVIDIA A100, {use} %, 1024 MiB\n"
LOG = HEAD + "".join(LINE.format(minute=minute, gpu=gpu, use=50) for minute in range(10) for gpu in range(2))
MAP = ("end=timestamp", "gpu=index", "gpu_util_ratio=use:percent")


@pytest.mark.parametrize("cut", [1, 4, 5, 10, 20, 40])
def test_a_line_that_was_cut_never_becomes_another_figure(dump, cut):
    found = dump(LOG[:-cut], node="n")
    assert len(found.gpus) == 19
    assert set(found.column("memory_used_mib")) == {1024}
    assert sum(found.reasons.values()) == 1
    assert set(found.reasons) <= {"cut-line", "broken-line"}
    assert found.rejects[0].line == 21


def test_a_table_that_was_cut(dump):
    text = "timestamp,index,use\n2024-03-04 12:00:00,0,50\n2024-03-04 12:01:00,0,5"
    found = dump(text, node="n", map=MAP, interval="1m")
    assert found.column("gpu_util_ratio") == [0.5]
    assert found.reasons == {"cut-line": 1}


def test_a_monitor_that_was_cut(dump):
    text = "#Date Time gpu sm\n 20240304 12:00:00 0 50\n 20240304 12:00:10 0 50\n 20240304 12:00:20 0 5"
    found = dump(text, node="n")
    assert found.column("gpu_util_ratio") == [0.5, 0.5]
    assert found.reasons == {"cut-line": 1}


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
def test_a_truncated_gzip_is_refused(dump, keep):
    packed = gzip.compress((LOG * 2000).encode(), mtime=0)
    with pytest.raises(InputError, match=r"node1.log: the compressed file is cut off"):
        dump(packed[: int(len(packed) * keep)], node="n")


def test_a_damaged_gzip_is_refused(dump):
    packed = bytearray(gzip.compress((LOG * 2000).encode(), mtime=0))
    packed[100:140] = bytes(40)
    with pytest.raises(InputError, match=r"damaged|cut off"):
        dump(bytes(packed), node="n")


def test_latin_1_in_a_name_costs_nothing_else(dump):
    raw = LOG.replace("NVIDIA A100", "Gerät").encode("latin-1")
    found = dump(raw, node="n")
    assert len(found.gpus) == 20
    assert found.reasons == {}


def test_latin_1_in_an_index_is_a_reject(dump):
    raw = (LOG + LINE.format(minute=30, gpu="é", use=1)).encode("latin-1")
    found = dump(raw, node="n")
    assert len(found.gpus) == 20
    assert found.reasons == {"not-utf8": 1}


def test_a_nul_in_a_line_is_a_reject(dump):
    found = dump(
        LOG * 400 + LINE.format(minute=30, gpu="0\0", use=1) + LINE.format(minute=31, gpu=0, use="5\0"), node="n"
    )
    assert found.reasons["nul-byte"] == 1
    assert found.reasons["not-a-number"] == 1
    assert "\0" not in "".join(reject.row for reject in found.rejects)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>", "web page .Sign in. and no telemetry"),
        (b"  <html>\n", "web page"),
        ("timestamp, index\n".encode("utf-16"), "UTF-16"),
        (b"abc\0def\n", "NUL"),
        (b"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", "error of nvidia-smi"),
        (b"PAR1 but no more", "as Parquet"),
        (b"2024/03/04 12:34:30.001, 0, 98 %\n", "--columns"),
        (b"hello world\n", "--map"),
        (b"\x00\x01\x02\xff" * 100, "NUL"),
    ],
)
def test_what_is_no_telemetry_is_a_sentence(dump, raw, said):
    with pytest.raises(PaydownError, match=said) as caught:
        dump(raw, node="n")
    assert "node1.log" in str(caught.value)


def test_a_web_page_is_refused_also_where_the_form_is_forced(dump):
    with pytest.raises(InputError, match="web page"):
        dump("<html>", node="n", form="nvidia-smi")


def test_a_forced_form_that_does_not_fit_is_a_sentence(dump):
    for form in ("prometheus", "parquet", "dmon", "dcgmi", "csv"):
        with pytest.raises(PaydownError, match=r"node1\.log"):
            dump(LOG, node="n", form=form)


def test_a_folder_and_a_missing_file_are_sentences(read, tmp_path):
    with pytest.raises(InputError, match="folder"):
        read(tmp_path)
    with pytest.raises(InputError, match="cannot be opened"):
        read(tmp_path / "none.csv")


def test_a_parquet_file_that_was_cut(read, tmp_path):
    path = tmp_path / "cut.parquet"
    pq.write_table(pa.table({"timestamp": list(range(10**5)), "index": ["0"] * 10**5, "use": [1.0] * 10**5}), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"cut.parquet: cannot be read as Parquet"):
        read(path, node="n", map=MAP)


def test_devices_of_several_kinds_in_one_log(dump):
    text = HEAD + "".join(
        f"2024/03/04 12:{minute:02}:00.000, {index}, {name}, {use}, {memory}\n"
        for minute in range(2)
        for index, name, use, memory in (
            (0, "NVIDIA A100", "5 %", "1 MiB"), (1, "Tesla K80", "[N/A]", "2 MiB"), (2, "Quadro", "ERR!", "[N/A]"),
            ("[Unknown Error]", "?", "0 %", "1 MiB"),
        )
    )  # fmt: skip
    found = dump(text, node="n")
    assert [(row["gpu"], row.get("gpu_util_ratio"), row.get("memory_used_mib")) for row in found.gpus[:3]] == [
        ("0", 0.05, 1), ("1", None, 2), ("[Unknown Error]", 0.0, 1),
    ]  # fmt: skip
    assert found.reasons == {"nothing-left": 2}


def test_figures_that_cannot_be_are_rejects(dump):
    text = HEAD + "".join(
        f"2024/03/04 12:00:{second:02}.000, 0, x, {use} %, {memory} MiB\n"
        for second, (use, memory) in enumerate(
            [(50, 1), (101.5, 1), (-3, 1), (100.5, 1), (5, -1), (5, 10**12), ("nan", 1)]
        )
    )
    found = dump(text, node="n")
    assert found.reasons == {"out-of-range": 3, "negative": 1, "not-a-number": 1}
    assert found.column("gpu_util_ratio") == [0.5, None, None, 1.0, 0.05, 0.05, None]


@pytest.mark.parametrize("year", ["1969", "2500", "9999"])
def test_years_that_are_not_believed(dump, year):
    found = dump(LOG + LINE.format(minute=50, gpu=0, use=1).replace("2024", year), node="n")
    assert len(found.gpus) == 20
    assert found.reasons == {"out-of-range": 1}


def test_a_clock_that_jumps_back_makes_no_second_sample(dump):
    found = dump(LOG + LOG.partition("\n")[2], node="n")
    assert len(found.gpus) == 40  # the same moments again: ingest keeps one of them
    assert set(found.column("duration_ms")) == {60000}


def test_a_million_characters_in_a_cell(dump):
    found = dump(LOG + LINE.format(minute=50, gpu="9" * 10**6, use=1), node="n")
    assert len(found.gpus) == 20
    assert found.reasons == {"too-long": 1}
    assert all(len(reject.row) <= 1000 for reject in found.rejects)


def test_deeply_nested_json_is_refused(dump):
    with pytest.raises(InputError, match="no JSON"):
        dump("[" * 100_000)


TEXT = st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode))
SERIES = {"metric": {"__name__": "DCGM_FI_DEV_GPU_UTIL", "gpu": "0"}, "values": [[1709553600, "2"], [1709553630, "4"]]}
GOOD = [
    LOG.encode(),
    json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [SERIES]}}).encode(),
    b"#Entity GPUTL\nID\nGPU 0 10\nGPU 0 11\n", b"#Date Time gpu sm\n 20240304 12:00:00 0 5\n 20240304 12:00:10 0 5\n",
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(GOOD), st.integers(0, 400), st.integers(0, 30), TEXT)
def test_anything_is_a_sentence_or_counted(tmp_path, good, at, gone, junk):
    """Bytes put anywhere into a good file: no traceback, no row that ingest would choke on."""
    path = tmp_path / "any"
    path.write_bytes(good[:at] + junk + good[at + gone :])
    asked = SamplesSettings(files=(str(path),), node="n", interval="1s", start="2024-01-01T00:00:00Z")
    from paydown.model.batch import Batch
    from paydown.model.facts import FACTS
    from paydown.model.rows import normalise

    try:
        for item in CONNECTOR.read(asked, Context(cluster="c")):
            if isinstance(item, Batch):
                normalise(FACTS[item.table], item.rows, item.origin)
    except PaydownError as error:
        assert str(error).endswith((".", "?", "30"))  # noqa: PT017 -- most files are read without an error
