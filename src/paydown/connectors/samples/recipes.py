"""How telemetry is saved to files, and what it takes."""

from __future__ import annotations

from paydown.connectors.interface import Recipe
from paydown.model.exporters import CGROUP_EXPORTER, DCGM_EXPORTER, DCGMI, NVIDIA_SMI, NVIDIA_SMI_DMON

_DAY = "START and END are instants in UTC such as 2026-01-12T00:00:00Z; a series gives 11,000 moments at most"
_NODE = "run it on every node, and let the file's name begin with the node's: --node-from-name '^([^.]+)'"

_FILE = "$(hostname -s).$(date +%F)"
_METRICS = " ".join((*DCGM_EXPORTER.default, *CGROUP_EXPORTER.default))
_CURL = "curl -sG URL/api/v1/query_range --data-urlencode query=$metric -d start=START -d end=END -d step=30"

RECIPES = (
    Recipe(
        title="saved answers of Prometheus, any version",
        commands=(f"for metric in {_METRICS}; do {_CURL} | gzip > $metric.json.gz; done",),
        role="whoever may query Prometheus (its API has no users of its own; a proxy before it may)",
        without="nothing can be read; a proxy that shows a part of the series gives answers that look whole",
        notes=(
            _DAY,
            "read all metrics of a time with one command: paydown ingest samples *.json.gz --cluster NAME",
            "let the step be the interval of the scrapes: a longer one skips readings",
            "metrics that your exporters do not have give empty answers, which do no harm",
        ),
    ),
    Recipe(
        title="a log of nvidia-smi, any version",
        commands=(f"nvidia-smi --query-gpu={','.join(NVIDIA_SMI.default)} --format=csv -l 30 > {_FILE}.csv",),
        role="any user on the node; inside a job only the job's devices are seen, numbered anew from 0",
        without="a job's own log cannot say which devices of the node it is about, so it fits no other source",
        notes=(
            _NODE,
            "its times are local: --timezone",
            "it knows neither profiling figures (gr_engine_active, sm_active) nor what MIG instances do",
        ),
    ),
    Recipe(
        title="a log of nvidia-smi dmon, any version",
        commands=(f"nvidia-smi dmon -s {''.join(NVIDIA_SMI_DMON.default)} -o DT -d 30 > {_FILE}.dmon",),
        role="any user on the node; inside a job only the job's devices are seen",
        without="as of nvidia-smi",
        notes=(_NODE, "without -o DT it prints no times"),
    ),
    Recipe(
        title="a log of dcgmi dmon, DCGM 2 and newer",
        commands=(f"date -u +%FT%TZ; dcgmi dmon -e {','.join(DCGMI.default)} -d 30000 > {_FILE}.dcgmi",),
        role="any user on a node where nv-hostengine runs as root",
        without="profiling figures (fields from 1001 on) are N/A where nv-hostengine may not profile",
        notes=(
            _NODE,
            "it prints no times: give the one that the first line shows as --start, and --interval 30s",
            "to watch MIG instances name them with -i; `dcgmi discovery -c` lists them",
        ),
    ),
)
"""What `paydown ingest samples --print-command` tells."""
