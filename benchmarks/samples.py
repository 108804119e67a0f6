"""CPU of reading telemetry files, by form: mapped Parquet and CSV, logs of nvidia-smi, answers of Prometheus.

`python benchmarks/samples.py` writes files of a million readings of 1,000 devices (`--rows` for more, `--forms` for
fewer) into a temporary folder and prints CPU seconds for each million rows, of the connector alone and with the rows
made clean as ingest does, beside a bare scan of the same files.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from paydown.connectors.interface import Context
from paydown.connectors.samples import CONNECTOR
from paydown.model.batch import Batch
from paydown.model.facts import FACTS
from paydown.model.rows import normalise

DEVICES, PER_NODE, INTERVAL = 1_000, 8, 30
START = 1_704_067_200
KIB_PER_MIB = 1_024
QUIET = 0.3
MAP = (
    "end=time:s,node=host,gpu=index,gpu_model=model,gpu_util_ratio=util:percent,sm_active_ratio=sm,"
    "memory_used_mib=mem:MiB"
)


def columns(rows: int) -> dict[str, pa.Array]:
    """Make readings, all devices at one moment, then at the next."""
    random = np.random.default_rng(1)
    device = np.arange(rows) % DEVICES
    nodes = pa.array([f"gpu{number:03}" for number in range(DEVICES // PER_NODE + 1)])
    util = np.where(random.random(rows) < QUIET, 0, random.integers(0, 101, rows))
    return {
        "time": pa.array(START + np.arange(rows) // DEVICES * INTERVAL),
        "host": pa.DictionaryArray.from_arrays(pa.array((device // PER_NODE).astype(np.int32)), nodes),
        "index": pa.array(device % PER_NODE),
        "model": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["NVIDIA A100-SXM4-80GB"]),
        "util": pa.array(util),
        "sm": pa.array(np.round(util / 100 * 0.8, 3)),
        "mem": pa.array(random.integers(0, 81_920, rows)),
    }


def parquet(folder: Path, rows: int) -> tuple[list[Path], dict[str, object]]:
    """Write a table as Parquet."""
    pq.write_table(pa.table(columns(rows)), folder / "samples.parquet", row_group_size=1_000_000)
    return [folder / "samples.parquet"], {"map": tuple(MAP.split(","))}


def csv(folder: Path, rows: int) -> tuple[list[Path], dict[str, object]]:
    """Write the same as CSV."""
    made = columns(rows)
    plain = {
        name: values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values
        for name, values in made.items()
    }
    pa_csv.write_csv(pa.table(plain), folder / "samples.csv", pa_csv.WriteOptions(quoting_style="none"))
    return [folder / "samples.csv"], {"map": tuple(MAP.split(","))}


def smi(folder: Path, rows: int) -> tuple[list[Path], dict[str, object]]:
    """Write logs of nvidia-smi, one for each node."""
    made = columns(rows)
    stamp = pc.strftime(made["time"].cast(pa.timestamp("s")), "%Y/%m/%d %H:%M:%S.001")
    uuid = pa.array(["GPU-5d0c3b41-8d27-4a6f-b1a4-6f1f0b1a9d10"] * rows)
    cells = [stamp, made["index"].cast(pa.string()), uuid, made["model"].cast(pa.string()),
             pc.binary_join_element_wise(made["util"].cast(pa.string()), "%", " "),
             pc.binary_join_element_wise(made["mem"].cast(pa.string()), "MiB", " ")]  # fmt: skip
    lines = pc.binary_join_element_wise(*cells, ", ")
    head = "timestamp, index, uuid, name, utilization.gpu [%], memory.used [MiB]\n"
    for at, node in enumerate(made["host"].dictionary.to_pylist()):
        mine = lines.filter(pc.equal(made["host"].indices, at)).to_pylist()
        (folder / f"{node}.csv").write_text(head + "\n".join(mine) + "\n")
    return sorted(folder.glob("gpu*.csv")), {"node_from_name": r"^(\w+)"}


def prometheus(folder: Path, rows: int) -> tuple[list[Path], dict[str, object]]:
    """Write answers, one for each of three metrics."""
    made = columns(rows)
    files = []
    names = {"DCGM_FI_DEV_GPU_UTIL": "util", "DCGM_FI_PROF_SM_ACTIVE": "sm", "DCGM_FI_DEV_FB_USED": "mem"}
    times = made["time"].to_numpy()[::DEVICES].tolist()
    for metric, column in names.items():
        values = made[column].to_pylist()
        result = [
            {"metric": {"__name__": metric, "Hostname": f"gpu{device // PER_NODE:03}", "gpu": str(device % PER_NODE),
                        "modelName": "NVIDIA A100-SXM4-80GB", "UUID": f"GPU-{device}"},
             "values": [[at, str(value)] for at, value in zip(times, values[device::DEVICES], strict=False)]}
            for device in range(DEVICES)
        ]  # fmt: skip
        files.append(folder / f"{metric}.json")
        files[-1].write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))
    return files, {}


FORMS: dict[str, Callable[[Path, int], tuple[list[Path], dict[str, object]]]] = {
    "parquet": parquet, "csv": csv, "nvidia-smi": smi, "prometheus": prometheus,
}  # fmt: skip


def bare(files: list[Path]) -> None:
    """Read the same files without making anything of them."""
    for file in files:
        if file.suffix == ".parquet":
            for _ in pq.ParquetFile(file).iter_batches(500_000, use_threads=False):
                pass
        elif file.suffix == ".csv":
            pa_csv.read_csv(file, pa_csv.ReadOptions(use_threads=False))
        else:
            json.loads(file.read_text())


def spent(work: Callable[[], int | None]) -> tuple[float, int]:
    """Give the CPU seconds of some work, and what it counted."""
    begun = time.process_time()
    found = work() or 0
    return time.process_time() - begun, found


def read(files: list[Path], given: dict[str, object], *, clean: bool) -> int:
    """Read files; give the rows."""
    settings = CONNECTOR.settings(files=tuple(map(str, files)), **given)
    rows = 0
    for item in CONNECTOR.read(settings, Context(cluster="c")):
        if isinstance(item, Batch):
            rows += len(normalise(FACTS[item.table], item.rows, item.origin).rows if clean else item.rows)
    return rows


def main() -> None:
    """Print CPU seconds for each million rows of each form."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="readings (default: 1000000)")
    parser.add_argument("--forms", nargs="*", default=list(FORMS), choices=list(FORMS), help="default: all")
    asked = parser.parse_args()
    print(f"{asked.rows:,} readings of {DEVICES:,} devices; CPU s for each million rows")
    for name in asked.forms:
        with tempfile.TemporaryDirectory() as folder:
            files, given = FORMS[name](Path(folder), asked.rows)
            scan, _ = spent(lambda files=files: bare(files))
            made, rows = spent(lambda files=files, given=given: read(files, given, clean=False))
            cleaned, _ = spent(lambda files=files, given=given: read(files, given, clean=True))
            per = rows / 1e6
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB
            print(f"{name:<12}{rows:>12,} rows  scan {scan / per:6.2f}  read {made / per:6.2f}  "
                  f"read and cleaned {cleaned / per:6.2f}  at most {most:,.0f} MiB")  # fmt: skip
            sys.stdout.flush()


if __name__ == "__main__":
    main()
