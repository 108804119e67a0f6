"""Groups of nodes as `sinfo --json` tells them from 23.11 on, made into nodes where every node of a group is alike.

A group holds nodes of one partition that look alike to sinfo; the same node is in a group of each of its partitions.
What a group gives as a sum is known of a node only where the group has one node, or the sum is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from paydown.dialects.slurm_nodes.gres import parse_gres
from paydown.dialects.slurm_nodes.node import Held, Node
from paydown.dialects.slurm_nodes.numbers import moment
from paydown.dialects.slurm_nodes.states import is_state, words_of
from paydown.model.units import MILLI

MOST_NODES = 100_000
"""The longest list of nodes that is believed."""

ONE_BY_ONE = "make the dump with `scontrol show nodes --json`, which tells of each node"
"""How to have what a group cannot tell."""

Told = tuple[int, Node | tuple[str, str]]
"""The place of a group, and a node of it, or the reason and words of a reject."""


def ungrouped(groups: list[dict[str, Any]]) -> list[Told]:
    """Give each node of some groups once, with all of its partitions; a group whose nodes differ is a reject."""
    nodes: dict[str, tuple[int, Node]] = {}
    bad: list[Told] = []
    for at, group in enumerate(groups, 1):
        for told in _checked(group, at):
            if not isinstance(told, Node):
                bad.append((at, told))
                continue
            known = nodes.get(told.name)
            both = (*known[1].partitions, *told.partitions) if known else told.partitions
            nodes[told.name] = (known[0] if known else at, replace(told, partitions=tuple(dict.fromkeys(both))))
    return [*nodes.values(), *bad]


def _checked(group: dict[str, Any], at: int) -> list[Node | tuple[str, str]]:
    try:
        return list(_of_group(group, at))
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return [("bad-node", f"the group lacks what every group has, or has it otherwise: {ONE_BY_ONE}")]


def _of_group(group: dict[str, Any], at: int) -> Iterator[Node | tuple[str, str]]:
    names = _names(group["nodes"]["nodes"])
    if names is None:
        yield "bad-nodes", "this is no list of nodes"
        return
    words, gres = words_of(group["node"]["state"]), parse_gres(group["gres"]["total"] or "")
    cpus, memory = _alike(group["cpus"]), _alike(group["memory"])
    if cpus is None or memory is None or gres is None or not is_state(words):
        yield "mixed-group", f"{len(names)} nodes of a group differ in CPUs or memory: {ONE_BY_ONE}"
        return
    reason = group.get("reason") or {}
    partition = (group.get("partition") or {}).get("name")
    for name in names:
        yield Node(
            name=name,
            line=at,
            words=words,
            partitions=(partition,) if partition else (),
            cpus=cpus,
            memory_mib=memory,
            gres=gres,
            held=_held(group, len(names)),
            reason=reason.get("description") or None,
            reason_ms=moment(reason.get("time")),
        )


def _names(listed: list[str]) -> list[str] | None:
    """Spell the hostlists of a group out; None where they are none."""
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    try:
        found = NodeSet(",".join(listed), resolver=RESOLVER_NOGROUP)
    except NodeSetException:
        return None
    return [str(name) for name in found] if len(found) <= MOST_NODES else None


def _alike(figure: dict[str, Any]) -> int | None:
    """Give a figure that is the same for every node of a group."""
    least = figure["minimum"]
    return int(least) if least == figure["maximum"] else None


def _held(group: dict[str, Any], count: int) -> Held:
    """Give what each node holds: the group's sum where it has one node, or where it is nothing."""
    cpus, memory = int(group["cpus"]["allocated"]), int(group["memory"]["allocated"])
    total, used = parse_gres(group["gres"]["total"] or ""), parse_gres(group["gres"].get("used") or "")
    gpus = 0 if total is not None and not total.kinds else used.milli if used else None
    return Held(
        gpus if count == 1 or not (gpus or cpus) else None,
        cpus * MILLI if count == 1 or not cpus else None,
        memory if count == 1 or not memory else None,
    )
