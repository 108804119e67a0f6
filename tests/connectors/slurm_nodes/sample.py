"""A dump in JSON written by hand: a node with whole GPUs, one in MIG slices and drained."""

import json

AT = 1_767_427_200
"""2026-01-03T08:00:00Z."""


def node(name, gres, used, state, **more):
    """Give a node in the form of Slurm 24.11."""
    sizes = {"cpus": 32, "effective_cpus": 30, "real_memory": 256_000, "specialized_memory": 6_000}
    held = {
        "gres_used": used,
        "alloc_cpus": 8,
        "alloc_memory": 64_000,
        "tres": "cpu=32,gres/gpu=4",
        "tres_used": "cpu=8",
    }
    return {"name": name, "gres": gres, "state": state, "partitions": ["gpu", "all"], **sizes, **held, **more}


def number(value):
    """Wrap a number as Slurm does."""
    return {"set": True, "infinite": False, "number": value}


def dump(*nodes, at=AT, cluster="lab"):
    """Give a dump of some nodes."""
    meta = {"slurm": {"release": "24.11.5", "cluster": cluster}}
    return json.dumps({"nodes": nodes, "last_update": number(at), "meta": meta})


def make(folder):
    """Write the sample and give the connector's settings for it."""
    path = folder / "nodes.json"
    drained = {"reason": "fan broken", "reason_changed_at": number(AT - 3_600)}
    whole = node("g1", "gpu:a100:4(S:0-1)", "gpu:a100:2(IDX:0-1)", ["MIXED"])
    sliced = node("g2", "gpu:1g.10gb:7,gpu:3g.40gb:2", "gpu:1g.10gb:3(IDX:0-2)", ["MIXED", "DRAIN"], **drained)
    path.write_text(dump(whole, sliced))
    return {"files": (str(path),), "since_ms": (AT - 86_400) * 1000}
