"""Flags from pydantic models: each field of a report's parameters or of a connector's settings becomes one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from paydown.config import complaint
from paydown.errors import UsageError
from paydown.model.when import FORMS, When, when, zone_named
from paydown.surfaces.cli.session import session_of
from paydown.surfaces.cli.words import COMMA, OneOf, Time

INSTANTS = {"start_ms": "--from", "end_ms": "--to", "at_ms": "--at", "since_ms": "--since", "asked_ms": "--asked"}
"""Fields that hold an instant in ms, and the flags by which people tell it."""

_MS = re.compile(r", in ms( since the epoch)?\b")
"""The unit of a field that people do not type, since flags take times in any form."""


@dataclass(frozen=True)
class Shape:
    """What an annotation asks for."""

    kind: Any
    """The type of one value."""
    words: tuple[str, ...] = ()
    """The closed set of its values, if it is one."""
    several: bool = False
    """Whether there may be several."""
    pairs: bool = False
    """Whether it is a mapping, told as `key=value`."""


def shape_of(annotation: Any) -> Shape:
    """Read an annotation.

    >>> shape_of(tuple[Literal["a", "b"], ...] | None)
    Shape(kind=<class 'str'>, words=('a', 'b'), several=True, pairs=False)
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        kinds = [kind for kind in inner if kind is not NoneType]
        return shape_of(kinds[0]) if len(kinds) == 1 else Shape(str)
    if origin is Literal:
        return Shape(str, words=tuple(str(word) for word in inner))
    if origin in {tuple, list, set, frozenset}:
        one = shape_of(inner[0])
        return Shape(one.kind, one.words, several=True)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Shape(str, several=True, pairs=True)
    return Shape(annotation)


def parameters_of(model: type[BaseModel], skip: Iterable[str] = ()) -> list[click.Parameter]:
    """Make the flags and positional arguments of a model; nothing is passed on that was not given."""
    fields = {name: field for name, field in model.model_fields.items() if name not in set(skip)}
    return [_parameter(name, field) for name, field in fields.items()]


def _parameter(name: str, field: FieldInfo) -> click.Parameter:
    shape = shape_of(field.annotation)
    extra = field.json_schema_extra
    if isinstance(extra, dict) and extra.get("argument"):
        count = -1 if shape.several else 1
        return click.Argument([name], nargs=count, required=field.is_required(), metavar=_metavar(name, shape))
    if shape.kind is bool:
        return click.Option([_switch(name, field), name], is_flag=True, default=None, help=_help(field, shape))
    return click.Option(
        [flag_of(name), name], type=_type(name, shape), multiple=shape.several, help=_help(field, shape),
        required=field.is_required(), metavar=None if shape.words or name in INSTANTS else _metavar(name, shape),
    )  # fmt: skip


def _switch(name: str, field: FieldInfo) -> str:
    """What is on by default can be switched off as well."""
    return f"{flag_of(name)}/--no-{flag_of(name)[2:]}" if field.default else flag_of(name)


def flag_of(name: str) -> str:
    """Give the flag of a field."""
    return INSTANTS.get(name, "--" + name.strip("_").replace("_", "-"))


def _type(name: str, shape: Shape) -> click.ParamType:  # type: ignore[type-arg]  # as OneOf
    if name in INSTANTS or shape.kind is datetime:
        return Time()
    return OneOf(shape.words) if shape.words else click.STRING


def _metavar(name: str, shape: Shape) -> str:
    if shape.pairs:
        return "KEY=VALUE"
    words = {int: "N", float: "X", Path: "PATH", date: "DATE", datetime: "TIME"}
    return words.get(shape.kind, name.strip("_").upper())


def _help(field: FieldInfo, shape: Shape) -> str:
    told = _MS.sub("", field.description or "")
    if shape.several:
        told += " May be given several times."
    default = field.get_default(call_default_factory=True) if not field.is_required() else None
    plain = not isinstance(default, bool) and isinstance(default, str | int | float | date | Path) and default != ""
    return f"{told} (default: {default})" if plain else told


@dataclass(frozen=True)
class Given:
    """What the flags of a command line came to."""

    model: Any
    """The model that they fill."""
    notes: tuple[str, ...] = ()
    """How doubtful times were read."""
    relative: bool = False
    """Whether a time was told by the clock (`7d`, `yesterday`)."""


def built(model: type[BaseModel], given: Mapping[str, Any], context: click.Context, zone: str) -> Given:
    """Make a model from what the flags gave; times are read in the time zone of that name."""
    told: list[When] = []

    def read(text: str) -> When:
        told.append(when(text, now_ms=session_of(context).clock(), zone=zone_named(zone)))
        return told[-1]

    values = {
        name: _value(name, value, shape_of(model.model_fields[name].annotation), read)
        for name, value in given.items()
        if name in model.model_fields and value is not None and value != ()
    }
    try:
        made = model.model_validate(values)
    except ValidationError as error:
        raise UsageError(_told(error, model)) from None
    return Given(made, tuple(found.note for found in told if found.note), any(found.relative for found in told))


def _told(error: ValidationError, model: type[BaseModel]) -> str:
    """Tell keys by the flags that people typed."""
    text = complaint(error, model, prefix="--")
    for name, flag in INSTANTS.items():
        text = text.replace("--" + name.replace("_", "-"), flag)
    return text


def _value(name: str, value: Any, shape: Shape, read: Callable[[str], When]) -> Any:
    if name in INSTANTS:
        return read(value).ms
    if shape.kind is datetime:
        from paydown.model.window import from_ms

        return from_ms(read(value).ms)
    if shape.pairs:
        return dict(_pair(name, text) for text in value)
    if shape.several and isinstance(value, tuple) and shape.kind is not Path:
        return tuple(part.strip() for text in value for part in COMMA.split(text) if part.strip())
    return value


def _pair(name: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{flag_of(name)} takes KEY=VALUE, and {text!r} has no equals sign.")
    return key, value


TIME_HELP = f"Times are written as {FORMS}; dates and words mean their first instant, and windows are half-open."
"""How times are told, for the help of every verb that takes some."""
