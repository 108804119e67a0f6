"""Everything that lies in a store, as bytes: raw, decompressed, decoded; to look for names in it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ZSTD = b"\x28\xb5\x2f\xfd"


def frames(raw):
    """Decompress whatever begins like a zstd frame, at any place."""
    at = raw.find(ZSTD)
    while at >= 0:
        try:
            yield pa.input_stream(pa.BufferReader(raw[at:]), compression="zstd").read(1 << 24)
        except (OSError, pa.ArrowException):
            yield from _partly(raw[at:])
        at = raw.find(ZSTD, at + 1)


def _partly(raw):
    """Give what comes out of a frame before its end, or the garbage after it, stops the reading."""
    stream = pa.input_stream(pa.BufferReader(raw), compression="zstd")
    found = b""
    try:
        while piece := stream.read(64):
            found += piece
    except (OSError, pa.ArrowException):
        pass
    yield found


def decoded(place):
    """Give every value of a Parquet file, dictionary entries that no row uses and footer statistics included."""
    with pq.ParquetFile(place) as file:
        yield str(file.metadata.to_dict()).encode()
        yield json.dumps(file.read().to_pylist(), default=str).encode()
        texts = [each.name for each in file.schema_arrow if pa.types.is_string(each.type)]
    with pq.ParquetFile(place, read_dictionary=texts) as file:
        for column in file.read().select(texts).columns if texts else []:
            for chunk in column.chunks:
                yield str(chunk.dictionary.to_pylist()).encode()


def texts(store):
    """Give every file of a store, and all that can be read out of it."""
    for place in sorted(Path(store).rglob("*")):
        if not place.is_file():
            continue
        raw = place.read_bytes()
        yield place, raw
        for frame in frames(raw):
            yield place, frame
        if place.suffix == ".parquet":
            for text in decoded(place):
                yield place, text


def holding(store, words):
    """Give the files of a store in which some words stand, with the words."""
    found = {}
    for place, text in texts(store):
        lower = text.lower()
        for word in words:
            if word.lower().encode() in lower:
                found.setdefault(str(place.relative_to(store)), set()).add(word)
    return found
