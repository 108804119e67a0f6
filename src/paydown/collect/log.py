"""What the collector says while it runs: one line for each event, for people or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

LOGGER = logging.getLogger("paydown.collect")

_FIELDS = "paydown_fields"


def tell(event: str, level: int = logging.INFO, /, defect: BaseException | None = None, **fields: Any) -> None:
    """Log an event with its fields, and the traceback of a defect."""
    LOGGER.log(level, event, extra={_FIELDS: fields}, exc_info=defect)


class Lines(logging.Formatter):
    """Lines of `key=value`, or of JSON; whatever a value holds, an event stays one line."""

    def __init__(self, form: Literal["text", "json"]) -> None:
        super().__init__()
        self._json = form == "json"

    def format(self, record: logging.LogRecord) -> str:
        """Write one event."""
        when = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told = {"time": when, "level": record.levelname.lower(), "event": record.getMessage()}
        fields = {**told, **getattr(record, _FIELDS, {})}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        if self._json:
            return json.dumps(fields, default=str)
        return " ".join(f"{name}={_text(value)}" for name, value in fields.items())


def _text(value: Any) -> str:
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    plain = text.isascii() and text.isprintable() and not set(text) & set(' "=')
    return text if plain and text else json.dumps(text)


def to_stderr(form: Literal["text", "json"]) -> None:
    """Write events to stderr, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(form))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
