"""How dumps of nodes are made, and what it takes."""

from __future__ import annotations

from paydown.connectors.interface import Recipe

_ROLE = "any user, where slurm.conf has no PrivateData=nodes; else a user with AdminLevel=Operator"
_WITHOUT = "with PrivateData=nodes Slurm answers a plain user with an error, or with no nodes"

RECIPES = (
    Recipe(
        title="JSON, Slurm 23.11 and newer",
        commands=("scontrol show nodes --json | gzip > nodes.json.gz",),
        role=_ROLE,
        without=_WITHOUT,
        notes=("once a minute, from cron, says when nodes were out of service; once a day gives the inventory",),
    ),
    Recipe(
        title="text, any version",
        commands=("TZ=UTC scontrol show node -o > nodes.txt",),
        role=_ROLE,
        without=_WITHOUT,
        notes=("the text names no cluster: say --cluster NAME when it is read",),
    ),
)
"""The ways, the best first."""
