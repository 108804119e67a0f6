"""Random clusters through a real store: rows of facts in, in any order and number of ingests, and the ledger out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import BaseModel
from tests.ledger.brute import TABLES

from paydown.connectors.interface import Connector, Context
from paydown.ingest import ingest
from paydown.ledger.pure import READ
from paydown.model.batch import Batch, Vouch
from paydown.model.facts import CAPABILITIES, FACTS, GPU_SAMPLES, HOST_SAMPLES

if TYPE_CHECKING:
    from tests.ledger.clusters import Facts, Row

    from paydown.ledger.settings import LedgerSettings
    from paydown.store.store import Store

SAMPLES = {"gpu_samples": GPU_SAMPLES, "host_samples": HOST_SAMPLES}


def believable(facts: Facts) -> Facts:
    """Put what was not believed back as a source would have said it: a ratio that is none, a negative amount."""
    return {table: [_as_said(table, row) for row in rows] for table, rows in facts.items()}


def _as_said(table: str, row: Row) -> Row:
    if table not in SAMPLES or not row.get("_rejected"):
        return row
    said = {name: value for name, value in row.items() if name != "_rejected"}
    for place, name in enumerate(SAMPLES[table].measured):
        if row["_rejected"] >> place & 1:
            said[name] = math.nan if SAMPLES[table].by_name[name].kind == "real" else -1
    return said


class _Rows(BaseModel):
    """Settings of a source that has its rows at hand."""

    model_config = {"arbitrary_types_allowed": True}
    facts: Any


def _read(settings: _Rows, context: Context):
    del context
    for table, rows in settings.facts.items():
        if table == "sources":
            for row in rows:
                supports = tuple((row["supports"] or "").split(";")) if row["supports"] else ()
                yield Vouch(row["cluster"], row["source"], supports, row["covers_from"], row["covers_to"])
        elif rows:
            yield Batch(table, as_table(table, rows), "rows")


def as_table(table: str, rows: list[Row]) -> pa.Table:
    """Give rows of a fact table as Arrow, instants in place of ms."""
    schema = FACTS[table].arrow
    columns = {}
    for field in schema:
        values = [row.get(field.name) for row in rows]
        whole = pa.types.is_timestamp(field.type)
        columns[field.name] = pa.array(values, pa.int64()).cast(field.type) if whole else pa.array(values, field.type)
    return pa.table(columns)


SOURCE = Connector("rows", "Rows at hand.", _Rows, CAPABILITIES, tuple(FACTS), _read)


def take(store: Store, facts: Facts, settings: LedgerSettings, *, post: bool = True) -> Any:
    """Ingest rows of facts."""
    return ingest(store, SOURCE, _Rows(facts=facts), Context(), ledger=settings, post=post)


def stored_facts(store: Store) -> Facts:
    """Give the facts of a store as the oracle reads them."""
    snapshot = store.snapshot()
    found: Facts = {}
    for table in sorted({*TABLES, *READ}):
        names = [*FACTS[table].names, *(["_rejected"] if table in SAMPLES else [])]
        rows = snapshot.rows(table, columns=names)
        columns = {
            name: rows.column(name).cast(pa.int64())
            if pa.types.is_timestamp(rows.column(name).type)
            else rows.column(name)
            for name in names
        }
        found[table] = pa.table(columns).to_pylist()
    return found


def stored_ledger(store: Store) -> dict[str, pa.Table]:
    """Give the derived tables of a store."""
    names = ("entries", "pools", "doubts", "demand", "daily", "histograms")
    return {name: store.snapshot().rows(name) for name in names}
