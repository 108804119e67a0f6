"""How long samples last, and which zeros are believed, where files are larger than what is held back at once."""

import pytest

from paydown.connectors.samples import tables
from paydown.dialects.samples import settle

MAP = ("end=t:s", "gpu=g", "gpu_model=m", "gpu_util_ratio=u", "tensor_active_ratio=x")


def table(rows):
    lines = (",".join(map(str, row)) for row in rows)
    return "t,g,m,u,x\n" + "\n".join(lines) + "\n"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(settle, "HELD_ROWS", 6)


@pytest.fixture
def parquet(read, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BATCH_ROWS", 3)

    def run(rows):
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = dict(zip("tgmux", map(list, zip(*rows, strict=True)), strict=True))
        path = tmp_path / "t.parquet"
        pq.write_table(pa.table(columns), path)
        return read(path, map=MAP, node="n")

    return run


AT = 1709553600


def test_each_device_has_its_own_spacing_and_one_that_comes_later_too(parquet):
    first = [(AT + 10 * step, gpu, "A", 0.5, 0.5) for step in range(3) for gpu in "01"]
    later = [(AT + 100 + 60 * step, "2", "A", 0.5, 0.5) for step in range(5)]
    mixed = [(AT + 200 + 60 * step, "0", "A", 0.5, 0.5) for step in range(4)]
    found = parquet(first + later + mixed)
    lengths = {}
    for row in found.gpus:
        lengths.setdefault(row["gpu"], []).append(row["duration_ms"])
    assert lengths == {"0": [10000] * 7, "1": [10000] * 3, "2": [60000] * 5}
    assert "10 s (2 devices), 60 s (1 device)" in found.note


def test_a_single_reading_lasts_as_long_as_the_others(parquet):
    found = parquet([(AT, "0", "A", 0.5, 0.5), (AT + 10, "0", "A", 0.5, 0.5), (AT, "1", "A", 0.5, 0.5)])
    assert found.column("duration_ms") == [10000] * 3


def test_a_reading_that_nothing_is_like_is_a_reject(parquet):
    found = parquet([(AT, "0", "A", 0.5, 0.5)])
    assert found.gpus == []
    assert found.reasons == {"unknown-duration": 1}
    assert "--interval" in found.rejects[0].detail


@pytest.mark.parametrize(
    ("seconds", "length"),
    [((0, 30.3, 59.8), 30000), ((0, 0.52, 1.01), 500), ((0, 0.05, 0.1), 50), ((0, 1e5, 2e5), 10**8)],
)
def test_jitter_is_rounded_away(parquet, seconds, length):
    found = parquet([(AT + second, "0", "A", 0.5, 0.5) for second in seconds])
    assert set(found.column("duration_ms")) == {length}


def test_equal_moments_say_nothing_of_the_spacing(parquet):
    found = parquet([(AT + 30 * (step // 3), "0", "A", 0.5, 0.5) for step in range(9)])
    assert set(found.column("duration_ms")) == {30000}


def test_zeros_are_settled_by_what_is_held_and_believed_once_one_is_above(parquet):
    quiet = [(AT + 10 * step, "0", "A", 0.5, 0) for step in range(6)]
    busy = [(AT + 60 + 10 * step, "0", "A", 0.5, value) for step, value in enumerate((0, 0.2, 0, 0, 0, 0))]
    found = parquet(quiet + busy)
    assert found.column("tensor_active_ratio") == [None] * 6 + [0, 0.2, 0, 0, 0, 0]
    assert found.reasons == {"unproven-zero": 6}


def test_the_files_of_a_command_prove_zeros_for_each_other(read, tmp_path):
    files = []
    for name, value in (("a", 0), ("b", 0.4)):
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text(table([(AT + 10 * step, "0", "A", 0.5, value) for step in range(2)]))
    found = read(*files, map=MAP, node_from_name="^(.)")
    assert [(row["node"], row["tensor_active_ratio"]) for row in found.gpus] == [
        ("a", 0),
        ("a", 0),
        ("b", 0.4),
        ("b", 0.4),
    ]
    assert found.reasons == {}
