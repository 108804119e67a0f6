"""What `Gres` says of a node's GPUs: how many, of which model, whole or in slices.

slurm.conf(5) and gres.conf(5): `name[:type][:no_consume]:count`, with the sockets in brackets after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from paydown.model.slurm import mig_milli
from paydown.model.units import MILLI

_BRACKETS = re.compile(r"\([^)]*\)")
_SHARED = frozenset({"shard", "mps"})
_NOTHING = frozenset({"", "(null)", "N/A"})
MOST_GPUS = 1024
"""The most GPUs of a node that are believed."""


@dataclass(frozen=True)
class Device:
    """One device of a node."""

    gpu: str
    """Its index, or index and slice."""
    model: str | None
    milli: int


@dataclass(frozen=True)
class Gres:
    """The GPUs of a node."""

    kinds: tuple[tuple[str, int], ...]
    """Type (empty for none) and count, in the order of the dump."""
    shared: bool = False
    """Whether shards or MPS shares of GPUs are offered too."""

    @property
    def sliced(self) -> bool:
        """Whether any of them are MIG slices."""
        return any(mig_milli(kind) is not None for kind, _ in self.kinds)

    @property
    def whole(self) -> int:
        """How many whole GPUs there are."""
        return sum(count for kind, count in self.kinds if mig_milli(kind) is None)

    @property
    def milli(self) -> int:
        """How much it is in all, in milli-GPU."""
        return sum(count * (mig_milli(kind) or MILLI) for kind, count in self.kinds)

    @property
    def model(self) -> str | None:
        """The one model of the whole GPUs; None where there is none, or several."""
        named = {kind for kind, _ in self.kinds}
        return next(iter(named)) or None if len(named) == 1 and not self.sliced else None

    def devices(self) -> list[Device]:
        """Name the devices one by one where they are not simply whole GPUs of one model.

        Slurm does not say which index is which: types are counted in its order, slices are laid on GPUs after the whole
        ones, as many as one holds.
        """
        if not self.sliced and len(self.kinds) < 2:  # noqa: PLR2004 -- of several models
            return []
        found: list[Device] = []
        for kind, count in (each for each in self.kinds if mig_milli(each[0]) is None):
            found += [Device(str(len(found) + at), kind or None, MILLI) for at in range(count)]
        return found + _slices([each for each in self.kinds if mig_milli(each[0]) is not None], len(found))


def _slices(kinds: list[tuple[str, int]], first: int) -> list[Device]:
    """Lay slices on GPUs in order, a new one where the next does not fit any more."""
    found: list[Device] = []
    gpu, place, room = first, 0, MILLI
    for kind, count in kinds:
        milli = mig_milli(kind) or 0
        for _ in range(count):
            if milli > room:
                gpu, place, room = gpu + 1, 0, MILLI
            found.append(Device(f"{gpu}/{place}", kind, milli))
            place, room = place + 1, room - milli
    return found


def parse_gres(text: str) -> Gres | None:
    """Read `gpu:a100:8(S:0-1),shard:16`; None where a count of GPUs is not believed.

    >>> parse_gres("gpu:a100:8(S:0-1),lustre:no_consume:4G")
    Gres(kinds=(('a100', 8),), shared=False)
    """
    kinds: dict[str, int] = {}
    shared = False
    for part in "" if text.strip() in _NOTHING else _BRACKETS.sub("", text).split(","):
        name, *rest = [word for word in part.strip().split(":") if word != "no_consume"]
        shared |= name in _SHARED
        if name != "gpu":
            continue
        count = int(rest.pop()) if rest and rest[-1].isdecimal() else 1
        kind = rest[0] if rest else ""
        kinds[kind] = kinds.get(kind, 0) + count
    found = Gres(tuple((kind, count) for kind, count in kinds.items() if count), shared)
    return found if sum(kinds.values()) <= MOST_GPUS else None
