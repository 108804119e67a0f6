"""Telemetry from files: logs of nvidia-smi and DCGM, answers of Prometheus, CSV and Parquet with a map of columns.

docs/connectors/samples.md says what is read of each form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

from paydown.connectors.interface import Connector, Context, Item
from paydown.connectors.samples.monitors import read_dcgmi, read_dmon
from paydown.connectors.samples.opened import opened
from paydown.connectors.samples.reading import Reading
from paydown.connectors.samples.recipes import RECIPES
from paydown.connectors.samples.settings import SamplesSettings
from paydown.connectors.samples.smi import read_smi
from paydown.connectors.samples.tables import read_csv, read_parquet
from paydown.dialects.samples.answers import read_answer
from paydown.dialects.samples.frames import Frame
from paydown.dialects.samples.mapping import mapped
from paydown.dialects.samples.prometheus import Answers
from paydown.dialects.samples.settle import Settler
from paydown.model.batch import Reject

READERS: dict[str, Callable[[Reading], Iterator[Frame | Reject]]] = {
    "nvidia-smi": read_smi,
    "dmon": read_dmon,
    "dcgmi": read_dcgmi,
    "csv": read_csv,
    "parquet": read_parquet,
}
"""What reads a file of each form."""


def read(settings: SamplesSettings, context: Context) -> Iterator[Item]:
    """Yield the samples of each file, then what they vouch for."""
    told = mapped(settings.map, settings.map_file)
    given = settings.interval_ms
    settler = Settler("samples", context.cluster, interval_ms=given, believe_zeros=settings.believe_zeros)
    answers = Answers(told, short=settings.short_names, metric=settings.metric, interval_ms=given)
    doubled = 0
    for done, name in enumerate(settings.files):
        context.progress(name, done / len(settings.files))
        with opened(name, settings) as file:
            reading = Reading(file, settings, told, ZoneInfo(context.timezone))
            if file.form == "prometheus":
                answers.add(name, read_answer(name, file.path), reading.named)
                continue
            yield from _taken(READERS[file.form](reading), settler)
            doubled += reading.doubled
    yield from _taken(answers.frames(), settler)
    settler.notes.update(answers.notes)
    if doubled:
        settler.notes[f"{doubled:,} times are in an hour that {context.timezone} shows twice: read as the first."] = (
            None
        )
    yield from settler.finish()


def _taken(found: Iterator[Frame | Reject], settler: Settler) -> Iterator[Item]:
    for each in found:
        if isinstance(each, Reject):
            yield each
        else:
            yield from settler.take(each)


CONNECTOR = Connector(
    name="samples",
    summary="Telemetry from files: nvidia-smi, dcgmi dmon, Prometheus answers, CSV or Parquet with a map.",
    settings=SamplesSettings,
    supports=("use",),
    tables=("gpu_samples", "host_samples"),
    read=read,
    recipes=RECIPES,
)
"""The connector."""
