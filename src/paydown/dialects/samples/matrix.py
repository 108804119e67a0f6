"""Answers of a running Prometheus (and of what speaks its API) as they come: bytes, read fast and without belief.

msgspec checks the form and leaves the figures as they stand, Arrow then reads the figures of all series at once.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv

from paydown.dialects.samples.answers import Series
from paydown.model.units import MS_PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_LABEL = 4_096
"""How long a label may be, in characters; longer ones are a fault of an exporter, and their series are left out."""

_BLOCK = 1 << 24
_NOTHING = msgspec.Raw(b"[]")
_IGNORED = b' \t\r\n"'


class GarbledError(Exception):
    """An answer is not what the API of Prometheus says."""


@dataclass(frozen=True)
class Told:
    """What an answer says beside its result."""

    error: str = ""
    """The error that it tells; empty: none."""
    error_kind: str = ""
    """The type of the error: `bad_data`, `execution`, `timeout`, ..."""
    warnings: tuple[str, ...] = ()
    """Why the result may not be whole."""


@dataclass(frozen=True)
class Matrix:
    """Series of an answer."""

    series: list[Series]
    told: Told
    long: int = 0
    """How many series were left out for a label that is too long."""
    points: int = 0
    """How many points there are, of series left out as well."""


@dataclass(frozen=True)
class Vector:
    """Figures of one moment."""

    rows: list[tuple[dict[str, str], float]] = field(default_factory=list)
    """Labels and figure of each."""


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw = _NOTHING


class _Envelope(msgspec.Struct, rename="camel"):
    status: str
    data: msgspec.Raw = _NOTHING
    error_type: str = ""
    error: str = ""
    warnings: list[str] = []


class _Range(msgspec.Struct):
    metric: dict[str, str]
    values: msgspec.Raw = _NOTHING


class _Instant(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str] = (0.0, "NaN")


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_DATA = msgspec.json.Decoder(_Data)
_RANGES = msgspec.json.Decoder(list[_Range])
_INSTANTS = msgspec.json.Decoder(list[_Instant])
_NAMES = msgspec.json.Decoder(list[str])


def told(body: bytes) -> Told:
    """Read what an answer says beside its result, an error included."""
    return _opened(body)[0]


def matrix(body: bytes, origin: str) -> Matrix:
    """Read series; what is no answer with series is a `GarbledError`."""
    said, result = _result(body, "matrix")
    try:
        found = _RANGES.decode(result)
    except msgspec.DecodeError as error:
        raise GarbledError(str(error)) from error
    fine = [each for each in found if _fits(each.metric)]
    texts = [_lines(bytes(each.values)) for each in fine]
    counts = [text.count(b"\n") + 1 if text else 0 for text in texts]
    at, values = _figures(b"\n".join(text for text in texts if text))
    if len(at) != sum(counts):
        raise GarbledError("points that are no pairs of a time and a figure")
    ends = np.cumsum(counts)
    series = [
        Series(origin, each.metric, at[end - count : end], values[end - count : end])
        for each, count, end in zip(fine, counts, ends, strict=True)
        if count
    ]
    return Matrix(series, said, len(found) - len(fine), len(at))


def vector(body: bytes) -> Vector:
    """Read the figures of one moment."""
    _, result = _result(body, "vector")
    try:
        return Vector([(each.metric, float(each.value[1])) for each in _INSTANTS.decode(result)])
    except (msgspec.DecodeError, ValueError) as error:
        raise GarbledError(str(error)) from error


def names(body: bytes) -> list[str]:
    """Read a list of names, such as the values of a label."""
    said, data = _opened(body)
    if said.error:
        raise GarbledError(said.error)
    try:
        return _NAMES.decode(data)
    except msgspec.DecodeError as error:
        raise GarbledError(str(error)) from error


def _opened(body: bytes) -> tuple[Told, msgspec.Raw]:
    try:
        found = _ENVELOPE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GarbledError(f"no answer of Prometheus, or one that is cut off ({error})") from error
    if found.status not in {"success", "error"}:
        raise GarbledError(f"its status is {found.status!r}")
    fault = (found.error or "no reason given") if found.status == "error" else ""
    return Told(fault, found.error_type, tuple(found.warnings)), found.data


def _result(body: bytes, kind: str) -> tuple[Told, msgspec.Raw]:
    said, raw = _opened(body)
    if said.error:
        raise GarbledError(f"an error where figures should be: {said.error}")
    try:
        data = _DATA.decode(raw)
    except msgspec.DecodeError as error:
        raise GarbledError(str(error)) from error
    if data.result_type != kind:
        raise GarbledError(f"an answer of type {data.result_type}, not {kind}")
    return said, data.result


def _fits(labels: dict[str, str]) -> bool:
    return all(len(value) <= LONGEST_LABEL for value in labels.values())


def _lines(values: bytes) -> bytes:
    """Turn `[[1.5,"2"],[3,"4"]]` into lines of two cells."""
    text = values.translate(None, _IGNORED)
    if text == b"[]":
        return b""
    if not (text.startswith(b"[[") and text.endswith(b"]]")):
        raise GarbledError("points that are no list of pairs")
    return text[2:-2].replace(b"],[", b"\n")


def _figures(text: bytes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Read lines of a time in seconds and a figure: ms since the epoch, and doubles, NaN where there is none."""
    if not text:
        return np.zeros(0, np.int64), np.zeros(0, np.float64)
    if b"Inf" in text:
        text = text.replace(b"+Inf", b"inf").replace(b"-Inf", b"-inf")
    try:
        rows = pa.csv.read_csv(
            io.BytesIO(text),
            read_options=pa.csv.ReadOptions(column_names=["at", "value"], block_size=_BLOCK, use_threads=False),
            parse_options=pa.csv.ParseOptions(quote_char=False),
            convert_options=pa.csv.ConvertOptions(
                column_types={"at": pa.float64(), "value": pa.float64()}, null_values=["NaN"]
            ),
        )
    except pa.ArrowInvalid as error:
        raise GarbledError(f"points that are no pairs of a time and a figure ({error})") from error
    at = rows["at"].to_numpy()
    if not np.isfinite(at).all():
        raise GarbledError("a point without a time")
    fine = np.abs(at) < float(1 << 43)
    ms = np.rint(np.where(fine, at, -1.0) * MS_PER_SECOND).astype(np.int64)
    return ms, rows["value"].to_numpy()
