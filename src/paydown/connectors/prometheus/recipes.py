"""What it takes to ask a Prometheus."""

from __future__ import annotations

from paydown.connectors.interface import Recipe

RECIPES = (
    Recipe(
        title="a running Prometheus 2 or 3, Thanos, Mimir or VictoriaMetrics",
        commands=("curl -sG URL/api/v1/query --data-urlencode 'query=count by (__name__) ({__name__=~\"DCGM_.*\"})'",),
        role="whoever may query it (its API has no users of its own; a proxy before it may: a token or a password)",
        without="nothing can be read; a proxy that shows a part of the series gives answers that look whole",
        notes=(
            "the line shows whether it may be asked, and how many series of dcgm-exporter it has",
            "it is only asked, never written to: queries and nothing else",
        ),
    ),
)
"""What `paydown ingest prometheus --print-command` tells."""
