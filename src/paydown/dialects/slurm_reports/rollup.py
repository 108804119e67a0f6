"""Until when Slurm has rolled usage up, as `sacctmgr show stats` says it: sreport knows nothing later."""

from __future__ import annotations

import re

from paydown.model.units import MS_PER_SECOND

STATS = ("sacctmgr", "show", "stats")
"""The command; slurmdbd answers it to operators (AdminLevel=Operator) and above."""

_CLUSTER = re.compile(r"^Cluster '(?P<name>[^']*)' rollup statistics")
_HOUR = re.compile(r"^Hour +last ran .*\((?P<seconds>\d+)\)")


def rolled_until(text: str, cluster: str) -> int | None:
    """Give the instant, in ms since the epoch, up to which whole hours are rolled up; None where it is not said."""
    mine = False
    for line in text.splitlines():
        named = _CLUSTER.match(line.strip())
        mine = named["name"] == cluster if named else mine
        hour = _HOUR.match(line.strip())
        if mine and hour:
            return int(hour["seconds"]) * MS_PER_SECOND
    return None
