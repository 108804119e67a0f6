"""Names of people and of jobs taken out of texts: for people who are forgotten, and for what is shown by pseudonyms."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

HIDDEN = "*"
"""What stands in running text in place of a name."""

SITE = frozenset({
    "cluster", "node", "nodes", "job_id", "array_id", "gpu", "gpus", "uuid", "gpu_model", "req_gpu_model", "partition",
    "partitions", "pool", "qos", "provider_id", "tres", "signal", "unit", "currency", "source", "supports", "settings",
    "kind_source", "exit_code", "pending_reason", "table", "rule", "subject_type", "person", "user", "users", "by",
    "detail", "constraint", "connector", "value",
})  # fmt: skip
"""Columns that name things of the site, hold words of a closed set, or person keys: no name is looked for in them."""

LABELS = frozenset({"name", "account", "accounts", "project", "team", "department", "subject"})
"""Columns by which rows are told apart: a name in them becomes the person's key, so that rows stay apart."""

FREE = frozenset({"template", "labels", "reason", "note", "channel", "outcome", "origin", "row", "example"})
"""Columns of running text: a name in them becomes an asterisk, since what stands around it could tell whose it was."""

_WORD = re.compile(r"[^\W_]+")


class Mask:
    """Takes names out of texts, wherever they stand as whole words (`_` parts words), whatever the case of letters."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take the person key of each name; a name without any letter or figure is found only where it stands alone."""
        self._keys = {name.casefold(): key for name, key in names.items() if name}
        self._by_word: dict[str, list[str]] = {}
        for name in sorted(self._keys, key=len, reverse=True):
            words = _WORD.findall(name)
            if words:
                self._by_word.setdefault(words[0], []).append(name)

    def __bool__(self) -> bool:
        """Tell whether it knows any name."""
        return bool(self._keys)

    def label(self, text: str) -> str:
        """Put keys in the place of names."""
        return self._without(text, lambda name: self._keys[name])

    def prose(self, text: str) -> str:
        """Put asterisks in the place of names."""
        return self._without(text, lambda _: HIDDEN)

    def _without(self, text: str, other: Callable[[str], str]) -> str:
        if text.casefold() in self._keys:
            return other(text.casefold())
        for word in dict.fromkeys(_WORD.findall(text.casefold())):
            for name in self._by_word.get(word, ()):
                text = _whole(name).sub(lambda _, name=name: other(name), text)  # type: ignore[misc]
        return text

    def column(self, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Give a column of texts without names, as the column's own name asks; each distinct text is looked at once."""
        if name in SITE:
            return values
        if name in LABELS:
            return rewritten(values, self.label)
        return rewritten(values, self.prose) if name in FREE else values


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.IGNORECASE)


def rewritten(values: pa.ChunkedArray, change: Callable[[str], str | None]) -> pa.ChunkedArray:
    """Change each distinct text of a column; where none changes, the column itself comes back."""
    import pyarrow as pa

    if not (pa.types.is_string(values.type) or pa.types.is_dictionary(values.type)):
        return values
    distinct: list[Any] = values.unique().to_pylist()
    changed = {text: change(text) for text in distinct if text is not None}
    if all(text == new for text, new in changed.items()):
        return values
    texts = pa.array(changed.keys(), pa.string())
    news = pa.array(changed.values(), pa.string())
    plain = values.cast(pa.string())
    return pa.chunked_array([news.take(chunk) for chunk in _places(plain, texts)], pa.string())


def _places(values: pa.ChunkedArray, texts: pa.Array) -> Iterable[pa.Array]:
    import pyarrow.compute as pc

    return [pc.index_in(chunk, value_set=texts) for chunk in values.chunks]


def job_name(name: str, salt: str) -> str:
    """Give the pseudonym of a job's name: equal for equal names of a store, telling nothing without the store's id."""
    return f"j_{hashlib.blake2b(name.encode(), digest_size=6, key=salt.encode()[:64]).hexdigest()}"
