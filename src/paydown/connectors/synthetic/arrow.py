"""Plain columns made into Arrow tables of exactly the facts' types, without a Python object for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from paydown.model.facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def codes(names: Sequence[str | None], which: npt.NDArray[np.int64]) -> pa.Array:
    """Give `names[i]` for each i of `which`; null where i is negative."""
    mask = which < 0
    indices = pa.array(which.astype(np.int32), mask=mask if mask.any() else None)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())).cast(pa.string())


def instants(ms: npt.NDArray[np.int64], null: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Give instants from ms since the epoch."""
    return pa.array(ms, pa.int64(), mask=null).cast(pa.timestamp("ms", "UTC"))


def rows(table: str, cluster: str, columns: Mapping[str, object], size: int) -> pa.Table:
    """Put columns together in the table's order, with the cluster's name; a column that is not given is left out."""
    schema = FACTS[table].arrow
    given = {"cluster": pa.repeat(cluster, size), **columns}
    unknown = set(given) - set(schema.names)
    if unknown:
        raise ValueError(f"{table} has no column {sorted(unknown)}")
    fields = [field for field in schema if field.name in given]
    arrays = [_array(given[field.name], field.type) for field in fields]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(values: object, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values if values.type == kind else values.cast(kind)
    return pa.array(values, kind)
