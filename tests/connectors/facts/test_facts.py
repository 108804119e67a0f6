"""Folders of facts: what is found, what it supports, what cannot be read."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from paydown.connectors.facts import CONNECTOR, FactsSettings
from paydown.connectors.interface import Context
from paydown.errors import InputError
from paydown.model.batch import Batch, Reject, Vouch
from paydown.model.facts import FACTS
from paydown.model.rows import normalise

SMALL = Path(__file__).parents[2] / "dumps" / "facts" / "small"
NODES = "cluster,node,partitions,start\nc,n1,gpu,2024-03-01T00:00:00Z\n"


def read(folder, **context):
    """Give the clean rows of each table, the rejects, and the vouches."""
    tables, rejects, vouches = {}, [], []
    for item in CONNECTOR.read(FactsSettings(folder=folder), Context(**context)):
        if isinstance(item, Batch):
            clean = normalise(FACTS[item.table], item.rows, item.origin)
            tables.setdefault(item.table, []).extend(clean.rows.to_pylist())
            rejects += clean.rejects
        elif isinstance(item, Reject):
            rejects.append(item)
        else:
            vouches.append(item)
    return tables, rejects, vouches


@pytest.fixture
def folder(tmp_path):
    def make(files):
        for name, data in files.items():
            path = tmp_path / "facts" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        return tmp_path / "facts"

    return make


def test_a_small_folder():
    tables, rejects, vouches = read(SMALL)
    assert {name: len(rows) for name, rows in tables.items()} == {
        "nodes": 2,
        "jobs": 3,
        "allocations": 2,
        "gpu_samples": 4,
    }
    assert [(reject.line, reject.reason) for reject in rejects] == [(4, "not-a-number")]
    assert vouches == [Vouch("tiny", "facts", ("capacity", "allocation", "use", "wait"), note="a hand-written sample")]
    assert tables["jobs"][1]["name"] == 'sweep, "large"'
    assert tables["jobs"][0]["start"] == tables["jobs"][1]["start"]


def test_parts_parquet_and_gzip_beside_each_other(folder):
    path = folder({"nodes/nodes-1.csv": NODES, "nodes/more.csv.gz": gzip.compress(NODES.replace("n1", "n2").encode())})
    rows = pa.table({"cluster": ["c"], "node": ["n3"], "partitions": ["x"], "start": pa.array([0], pa.timestamp("ns"))})
    parquet.write_table(rows, path / "nodes" / "nodes-3.parquet")
    parquet.write_table(rows.slice(0, 0), path / "nodes" / "nodes-4.parquet")
    (path / "README.md").write_text("not facts")
    (path / "nodes" / ".hidden.csv").write_text("x")
    tables, rejects, _ = read(path)
    assert (sorted(row["node"] for row in tables["nodes"]), rejects) == (["n1", "n2", "n3"], [])


def test_parquet_is_read_in_batches_with_row_numbers(folder, monkeypatch):
    monkeypatch.setattr("paydown.connectors.facts.BATCH_ROWS", 2)
    path = folder({"facts.toml": ""})
    rows = pa.table({"cluster": ["c"] * 5, "node": ["n"] * 5, "partitions": ["x"] * 5, "start": [0, 1, None, 3, None]})
    parquet.write_table(rows, path / "nodes.parquet")
    batches = [item for item in CONNECTOR.read(FactsSettings(folder=path), Context()) if isinstance(item, Batch)]
    assert [len(batch.rows) for batch in batches] == [2, 2, 1]
    _, rejects, _ = read(path)
    assert [(reject.line, reject.reason) for reject in rejects] == [(3, "bad-key"), (5, "bad-key")]


@pytest.mark.parametrize(
    ("toml", "context", "header", "cluster"),
    [
        ('cluster = "t"', {}, "node", "t"),
        ("", {"cluster": "g"}, "node", "g"),
        ('cluster = "t"', {"cluster": "g"}, "node", "g"),
        ('cluster = "t"', {}, "cluster,node", "c"),
        ('cluster = "t"', {"cluster": "g"}, "cluster,node", "g"),
    ],
)
def test_which_cluster(folder, toml, context, header, cluster):
    cells = "c,n1" if "cluster" in header else "n1"
    path = folder({"facts.toml": toml, "nodes.csv": f"{header},partitions,start\n{cells},gpu,0\n"})
    tables, _, vouches = read(path, **context)
    assert tables["nodes"][0]["cluster"] == vouches[0].cluster == cluster


def test_people_come_first_and_keep_their_cluster(folder):
    path = folder({"identities.csv": "person,kind,name\nx,user,ann\n", "nodes.csv": NODES})
    batches = [
        item for item in CONNECTOR.read(FactsSettings(folder=path), Context(cluster="g")) if isinstance(item, Batch)
    ]
    assert batches[0].table == "identities"
    assert "cluster" not in batches[0].rows.column_names


@pytest.mark.parametrize(
    ("files", "supports"),
    [
        ({"nodes.csv": NODES}, ("capacity",)),
        ({"jobs.csv": "cluster,job_id,attempt,state,submit\nc,1,0,PENDING,0\n"}, ("wait",)),
        ({"jobs.csv": "cluster,job_id,attempt,state,submit\nc,1,0,RUNNING,\n"}, ()),
        ({"job_usage.csv": "cluster,job_id,attempt,signal,mean,source\nc,1,0,gpu_util,0.5,x\n"}, ("use",)),
        ({"nodes.csv": NODES, "facts.toml": 'supports = ["use"]'}, ()),
        ({"allocations.csv": "cluster,job_id,attempt,node,gpu_milli,start\nc,1,0,n1,0,0\n"}, ("allocation",)),
    ],
)
def test_a_folder_supports_what_its_tables_hold(folder, files, supports):
    assert [vouch.supports for vouch in read(folder(files))[2]] == [supports]


def test_a_table_without_rows_supports_nothing(folder):
    tables, rejects, vouches = read(folder({"nodes.csv": "cluster,node,partitions,start\n"}))
    assert (tables, rejects, vouches) == ({"nodes": []}, [], [])


def test_sources_of_an_export_vouch_for_themselves(folder):
    sources = (
        "cluster,source,supports,covers_from,covers_to,ingested_at,note\nc,sacct,allocation;wait,1000,2000,5000,n\n"
    )
    _, rejects, vouches = read(folder({"nodes.csv": NODES, "sources.csv": sources}))
    assert (rejects, vouches) == ([], [Vouch("c", "sacct", ("allocation", "wait"), 1000, 2000, "n")])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"job.csv": NODES}, "no table `job`; did you mean `jobs`"),
        ({"nodes.csv": ""}, "nodes.csv: the file is empty"),
        ({"nodes.csv": "cluster,node,partitons,start\n"}, "no column `partitons`; did you mean `partitions`"),
        ({"nodes.csv": "cluster,node,start\n"}, "needs the column.* partitions"),
        ({"nodes.csv": "node,partitions,start\nn1,x,0\n"}, "name it with --cluster"),
        ({"nodes.csv.gz": gzip.compress(NODES.encode() * 50)[:-20]}, "cut off"),
        ({"nodes.parquet": b"PAR1 or not"}, "cannot be read as Parquet"),
        ({"notes.txt": "x"}, "holds no facts"),
        ({"nodes.csv": NODES, "facts.toml": "clutser = 1"}, "`clutser`.*did you mean `cluster`"),
        ({"nodes.csv": NODES, "facts.toml": 'supports = ["usage"]'}, "cannot be `usage`; did you mean `use`"),
        ({"nodes.csv": NODES, "facts.toml": "cluster = "}, "no TOML"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(folder, files, message):
    path = folder(files)
    with pytest.raises(InputError, match=message):
        read(path)


def test_a_folder_that_is_not_there():
    with pytest.raises(InputError, match="/no/such is no folder"):
        read(Path("/no/such"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [("c,n2", "broken-line"), ("c,n2,x,0,0,0", "broken-line"), ("c,n\0,x,0", "nul-byte"), ("c,,x,0", "bad-key"),
     ("c,n2,x,soon", "not-a-time")],
)  # fmt: skip
def test_a_bad_line_is_a_reject_with_its_number(folder, line, reason):
    tables, rejects, _ = read(folder({"nodes.csv": NODES + line + "\n" + NODES.split("\n")[1].replace("n1", "n3")}))
    assert [row["node"] for row in tables["nodes"]] == ["n1", "n3"]
    assert [(reject.line, reject.reason) for reject in rejects] == [(3, reason)]


def test_latin_1_loses_the_text_and_keeps_the_row(folder):
    data = NODES.replace("partitions,", "partitions,pool,").replace("gpu,", "gpu,caf\xe9,").encode("latin-1")
    tables, rejects, _ = read(folder({"nodes.csv": data}))
    assert tables["nodes"][0]["pool"] is None
    assert [(reject.line, reject.reason) for reject in rejects] == [(2, "not-utf8")]
    assert "caf\ufffd" in rejects[0].row


def test_a_name_of_a_million_characters_costs_only_the_name(folder):
    head = "cluster,job_id,attempt,state,name\n"
    tables, rejects, _ = read(folder({"jobs.csv": f"{head}c,1,0,RUNNING,{'x' * 1_000_000}\nc,2,0,RUNNING,y\n"}))
    assert [row["name"] for row in tables["jobs"]] == [None, "y"]
    assert [(reject.line, reject.reason) for reject in rejects] == [(2, "too-long")]
    assert len(rejects[0].row) <= 1_000
