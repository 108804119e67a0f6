"""Files as they come: kept where they can be read again, and known by what is in them."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paydown.connectors.samples.settings import Form, SamplesSettings
from paydown.errors import InputError
from paydown.model.delimited import open_bytes, readable
from paydown.model.exporters import NVIDIA_SMI, TOOLS

_HEAD = 1 << 16
_PARQUET = b"PAR1"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SLASHED = re.compile(r"\s*\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}\s*,")
_FIELDS = {measure.name for measure in NVIDIA_SMI.measures}


@dataclass(frozen=True)
class File:
    """A file that is to be read."""

    name: str
    """Its name for messages and rejects: `-` for standard input."""
    path: str
    """Where it can be read."""
    form: Form
    """Its form."""


@contextmanager
def opened(name: str, settings: SamplesSettings) -> Iterator[File]:
    """Give a file and its form; standard input is kept in a temporary file meanwhile."""
    if name != "-":
        yield File(name, name, form_of(name, name, settings))
        return
    with tempfile.NamedTemporaryFile(prefix="paydown-") as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        kept.flush()
        yield File(name, kept.name, form_of(name, kept.name, settings))


def form_of(name: str, path: str, settings: SamplesSettings) -> Form:
    """Tell a file's form by its content; what is none of them is an `InputError` that says what to do."""
    head = _head(name, path)
    if head.startswith(_PARQUET):
        return "parquet"
    if not head.strip():
        raise InputError(f"{name}: the file is empty.")
    if head.startswith(_UTF16):
        raise InputError(f"{name}: this is UTF-16 (a redirect of PowerShell?): convert it: iconv -f UTF-16 -t UTF-8.")
    text = head.decode(errors="replace").removeprefix("\ufeff").lstrip()
    if text.startswith("<"):
        raise InputError(f"{name}: this is a web page{_title(text)} and no telemetry: was a login asked for?")
    if settings.form is not None:
        return settings.form
    if "\0" in text:
        raise InputError(f"{name}: this is no text: NUL bytes are in it.")
    return _of_text(name, text, settings)


def _head(name: str, path: str) -> bytes:
    if Path(path).is_dir():
        raise InputError(f"{name}: this is a folder: name the files in it.")
    with open_bytes(path) as stream, readable(name):
        return stream.read(_HEAD)


def _title(text: str) -> str:
    match = re.search(r"<title[^>]*>([^<]{1,80})", text, re.IGNORECASE)
    return f" ({' '.join(match[1].split())})" if match else ""


def _of_text(name: str, text: str, settings: SamplesSettings) -> Form:
    first = text.splitlines()[0]
    if first.startswith(("{", "[")):
        return "prometheus"
    if first.startswith(("NVIDIA-SMI", "Unable to determine")):
        raise InputError(f"{name}: this is an error of nvidia-smi and no log: {first[:120]}")
    words = first.lstrip("# ").split()
    if words and words[0] == "Entity":
        return "dcgmi"
    if first.startswith("#") and "gpu" in re.split(r"[\s,]+", first.lstrip("# ")):
        return "dmon"
    return _of_table(name, first, settings)


def _of_table(name: str, first: str, settings: SamplesSettings) -> Form:
    if settings.map or settings.map_file:
        return "csv"
    cells = [cell.strip().partition(" [")[0] for cell in first.split(",")]
    if "pid" in cells:
        raise InputError(
            f"{name}: this is a list of processes (--query-compute-apps), which is silent where there are none: log "
            f"devices: nvidia-smi --query-gpu={','.join(NVIDIA_SMI.default)} --format=csv -l 30"
        )
    if settings.columns or _FIELDS & set(cells):
        return "nvidia-smi"
    if _SLASHED.match(first):
        raise InputError(
            f"{name}: this looks like nvidia-smi without a header: name its fields, as in --query-gpu, with --columns."
        )
    known = ", ".join(each.name for each in TOOLS)
    shown = ", ".join(cells[:20])
    raise InputError(
        f"{name}: this is neither {known}, an answer of Prometheus nor Parquet. If it is CSV, say what its columns "
        f"mean with --map, such as end=TIME,node=HOST,gpu=INDEX,gpu_util_ratio=UTIL:percent (it has: {shown[:300]})."
    )
