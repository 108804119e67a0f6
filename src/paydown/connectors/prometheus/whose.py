"""Of which cluster the series of a server are."""

from __future__ import annotations

from paydown.connectors.prometheus.api import Api
from paydown.connectors.prometheus.questions import Selection
from paydown.errors import InputError

_SHOWN = 10


def whose(api: Api, selection: Selection, given: str | None, at_ms: int) -> tuple[str, Selection]:
    """Give the cluster's name and the series that are its own.

    A server of several clusters tells them apart by the label `cluster`: one that bears the given name is chosen.
    """
    asked = [f"count by (cluster) ({selection.text(names)})" for names in selection.alike().values()]
    rows = api.instant(" or ".join(asked), at_ms).rows
    labels = sorted({name for row, _ in rows if (name := row.get("cluster", ""))})
    shown = ", ".join(labels[:_SHOWN]) + (", ..." if len(labels) > _SHOWN else "")
    if given is not None:
        if given in labels:
            return given, selection.of(given)
        if len(labels) > 1:
            raise InputError(
                f"{api.url}: its label `cluster` knows {shown}, and no {given}: say which is meant, such as "
                f"--match 'cluster=\"{labels[0]}\"'."
            )
        return given, selection
    if len(labels) == 1:
        return labels[0], selection.of(labels[0])
    if labels:
        raise InputError(f"{api.url}: it knows several clusters ({shown}): name one with --cluster NAME.")
    raise InputError(f"{api.url}: nothing says which cluster this is of: name it with --cluster NAME.")
