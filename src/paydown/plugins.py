"""Finds the one-file extensions: modules of our own packages, and entry points of other distributions.

An extension is a value (`CONNECTOR`, `REPORT`) at the end of a module. Nothing is imported before it is asked for,
and one that cannot be imported becomes a sentence, never a crash: the others go on working.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

NOT_EXTENSIONS = frozenset({"interface", "registry"})
"""Modules of an extension package that are never extensions themselves."""


@dataclass(frozen=True)
class Found:
    """The extensions of one kind, by name, and what was wrong with the rest."""

    values: dict[str, Any] = field(default_factory=dict)
    """Extensions by the name that they give themselves (else by the name under which they were found)."""
    warnings: tuple[str, ...] = ()
    """One sentence for each extension that could not be had, naming it and why."""


def names(package: str, group: str = "") -> list[str]:
    """List the modules of a package, and the entry points of a group, that may be extensions; imports none of them.

    Not every module named here is one: `discover` looks for the value in each.
    """
    return sorted({*_modules(package), *(point.name for point in _points(group))})


def discover(package: str, attribute: str, group: str = "") -> Found:
    """Import the extensions of a package and of an entry-point group.

    A module without the attribute is part of an extension, not one, and is passed over. A built-in extension wins
    over an entry point of the same name, which is named in the warnings.
    """
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for module in _modules(package):
        value, warning = _from_module(f"{package}.{module}", attribute)
        _keep(values, warnings, module, value, warning)
    for point in _points(group):
        value, warning = _from_point(point, attribute)
        _keep(values, warnings, point.name, value, warning)
    return Found(dict(sorted(values.items())), tuple(warnings))


def built_in(package: str, name: str, attribute: str) -> Any:
    """Give one extension of a package by its name, importing no other; None where its module is named otherwise."""
    value, _ = _from_module(f"{package}.{name.replace('-', '_')}", attribute)
    return value if getattr(value, "name", None) == name else None


def _modules(package: str) -> list[str]:
    """List the public modules directly in a package without importing any of them but the package itself."""
    try:
        places = importlib.import_module(package).__path__
    except (ImportError, AttributeError):
        return []
    listed = [info.name for info in pkgutil.iter_modules(places)]
    return sorted(name for name in listed if not name.startswith("_") and name not in NOT_EXTENSIONS)


def _points(group: str) -> list[EntryPoint]:
    """List the entry points of a group, in a stable order."""
    return sorted(entry_points(group=group), key=lambda point: (point.name, point.value)) if group else []


def _from_module(module: str, attribute: str) -> tuple[Any, str]:
    """Import one module and give its value (None where it has none), or a warning."""
    try:
        return getattr(importlib.import_module(module), attribute, None), ""
    except Exception as error:  # noqa: BLE001  whatever an extension raises must not stop the others
        return None, f"{module} cannot be loaded: {_say(error)}"


def _from_point(point: EntryPoint, attribute: str) -> tuple[Any, str]:
    """Load one entry point, which names the value itself or its module, or give a warning."""
    origin = f"plug-in {point.name} ({point.value})"
    try:
        loaded = point.load()
    except Exception as error:  # noqa: BLE001  as above
        return None, f"{origin} cannot be loaded: {_say(error)}"
    value = loaded if hasattr(loaded, "name") else getattr(loaded, attribute, None)
    return value, "" if value is not None else f"{origin} has no {attribute}"


def _say(error: Exception) -> str:
    """Say an exception in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _keep(values: dict[str, Any], warnings: list[str], listed: str, value: Any, warning: str) -> None:
    """Keep a value under its own name, or the warning that says why there is none."""
    if warning:
        warnings.append(warning)
    elif value is not None:
        name = str(getattr(value, "name", listed))
        if name in values:
            warnings.append(f"plug-in {listed} is passed over: the name {name} is taken")
        else:
            values[name] = value
