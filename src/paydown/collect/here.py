"""What of a cluster this machine can reach, and a commented configuration made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from paydown.errors import SourceError
from paydown.outside.commands import Commands, Limits

USUAL_PROMETHEUS = "http://localhost:9090"
"""Where Prometheus listens unless it was told otherwise (its --web.listen-address)."""

_PATIENCE = Limits(timeout_s=10.0, bytes=1 << 20)
_NAME = re.compile(r"^ClusterName\s*=\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Here:
    """What answered."""

    slurm: str | None = None
    """Slurm's version; None where its commands do not answer."""
    cluster: str | None = None
    """The cluster's name, as Slurm says it."""
    prometheus: str | None = None
    """The version of the Prometheus; None where none answers."""
    url: str = USUAL_PROMETHEUS
    """Where it was asked."""
    gpus: tuple[str, ...] = ()
    """The models of this machine's own GPUs."""
    said: tuple[str, ...] = field(default=())
    """A sentence on each thing that was looked for."""


def look(prefix: str = "", url: str = USUAL_PROMETHEUS, get: Callable[[str], str] | None = None) -> Here:
    """Look for Slurm's commands (behind a prefix such as `ssh login1`), a Prometheus, and GPUs of this machine."""
    slurm, local = Commands(prefix, _PATIENCE), Commands("", _PATIENCE)
    version, why_slurm = _asked(slurm, ["scontrol", "--version"])
    shown, why_shown = _asked(slurm, ["scontrol", "show", "config"]) if version else (None, why_slurm)
    accounts, why_accounts = _asked(slurm, ["sacct", "-X", "-n", "-P", "-o", "JobID", "-S", "now"])
    gpus, why_gpus = _asked(local, ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    prometheus, why_prometheus = _prometheus(url, get or _get)
    name = _NAME.search(shown or "")
    models = tuple(line.strip() for line in (gpus or "").splitlines() if line.strip())
    return Here(
        slurm=version.strip().removeprefix("slurm ") if version and name else None,
        cluster=name[1] if name else None,
        prometheus=prometheus,
        url=url,
        gpus=models,
        said=(
            f"Slurm: {version.strip()}, cluster {name[1]}." if version and name else f"Slurm: {why_shown or 'silent.'}",
            "sacct: it answers." if accounts is not None else f"sacct: {why_accounts}",
            f"Prometheus at {url}: {prometheus}." if prometheus else f"Prometheus at {url}: {why_prometheus}",
            f"nvidia-smi: {len(models)} GPUs ({models[0]})." if models else f"nvidia-smi: {why_gpus or 'no GPU.'}",
        ),
    )


def _asked(commands: Commands, words: list[str]) -> tuple[str | None, str]:
    """Give what a program prints, or why it does not."""
    try:
        return commands.text(words), ""
    except SourceError as error:
        return None, " ".join(str(error).split())


def _get(url: str) -> str:
    return httpx.get(url, timeout=10.0, follow_redirects=True).raise_for_status().text


def _prometheus(url: str, get: Callable[[str], str]) -> tuple[str | None, str]:
    """Give the version of what answers as a Prometheus does, or why nothing does."""
    try:
        said = json.loads(get(f"{url.rstrip('/')}/api/v1/status/buildinfo"))
        return f"version {said['data']['version']}", ""
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return None, f"it does not answer ({' '.join(str(error).split()) or type(error).__name__})."
    except (ValueError, KeyError, TypeError):
        return None, "what answers there is no Prometheus."


HEAD = """\
# What `paydown collect` reads, and where it keeps it. Written by `paydown init` on what it found; change it freely.
# docs/collecting.md says what every key means; an unknown key is an error.

# Where facts and ledger are kept: a folder, relative to this file, or s3://BUCKET/PREFIX.
{store}
# The IANA time zone in which times are read and shown.
# timezone = "UTC"

[collect]
# How often changed days are posted at most, and the most of its time that goes into that.
# post = "5m"
# post_share = 0.25
# How long a source may take for one part until it is late.
# patience = "10m"
"""

SLURM = """
# Jobs, nodes, states, reservations and limits, by Slurm's own commands; it reads only.
[sources.slurm]
{cluster}
every = "5m"
# How far back the first reading goes; later ones go on from there.
# from = "30d"
# Where the commands are on another machine:
{ssh}
"""

PROMETHEUS = """
# Use of GPUs and hosts, from the exporters that Prometheus scrapes; it reads only.
[sources.prometheus]
url = {url}
# The cluster that the samples are of: the same name as above.
{cluster}
every = "5m"
# from = "30d"
# token_file = "/etc/paydown/prometheus.token"
"""

GPUS = """
# This machine has GPUs of its own ({count} x {model}). Where no exporter reads them:
# `paydown ingest samples --print-command` tells how the figures of nvidia-smi are recorded.
"""


def configuration(here: Here, prefix: str = "", store: str | None = None) -> str:
    """Write the configuration file; what did not answer stands in it as a comment."""
    named = json.dumps(here.cluster or "NAME")
    parts = [HEAD.format(store=f"store = {json.dumps(store)}" if store else '# store = "store"')]
    ssh = f"ssh = {json.dumps(prefix)}" if prefix else '# ssh = "ssh login1"'
    parts.append(_kept(SLURM.format(cluster=f"cluster = {named}", ssh=ssh), kept=here.slurm is not None))
    cluster = f"cluster = {named}" if here.cluster else 'cluster = "NAME"'
    body = PROMETHEUS.format(url=json.dumps(here.url), cluster=cluster)
    parts.append(_kept(body, kept=here.prometheus is not None))
    if here.gpus:
        parts.append(GPUS.format(count=len(here.gpus), model=here.gpus[0]))
    return "".join(parts)


def _kept(text: str, *, kept: bool) -> str:
    """Make a comment of what did not answer."""
    return text if kept else re.sub(r"^(?=[^#\n])", "# ", text, flags=re.MULTILINE)
