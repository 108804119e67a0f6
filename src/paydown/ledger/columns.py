"""From Arrow columns to the integer arrays that the ledger reckons with."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from paydown.ledger.intervals import Ints
from paydown.model.units import PPM

NONE = -1
"""Stands for null in arrays of counts and of codes, neither of which is ever negative."""

_SCRATCH = 1 << 15
"""How many figures are worked on at once: what stays in a processor's cache is quick to pass over several times."""

_DEVICE = re.compile(r"(\d+)(?:/(\d+))?\Z", re.ASCII)


def counts(table: pa.Table, name: str) -> Ints:
    """Give a column of non-negative integers, null as NONE."""
    return _whole(table.column(name).cast(pa.int64()), NONE)


def instants(table: pa.Table, name: str, null: int) -> Ints:
    """Give a column of instants in ms since the epoch, with `null` for missing ones."""
    return _whole(table.column(name).cast(pa.timestamp("ms", "UTC")).cast(pa.int64()), null)


def _whole(column: pa.ChunkedArray, null: int) -> Ints:
    if column.null_count:
        column = pc.fill_null(column, null)
    return np.asarray(column.to_numpy(), dtype=np.int64)


def narrow(samples: pa.Table) -> pa.Table:
    """Give samples with ratios in ppm (L3.1) and whole numbers in 32 bits where they fit: half the memory of a day."""
    for at, field in enumerate(samples.schema):
        column = samples.column(at)
        if field.name.endswith("_ratio"):
            samples = samples.set_column(at, field.name, pa.array(_ppm(column)))
        elif pa.types.is_int64(field.type) and (pc.max(column).as_py() or 0) < 1 << 31:
            samples = samples.set_column(at, field.name, column.cast(pa.int32()))
    return samples


def ratios(column: pa.ChunkedArray) -> Ints:
    """Give a column of ratios in ppm (L3.1), null as NONE; it may hold ppm already."""
    if pa.types.is_integer(column.type):
        return _whole(column, NONE)
    return _ppm(column).astype(np.int64)


def _ppm(column: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """Give ratios of at most 1 in ppm: what is not negative is rounded down by being cut to a whole number."""
    whole = np.empty(len(column), dtype=np.int32)
    at, scratch = 0, np.empty(_SCRATCH)
    for chunk in column.chunks:
        values = (pc.fill_null(chunk, -1.0) if chunk.null_count else chunk).to_numpy()
        for low in range(0, len(values), _SCRATCH):
            some = values[low : low + _SCRATCH]
            scaled = np.multiply(some, PPM, out=scratch[: len(some)])
            scaled += 0.5
            whole[at : at + len(some)] = scaled
            at += len(some)
    np.maximum(whole, NONE, out=whole)
    return whole


def ppm(ratio: float) -> int:
    """Give one ratio in ppm (L3.1)."""
    return int(np.floor(ratio * PPM + 0.5))


def texts(table: pa.Table, name: str) -> tuple[Ints, list[str]]:
    """Give a text column as codes into the list of its distinct texts, null as NONE."""
    column = table.column(name)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    codes = column.indices
    if codes.null_count == len(codes):
        return np.full(len(codes), NONE, dtype=np.int64), column.dictionary.to_pylist()
    whole = pc.fill_null(codes.cast(pa.int64()), NONE) if codes.null_count else codes
    return np.asarray(whole.to_numpy(zero_copy_only=False), dtype=np.int64), column.dictionary.to_pylist()


def words(table: pa.Table, name: str) -> set[str]:
    """Give the texts of a column (of dictionaries: all their words)."""
    chunks = table.column(name).chunks
    coded = [each if pa.types.is_dictionary(each.type) else each.dictionary_encode() for each in chunks]
    return {word for each in coded for word in each.dictionary.to_pylist() if word is not None}


def recode(codes: Ints, words: list[str], index: dict[str, int]) -> Ints:
    """Translate codes of one list of texts into the codes of `index`; texts that it lacks, and null, become NONE."""
    table = np.array([index.get(word, NONE) for word in words] + [NONE], dtype=np.int64)
    return table[codes]


def device_order(gpu: str) -> tuple[int, int, int, str]:
    """Give the sort key of a device's name: by index, then slice, as numbers; other names after them (L1.3)."""
    match = _DEVICE.match(gpu)
    if match is None:
        return (1, 0, 0, gpu)
    return (0, int(match[1]), int(match[2]) if match[2] is not None else -1, gpu)


def split_evenly(total: int, weights: npt.NDArray[np.int64]) -> Ints:
    """Split a whole in proportion to weights by largest remainder, ties in order (L1.4).

    >>> split_evenly(1000, np.array([1, 1, 1])).tolist()
    [334, 333, 333]
    """
    scale = int(weights.sum())
    if not scale:
        return np.zeros(len(weights), dtype=np.int64)
    exact = [total * int(weight) for weight in weights]
    shares = np.array([part // scale for part in exact], dtype=np.int64)
    left = total - int(shares.sum())
    by_remainder = sorted(range(len(exact)), key=lambda i: (-(exact[i] % scale), i))
    shares[by_remainder[:left]] += 1
    return shares
