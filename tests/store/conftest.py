"""A store in a temporary folder, and rows written as dicts."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from paydown.store import open_store
from paydown.store.tables import TABLES

DAY = 86_400_000
T0 = datetime(2026, 1, 31, tzinfo=UTC)
T0_MS = int(T0.timestamp()) * 1000


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


@pytest.fixture
def table():
    """Give rows of a table by name; instants may be given in ms after 2026-01-31."""

    def made(name, rows, *, extra=()):
        known = TABLES[name]
        fields = [*known.arrow, *extra]
        columns = {each.name: [row.get(each.name) for row in rows] for each in fields}
        instants = {column.name for column in known.columns if column.kind == "instant"}
        for instant in instants:
            columns[instant] = [T0_MS + v if isinstance(v, int) else v for v in columns[instant]]
        arrays = [
            pa.array(columns[each.name], pa.int64() if _whole(columns, each, instants) else each.type)
            for each in fields
        ]
        return pa.Table.from_arrays(
            [a.cast(f.type) for a, f in zip(arrays, fields, strict=True)], schema=pa.schema(fields)
        )

    def _whole(columns, each, instants):
        return each.name in instants and all(isinstance(v, int | None) for v in columns[each.name])

    return made


@pytest.fixture
def put(store, table):
    """Upsert and commit rows, and give what became of them."""

    def done(name, rows):
        with store.write() as tx:
            result = tx.upsert(name, table(name, rows))
            tx.commit()
        return result

    return done
