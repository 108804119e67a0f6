"""The site's own map from partitions, QOS, accounts and names to kinds of jobs; it wins over what Slurm shows."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator

from paydown.model.nearest import suggestion

SCOPES = {"partition": "Partition", "qos": "QOS", "account": "Account", "name": "JobName"}
"""What a key may begin with, and the field of sacct that it speaks of."""


def _checked(given: dict[str, str]) -> dict[str, str]:
    for key in given:
        scope, colon, pattern = key.partition(":")
        if not colon or not pattern:
            raise ValueError(f"`{key}` is no SCOPE:NAME, such as partition:debug")
        if scope not in SCOPES:
            raise ValueError(f"`{scope}` is none of {', '.join(SCOPES)}{suggestion(scope, tuple(SCOPES))}")
    return given


KindMap = Annotated[dict[str, Literal["batch", "interactive", "service"]], AfterValidator(_checked)]
"""`{"partition:debug": "interactive"}`; `*` and `?` stand for any text and any letter, the first that fits counts."""

KIND_HELP = (
    "The kind (batch, interactive, service) of what SCOPE:NAME names, stronger than what Slurm shows: "
    "`partition:debug=interactive`. SCOPE is partition, qos, account or name; * and ? stand for any text and letter."
)
"""What the flag says, in every source that has it."""


def mapped(kinds: Mapping[str, str], scope: str, text: str) -> str | None:
    """Give the kind that the map has for a text; of several partitions (`a,b`) only where all have the same.

    >>> mapped({"partition:debug*": "interactive"}, "partition", "debug-a,debug-b")
    'interactive'
    """
    patterns = [(key.partition(":")[2], kind) for key, kind in kinds.items() if key.startswith(f"{scope}:")]
    parts = text.split(",") if scope == "partition" else [text]
    found = {next((kind for pattern, kind in patterns if fnmatchcase(part, pattern)), None) for part in parts}
    return found.pop() if len(found) == 1 else None
