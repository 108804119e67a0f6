"""Statements on what a cluster has: nodes, devices, states, and what nodes say of themselves."""

from __future__ import annotations

from paydown.model.units import MILLI
from paydown.testing.notation import Statement, places
from paydown.testing.sketch import Sketch


def node(found: Sketch, statement: Statement) -> None:
    """Add a node, for as long as its strip says."""
    statement.only("gpus", "cpus", "memory", "gpu_memory", "model", "partitions", "pool", "provider_id", "at")
    name = statement.word(0, "the node's name")
    cells = {
        "partitions": statement.pairs.get("partitions", ""),
        "pool": statement.pairs.get("pool"),
        "gpu_model": statement.pairs.get("model"),
        "gpus": statement.whole("gpus"),
        "gpu_memory_mib": statement.mib("gpu_memory"),
        "cpus": statement.whole("cpus"),
        "memory_mib": statement.mib("memory"),
        "provider_id": statement.pairs.get("provider_id"),
    }
    for key, unit, column in (("cpu", MILLI, "cpus"), ("memory", 1, "memory_mib"), ("gpu_memory", 1, "gpu_memory_mib")):
        if cells[column] is not None:
            found.full[name, key] = int(cells[column] or 0) * unit
    for _, times in found.stretches(statement, 1, "="):
        found.add("nodes", node=name, **cells, **times)


def device(found: Sketch, statement: Statement) -> None:
    """Add devices, for as long as the strip says."""
    statement.only("milli", "memory", "model", "uuid", "at")
    for place in places(statement, statement.word(0, "the device, such as n1:3/1")):
        if not place.devices:
            raise statement.error(f"`{place.node}` names no device; write it as `n1:0` or `n1:3/1`")
        given, memory = statement.whole("milli"), statement.mib("memory")
        milli = MILLI if given is None else given
        names = {"uuid": statement.pairs.get("uuid"), "gpu_model": statement.pairs.get("model")}
        stretches = list(found.stretches(statement, 1, "="))
        for gpu in place.devices:
            found.milli[place.node, gpu] = milli
            found.full |= {} if memory is None else {(place.node, gpu, "memory"): memory}
            for _, times in stretches:
                found.add("devices", node=place.node, gpu=gpu, milli=milli, memory_mib=memory, **names, **times)


def state(found: Sketch, statement: Statement) -> None:
    """Add states of nodes."""
    statement.only("reason", "at")
    names = {"d": "down", "p": "planned_down", "u": "up"}
    nodes = statement.word(0, "the node's name").split(",")
    statement.word(1, "the strip")
    for symbol, times in list(found.stretches(statement, 1, "dpu")):
        for node in nodes:
            found.add("node_states", node=node, state=names[symbol], reason=statement.pairs.get("reason"), **times)


def says(found: Sketch, statement: Statement) -> None:
    """Add what a node says is allocated."""
    statement.only("gpu", "cpu", "memory", "at")
    node = statement.word(0, "the node's name")
    amounts = {"gpu_milli": statement.milli("gpu"), "cpu_milli": statement.milli("cpu")}
    for _, times in found.stretches(statement, 1, "="):
        found.add("node_allocations", node=node, **amounts, memory_mib=statement.mib("memory"), **times)
