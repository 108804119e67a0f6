"""CSV and Parquet with a map: units, times, names; what is written in any unit is read as it was."""

import datetime as dt
from fractions import Fraction

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydown.connectors.interface import Context
from paydown.connectors.samples import CONNECTOR, SamplesSettings
from paydown.connectors.samples.texts import scaled
from paydown.errors import InputError, PaydownError, UsageError
from paydown.model.measures import TABLES, conversion, measured_columns, own_unit, units_of

CSV = """\
time,host,dev,util,mem_gb,job
1709555670,n1,0,35,1.5,7
1709555700,n1,0,45,1.5,7
1709555670,n1,1,0,,
1709555700,n1,1,busy,2,
"""
MAP = ("end=time:s", "node=host", "gpu=dev", "gpu_util_ratio=util:percent", "memory_used_mib=mem_gb:GiB", "job_id=job")
ROWS = [
    {"node": "n1", "gpu": "0", "job_id": "7", "start": "04 12:34:00.000", "duration_ms": 30000, "gpu_util_ratio": 0.35,
     "memory_used_mib": 1536},
    {"node": "n1", "gpu": "0", "job_id": "7", "start": "04 12:34:30.000", "duration_ms": 30000, "gpu_util_ratio": 0.45,
     "memory_used_mib": 1536},
    {"node": "n1", "gpu": "1", "start": "04 12:34:00.000", "duration_ms": 30000, "gpu_util_ratio": 0.0},
    {"node": "n1", "gpu": "1", "start": "04 12:34:30.000", "duration_ms": 30000, "memory_used_mib": 2048},
]  # fmt: skip


@pytest.fixture
def parquet(read, tmp_path):
    """Write columns as Parquet and read them."""

    def run(columns, *told, **settings):
        path = tmp_path / "samples.parquet"
        pq.write_table(pa.table(columns), path, row_group_size=2)
        return read(path, map=told, **settings)

    return run


def test_csv(dump):
    found = dump(CSV, map=MAP)
    assert found.gpus == ROWS
    assert [(reject.reason, reject.line) for reject in found.rejects] == [("not-a-number", 5)]
    assert "gpu_util_ratio (busy) is not a number" in found.rejects[0].detail


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_that_of_the_first_line(dump, delimiter):
    assert dump(CSV.replace(",", delimiter), map=MAP).gpus == ROWS


def test_parquet_gives_the_same(parquet):
    columns = {
        "time": [1709555670, 1709555700, 1709555670, 1709555700],
        "host": pa.array(["n1"] * 4).dictionary_encode(),
        "dev": pa.array([0, 0, 1, 1], pa.int8()),
        "util": pa.array([35, 45, 0, None], pa.float32()),
        "mem_gb": [1.5, 1.5, None, 2.0],
        "job": pa.array([7, 7, None, None], pa.uint32()),
        "other": [b"x", b"y", b"z", b""],
    }
    found = parquet(columns, *MAP)
    assert found.gpus == ROWS
    assert found.reasons == {}


def test_a_map_in_a_file_may_name_columns_with_commas(dump, tmp_path):
    path = tmp_path / "map.toml"
    path.write_text('[map]\nend = "time:s"\nnode = "host"\ngpu = "dev"\ngpu_util_ratio = "util, in %:percent"\n')
    text = CSV.replace("util", '"util, in %"').replace("busy", "1")
    assert dump(text, map_file=path).column("gpu_util_ratio") == [0.35, 0.45, 0.0, 0.01]
    assert dump(text, map_file=path, map=("job_id=job",)).column("job_id") == ["7", "7", None, None]


def test_hosts_where_no_device_is_named(dump):
    text = "t,host,cores,rss\n2024-03-04T12:00:00Z,n1,1.5,1048576\n2024-03-04T12:01:00Z,n1,2,2097152\n"
    found = dump(text, map=("start=t", "node=host", "cpu_used_milli=cores:cores", "memory_used_mib=rss:B"))
    assert found.hosts == [
        {"node": "n1", "start": "04 12:00:00.000", "duration_ms": 60000, "cpu_used_milli": 1500, "memory_used_mib": 1},
        {"node": "n1", "start": "04 12:01:00.000", "duration_ms": 60000, "cpu_used_milli": 2000, "memory_used_mib": 2},
    ]
    assert found.gpus == []


def test_what_is_fixed_for_all_rows(dump):
    text = "t,util\n2024-03-04T12:00:00Z,0.5\n2024-03-04T12:00:10Z,0.6\n"
    found = dump(text, map=("end=t", "gpu_util_ratio=util"), label={"gpu": "3", "job_id": "9"}, node="n2")
    assert [(row["node"], row["gpu"], row["job_id"]) for row in found.gpus] == [("n2", "3", "9")] * 2


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("2024-03-04T12:00:00Z", "04 12:00:00.000"),
        ("2024-03-04 12:00:00.25+02:00", "04 10:00:00.250"),
        ("2024-03-04 12:00:00", "04 11:00:00.000"),
        ("2024/03/04 12:00:00.123", "04 11:00:00.123"),
        (" 2024-03-04T12:00 ", "04 11:00:00.000"),
    ],
)
def test_times_as_text(dump, written, start):
    found = dump(f"t,util\n{written},0.5\n", map=("start=t", "gpu_util_ratio=util"), label={"gpu": "0"}, node="n",
                 interval="10s", timezone="Europe/Berlin")  # fmt: skip
    assert found.column("start") == [start]


def test_times_of_several_forms_in_one_column(dump):
    text = "t,util\n2024-03-04T12:00:00Z,0.5\n2024-03-04 12:00:10,0.5\nsoon,0.5\n2024-02-31T12:00:00,0.5\n,0.5\n"
    found = dump(text, map=("start=t", "gpu_util_ratio=util"), label={"gpu": "0"}, node="n", interval="10s")
    assert found.column("start") == ["04 12:00:00.000", "04 12:00:10.000"]
    assert found.reasons == {"not-a-time": 2, "bad-key": 1}
    assert [reject.line for reject in found.rejects if reject.reason == "not-a-time"] == [4, 5]
    assert "start (soon) is no time" in found.rejects[0].detail


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (pa.array([1709553600], pa.int64()), ":s"),
        (pa.array([1709553600.0]), ":s"),
        (pa.array([1709553600000]), ":ms"),
        (pa.array([1709553600000000]), ":us"),
        (pa.array([1709553600000000000]), ":ns"),
        (pa.array(["1709553600"]), ":s"),
        (pa.array([dt.datetime(2024, 3, 4, 12, tzinfo=dt.UTC)]), ""),
        (pa.array([dt.datetime(2024, 3, 4, 13)]), ""),  # noqa: DTZ001 -- local, by the time zone
        (pa.array([1709553600], pa.timestamp("s", "UTC")), ""),
    ],
)
def test_times_in_parquet(parquet, values, unit):
    zone = "Europe/Berlin" if values.type == pa.timestamp("us") else "UTC"
    columns = {"t": values, "util": [0.5]}
    found = parquet(columns, f"start=t{unit}", "gpu_util_ratio=util", label={"gpu": "0"}, node="n", interval="1s",
                    timezone=zone)  # fmt: skip
    assert found.column("start") == ["04 12:00:00.000"]


def test_times_that_cannot_be_are_rejects(parquet):
    columns = {"t": [1709553600.0, float("nan"), float("inf"), 1e300, -5.0, 253402300799.0], "util": [0.5] * 6}
    found = parquet(columns, "start=t:s", "gpu_util_ratio=util", label={"gpu": "0"}, node="n", interval="1s")
    assert found.column("start") == ["04 12:00:00.000"]
    assert found.reasons == {"not-a-time": 3, "out-of-range": 2}


def test_a_mapped_duration(parquet):
    columns = {"t": [1709553600, 1709553660], "util": [0.5, 0.6], "len": [60.0, 0.0]}
    found = parquet(columns, "start=t:s", "gpu_util_ratio=util", "duration_ms=len:s", label={"gpu": "0"}, node="n")
    assert found.column("duration_ms") == [60000]
    assert found.reasons == {"non-positive-duration": 1}


def test_rates_become_amounts(dump):
    text = "t,rx\n2024-03-04T12:00:00Z,2\n2024-03-04T12:00:10Z,3\n"
    found = dump(text, map=("end=t", "pcie_rx_bytes=rx:kB/s"), label={"gpu": "0"}, node="n")
    assert found.column("pcie_rx_bytes") == [20000, 30000]


def test_clusters_by_a_column(dump):
    text = "c,t,util\nx,2024-03-04T12:00:00Z,0.5\ny,2024-03-04T12:00:10Z,0.6\n"
    found = dump(text, map=("cluster=c", "end=t", "gpu_util_ratio=util"), label={"gpu": "0"}, node="n", interval="10s",
                 cluster=None)  # fmt: skip
    assert [vouch.cluster for vouch in found.vouches] == ["x", "y"]


def test_a_zero_never_seen_above_is_not_believed_by_model(dump):
    head = "t,gpu,model,util,tensor\n"
    rows = [f"2024-03-04T12:00:{second:02},{gpu},{model},{util},{tensor}\n"
            for second in (0, 10) for gpu, model, util, tensor in ((0, "A100", 5, 0), (1, "T4", 0, 0))]  # fmt: skip
    told = ("end=t", "gpu=gpu", "gpu_model=model", "gpu_util_ratio=util:percent", "tensor_active_ratio=tensor")
    found = dump(head + "".join(rows), map=told, node="n")
    assert [(row["gpu"], row["gpu_util_ratio"]) for row in found.gpus] == [("0", 0.05)] * 2
    assert found.reasons == {"unproven-zero": 6}
    assert len(dump(head + "".join(rows), map=told, node="n", believe_zeros=True).gpus) == 4


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (("gpu_util_rati=util",), "did you mean gpu_util_ratio"),
        (("gpu_util_ratio=util:W",), "cannot be in W: it may be in ratio, percent, permille"),
        (("gpu_util_ratio=util:percnt",), "percnt is no unit of gpu_util_ratio; did you mean percent"),
        (("end=time:days",), "days is no unit of end"),
        (("node=host:percent",), "is a name and has no unit"),
        (("util",), "COLUMN=SOURCE"),
        (("node=host", "gpu=dev", "gpu_util_ratio=util"), "needs the time"),
        (("start=time:s", "end=time:s", "gpu=dev", "gpu_util_ratio=util"), "needs the time"),
        (("end=time:s", "node=host", "gpu=dev"), "nothing that was measured"),
        (("end=time:s", "node=host", "gpu_util_ratio=util"), "names no device"),
        (("end=time", "node=host", "gpu=dev", "gpu_util_ratio=util"), "say what they count since 1970"),
        (("end=time:s", "node=host", "gpu=dev", "gpu_util_ratio=utl"), "no column 'utl'.*did you mean util"),
        (("end=time:s", "node=host", "gpu=dev", "memory_used_mib=mem_gb:GB/s"), "GB/s"),
    ],
)
def test_a_map_that_cannot_be_meant_is_a_sentence(dump, told, said):
    with pytest.raises(PaydownError, match=said):
        dump(CSV, map=told)


def test_a_table_without_a_map_lists_its_columns(dump):
    with pytest.raises(InputError, match=r"--map.*time, host, dev, util"):
        dump(CSV)


def test_a_column_of_another_type_is_named(parquet):
    columns = {"t": [1709553600], "util": [[1, 2]]}
    with pytest.raises(InputError, match="list"):
        parquet(columns, "start=t:s", "gpu_util_ratio=util", label={"gpu": "0"}, node="n", interval="1s")


EVERY = [(table, name, unit) for table in TABLES for name, column in measured_columns(table).items()
         for unit in units_of(column)]  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(EVERY), st.integers(0, 10**6))
def test_a_figure_in_any_unit_comes_back(which, count):
    """Tell a figure of ours in a unit, read it, and have it again (a double is exact for figures such as these)."""
    table, name, unit = which
    column = measured_columns(table)[name]
    ours = Fraction(count, 10**6) if column.ratio else Fraction(count)
    how = conversion(column, unit)
    told = float(ours / how.factor)
    back = scaled(pa.array([told]), how.factor)[0].as_py()
    assert back == pytest.approx(float(ours), rel=1e-15)
    assert conversion(column, own_unit(column)).factor == 1


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cs"]), min_size=1
).filter(lambda name: name == name.strip() and ":" not in name and "=" not in name and name != "_line")


@settings(deadline=None)
@given(st.lists(NAMES, min_size=3, max_size=3, unique=True), st.lists(st.integers(0, 100), min_size=2, max_size=9))
def test_columns_of_any_name_are_read_from_a_file(tmp_path_factory, names, figures):
    folder = tmp_path_factory.mktemp("any")
    when, device, use = names
    at = [1709553600 + 10 * step for step in range(len(figures))]
    pq.write_table(pa.table({when: at, device: ["0"] * len(at), use: figures}), folder / "t.parquet")
    lines = [
        "[map]",
        f"end = {quoted(when + ':s')}",
        f"gpu = {quoted(device)}",
        f"gpu_util_ratio = {quoted(use + ':percent')}",
    ]
    (folder / "map.toml").write_text("\n".join(lines), encoding="utf-8")
    asked = SamplesSettings(
        files=(str(folder / "t.parquet"),), map_file=folder / "map.toml", node="n", believe_zeros=True
    )
    batch, *_ = CONNECTOR.read(asked, Context(cluster="c"))
    assert batch.rows["gpu_util_ratio"].to_pylist() == [figure / 100 for figure in figures]


def test_the_name_that_lines_have_is_refused(tmp_path):
    pq.write_table(pa.table({"t": [1709553600], "_line": [50]}), tmp_path / "t.parquet")
    asked = SamplesSettings(
        files=(str(tmp_path / "t.parquet"),), map=("end=t:s", "gpu_util_ratio=_line:percent"), node="n",
        label={"gpu": "0"},
    )  # fmt: skip
    with pytest.raises(InputError, match="another name"):
        list(CONNECTOR.read(asked, Context(cluster="c")))


def quoted(text):
    """Write text of any kind as a TOML string."""
    return '"' + "".join(f"\\U{ord(letter):08X}" for letter in text) + '"'


def test_usage_errors_are_usage_errors(dump):
    with pytest.raises(UsageError):
        dump(CSV, map=("end=time:s",))
