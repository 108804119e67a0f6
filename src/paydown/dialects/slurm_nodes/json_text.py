"""The JSON of `scontrol show nodes` and `sinfo`: one object a node, or (sinfo from 23.11 on) groups of nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from paydown.dialects.slurm_nodes.gres import parse_gres
from paydown.dialects.slurm_nodes.groups import ungrouped
from paydown.dialects.slurm_nodes.node import Dump, Held, Node, latest
from paydown.dialects.slurm_nodes.numbers import moment, number
from paydown.dialects.slurm_nodes.states import is_state, words_of
from paydown.dialects.slurm_nodes.text import gpus_held
from paydown.errors import InputError
from paydown.model.batch import Reject
from paydown.model.slurm import parse_tres
from paydown.model.units import MILLI

_TIMES = ("boot_time", "slurmd_start_time", "last_busy", "reason_changed_at")
_BAD = (TypeError, ValueError, KeyError, AttributeError)


def is_json(data: bytes) -> bool:
    """Say whether some bytes may be JSON."""
    return data[:4096].lstrip()[:1] in {b"{", b"["}


def read_json(data: bytes, origin: str, cluster: str | None) -> Dump:
    """Read a dump; a file that is no whole JSON, or JSON of something else, is an `InputError`."""
    try:
        found = json.loads(data.decode(errors="replace"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{origin}: is JSON that is cut off or damaged ({error}): make the dump again.") from None
    where = _where(found)
    told = cluster or where
    grouped = isinstance(found, dict) and isinstance(found.get("sinfo"), list)
    listed = found.get("sinfo" if grouped else "nodes") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise InputError(f"{origin}: is JSON without nodes: make it with `scontrol show nodes --json`.")
    made = list(_of_groups(listed, origin, told)) if grouped else _of_nodes(listed, origin, told)
    nodes = tuple(each for each in made if isinstance(each, Node))
    rejects = tuple(each for each in made if isinstance(each, Reject))
    times = [moment(one.get(name)) for one in listed if isinstance(one, dict) for name in _TIMES]
    return Dump(origin, where, moment(found.get("last_update")), latest(times), nodes, rejects)


def _where(found: Any) -> str | None:
    try:
        name = (found["meta"].get("slurm") or found["meta"].get("Slurm") or {}).get("cluster")
    except _BAD:
        return None
    fine = isinstance(name, str) and name.isprintable() and name
    return name if fine else None


def _of_nodes(listed: list[Any], origin: str, cluster: str | None) -> list[Node | Reject]:
    return [_checked(one, at, origin, cluster) for at, one in enumerate(listed, 1)]


def _of_groups(listed: list[Any], origin: str, cluster: str | None) -> Iterator[Node | Reject]:
    for at, one in ungrouped(listed):
        yield one if isinstance(one, Node) else _reject(origin, at, *one, cluster)


def _checked(one: Any, at: int, origin: str, cluster: str | None) -> Node | Reject:
    try:
        return _node(one, at)
    except _BAD:
        name = one.get("name") if isinstance(one, dict) else None
        detail = f"the node {name if isinstance(name, str) else at} lacks what every node has, or has it otherwise"
        return _reject(origin, at, "bad-node", detail, cluster)


def _reject(origin: str, at: int, reason: str, detail: str, cluster: str | None) -> Reject:
    return Reject("nodes", origin, at, reason, detail, "", cluster=cluster)


def _node(one: dict[str, Any], at: int) -> Node:
    """Make a node of an object; whatever it lacks raises."""
    words = words_of([*_texts(one["state"]), *_texts(one.get("state_flags") or [])])
    gres = parse_gres(one.get("gres") or "")
    cpus, memory = number(one["cpus"]), number(one["real_memory"])
    name = one["name"]
    if not is_state(words) or gres is None or cpus is None or memory is None:
        raise ValueError(name)
    tres = one.get("tres_used") or ""
    held = (number(one.get("alloc_cpus")), number(one.get("alloc_memory")))
    return Node(
        name=name,
        line=at,
        words=words,
        partitions=tuple(_texts(one.get("partitions") or [])),
        cpus=number(one.get("effective_cpus")) or cpus,
        memory_mib=max(0, memory - (number(one.get("specialized_memory")) or 0)),
        gres=gres,
        held=Held(
            gpus_held(gres, one.get("gres_used") or "", one.get("tres") or "", parse_tres(tres)),
            None if held[0] is None else held[0] * MILLI,
            held[1],
        ),
        reason=one.get("reason") or None,
        reason_ms=moment(one.get("reason_changed_at")),
        provider_id=one.get("instance_id") or None,
    )


def _texts(value: Any) -> list[str]:
    """Give one text, or a list of them, as a list."""
    found = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(each, str) for each in found):
        raise TypeError
    return found
