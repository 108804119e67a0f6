"""The text of `scontrol show node`, one node on many lines or (with -o) on one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from paydown.dialects.slurm_nodes.gres import Gres, parse_gres
from paydown.dialects.slurm_nodes.node import Dump, Held, Node, latest, local_ms
from paydown.dialects.slurm_nodes.states import is_state, words_of
from paydown.model.batch import Reject
from paydown.model.slurm import gpu_milli, parse_memory, parse_tres
from paydown.model.units import MILLI

_KEY = re.compile(r"(?:^|\s)([A-Z][A-Za-z_]*(?:/[A-Z][A-Za-z]*)?)=")
_FREE = re.compile(r"\s(?:Reason|Comment|Extra)=")
_REASON = re.compile(r"(?P<text>.*?)(?:\s*\[[^\[\]@]*@(?P<time>[^\[\]@]*)\])?", re.DOTALL)
_TIMES = ("BootTime", "SlurmdStartTime", "LastBusyTime")
_NOTHING = frozenset({"", "(null)", "N/A", "n/a", "None"})
_NEEDED = ("State", "CPUTot", "RealMemory")
_COUNT = re.compile(r"\d{1,9}")


@dataclass(frozen=True)
class _Record:
    line: int
    text: str
    whole: bool
    """Whether it ends with the end of a line."""


def is_text(data: bytes) -> bool:
    """Say whether some bytes may be such a dump."""
    return re.search(rb"(?:^|\n)\s*NodeName=", data[: 1 << 20]) is not None


def read_text(data: bytes, origin: str, cluster: str | None, zone: ZoneInfo) -> Dump:
    """Read a dump; what cannot be believed of it becomes rejects."""
    nodes: list[Node] = []
    rejects: list[Reject] = []
    times: list[int | None] = []
    for record in _records(data.decode(errors="replace")):
        fields = _fields(record.text)
        found = _node(record, fields, zone)
        if isinstance(found, Node):
            nodes.append(found)
            times += [found.reason_ms, *(local_ms(fields.get(name, ""), zone) for name in _TIMES)]
        else:
            rejects.append(
                Reject("nodes", origin, record.line, found[0], found[1], _shown(record.text), cluster=cluster)
            )
    return Dump(origin, None, None, latest(times), tuple(nodes), tuple(rejects))


def _records(text: str) -> Iterator[_Record]:
    """Cut a dump into nodes: each begins on a line of its own."""
    lines: list[str] = []
    first = 1
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("NodeName=") and lines:
            yield _Record(first, "\n".join(lines), whole=True)
            lines = []
        if line.lstrip().startswith("NodeName="):
            first = number
        if lines or line.strip():
            lines.append(line)
    if lines:
        yield _Record(first, "\n".join(lines), whole=not lines[-1].strip())


def _fields(text: str) -> dict[str, str]:
    """Split `Key=Value` where a key begins; what follows Reason, Comment or Extra on a line is free text."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        free = _FREE.search(f" {line}")
        head = f" {line}"[: free.start()] if free else line
        keys = [*_KEY.finditer(head)]
        for at, key in enumerate(keys):
            end = keys[at + 1].start() if at + 1 < len(keys) else len(head)
            found.setdefault(key[1], head[key.end() : end].strip())
        if free:
            found |= _free(f" {line}"[free.start() :])
    return found


def _free(text: str) -> dict[str, str]:
    """Split the free texts at the end of a line from each other."""
    starts = [found.start() for found in _FREE.finditer(text)]
    parts = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    pairs = [part.strip().partition("=") for part in parts]
    return {key: value.strip() for key, _, value in pairs}


def _node(record: _Record, fields: dict[str, str], zone: ZoneInfo) -> Node | tuple[str, str]:
    """Give the node of a record, or the reason and the words of a reject."""
    if "\0" in record.text:
        return "nul-byte", "the node's text holds a NUL byte"
    name = fields.get("NodeName", "")
    if not name or " " in name:
        return "bad-key", "this text belongs to no node: NodeName does not come first"
    missing = [key for key in _NEEDED if key not in fields]
    if missing or not record.whole:
        told = f"{', '.join(missing)} is missing" if missing else "its last line does not end"
        return "cut-off", f"the dump is cut off within {name}: {told}"
    words, gres = words_of(fields["State"]), parse_gres(fields.get("Gres", ""))
    counts = [fields["CPUTot"], fields["RealMemory"]]
    if not is_state(words) or not all(_COUNT.fullmatch(count) for count in counts) or gres is None:
        return "bad-node", f"State, CPUTot, RealMemory or Gres of {name} is none that Slurm has"
    return _made(name, record.line, words, gres, fields, zone)


def _made(name: str, line: int, words: frozenset[str], gres: Gres, fields: dict[str, str], zone: ZoneInfo) -> Node:
    reason = _REASON.fullmatch(fields.get("Reason", ""))
    told = reason["text"].strip() if reason else ""
    provider = fields.get("InstanceId", "")
    return Node(
        name=name,
        line=line,
        words=words,
        partitions=tuple(part for part in fields.get("Partitions", "").split(",") if part not in _NOTHING),
        cpus=_count(fields, "CPUEfctv") or int(fields["CPUTot"]),
        memory_mib=max(0, int(fields["RealMemory"]) - (_count(fields, "MemSpecLimit") or 0)),
        gres=gres,
        held=_held(fields, gres),
        reason=None if told in _NOTHING else told,
        reason_ms=local_ms(reason["time"] or "", zone) if reason else None,
        provider_id=None if provider in _NOTHING else provider,
    )


def _count(fields: dict[str, str], name: str) -> int | None:
    text = fields.get(name, "")
    return int(text) if _COUNT.fullmatch(text) else None


def _held(fields: dict[str, str], gres: Gres) -> Held:
    """Read what is allocated: AllocTRES, and what it leaves out from CPUAlloc, AllocMem and GresUsed."""
    tres = parse_tres(fields.get("AllocTRES", ""))
    cpus, memory = _count(fields, "CPUAlloc"), _count(fields, "AllocMem")
    in_tres = parse_memory(tres["mem"], "M") if "mem" in tres else None
    return Held(
        gpu_milli=gpus_held(gres, fields.get("GresUsed"), fields.get("CfgTRES", ""), tres),
        cpu_milli=None if cpus is None else cpus * MILLI,
        memory_mib=memory if memory is not None else in_tres.mib if in_tres else None,
    )


def gpus_held(gres: Gres, used: str | None, configured: str, tres: dict[str, str]) -> int | None:
    """Give the GPUs allocated in milli-GPU: `GresUsed` also counts those of suspended jobs, `AllocTRES` does not.

    AllocTRES says nothing of GPUs where `AccountingStorageTRES` does not name them (then CfgTRES does not either).
    """
    if not gres.kinds:
        return 0
    told = parse_gres(used) if used is not None else None
    tracked = gpu_milli(tres) if "gres/gpu" in configured else None
    return max((each for each in (told.milli if told else None, tracked) if each is not None), default=None)


def _shown(text: str) -> str:
    """Give the text of a record without who gave the reason."""
    return _FREE.split(" ".join(text.replace("\0", "\\0").split()))[0][:1_000]
