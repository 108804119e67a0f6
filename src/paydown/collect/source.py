"""A source as it is configured: a connector with its settings, how often it is read, and what it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from paydown.errors import UsageError
from paydown.model.lengths import length_ms
from paydown.model.nearest import suggestion
from paydown.model.when import when, zone_named

if TYPE_CHECKING:
    from paydown.collect.settings import SourceSettings
    from paydown.connectors.interface import Connector

USUAL_INTERVAL_MS = 3_600_000
"""How often a source is read whose connector does not say it: an hour."""

TIMES = {"from": "start_ms", "to": "end_ms", "since": "since_ms"}
"""Settings of connectors that hold an instant in ms, by the word that people write."""


@dataclass(frozen=True)
class Source:
    """One source that is collected."""

    name: str
    """Its own name; marks, vouches and health go by it."""
    connector: Connector
    settings: Any
    """The connector's settings."""
    cluster: str | None = None
    """The cluster's name, where the configuration gives it."""
    timezone: str = "UTC"
    """The IANA time zone of its local times."""
    interval_ms: int = USUAL_INTERVAL_MS
    """How often it is read."""


@dataclass(frozen=True)
class Place:
    """Where a source stands: what is said of its faults, and what its words are relative to."""

    file: Path | None
    """The configuration file; its folder is where relative paths begin."""
    timezone: str
    """The time zone of the whole configuration."""
    clock: Callable[[], int]


def source_of(name: str, asked: SourceSettings, connector: Connector, place: Place) -> Source:
    """Make a source of what the configuration says; `UsageError` names the file, the key and what was meant."""
    usual = connector.interval_s * 1000 if connector.interval_s else USUAL_INTERVAL_MS
    zone = asked.timezone or place.timezone
    return Source(
        name,
        connector,
        _settings(name, connector.settings, asked.others, place, zone),
        asked.cluster,
        zone,
        length_ms(asked.every) if asked.every else usual,
    )


def _settings(name: str, model: type[BaseModel], given: dict[str, Any], place: Place, zone: str) -> BaseModel:
    values = {}
    for key, value in given.items():
        field = TIMES.get(key, key)
        if field not in model.model_fields:
            known = [*model.model_fields, "connector", "cluster", "every", "timezone"]
            raise wrong(place.file, f"sources.{name}.{key} is not known{suggestion(key, known)}")
        values[field] = _value(model, field, value, place, zone)
    try:
        made = model.model_validate(values)
    except ValidationError as error:
        told = " ".join(_told(name, found) for found in error.errors(include_url=False))
        raise wrong(place.file, told) from None
    return _placed(made, place.file)


def _value(model: type[BaseModel], field: str, value: Any, place: Place, zone: str) -> Any:
    """Read times as people write them."""
    annotation = model.model_fields[field].annotation
    if not isinstance(value, str) or not (field in TIMES.values() or datetime in (annotation, *get_args(annotation))):
        return value
    found = when(value, now_ms=place.clock(), zone=zone_named(zone)).ms
    return found if field in TIMES.values() else datetime.fromtimestamp(found / 1000, tz=zone_named("UTC"))


def _told(name: str, found: Any) -> str:
    words = {field: word for word, field in TIMES.items()}
    key = ".".join(["sources", name, *(words.get(str(part), str(part)) for part in found["loc"])])
    if found["type"] == "missing":
        return f"{key} is missing."
    message = str(found["msg"]).removeprefix("Value error, ")
    told = message.replace("Input should be ", "must be ", 1)
    sentence = f"{key} {told}" if told != message else f"{key}: {message}"
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


def _placed(made: BaseModel, file: Path | None) -> BaseModel:
    """Make relative paths relative to the configuration file, wherever the command runs."""
    if file is None:
        return made
    found = {name: _absolute(getattr(made, name), file.parent) for name in type(made).model_fields}
    return made.model_copy(update={name: value for name, value in found.items() if value is not None})


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return folder / value.expanduser()
    if isinstance(value, tuple) and value and all(isinstance(part, Path) for part in value):
        return tuple(folder / part.expanduser() for part in value)
    return None


def wrong(file: Path | None, told: str) -> UsageError:
    """Say what is wrong in the configuration."""
    return UsageError(f"In the configuration file {file}: {told}" if file else f"In the configuration: {told}")
