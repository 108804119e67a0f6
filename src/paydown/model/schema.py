"""What a table is: columns with types, units, nullability and keys, in one place.

Arrow schemas, CSV parsing, validation, SQL types and the documentation are all derived from these records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["text", "int", "real", "instant", "day", "flag"]
"""text: UTF-8; int: 64-bit; real: double; instant: UTC, whole milliseconds; day: UTC date; flag: boolean."""

Role = Literal["fact", "said", "derived", "meta"]
"""fact: what a cluster has, does, measures; said: what people say; derived: can be made again; meta: of the store."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    kind: Kind
    doc: str
    """What it says, in one sentence."""
    unit: str = ""
    """The unit of its figures, empty where it has none."""
    null: bool = False
    """Whether it may be missing. Missing is never zero."""
    measured: bool = False
    """Whether it is a measurement: not part of a natural key, rejected field by field."""
    ratio: bool = False
    """Whether it is a ratio in [0, 1] (docs/spec/ledger.md, section 3, Rejects)."""
    choices: tuple[str, ...] = ()
    """The closed set of its values, empty where it is open."""


@dataclass(frozen=True)
class Table:
    """One table: its columns, its natural key and how it lies on disk."""

    name: str
    role: Role
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """The natural key: two rows with equal keys are versions of one fact."""
    partition: tuple[str, ...] = ("cluster",)
    """Columns (or `day`, `month`, derived from `by`) that name the folders."""
    by: tuple[str, ...] = ()
    """The instants of which the first that is known gives the day or month of the partition."""
    sort: tuple[str, ...] = ()
    """The order of rows in a file."""
    row_group: int = 100_000
    """Rows in one Parquet row group."""
    closes: str = ""
    """The column whose null means that a row is still open and may be replaced by a later version."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def arrow(self) -> pa.Schema:
        """The Arrow schema: instants are `timestamp[ms, UTC]`, days `date32`."""
        import pyarrow as pa

        types: dict[str, pa.DataType] = {
            "text": pa.string(),
            "int": pa.int64(),
            "real": pa.float64(),
            "instant": pa.timestamp("ms", "UTC"),
            "day": pa.date32(),
            "flag": pa.bool_(),
        }
        return pa.schema([pa.field(c.name, types[c.kind], nullable=c.null) for c in self.columns])

    @cached_property
    def measured(self) -> tuple[str, ...]:
        """The names of the measured columns, in order; bit i of a `rejected` mask stands for the i-th."""
        return tuple(column.name for column in self.columns if column.measured)


@dataclass(frozen=True)
class Registry:
    """Tables by name."""

    tables: dict[str, Table] = field(default_factory=dict)

    @staticmethod
    def of(*tables: Table) -> Registry:
        """Collect tables; a name given twice is a programming error."""
        found = {table.name: table for table in tables}
        if len(found) != len(tables):
            raise ValueError("a table name is given twice")
        return Registry(found)
