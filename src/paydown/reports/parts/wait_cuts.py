"""The columns by which waits can be cut: whose jobs they are, and what they ask for."""

from __future__ import annotations

from collections.abc import Sequence

from paydown.errors import UsageError
from paydown.reports.parts.cuts import CUTS, Cut
from paydown.reports.parts.members import UNITS
from paydown.reports.parts.scope import nearest

_OWN = (
    Cut("size", "p.size", "How many GPUs it asks for, in classes; without that, how many it held."),
    Cut("req_gpu_model", "p.req_gpu_model", "The GPU model that it asks for; null: any."),
)

_JOBS = ("cluster", "partition", "account", "user", "job_id", "array_id", "name", "qos", "kind", "state")
_TIMES = ("day", "week", "month")

WAIT_CUTS: dict[str, Cut] = {
    **{name: Cut(name, f'p."{name}"', CUTS[name].description, holder=True) for name in _JOBS},
    **{name: CUTS[name] for name in UNITS},
    **{cut.name: cut for cut in _OWN},
    **{name: CUTS[name] for name in _TIMES},
}
"""Every cut by name. By time a job belongs where it is counted: where it starts (ends); one that waits, at the end."""


def wait_cuts(by: Sequence[str]) -> tuple[Cut, ...]:
    """Give the cuts of some names, each once, in the order asked for; an unknown name is an error."""
    for name in by:
        if name not in WAIT_CUTS:
            raise UsageError(f"--by {name} is not a column to cut by here{nearest(name, list(WAIT_CUTS))}")
    return tuple(WAIT_CUTS[name] for name in dict.fromkeys(by))


def columns_of(cuts: Sequence[Cut]) -> list[str]:
    """Give the columns of `jobs` that some cuts need."""
    named = [cut.name for cut in cuts if cut.name in _JOBS]
    return [*named, *(["user", "job_id"] if any(cut.name in UNITS for cut in cuts) else [])]
