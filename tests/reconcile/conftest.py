"""Stores of a small cluster, and a Slurm that says what a test gives it."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pydantic import BaseModel

from paydown.connectors.interface import Connector, Context
from paydown.errors import SourceError
from paydown.ingest import ingest
from paydown.model.batch import Batch, Vouch
from paydown.model.facts import FACTS
from paydown.store import open_store

ALL = ("capacity", "allocation", "use", "wait")


def moment(text):
    """Give an instant of 2026-11-24, or of another day where one is named."""
    day = "" if "T" in text or len(text) == 10 else "2026-11-24T"
    return datetime.fromisoformat(day + text).replace(tzinfo=UTC)


def ms(text):
    return round(moment(text).timestamp() * 1000)


class Nothing(BaseModel):
    """Nothing is asked."""


def facts(rows, start, end, cluster="lab", source="site", supports=ALL):
    """Make a source of rows by table; instants are texts, and it vouches for a time."""

    def read(_settings, _context):
        for name, given in rows.items():
            columns = FACTS[name].arrow
            made = [{"cluster": cluster, **row} for row in given]
            for row in made:
                row |= {key: moment(row[key]) for key in row if columns.field(key).type == pa.timestamp("ms", "UTC") and isinstance(row[key], str)}  # fmt: skip  # noqa: E501
            names = list(dict.fromkeys(key for row in made for key in row))
            yield Batch(name, pa.Table.from_pylist(made, pa.schema([columns.field(key) for key in names])), "test")
        yield Vouch(cluster, source, supports, ms(start), ms(end))

    return Connector("site", "Rows of a test.", Nothing, supports, tuple(rows), read)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"), create=True)


@pytest.fixture
def known(store):
    """Ingest rows and give the state of the store."""

    def run(rows, start="00:00", end="04:00", **more):
        ingest(store, facts(rows, start, end, **more), Nothing(), Context())
        return store.snapshot()

    return run


class Slurm:
    """What Slurm says: answers by a word of the command; what has none cannot be run."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def __call__(self, words):
        self.asked.append(tuple(words))
        for word, answer in self.answers.items():
            if word in words:
                return answer(words) if callable(answer) else answer
        raise SourceError(f"{words[0]} cannot be run")


UTILIZATION = "Cluster|TRES Name|Allocated|Down|PLND Down|Idle|Planned|Reported"
HELD = "Cluster|Account|Login|Proper Name|TRES Name|Used"


def report(header, *rows):
    """Write an answer of sreport."""
    return "\n".join(["-" * 80, "A title 2026", "-" * 80, header, *("|".join(map(str, row)) for row in rows)]) + "\n"
