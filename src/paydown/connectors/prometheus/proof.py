"""Which signals have been above zero of late, by GPU model: a chunk alone may hold idle devices only."""

from __future__ import annotations

from paydown.connectors.prometheus.api import Api, TooMuchError
from paydown.connectors.prometheus.covered import Span
from paydown.connectors.prometheus.questions import Selection
from paydown.dialects.samples.devices import Labels
from paydown.model.units import MS_PER_DAY, MS_PER_MINUTE

BEFORE_MS = 7 * MS_PER_DAY
"""How long before a reading it is looked."""

_LOOKS = 100


def proven(api: Api, selection: Selection, labels: Labels, span: Span) -> set[tuple[str, str, str | None]]:
    """Give table, column and model of what was above zero at one of some instants up to the end of a time.

    A server that finds it too much is not asked: then only what is read is proof.
    """
    names = [name for name, measure in selection.measures.items() if measure.doubted]
    if not names:
        return set()
    start = span[0] - BEFORE_MS
    step = max((span[1] - start) // _LOOKS, MS_PER_MINUTE)
    by = ", ".join(("__name__", *labels.model_labels))
    try:
        found = api.steps(f"count by ({by}) ({selection.text(names)} > 0)", start, span[1], step)
    except TooMuchError:
        return set()
    told = ((selection.measures[each.labels["__name__"]], labels.model(each.labels)) for each in found.series)
    return {(measure.table, measure.column, model) for measure, model in told}
