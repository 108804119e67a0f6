"""The asset list of a data centre, a CSV file with a row for each host, as an inventory."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from paydown.connectors.interface import Connector, Context, Item
from paydown.errors import InputError
from paydown.model.batch import LINE, Batch, Reject, Vouch

COLUMNS = ("host", "rack", "gpus", "since")
"""The columns of an asset list; there may be others."""


class Racks(BaseModel):
    """What `paydown ingest racks` can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path = Field(description="The asset list.", json_schema_extra={"argument": True})
    gpu_model: str | None = Field(None, description="The model of the GPUs, which asset lists do not have.")


def read(settings: Racks, context: Context) -> Iterator[Item]:
    """Yield a node for each host, a reject for each row that names none, and what the list vouches for."""
    origin = str(settings.file)
    if context.cluster is None:
        raise InputError(f"{origin}: an asset list does not name the cluster: name it with --cluster NAME.")
    hosts, without = [], []
    for line, row in enumerate(_rows(settings.file), 2):
        (hosts if row["host"] else without).append((line, row))
    yield Batch("nodes", _nodes(hosts, context.cluster, settings.gpu_model), origin)
    for line, row in without:
        yield Reject("nodes", origin, line, "bad-key", "the row names no host", f"rack={row['rack']}")
    yield Vouch(context.cluster, "racks", ("capacity",))


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = set(COLUMNS) - set(rows.fieldnames or ())
            if missing:
                raise InputError(f"{file}: it lacks the column(s) {', '.join(sorted(missing))}: export them too.")
            return list(rows)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}.") from error


def _nodes(hosts: list[tuple[int, dict[str, str]]], cluster: str, gpu_model: str | None) -> pa.Table:
    """Make rows of `nodes`; figures stay text, which ingest reads, and rejects where it cannot."""
    return pa.table(
        {
            "cluster": pa.array([cluster] * len(hosts), pa.string()),
            "node": pa.array([row["host"] for _, row in hosts], pa.string()),
            "partitions": pa.array([""] * len(hosts), pa.string()),
            "pool": pa.array([row["rack"] for _, row in hosts], pa.string()),
            "gpu_model": pa.array([gpu_model] * len(hosts), pa.string()),
            "gpus": pa.array([row["gpus"] for _, row in hosts], pa.string()),
            "start": pa.array([row["since"] for _, row in hosts], pa.string()),
            LINE: pa.array([line for line, _ in hosts], pa.int64()),
        }
    )


CONNECTOR = Connector(
    name="racks",
    summary="The asset list of a data centre: a CSV file with host, rack, gpus, since.",
    settings=Racks,
    supports=("capacity",),
    tables=("nodes",),
    read=read,
)
