"""openb: the node and pod lists of Alibaba's GPU trace of 2023 (clusterdata, cluster-trace-gpu-v2023).

The columns are described in that trace's README; docs/connectors/openb.md says what is read and what it cannot say.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from paydown.connectors.interface import Connector, Context, Item
from paydown.errors import InputError
from paydown.model.batch import Batch, Reject, Vouch
from paydown.model.facts import FACTS
from paydown.model.units import MILLI, MS_PER_SECOND
from paydown.model.window import from_ms, to_ms

NAME = "openb"

NODE_COLUMNS = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
POD_COLUMNS = (
    "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec", "qos", "pod_phase",
    "creation_time", "deletion_time", "scheduled_time",
)  # fmt: skip

ENDED: dict[str, str] = {
    "Succeeded": "COMPLETED",
    "Failed": "FAILED",
    "Running": "CANCELLED",
    "Pending": "CANCELLED",
    "Unknown": "NODE_FAIL",
}
"""The state of a pod that was deleted, by its last phase: one deleted while it ran or waited was cancelled."""

ALIVE: dict[str, str] = {**ENDED, "Running": "RUNNING", "Pending": "PENDING"}
"""The state of a pod that has no deletion time."""

_MOST_DIGITS = 9
"""The longest figure that is believed: 31 years in seconds, a million CPUs in thousandths, 953 TiB in MiB."""


class Settings(BaseModel):
    """Which lists to read, and which instant the trace's second 0 is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(description="The folder that holds both lists.", json_schema_extra={"argument": True})
    nodes: Path = Field(Path("openb_node_list_all_node.csv"), description="The node list, seen from the folder.")
    pods: Path = Field(Path("openb_pod_list_default.csv"), description="The pod list, seen from the folder.")
    epoch: AwareDatetime = Field(
        datetime(2023, 1, 1, tzinfo=UTC),
        description="The instant that the trace's second 0 is taken to be: the trace does not say.",
    )


class _FieldError(ValueError):
    """A field of a row that cannot be believed."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass
class _List:
    """One list as it is read: rows of its fact table, rejects, and the last second named in it."""

    table: str
    path: Path
    cluster: str
    epoch_ms: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    last_ms: int = 0

    def read(self, columns: tuple[str, ...], make: Callable[[_List, Mapping[str, str]], dict[str, Any]]) -> None:
        """Read every row of the file; one that cannot be believed becomes a reject."""
        for line, row in _rows(self.path, columns):
            try:
                self.rows.append({"cluster": self.cluster, **make(self, row), "_line": line})
            except _FieldError as error:
                text = ",".join(str(value) for value in row.values())[:1_000]
                self.rejects.append(
                    Reject(self.table, str(self.path), line, error.reason, str(error), text, cluster=self.cluster)
                )

    def items(self) -> Iterator[Item]:
        """Hand over the rows, typed, and the rejects."""
        import pyarrow as pa

        if self.rows:
            kinds = {**{f.name: f.type for f in FACTS[self.table].arrow}, "_line": pa.int64()}
            columns = {name: pa.array([row[name] for row in self.rows], kinds[name]) for name in self.rows[0]}
            yield Batch(self.table, pa.table(columns), str(self.path))
        yield from self.rejects

    def instant(self, row: Mapping[str, str], column: str) -> int | None:
        """Give a time of the trace in ms since the real epoch; empty is null."""
        seconds = _whole(row, column)
        if seconds is None:
            return None
        self.last_ms = max(self.last_ms, seconds * MS_PER_SECOND)
        return self.epoch_ms + seconds * MS_PER_SECOND


def read(settings: Settings, context: Context) -> Iterator[Item]:
    """Read the inventory and the pods."""
    cluster, epoch_ms = context.cluster or NAME, to_ms(settings.epoch)
    nodes = _List("nodes", settings.path / settings.nodes, cluster, epoch_ms)
    pods = _List("jobs", settings.path / settings.pods, cluster, epoch_ms)
    for found, columns, make in ((nodes, NODE_COLUMNS, _node), (pods, POD_COLUMNS, _pod)):
        found.read(columns, make)
        yield from found.items()
        context.progress(f"{len(found.rows):,} rows of {found.path.name}", None)
    yield Vouch(cluster, NAME, ("capacity",), epoch_ms, epoch_ms + pods.last_ms, _note(settings))


def _note(settings: Settings) -> str:
    return (
        f"Times are assumed: the trace's second 0 is taken as {from_ms(to_ms(settings.epoch)).isoformat()}. "
        "The pods are a sample, and no pod names its node: neither occupancy nor waiting can be told from them."
    )


def _node(found: _List, row: Mapping[str, str]) -> dict[str, Any]:
    """Make one row of the inventory."""
    cpus, rest = divmod(_needed(row, "cpu_milli"), MILLI)
    if rest:
        raise _FieldError("out-of-range", f"cpu_milli {row['cpu_milli']} is no whole number of CPUs")
    return {
        "node": row["sn"],
        "partitions": "",
        "gpu_model": _text(row, "model"),
        "gpus": _needed(row, "gpu"),
        "cpus": cpus,
        "memory_mib": _needed(row, "memory_mib"),
        "start": found.epoch_ms,
    }


def _pod(found: _List, row: Mapping[str, str]) -> dict[str, Any]:
    """Make one job of a pod; it held something somewhere, but the trace does not say where."""
    end = found.instant(row, "deletion_time")
    phase = (ALIVE if end is None else ENDED).get(row["pod_phase"])
    if phase is None:
        raise _FieldError("unknown-value", f"pod_phase {row['pod_phase']!r} is none of {', '.join(ENDED)}")
    return {
        "job_id": row["name"],
        "attempt": 0,
        "qos": _text(row, "qos"),
        "submit": found.instant(row, "creation_time"),
        "start": found.instant(row, "scheduled_time"),
        "end": end,
        "state": phase,
        "req_nodes": 1,
        "req_gpu_milli": _needed(row, "num_gpu") * _needed(row, "gpu_milli"),
        "req_cpu_milli": _needed(row, "cpu_milli"),
        "req_memory_mib": _needed(row, "memory_mib"),
        "req_gpu_model": _text(row, "gpu_spec"),
    }


def _text(row: Mapping[str, str], column: str) -> str | None:
    value = row[column].strip()
    return None if value in ("", "nan") else value


def _whole(row: Mapping[str, str], column: str) -> int | None:
    """Read a whole number, also as pandas writes one of a column with gaps (`12.0`); empty is null."""
    text = _text(row, column)
    if text is None:
        return None
    digits = text.removesuffix(".0")
    if not (digits.isascii() and digits.isdigit()):
        raise _FieldError("not-a-number", f"{column} is {text!r}, not a whole number of at least 0")
    if len(digits) > _MOST_DIGITS:
        raise _FieldError("out-of-range", f"{column} has {len(digits)} digits")
    return int(digits)


def _needed(row: Mapping[str, str], column: str) -> int:
    value = _whole(row, column)
    if value is None:
        raise _FieldError("missing", f"{column} is empty")
    return value


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a list's rows with their lines."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, restval="")
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path} is no such list of openb: its header lacks {', '.join(missing)}")
            for row in reader:
                yield reader.line_num, {name: row[name] for name in columns}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; name the lists with --nodes and --pods") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV: {error}") from error


CONNECTOR = Connector(
    name=NAME,
    summary="the node and pod lists of Alibaba's openb trace (2023)",
    settings=Settings,
    supports=("capacity",),
    tables=("nodes", "jobs"),
    read=read,
)
