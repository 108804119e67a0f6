"""The configuration as `scontrol show config` prints it: cluster, version, the controller's clock, what is hidden."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from paydown.model.window import to_ms

_AS_OF = re.compile(r"^Configuration data as of (\S+)", re.MULTILINE)
_LINE = re.compile(r"^(\w+)\s*= (.*)$", re.MULTILINE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass(frozen=True)
class ControlConfig:
    """What matters of a cluster's configuration."""

    cluster: str | None
    version: str | None
    """Slurm's own, such as `22.05.8`."""
    at_ms: int | None
    """The controller's clock as it answered, in ms since the epoch."""
    tres: frozenset[str]
    """What accounting keeps of jobs (AccountingStorageTRES), such as `gres/gpu`."""
    private: frozenset[str]
    """What users are not shown of others (PrivateData), such as `jobs`."""
    slurm_user: str | None
    """The user that the controller runs as, who is shown everything."""


def read_config(text: str) -> ControlConfig:
    """Read an answer given in UTC (TZ=UTC, SLURM_TIME_FORMAT=standard)."""
    found = {name: value.strip() for name, value in _LINE.findall(text)}
    as_of = _AS_OF.search(text)
    return ControlConfig(
        cluster=_known(found.get("ClusterName")),
        version=_known(found.get("SLURM_VERSION")),
        at_ms=utc_ms(as_of[1]) if as_of else None,
        tres=_words(found.get("AccountingStorageTRES")),
        private=_words(found.get("PrivateData")),
        slurm_user=_known(found.get("SlurmUser", "").partition("(")[0]),
    )


def utc_ms(text: str) -> int | None:
    """Read a time given in UTC; None where it is none, such as `Unknown`.

    >>> utc_ms("1970-01-01T00:00:01")
    1000
    """
    if not _TIME.fullmatch(text):
        return None
    try:
        return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))
    except ValueError:
        return None


def _known(value: str | None) -> str | None:
    return value if value and value != "(null)" else None


def _words(value: str | None) -> frozenset[str]:
    return frozenset(part for part in (value or "").split(",") if part and part not in {"none", "(null)"})
