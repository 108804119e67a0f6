"""A statement in the making: SQL text with what is bound to it, so that no input ever becomes part of the text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_ASKED = re.compile(r"\$(\w+)")


def quoted(name: str) -> str:
    """Quote the name of a column for SQL (`user` and `end` are words of the language).

    >>> quoted("user")
    '"user"'
    """
    return '"' + name.replace('"', '""') + '"'


@dataclass
class Statement:
    """What belongs to one SQL text besides itself."""

    params: dict[str, Any] = field(default_factory=dict)
    """Values by the name under which the text asks for them."""
    tables: dict[str, pa.Table] = field(default_factory=dict)
    """Tables that the store does not have, by the name under which the text reads them."""

    def bind(self, value: Any) -> str:
        """Bind a value and give the text that stands for it."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"${name}"

    def used_in(self, sql: str) -> dict[str, Any]:
        """Give what is bound and asked for in a text; a store refuses values that nothing asks for."""
        asked = set(_ASKED.findall(sql))
        return {name: value for name, value in self.params.items() if name in asked}

    def one_of(self, column: str, values: Iterable[Any]) -> str:
        """Give the condition that a column holds one of some values (at least one)."""
        return f"{column} IN ({', '.join(self.bind(value) for value in values)})"
