"""Synthetic clusters to look at: a small one with everything in it, read once."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from paydown.connectors.interface import Context
from paydown.connectors.synthetic import CONNECTOR
from paydown.model.batch import Batch

SMALL = {"nodes": 16, "cpu_nodes": 4, "days": 6, "jobs": 2_500, "interval": 300, "seed": 4}
ODD = "odd-"


@dataclass
class Facts:
    """What one reading gave."""

    items: list
    truth: dict

    def batches(self, table, *, odd=False):
        return [
            item
            for item in self.items
            if isinstance(item, Batch) and item.table == table and (ODD in item.origin) == odd
        ]

    def rows(self, table):
        found = [batch.rows for batch in self.batches(table)]
        return pa.concat_tables(found).to_pylist() if found else []


def read(folder=None, **settings):
    chosen = CONNECTOR.settings(**settings, truth=folder)
    items = list(CONNECTOR.read(chosen, Context()))
    truth = {path.stem: pq.read_table(path).to_pylist() for path in Path(folder).glob("*.parquet")} if folder else {}
    return Facts(items, truth)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    return read(tmp_path_factory.mktemp("truth"), **SMALL)


@pytest.fixture(scope="session")
def reading():
    return read
