"""What a Slurm hides from ordinary users, as `scontrol show config` and `sacctmgr show configuration` say it."""

from __future__ import annotations

import re

CONFIG = ("scontrol", "show", "config")
DATABASE = ("sacctmgr", "show", "configuration")
"""The commands: slurm.conf and slurmdbd.conf each have a PrivateData of their own."""

_LINE = re.compile(r"^(?P<name>\w+)\s*=\s*(?P<value>.*?)\s*$")


def setting(text: str, name: str) -> frozenset[str]:
    """Give the words of a setting, in lower case; none where it is not there or says none.

    >>> sorted(setting("PrivateData  = jobs,usage", "PrivateData"))
    ['jobs', 'usage']
    """
    for line in text.splitlines():
        found = _LINE.match(line.strip())
        if found and found["name"].lower() == name.lower():
            return frozenset(word for word in found["value"].lower().split(",") if word not in {"", "none", "(null)"})
    return frozenset()


def hides_jobs(text: str) -> bool:
    """Say whether a configuration hides the jobs of others from ordinary users (slurm.conf(5), PrivateData)."""
    return not setting(text, "PrivateData").isdisjoint({"jobs", "all"})


def lacks_gpus(text: str) -> bool:
    """Say whether accounting keeps TRES, and GPUs are not among them (slurm.conf(5), AccountingStorageTRES)."""
    kept = setting(text, "AccountingStorageTRES")
    return bool(kept) and not any(name.startswith("gres/gpu") for name in kept)
