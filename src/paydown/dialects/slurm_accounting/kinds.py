"""The kind of each job (batch, interactive, service) from what Slurm shows, and how it is known; null where it is not.

In this order, the first that says something: the site's map; the owner's comment `kind=...`; a command that serves or
that a person sits before; a name of Open OnDemand; names; the program that submitted the job; the steps. No batch step
beside numbered ones means that no script ran, but in the later parts of a heterogeneous job, which have none, and in
attempts that a node's failure cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paydown.dialects.slurm_accounting.kind_words import (
    COMMANDS,
    DECLARED,
    DOUBTS,
    NAMES,
    PORTAL,
    PROGRAMS,
    UNCLEAR,
    Rule,
)
from paydown.dialects.slurm_accounting.records import Records
from paydown.dialects.slurm_accounting.site_kinds import SCOPES, mapped
from paydown.dialects.slurm_accounting.texts import by_distinct, column, said
from paydown.model.instants import booleans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Codes = NDArray[np.int64]

_BROKEN = ("NODE_FAIL", "BOOT_FAIL", "PENDING")
"""States in which a batch step may be missing though there is a script."""

_ANY_COMMAND = "|".join(f"({rule.pattern})" for rule in COMMANDS)
_ANY_NAME = "|".join(f"({rule.pattern})" for rule in (PORTAL, *NAMES))


class _Verdicts:
    """The kind of each job so far: what is said first stands."""

    def __init__(self, count: int) -> None:
        self.codes: Codes = np.full(count, -1, np.int64)
        self.meanings: list[tuple[str | None, str | None]] = []

    def say(self, where: Flags, kind: str | None, source: str | None) -> None:
        """Say the kind of those of which nothing is said yet; a kind of None: it stays unknown."""
        where = where & (self.codes < 0)
        if where.any():
            self.codes[where] = len(self.meanings)
            self.meanings.append((kind, source))

    def columns(self) -> tuple[pa.Array, pa.Array]:
        """Give the kinds, and how they are known."""
        at = pa.array(self.codes, mask=self.codes < 0)
        kinds, sources = zip(*self.meanings, strict=True) if self.meanings else ((), ())
        return pa.array(kinds, pa.string()).take(at), pa.array(sources, pa.string()).take(at)


def kind_columns(records: Records, site: Mapping[str, str]) -> tuple[pa.Array, pa.Array]:
    """Give `kind` and `kind_source` of each attempt."""
    verdicts = _Verdicts(len(records))
    for scope, name in SCOPES.items() if site else ():
        kinds = by_distinct(column(records.rows, name), partial(mapped, site, scope), pa.string())
        for kind in pc.unique(kinds.drop_null()).to_pylist():
            verdicts.say(booleans(pc.equal(kinds, kind)), kind, f"site {scope}")
    _comments(records, verdicts)
    line = column(records.rows, "SubmitLine")
    _matched(verdicts, line, _ANY_COMMAND, "SubmitLine", lambda text: _first(text, COMMANDS))
    by_script = booleans(_matches(line, PROGRAMS[0].pattern))
    _names(records, verdicts, by_script)
    for rule in PROGRAMS:
        verdicts.say(booleans(_matches(line, rule.pattern)), rule.kind, f"SubmitLine {rule.name}")
    _steps(records, verdicts)
    return verdicts.columns()


def _comments(records: Records, verdicts: _Verdicts) -> None:
    """Believe the owner's own word."""
    text = said(column(records.rows, "Comment"))
    if text.null_count == len(text):
        return
    kinds = pc.struct_field(pc.extract_regex(pc.utf8_lower(text), DECLARED), "kind")
    for kind in pc.unique(kinds.drop_null()).to_pylist():
        verdicts.say(booleans(pc.equal(kinds, kind)), kind, "Comment")


def _names(records: Records, verdicts: _Verdicts, by_script: Flags) -> None:
    """Believe names; of a script that is called after a program nothing is known."""
    names = column(records.rows, "JobName").dictionary_encode()
    _matched(verdicts, names, _ANY_NAME, "JobName", _named)
    unclear = booleans(_matches(names.dictionary, UNCLEAR))
    if unclear.any():
        verdicts.say(np.append(unclear, np.False_)[_indices(names)] & by_script, None, None)


def _matched(
    verdicts: _Verdicts,
    texts: pa.Array,
    any_pattern: str,
    field: str,
    judge: Callable[[pa.Array], Sequence[Rule | None]],
) -> None:
    """Judge the few distinct texts that any pattern fits: one pass over all of them finds those."""
    texts = texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    hits = np.flatnonzero(booleans(_matches(texts.dictionary, any_pattern)))
    if not len(hits):
        return
    indices = _indices(texts)
    found = judge(texts.dictionary.take(pa.array(hits)))
    for rule in dict.fromkeys(rule for rule in found if rule):
        mine = np.zeros(len(texts.dictionary) + 1, np.bool_)
        mine[hits[[one is rule for one in found]]] = True
        verdicts.say(mine[indices], rule.kind, f"{field} {rule.name}")


def _named(texts: pa.Array) -> list[Rule | None]:
    """Give the rule of each name; words of doubt leave it to the portal alone."""
    doubtful = booleans(_matches(texts, DOUBTS)).tolist()
    portal, others = _first(texts, (PORTAL,)), _first(texts, NAMES)
    return [sure or (None if doubt else other) for sure, doubt, other in zip(portal, doubtful, others, strict=True)]


def _first(texts: pa.Array, rules: Sequence[Rule]) -> list[Rule | None]:
    """Give the first rule that fits each text."""
    found: list[Rule | None] = [None] * len(texts)
    for rule in reversed(rules):
        for at in np.flatnonzero(booleans(_matches(texts, rule.pattern))).tolist():
            found[at] = rule
    return found


def _steps(records: Records, verdicts: _Verdicts) -> None:
    """Tell by the steps: a script has a batch step, an allocation with a shell an interactive one."""
    open_ones = np.flatnonzero((verdicts.codes < 0)[records.parent])
    if not len(open_ones):
        return
    ids = column(records.steps, "JobID").take(pa.array(open_ones))
    ends = [booleans(pc.ends_with(ids, pattern=end)) for end in (".batch", ".interactive", ".extern")]
    numbered = ~np.logical_or.reduce(ends)
    batch, shell, ran = (_have(records, open_ones[which]) for which in (ends[0], ends[1], numbered))
    verdicts.say(batch, "batch", "steps batch")
    verdicts.say(shell, "interactive", "steps interactive")
    if ran.any():
        broken = booleans(pc.is_in(records.state, pa.array(_BROKEN)))
        later_part = booleans(pc.match_substring_regex(records.job, r"\+[1-9]"))
        verdicts.say(ran & ~broken & ~later_part, "interactive", "steps no-batch")


def _have(records: Records, steps: Codes) -> Flags:
    """Say which attempts have one of these steps."""
    found = np.zeros(len(records), np.bool_)
    found[records.parent[steps]] = True
    return found


def _indices(texts: pa.DictionaryArray) -> Codes:
    """Give the place of each text in the dictionary; -1, so the place after its last, for null."""
    found: Codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _matches(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.match_substring_regex(texts, pattern, ignore_case=True)
