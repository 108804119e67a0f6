"""What the connector asks of Slurm, and what it takes to be answered in full."""

from __future__ import annotations

from paydown.connectors.interface import Recipe

RECIPES = (
    Recipe(
        title="sacct and scontrol, Slurm 22.05 and newer",
        commands=("sacct -a -D -P -X -S START -E END", "scontrol -a -d -o show job", "scontrol -a -d -o show node"),
        role="any user, where neither slurm.conf nor slurmdbd.conf has PrivateData=jobs or nodes; else a user with "
        "AdminLevel=Operator",
        without="with PrivateData=jobs a plain user sees their own jobs alone: what others hold is then (unseen), of "
        "what nodes say is allocated, and never idle; nobody's waiting is known",
        notes=("nothing is changed, and no command is asked for each job",),
    ),
)
"""The one way."""
