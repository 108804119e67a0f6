"""How files that say who is who are made, and what it takes."""

from __future__ import annotations

from paydown.connectors.interface import Recipe

_ROLE = "any user, where slurmdbd.conf has no PrivateData=users,accounts; else a user with AdminLevel=Operator"
_WITHOUT = (
    "with PrivateData a plain user gets the own rows only, and sacctmgr does not say so: all others are (unmapped)"
)

RECIPES = (
    Recipe(
        title="a list of people as CSV",
        commands=("printf 'user,display,e-mail,team,department\\nLOGIN,NAME,MAIL,TEAM,DEPARTMENT\\n' > people.csv",),
        role="whoever may see the list: it holds names, and stays out of everything but the store's table of names",
        without="whoever is not in it is (unmapped)",
        notes=("one line for each login; add start and end (dates) where somebody changed teams",),
    ),
    Recipe(
        title="Slurm's accounts as text, any version",
        commands=(
            "sacctmgr -P show user withassoc > users.txt",
            "sacctmgr -P show assoc format=cluster,account,user,parentname > assoc.txt",
            "sacctmgr -P show account > accounts.txt",
        ),
        role=_ROLE,
        without=_WITHOUT,
        notes=("give all three files in one command: teams are accounts, departments what stands above them",),
    ),
    Recipe(
        title="Slurm's accounts as JSON, Slurm 23.02 and newer",
        commands=(
            "sacctmgr show user withassoc --json > users.json",
            "sacctmgr show assoc --json > assoc.json",
            "sacctmgr show account --json > accounts.json",
        ),
        role=_ROLE,
        without=_WITHOUT,
    ),
)
"""The ways, the best first."""
