"""Saved answers of Prometheus to range queries (`/api/v1/query_range`), as series."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paydown.errors import InputError
from paydown.model.delimited import open_bytes, readable
from paydown.model.units import MS_PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ASK = "ask for /api/v1/query_range with start, end and step"


@dataclass(frozen=True)
class Series:
    """One series of an answer."""

    origin: str
    """The file."""
    labels: Mapping[str, str]
    """Its labels, `__name__` among them where the query kept it."""
    at: NDArray[np.int64]
    """Moments in ms since the epoch, ascending."""
    values: NDArray[np.float64]
    """Figures as they were answered; NaN where there is none."""


@dataclass(frozen=True)
class Answer:
    """An answer to one query."""

    series: list[Series]
    step_ms: int | None
    """The time from one moment to the next; None where every series has one moment alone."""
    warnings: tuple[str, ...]
    """What Prometheus said beside it: the answer may not be complete."""


def read_answer(name: str, path: str) -> Answer:
    """Read an answer; an error, an answer of another kind, or one that is cut off is an `InputError`."""
    body = _json(name, path)
    data = {"resultType": "matrix", "result": body} if isinstance(body, list) else _data(body, name)
    try:
        series = [_series(each, name) for each in data["result"] if "values" in each]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{name}: this is no answer of Prometheus to a range query ({error!r}): {_ASK}.") from error
    said = body if isinstance(body, dict) else {}
    return Answer(series, _step(series), tuple(map(str, [*said.get("warnings", ()), *said.get("infos", ())])))


def _json(name: str, path: str) -> Any:
    with open_bytes(path) as stream, readable(name):
        try:
            return json.load(stream)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"{name}: this is no JSON, or it is cut off ({error}): fetch it again.") from error


def _data(body: Any, name: str) -> dict[str, Any]:
    """Give what an answer holds."""
    if not isinstance(body, dict) or not {"status", "resultType"} & body.keys():
        raise InputError(f"{name}: this is JSON, but no answer of Prometheus: {_ASK}.")
    if body.get("status") == "error":
        said = f"{body.get('errorType', 'error')}: {body.get('error', 'no reason given')}"
        raise InputError(f"{name}: Prometheus answered with an error ({said}): mend the query and ask again.")
    data = body.get("data", body)
    kind = data.get("resultType") if isinstance(data, dict) else None
    if kind != "matrix":
        raise InputError(f"{name}: this is an answer of type {kind}, of one moment or of none: {_ASK}.")
    found: dict[str, Any] = data
    return found


def _series(each: Mapping[str, Any], name: str) -> Series:
    points = each["values"]
    at = np.array([point[0] for point in points], np.float64)
    values = np.array([point[1] for point in points], np.float64)
    labels = {str(key): str(value) for key, value in each["metric"].items()}
    return Series(name, labels, np.rint(at * MS_PER_SECOND).astype(np.int64), values)


def _step(series: list[Series]) -> int | None:
    """Give the time between moments: the least that occurs, since a series may have gaps."""
    gaps = [int(np.diff(each.at).min()) for each in series if len(each.at) > 1]
    return min((gap for gap in gaps if gap > 0), default=None)
