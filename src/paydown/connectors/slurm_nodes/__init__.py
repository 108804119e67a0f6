"""Dumps of Slurm's nodes: `scontrol show node`, `scontrol show nodes --json`, `sinfo --json`.

docs/connectors/slurm-nodes.md says what is read, and for which time one instant speaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from paydown.connectors.interface import Connector, Context, Item
from paydown.connectors.slurm_nodes.recipes import RECIPES
from paydown.connectors.slurm_nodes.settings import SlurmNodesSettings
from paydown.dialects.slurm_nodes.cluster import Cluster, Taking
from paydown.dialects.slurm_nodes.json_text import is_json, read_json
from paydown.dialects.slurm_nodes.node import Dump
from paydown.dialects.slurm_nodes.text import is_text, read_text
from paydown.errors import InputError
from paydown.model.batch import Reject, Vouch
from paydown.model.delimited import read_whole
from paydown.model.window import from_ms

SOURCE = "slurm-nodes"
"""The name of the connector and of its source."""

MOST_BYTES = 1 << 28
"""The largest dump that is read, unpacked."""

SUPPORTS = ("capacity",)
"""What a node says is allocated names no job: it is no account of who held what."""

_COUNTED = {
    "future": "{} nodes are FUTURE, which do not exist yet; they were left out.",
    "undated": "Nodes that are out of service without saying since when: {}; counted from the dump on.",
    "named": "{} nodes have MIG slices or several GPU models: their devices are named by counting, since Slurm does "
    "not say which is which.",
    "shared": "{} nodes offer shards or MPS shares of their GPUs, which are not counted beside the GPUs.",
    "gone": "{} nodes of an earlier dump are not in this one: gone from then on (--partial: it holds some only).",
}


def read(settings: SlurmNodesSettings, context: Context) -> Iterator[Item]:
    """Yield the nodes of the dumps in order of time, and what they vouch for."""
    zone = ZoneInfo(context.timezone)
    dumps = []
    for done, path in enumerate(settings.files):
        context.progress(path, done / len(settings.files))
        dump = dump_of(path, context.cluster, zone)
        yield from dump.rejects
        dumps.append((*_instant(dump, settings, path), dump))
    clusters: dict[str, Cluster] = {}
    for at, doubt, dump in sorted(dumps, key=lambda each: each[0]):
        name = context.cluster or dump.cluster or ""
        if name not in clusters:
            clusters[name] = _known(name, settings, context)
        yield from _told(clusters[name], dump, at, doubt, settings.since_ms, context)
    for cluster in clusters.values():
        yield from cluster.batches(", ".join(settings.files))


def _known(name: str, settings: SlurmNodesSettings, context: Context) -> Cluster:
    """Take what the store holds of a cluster, and when its dumps were made."""
    sources = context.stored("sources", name)
    ours = sources.filter(pc.equal(sources["source"], SOURCE))
    taking = Taking(settings.partial, settings.hold, settings.gpu_memory)
    return Cluster.of(name, taking, context.stored, set(ours["covers_to"].cast(pa.int64()).to_pylist()))


def dump_of(path: str, cluster: str | None, zone: ZoneInfo) -> Dump:
    """Read one file; what holds no nodes at all is an `InputError` that says what was expected."""
    data = read_whole(path, MOST_BYTES)
    if is_json(data):
        dump = read_json(data, path, cluster)
    elif is_text(data):
        dump = read_text(data, path, cluster, zone)
    else:
        raise InputError(f"{path}: holds no nodes of Slurm: make it with `scontrol show node` or `sinfo --json`.")
    if not dump.nodes:
        why = f" ({dump.rejects[0].detail})" if dump.rejects else ""
        raise InputError(f"{path}: no node in it can be believed{why}: make the dump again.")
    if not (cluster or dump.cluster):
        raise InputError(f"{path} does not say which cluster it is of: name it with --cluster NAME.")
    return _once(dump, cluster)


def _once(dump: Dump, cluster: str | None) -> Dump:
    """Keep the first of several mentions of a node, as in dumps written to one file one after the other."""
    seen: set[str] = set()
    kept, rejects = [], [*dump.rejects]
    for node in dump.nodes:
        if node.name in seen:
            detail = f"{node.name} is in the dump already, the first counts: write each dump to a file of its own"
            rejects.append(Reject("nodes", dump.origin, node.line, "repeated-node", detail, "", cluster=cluster))
        else:
            kept.append(node)
        seen.add(node.name)
    return Dump(dump.origin, dump.cluster, dump.at_ms, dump.latest_ms, tuple(kept), tuple(rejects))


def _instant(dump: Dump, settings: SlurmNodesSettings, path: str) -> tuple[int, str]:
    """Give when a dump was made, and what is doubtful about that."""
    if settings.at_ms is not None:
        return settings.at_ms, ""
    if dump.at_ms is not None:
        return max(dump.at_ms, dump.latest_ms or 0), ""
    late = dump.latest_ms or 0
    changed = 0 if path == "-" else Path(path).stat().st_mtime_ns // 1_000_000_000 * 1000
    if not late and not changed:
        raise InputError(f"{path} does not say when it was made: say it with --at TIME.")
    what = "the time of the file" if changed >= late else "the latest time in it"
    return max(changed, late), f"{path} does not say when it was made: {_said(max(changed, late))}, {what}, is taken"


def _said(ms: int) -> str:
    return f"{from_ms(ms):%Y-%m-%dT%H:%M:%SZ}"


def _told(cluster: Cluster, dump: Dump, at: int, doubt: str, asked: int | None, context: Context) -> Iterator[Item]:
    """Take a dump, unless a later one is known; vouch for the time since the one before."""
    last = max(cluster.instants, default=None)
    first = cluster.before(at) is None
    if last is not None and at < last and not (first and at in cluster.instants):
        if at not in cluster.instants:
            detail = f"made at {_said(at)}, before a dump that is known: dumps are read in order of time"
            yield Reject("nodes", dump.origin, None, "earlier-dump", detail, "", cluster=cluster.name)
        return
    since, assumed = _since(cluster, at, asked, context, first=first)
    cluster.take(dump, at, since)
    covers = since if first else cluster.before(at)
    notes = [f"{doubt} (--at TIME says otherwise)."] if doubt else []
    notes += [assumed, *_counted(cluster)]
    yield Vouch(cluster.name, SOURCE, SUPPORTS, covers, at, " ".join(note for note in notes if note))


def _since(cluster: Cluster, at: int, asked: int | None, context: Context, *, first: bool) -> tuple[int, str]:
    """Give from when what a dump says is taken to have held, and the note on that."""
    if not first:
        before = cluster.before(at)
        if asked is None or before is None or before not in cluster.stored or at in cluster.stored:
            return at, ""
        return at, f"--since counts for the first dump of a cluster; this one goes on from that of {_said(before)}."
    if asked is not None:
        return min(asked, at), f"The nodes are taken to have been as at {_said(at)} from {_said(min(asked, at))} on."
    known = context.first_ms(cluster.name)
    if known is None or known >= at:
        return at, (
            f"Nothing earlier is known of the cluster than {_said(at)}, when this dump was made (--at), so capacity "
            "before is not either: ingest older accounting and then this dump once more, or say --since TIME."
        )
    return known, (
        f"The nodes are taken to have been as at {_said(at)} since {_said(known)}, the first fact of the cluster "
        "(--since TIME says otherwise)."
    )


def _counted(cluster: Cluster) -> list[str]:
    found = [text.format(f"{cluster.counts[what]:,}") for what, text in _COUNTED.items() if cluster.counts[what]]
    cluster.counts.clear()
    return found


CONNECTOR = Connector(
    name=SOURCE,
    summary="Dumps of Slurm's nodes: scontrol show node, or sinfo and scontrol with --json.",
    settings=SlurmNodesSettings,
    supports=SUPPORTS,
    tables=("nodes", "devices", "node_states", "node_allocations"),
    read=read,
    recipes=RECIPES,
)
"""The connector."""
