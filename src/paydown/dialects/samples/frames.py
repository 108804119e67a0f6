"""Readings as every form gives them: columns of equal length, before it is known how long each lasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class Frame:
    """Readings of one table from one file."""

    table: str
    """`gpu_samples` or `host_samples`."""
    origin: str
    """The file."""
    at: pa.Array
    """int64 ms since the epoch: the moment of each reading, at the end of what it describes; null: unknown."""
    node: pa.Array
    """Dictionary of text."""
    gpu: pa.Array | None = None
    """Dictionary of text; None for hosts."""
    job: pa.Array | None = None
    """Text of the job that a row is labelled with."""
    model: pa.Array | None = None
    """Dictionary of text: the device's model."""
    cluster: pa.Array | None = None
    """Text, where the file names the cluster."""
    figures: dict[str, pa.Array] = field(default_factory=dict)
    """Measured columns: doubles in the column's unit; NaN where the file has something that is no number."""
    garbage: dict[str, pa.Array] = field(default_factory=dict)
    """For measured columns with such cells: their text, null elsewhere."""
    rates: dict[str, pa.Array] = field(default_factory=dict)
    """Measured columns that are amounts in a sample: doubles in the column's unit, each second."""
    doubted: frozenset[str] = frozenset()
    """Measured columns of which a zero has to be shown possible."""
    begins: bool = False
    """Whether `at` is the beginning of what a reading describes."""
    duration: pa.Array | None = None
    """int64 ms: how long each reading lasts, where the file says it."""
    lines: pa.Array | None = None
    """1-based lines or rows in the file."""

    def __len__(self) -> int:
        """Count the readings."""
        return len(self.at)


@dataclass
class Named:
    """What is fixed for all rows of a file."""

    node: str | None
    job: str | None
    gpu: str | None
    model: str | None


def need_node(node: str | None, path: str) -> str:
    """Give the node, or say how to name it."""
    if node is None:
        raise InputError(
            f"{path}: nothing says which node this is of: name it with --node NODE, or with "
            "--node-from-name '^([^.]+)' where the file's name begins with it."
        )
    return node


def constant(text: str, length: int) -> pa.Array:
    """Give a dictionary of one text, repeated."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(length, np.int32)), pa.array([text]))


def repeated(text: str | None, length: int) -> pa.Array | None:
    """Give a dictionary of one text, repeated; None where there is none."""
    return None if text is None else constant(text, length)


def encoded(values: pa.Array) -> pa.Array:
    """Give text as a dictionary."""
    if pa.types.is_dictionary(values.type):
        return values if values.type.index_type == pa.int32() else values.cast(pa.dictionary(pa.int32(), pa.string()))
    return values.cast(pa.string()).dictionary_encode()


def shortened(node: pa.Array, *, short: bool) -> pa.Array:
    """Cut the node names of a dictionary at the first dot, where asked."""
    if not short:
        return node
    names = pc.list_element(pc.split_pattern(node.dictionary, ".", max_splits=1), 0)
    return pa.DictionaryArray.from_arrays(node.indices, names)


def words(values: pa.Array) -> list[str | None]:
    """Give the distinct texts of a dictionary, whatever bytes they hold."""
    raw = encoded(values).dictionary.cast(pa.binary()).to_pylist()
    return [None if each is None else each.decode(errors="replace") for each in raw]


def codes(values: pa.Array | None, length: int) -> NDArray[np.int64]:
    """Number the distinct texts of a column from 1; 0 where there is none."""
    if values is None:
        return np.zeros(length, np.int64)
    indices = encoded(values).indices
    plain: NDArray[np.int64] = pc.add(indices.cast(pa.int64()), 1).fill_null(0).to_numpy(zero_copy_only=False)
    return plain
