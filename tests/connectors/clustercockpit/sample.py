"""A small job database of ClusterCockpit, every row made by hand."""

import json
import sqlite3

SCHEMA = """
CREATE TABLE job (
  id INTEGER PRIMARY KEY, job_id BIGINT NOT NULL, cluster TEXT NOT NULL, subcluster TEXT NOT NULL,
  submit_time BIGINT NOT NULL DEFAULT 0, start_time BIGINT NOT NULL DEFAULT 0, hpc_user TEXT NOT NULL,
  project TEXT NOT NULL, cluster_partition TEXT, array_job_id BIGINT, duration INT NOT NULL, walltime INT NOT NULL,
  job_state TEXT NOT NULL, meta_data TEXT, resources TEXT NOT NULL, num_nodes INT NOT NULL, num_hwthreads INT,
  num_acc INT, smt INT NOT NULL DEFAULT 1, shared TEXT NOT NULL, monitoring_status TINYINT NOT NULL DEFAULT 1,
  energy REAL NOT NULL DEFAULT 0.0, energy_footprint TEXT, footprint TEXT)
"""
START = 1_700_000_000
CARDS = ["00000000:01:00.0", "00000000:25:00.0"]

DEFAULTS = {
    "job_id": 1,
    "cluster": "gpuland",
    "subcluster": "small",
    "submit_time": START - 60,
    "start_time": START,
    "hpc_user": "annabel",
    "project": "physics",
    "cluster_partition": "gpu",
    "array_job_id": 0,
    "duration": 600,
    "walltime": 3600,
    "job_state": "completed",
    "meta_data": '{"jobName": "train"}',
    "resources": [{"hostname": "g1", "hwthreads": [0, 1, 2, 3], "accelerators": [CARDS[1]]}],
    "num_nodes": 1,
    "num_hwthreads": 4,
    "num_acc": 1,
    "shared": "multi_user",
    "monitoring_status": 3,
    "footprint": {"acc_utilization_avg": 72.5, "acc_mem_used_avg": 2048.0, "cpu_load_avg": 9.9, "mem_used_avg": 3.3},
}

ROWS = (
    {},
    {"job_id": 2, "footprint": {"acc_utilization_avg": 0, "acc_mem_used_avg": 590.0}},
    {
        "job_id": 3,
        "resources": [{"hostname": n, "hwthreads": [0, 1], "accelerators": CARDS} for n in ("g1", "g2", "g3")],
        "num_nodes": 3,
        "num_hwthreads": 6,
        "num_acc": 6,
        "shared": "none",
    },
    {"job_id": 4, "job_state": "out-of-memory", "submit_time": 0, "num_acc": 0, "footprint": None},
    {"job_id": 5, "job_state": "running", "start_time": START + 5_000, "duration": 0, "monitoring_status": 1},
    {
        "job_id": 6,
        "cluster": "cpuland",
        "subcluster": "main",
        "resources": [{"hostname": "c1"}],
        "num_hwthreads": 72,
        "num_acc": 0,
        "shared": "none",
        "footprint": {"cpu_load_avg": 51.5, "mem_used_avg": 19.1},
    },
)


def cluster_json():
    """Describe a cluster of two-device nodes as ClusterCockpit does."""
    cards = [{"id": card, "type": "Nvidia GPU", "model": "A40"} for card in CARDS]
    return {
        "name": "gpuland",
        "subClusters": [{"name": "small", "nodes": "g[1-3]", "topology": {"accelerators": cards}}],
    }


def write(path, rows, schema=SCHEMA, defaults=DEFAULTS):
    """Write a database of these rows, each over the defaults."""
    database = sqlite3.connect(path)
    database.execute(schema)
    for row in rows:
        cells = {**defaults, **row}
        texts = [json.dumps(v).encode() if isinstance(v, (list, dict)) else v for v in cells.values()]
        marks = ", ".join("?" * len(cells))
        names = ", ".join(f'"{name}"' for name in cells)
        database.execute(f"INSERT INTO job ({names}) VALUES ({marks})", texts)
    database.commit()
    database.close()
    return path


def make(folder):
    """Write the sample and give the connector's settings for it."""
    write(folder / "job.db", ROWS)
    (folder / "cluster.json").write_text(json.dumps(cluster_json()))
    return {"path": folder / "job.db"}
