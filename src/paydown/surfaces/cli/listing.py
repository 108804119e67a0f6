"""Which verbs there are, told from the text of the modules: nothing is imported to list them.

`paydown --help` and the completion of a word must be quick, and reports and connectors import heavy libraries.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder of the package `paydown`."""


@dataclass(frozen=True)
class Listed:
    """A verb that has not been imported."""

    name: str
    """The word on the command line."""
    help: str
    """One line on what it does."""
    module: str
    """The module that holds it; empty for a plug-in of another distribution."""


@cache
def listed(folders: tuple[str, ...], attribute: str, group: str = "") -> Mapping[str, Listed]:
    """List the modules in folders of the package that set `attribute`, and the entry points of a group, by name."""
    own = (found for folder in folders for found in _modules(folder, attribute))
    foreign = _points(group) if group else ()
    verbs: dict[str, Listed] = {}
    for found in (*own, *foreign):
        verbs.setdefault(found.name, found)
    return dict(sorted(verbs.items()))


def _modules(folder: str, attribute: str) -> Iterator[Listed]:
    place = ROOT.joinpath(*folder.split("/"))
    for file in sorted((*place.glob("*.py"), *place.glob("*/__init__.py"))):
        inner = file.parent.name if file.name == "__init__.py" else file.stem
        if file.parent != place or file.name != "__init__.py":
            yield from _module(file, f"paydown.{folder.replace('/', '.')}.{inner}", attribute)


def _module(file: Path, module: str, attribute: str) -> Iterator[Listed]:
    text = file.read_text(encoding="utf-8")
    if re.search(rf"^{attribute}\b", text, re.MULTILINE):
        tree = ast.parse(text)
        given = _given(tree, attribute)
        first = (ast.get_docstring(tree) or "").partition("\n")[0]
        default = module.rpartition(".")[2].replace("_", "-")
        told = given.get("question") or given.get("summary") or first
        yield Listed(given.get("name", default), told[:1].upper() + told[1:], module)


def _given(tree: ast.Module, attribute: str) -> dict[str, str]:
    """Give the literal keyword arguments of the call that makes the extension."""
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        named = any(isinstance(target, ast.Name) and target.id == attribute for target in targets)
        call = getattr(statement, "value", None)
        if named and isinstance(call, ast.Call):
            return {word.arg: value for word in call.keywords if word.arg and (value := _literal(word.value))}
    return {}


def _literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _points(group: str) -> Iterator[Listed]:
    for point in entry_points(group=group):
        distribution = point.dist.name if point.dist else "another distribution"
        yield Listed(point.name, f"From {distribution}.", "")
